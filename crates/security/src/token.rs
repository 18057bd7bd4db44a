//! Tokens: the identity and groups of a caller.

use alloc::vec::Vec;

use crate::account::Account;
use crate::sid::Sid;
use crate::well_known;

/// The trust in a caller, which mandatory labels compare with ([MS-DTYP] 2.4.2.4, `S-1-16-…`).
///
/// The number is the last sub-authority of the label's SID. A higher number means more trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Integrity(pub u32);

impl Integrity {
    /// Anonymous callers.
    pub const UNTRUSTED: Self = Self(0);
    /// Every account that is not an administrator.
    pub const MEDIUM: Self = Self(8192);
    /// Administrators.
    pub const HIGH: Self = Self(12288);
}

/// The identity of a caller and the groups it belongs to, as after a log-on to Windows ([MS-DTYP] 2.5.2).
///
/// ```
/// use standpipe_security::{Account, NtHash, Token, well_known};
///
/// let account = Account {
///     name: "anna".parse()?,
///     sid: "S-1-5-21-1-2-3-1001".parse()?,
///     nt_hash: NtHash::of_password("correct horse"),
///     groups: vec![well_known::BUILTIN_USERS],
///     enabled: true,
/// };
/// let token = Token::network_logon(&account);
/// assert!(token.contains(&well_known::BUILTIN_USERS), "from the account");
/// assert!(token.contains(&well_known::AUTHENTICATED_USERS), "added by the log-on");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    user: Sid,
    groups: Vec<Sid>,
    /// Groups that entries count which deny, and no entry that allows.
    deny_only: Vec<Sid>,
    integrity: Integrity,
}

impl Token {
    /// The token of a local account that logged on over the network with NTLM.
    ///
    /// Beside the account's own groups it holds Everyone, Network, Authenticated Users and This Organization
    /// (not for the built-in guest account, relative identifier 501), NTLM Authentication and Local account;
    /// the guest account is always in Guests, and administrators also have the SID for local accounts among
    /// them. `BUILTIN\Users` comes by membership only.
    pub fn network_logon(account: &Account) -> Self {
        let is_guest = account.sid.domain().is_some() && account.sid.rid() == well_known::RID_GUEST;
        let is_administrator = account.groups.contains(&well_known::BUILTIN_ADMINISTRATORS);
        let mut token = Self {
            user: account.sid,
            groups: Vec::with_capacity(account.groups.len() + 7),
            deny_only: Vec::new(),
            integrity: if is_administrator { Integrity::HIGH } else { Integrity::MEDIUM },
        };
        for &group in account.groups.iter().filter(|group| may_be_member_of(group)) {
            token.add(group);
        }
        token.add(if is_guest { well_known::BUILTIN_GUESTS } else { well_known::AUTHENTICATED_USERS });
        if !is_guest {
            token.add(well_known::THIS_ORGANIZATION);
        }
        token.add(well_known::EVERYONE);
        token.add(well_known::NETWORK);
        token.add(well_known::NTLM_AUTHENTICATION);
        token.add(well_known::LOCAL_ACCOUNT);
        if is_administrator {
            token.add(well_known::LOCAL_ACCOUNT_AND_ADMINISTRATOR);
        }
        token
    }

    /// The token as Windows filters it for a local administrator who logs on over the network, unless its
    /// policy `LocalAccountTokenFilterPolicy` is 1: Administrators, and the SID for local accounts among
    /// them, count where an entry denies and not where one allows, and the integrity is that of every
    /// account. Other tokens, and that of the built-in administrator (relative identifier 500), stay as they
    /// are.
    #[must_use]
    pub fn filtered(mut self) -> Self {
        let is_built_in = self.user.domain().is_some() && self.user.rid() == well_known::RID_ADMINISTRATOR;
        if is_built_in || !self.groups.contains(&well_known::BUILTIN_ADMINISTRATORS) {
            return self;
        }
        let privileged = [well_known::BUILTIN_ADMINISTRATORS, well_known::LOCAL_ACCOUNT_AND_ADMINISTRATOR];
        self.groups.retain(|group| !privileged.contains(group));
        self.deny_only.extend(privileged);
        self.integrity = self.integrity.min(Integrity::MEDIUM);
        self
    }

