//! Accounts, and the source that they are looked up in.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::nt_hash::NtHash;
use crate::sid::Sid;
use crate::upcase::upcase;

/// Most UTF-16 units of an account's name (UNLEN of Windows).
const MAX_NAME_UNITS: usize = 256;

/// The name of an account, as the user writes it.
///
/// The rules are those of Windows for a local account: 1 to 256 UTF-16 units, no control characters and none
/// of `" / \ [ ] : ; | = , + * ? < > @`, not only dots and spaces, no space at either end. Two names that
/// differ in case only are the same account.
#[derive(Debug, Clone)]
pub struct AccountName {
    text: String,
    upper: String,
}

/// Why a text cannot name an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountNameError {
    /// Nothing, or only dots and spaces.
    #[error("an account name needs more than dots and spaces")]
    Empty,
    /// Too long.
    #[error("an account name has at most 256 characters, this one has {0}")]
    TooLong(usize),
    /// A character that Windows does not allow.
    #[error("an account name cannot contain {0:?}")]
    Character(char),
    /// White space at the start or the end.
    #[error("an account name cannot start or end with a space")]
    OuterSpace,
}

impl AccountName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`AccountNameError`] names the rule that the text breaks.
    pub fn new(name: &str) -> Result<Self, AccountNameError> {
        const FORBIDDEN: &str = "\"/\\[]:;|=,+*?<>@";
        if name.chars().all(|c| c == '.' || c == ' ') {
            return Err(AccountNameError::Empty);
        }
        let units = name.encode_utf16().count();
        if units > MAX_NAME_UNITS {
            return Err(AccountNameError::TooLong(units));
        }
        if let Some(c) = name.chars().find(|&c| c.is_control() || FORBIDDEN.contains(c)) {
            return Err(AccountNameError::Character(c));
        }
        if name.trim() != name {
            return Err(AccountNameError::OuterSpace);
        }
        Ok(Self { text: name.to_owned(), upper: upcase(name) })
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for AccountName {
    type Err = AccountNameError;
    fn from_str(name: &str) -> Result<Self, AccountNameError> {
        Self::new(name)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for AccountName {
    fn eq(&self, other: &Self) -> bool {
        self.upper == other.upper
    }
}

impl Eq for AccountName {}

/// An account that a user may log on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name for the log-on.
    pub name: AccountName,
    /// The SID that ACLs know the account by.
    pub sid: Sid,
    /// The hash that checks the password.
    pub nt_hash: NtHash,
    /// The groups that the account is a member of, such as `BUILTIN\Users`.
    pub groups: Vec<Sid>,
    /// Whether a log-on with this account can succeed.
    pub enabled: bool,
}

/// A source of accounts. Several connections look accounts up at the same time.
pub trait Accounts: Send + Sync {
    /// The account of this name, in upper or lower case ([`upcase`] decides which names are the same).
    fn find(&self, name: &str) -> Option<Arc<Account>>;
}

/// Accounts in memory.
///
/// ```
/// use standpipe_security::{Account, AccountSet, Accounts, NtHash, well_known};
///
/// let mut accounts = AccountSet::new();
/// accounts.add(Account {
///     name: "Anna".parse()?,
///     sid: "S-1-5-21-1-2-3-1001".parse()?,
///     nt_hash: NtHash::of_password("correct horse"),
///     groups: vec![well_known::BUILTIN_USERS],
///     enabled: true,
/// })?;
/// let anna = accounts.find("ANNA").expect("case does not matter");
/// assert_eq!(anna.name.as_str(), "Anna");
/// assert!(accounts.find("bert").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AccountSet {
    by_name: BTreeMap<String, Arc<Account>>,
}

/// Why an account cannot be added to a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddAccountError {
    /// The name is taken, perhaps in another case.
    #[error("there is already an account {0}")]
    NameTaken(AccountName),
    /// Two accounts with one SID would be one to every ACL.
    #[error("the SID {sid} already belongs to the account {owner}")]
    SidTaken {
        /// The SID.
        sid: Sid,
        /// The account that has it.
        owner: AccountName,
    },
}

impl AccountSet {
    /// A set without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`AddAccountError`] when its name or its SID is taken; the set stays as it was.
    pub fn add(&mut self, account: Account) -> Result<(), AddAccountError> {
        if let Some(existing) = self.by_name.get(&account.name.upper) {
            return Err(AddAccountError::NameTaken(existing.name.clone()));
        }
        if let Some(owner) = self.iter().find(|existing| existing.sid == account.sid) {
            return Err(AddAccountError::SidTaken { sid: account.sid, owner: owner.name.clone() });
        }
        self.by_name.insert(account.name.upper.clone(), Arc::new(account));
        Ok(())
    }

    /// Replaces the account with the same name, and returns the old one.
    pub fn replace(&mut self, account: Account) -> Option<Arc<Account>> {
        self.by_name.insert(account.name.upper.clone(), Arc::new(account))
    }

    /// Removes the account of this name, and returns it.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Account>> {
        self.by_name.remove(&upcase(name))
    }

    /// The accounts, in the order of their upper-case names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values()
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl Accounts for AccountSet {
    fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.by_name.get(&upcase(name)).cloned()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::string::ToString;

    pub(crate) fn account(name: &str, rid: u32, groups: &[Sid]) -> Account {
        Account {
            name: name.parse().unwrap(),
            sid: "S-1-5-21-1-2-3".parse::<Sid>().unwrap().with_rid(rid).unwrap(),
            nt_hash: NtHash::of_password("Password"),
            groups: groups.to_vec(),
            enabled: true,
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_keep_their_own() {
        let mut accounts = AccountSet::new();
        accounts.add(account("Jürgen", 1001, &[])).unwrap();
        assert_eq!(accounts.find("jÜRGEN").unwrap().name.to_string(), "Jürgen");
        assert!(accounts.find("jurgen").is_none());
        assert!(accounts.remove("JÜRGEN").is_some() && accounts.is_empty());
    }

    #[test]
    fn names_and_sids_are_taken_once() {
        let mut accounts = AccountSet::new();
        accounts.add(account("one", 1001, &[])).unwrap();
        let error = accounts.add(account("ONE", 1002, &[])).unwrap_err();
        assert_eq!(error.to_string(), "there is already an account one");
        let error = accounts.add(account("two", 1001, &[])).unwrap_err();
        assert_eq!(error.to_string(), "the SID S-1-5-21-1-2-3-1001 already belongs to the account one");
        assert_eq!(accounts.len(), 1);
        assert!(accounts.replace(account("ONE", 1003, &[])).is_some());
        assert_eq!(accounts.find("one").unwrap().sid.rid(), 1003);
    }

    #[test]
    fn names_windows_would_refuse_are_refused() {
        let long = "x".repeat(257);
        for (name, error) in [
            ("", AccountNameError::Empty),
            (" . ", AccountNameError::Empty),
            ("a\\b", AccountNameError::Character('\\')),
            ("a@b", AccountNameError::Character('@')),
            ("a\nb", AccountNameError::Character('\n')),
            (" a", AccountNameError::OuterSpace),
            (&long, AccountNameError::TooLong(257)),
        ] {
            assert_eq!(AccountName::new(name), Err(error), "{name:?}");
        }
        assert_eq!(AccountName::new("IIS_IUSRS-1$.x y").unwrap().as_str(), "IIS_IUSRS-1$.x y");
    }
}