    /// The token of a caller that did not log on. It holds Anonymous and Network, nothing else.
    pub fn anonymous() -> Self {
        let groups = [well_known::NETWORK].into();
        let (user, deny_only) = (well_known::ANONYMOUS, Vec::new());
        Self { user, groups, deny_only, integrity: Integrity::UNTRUSTED }
    }

    /// The token of [`Token::anonymous`] with Everyone added. It follows Windows' policy "Let Everyone
    /// permissions apply to anonymous users", off unless an administrator turns it on.
    pub fn anonymous_in_everyone() -> Self {
        let mut token = Self::anonymous();
        token.add(well_known::EVERYONE);
        token
    }

    /// A token from its parts, which a trusted party supplies, such as a server that has authenticated the
    /// caller. No group is added and none is left out.
    pub fn from_parts(user: Sid, groups: impl IntoIterator<Item = Sid>, integrity: Integrity) -> Self {
        let mut token = Self { user, groups: Vec::new(), deny_only: Vec::new(), integrity };
        groups.into_iter().for_each(|group| token.add(group));
        token
    }

    fn add(&mut self, group: Sid) {
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
    }

    /// The account of the caller.
    pub fn user(&self) -> &Sid {
        &self.user
    }

    /// The groups the caller belongs to, each once, without those that only deny.
    pub fn groups(&self) -> &[Sid] {
        &self.groups
    }

    /// The trust in the caller, for objects that have a mandatory label.
    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// Whether the caller is `sid` or belongs to it.
    pub fn contains(&self, sid: &Sid) -> bool {
        self.user == *sid || self.groups.contains(sid)
    }

    /// Whether an entry that denies `sid` is about the caller.
    pub(crate) fn is_denied_with(&self, sid: &Sid) -> bool {
        self.contains(sid) || self.deny_only.contains(sid)
    }

    /// Whether the caller is, or belongs to, an account or group with this relative identifier in any
    /// machine or domain.
    pub(crate) fn with_rid_in_any_domain(&self, rid: u32) -> Option<&Sid> {
        core::iter::once(&self.user)
            .chain(&self.groups)
            .find(|sid| sid.domain().is_some() && sid.rid() == rid)
    }
}

/// Whether an account can be a member of a group. Three kinds of SIDs cannot be gained by membership: those
/// that the log-on itself gives (`S-1-5-x` and the kinds of authentication `S-1-5-64-x`), placeholders
/// (`S-1-3-x`) and mandatory labels (`S-1-16-x`).
fn may_be_member_of(group: &Sid) -> bool {
    !matches!((group.authority(), group.sub_authorities()), (1..=3 | 16, _) | (5, [_] | [64, _]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccessMask;
    use crate::account::tests::account;
    use crate::well_known::*;

    #[test]
    fn a_plain_account_has_the_groups_that_a_network_log_on_gives() {
        let account = account("serviceUser", 1001, &[BUILTIN_USERS]);
        let token = Token::network_logon(&account);
        assert_eq!(token.user(), &account.sid);
        let mut groups = token.groups().to_vec();
        groups.sort();
        let mut expected =
            [EVERYONE, NETWORK, AUTHENTICATED_USERS, NTLM_AUTHENTICATION, LOCAL_ACCOUNT, BUILTIN_USERS]
                .to_vec();
        expected.push(THIS_ORGANIZATION);
        expected.sort();
        assert_eq!(groups, expected);
        assert_eq!(token.integrity(), Integrity::MEDIUM);
    }

    #[test]
    fn membership_decides_over_users_administrators_and_guests() {
        let none = Token::network_logon(&account("plain", 1001, &[]));
        for group in [BUILTIN_USERS, BUILTIN_ADMINISTRATORS, BUILTIN_GUESTS, LOCAL_ACCOUNT_AND_ADMINISTRATOR]
        {
            assert!(!none.contains(&group));
        }
        let admin = Token::network_logon(&account("admin", 1002, &[BUILTIN_ADMINISTRATORS]));
        assert!(admin.contains(&BUILTIN_ADMINISTRATORS) && admin.contains(&LOCAL_ACCOUNT_AND_ADMINISTRATOR));
        assert_eq!(admin.integrity(), Integrity::HIGH);
        let visitor = Token::network_logon(&account("visitor", 1003, &[BUILTIN_GUESTS]));
        assert!(visitor.contains(&BUILTIN_GUESTS) && visitor.contains(&AUTHENTICATED_USERS));
    }

    #[test]
    fn a_filtered_administrator_is_one_for_entries_that_deny_only() {
        let admin = Token::network_logon(&account("admin", 1002, &[BUILTIN_ADMINISTRATORS, BUILTIN_USERS]));
        let filtered = admin.clone().filtered();
        for group in [BUILTIN_ADMINISTRATORS, LOCAL_ACCOUNT_AND_ADMINISTRATOR] {
            assert!(!filtered.contains(&group) && filtered.is_denied_with(&group));
        }
        assert!(filtered.contains(&BUILTIN_USERS) && filtered.contains(&LOCAL_ACCOUNT));
        assert_eq!(filtered.integrity(), Integrity::MEDIUM);
        let may = |token: &Token, sddl: &str| {
            let descriptor = sddl.parse::<crate::SecurityDescriptor>().unwrap();
            crate::check_pipe_client(&descriptor, token, AccessMask::FILE_READ_DATA.into()).is_granted()
        };
        assert!(may(&admin, "D:(A;;GR;;;BA)") && !may(&filtered, "D:(A;;GR;;;BA)"));
        assert!(may(&filtered, "D:(A;;GR;;;AU)") && !may(&filtered, "D:(D;;GR;;;BA)(A;;GR;;;AU)"));
        assert!(!may(&filtered, "D:(D;;GR;;;S-1-5-114)(A;;GR;;;AU)"));
        // The built-in administrator, and who is none.
        for token in
            [account("root", RID_ADMINISTRATOR, &[BUILTIN_ADMINISTRATORS]), account("plain", 1001, &[])]
        {
            let token = Token::network_logon(&token);
            assert_eq!(token.clone().filtered(), token);
        }
    }

    #[test]
    fn the_guest_account_is_a_guest_and_not_authenticated() {
        let guest = Token::network_logon(&account("Guest", RID_GUEST, &[]));
        assert!(guest.contains(&BUILTIN_GUESTS) && guest.contains(&EVERYONE));
        assert!(!guest.contains(&AUTHENTICATED_USERS));
    }

    #[test]
    fn a_token_rebuilt_from_its_parts_is_the_same() {
        let token = Token::network_logon(&account("admin", 1002, &[BUILTIN_ADMINISTRATORS, BUILTIN_USERS]));
        assert_eq!(
            Token::from_parts(*token.user(), token.groups().iter().copied(), token.integrity()),
            token
        );
    }

    #[test]
    fn groups_that_a_log_on_gives_cannot_be_gained_by_membership() {
        let sly = [AUTHENTICATED_USERS, LOCAL_SYSTEM, OWNER_RIGHTS, INTERACTIVE, BUILTIN_USERS];
        let token = Token::network_logon(&account("sly", RID_GUEST, &sly));
        let has: Vec<_> = sly.iter().map(|group| token.contains(group)).collect();
        assert_eq!(has, [false, false, false, false, true]);
    }

    #[test]
    fn anonymous_is_in_everyone_only_by_policy() {
        let token = Token::anonymous();
        assert_eq!((token.user(), token.groups()), (&ANONYMOUS, &[NETWORK][..]));
        assert!(Token::anonymous_in_everyone().contains(&EVERYONE));
        assert!(!Token::anonymous_in_everyone().contains(&AUTHENTICATED_USERS));
    }
}
