//! The access check.

mod decision;

use alloc::vec::Vec;

pub use decision::{AccessDecision, DecidedBy, Denial, Effect, EntryEffect, Grant, Refusal};

use crate::access::{AccessMask, DesiredAccess, GenericMapping, PIPE_MAPPING};
use crate::descriptor::{Ace, AceBody, AceFlags, SecurityDescriptor, Verdict};
use crate::sid::Sid;
use crate::token::{Integrity, Token};
use crate::trustee::Trustee;
use crate::well_known;

/// Bits that no pipe has. A request with one of them is refused ([MS-FSA] 2.1.5.2).
const INVALID_FOR_PIPES: AccessMask = AccessMask(0x0CE0_FE00);

/// Whether `token` may do `desired` with the object of `sd` ([MS-DTYP] 2.5.3.2).
///
/// Generic rights are mapped in the request and in the entries. `MAXIMUM_ALLOWED` grants all rights that the
/// descriptor gives; the descriptor must still give every other right in the request. The rules
/// beyond [MS-DTYP] are all on the safe side:
///
/// - a request for nothing is refused, and so is `ACCESS_SYSTEM_SECURITY` (it needs a privilege that nobody
///   has);
/// - conditions are not evaluated: an entry that allows under a condition grants nothing, an entry that
///   denies under a condition denies;
/// - an entry limited to a kind of object or property grants nothing and denies as if it were not limited;
/// - a mandatory label in the SACL counts ([MS-DTYP] 2.5.3.3); without one no label applies, where Windows
///   would assume Medium.
///
/// ```
/// use standpipe_security::{AccessMask, PIPE_MAPPING, SecurityDescriptor, Token, check_access};
///
/// let descriptor: SecurityDescriptor = "D:(A;;GR;;;AN)".parse()?;
/// let caller = Token::anonymous();
/// let check = |desired: AccessMask| check_access(&descriptor, &caller, desired.into(), &PIPE_MAPPING);
///
/// let grant = check(AccessMask::GENERIC_READ).result?;
/// assert!(grant.access().contains(AccessMask::FILE_READ_DATA));
/// assert!(!check(AccessMask::GENERIC_WRITE).is_granted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_access(
    sd: &SecurityDescriptor,
    token: &Token,
    desired: DesiredAccess,
    mapping: &GenericMapping,
) -> AccessDecision {
    let desired = mapping.map(desired.0);
    if desired.is_empty() {
        return AccessDecision::refused(Refusal::NothingAsked, desired);
    }
    if desired.intersects(AccessMask::ACCESS_SYSTEM_SECURITY) {
        return AccessDecision::refused(Refusal::SystemSecurity, AccessMask::ACCESS_SYSTEM_SECURITY);
    }
    let wants_all = desired.intersects(AccessMask::MAXIMUM_ALLOWED);
    let wanted = desired.without(AccessMask::MAXIMUM_ALLOWED);
    let label = mandatory_label(sd, token, mapping);
    let withheld = label.as_ref().map_or(AccessMask::NONE, |(withheld, _)| *withheld);
    if let Some((_, entry)) = label
        && wanted.intersects(withheld)
    {
        return AccessDecision::denied(wanted & withheld, DecidedBy::Label(entry), Vec::new());
    }

    let Some(dacl) = sd.dacl() else {
        let all = if wants_all { mapping.all.without(withheld) } else { AccessMask::NONE };
        return AccessDecision::granted(wanted | all, DecidedBy::NoDacl, Vec::new());
    };
    let mut walk = Walk::new(sd, token, wanted, withheld);
    for (index, ace) in dacl.aces.iter().enumerate() {
        if !wants_all && walk.granted.contains(wanted) {
            break;
        }
        if let Some(entry) = walk.visit(index, ace, mapping) {
            let missing = wanted & walk.denied;
            return AccessDecision::denied(missing, DecidedBy::Entry(entry), walk.entries);
        }
    }
    let missing = wanted.without(walk.granted);
    if !missing.is_empty() || walk.granted.is_empty() {
        let reason = if dacl.aces.is_empty() { DecidedBy::EmptyDacl } else { DecidedBy::NoEntry };
        return AccessDecision::denied(missing, reason, walk.entries);
    }
    let access = if wants_all { walk.granted } else { wanted };
    AccessDecision::granted(access, walk.decided_by, walk.entries)
}

/// Whether a client of a named pipe may open it with `desired`: [`check_access`] with [`PIPE_MAPPING`], and
/// these rules for the request:
///
/// - Bits that no pipe has are refused ([MS-FSA] 2.1.5.2).
/// - Bit 0x4 is taken out of the request: in the descriptor of a pipe it is the right to create another
///   instance, GENERIC_WRITE contains it, and no client ever creates one. Otherwise each GENERIC_WRITE would
///   be refused by a DACL that grants data rights only.
/// - `SYNCHRONIZE` does not have to be granted by the descriptor ([MS-SMB2] 2.2.13.1.1 lets servers ignore it
///   and clients always ask for it); it is in the grant if it was asked for.
///
/// A request for `SYNCHRONIZE` alone is checked as it stands. A request for bit 0x4 alone is refused: no
/// client's grant contains that bit, not even for `MAXIMUM_ALLOWED`. No client ever creates an instance, and
/// for a file the same bit would let the client write.
///
/// ```
/// use standpipe_security::{AccessMask, SecurityDescriptor, Token, check_pipe_client};
///
/// let descriptor: SecurityDescriptor = "D:(D;;GA;;;AN)(A;;GA;;;WD)".parse()?;
/// let decision = check_pipe_client(&descriptor, &Token::anonymous(), AccessMask::GENERIC_READ.into());
/// assert_eq!(
///     decision.to_string(),
///     r"denied read (0x20089): entry 1 (D;;GA;;;AN) denies it to NT AUTHORITY\ANONYMOUS LOGON (S-1-5-7)",
/// );
/// # Ok::<(), standpipe_security::SddlError>(())
/// ```
pub fn check_pipe_client(sd: &SecurityDescriptor, token: &Token, desired: DesiredAccess) -> AccessDecision {
    let invalid = desired.0 & INVALID_FOR_PIPES;
    if !invalid.is_empty() {
        return AccessDecision::refused(Refusal::InvalidRights, invalid);
    }
    let desired = PIPE_MAPPING.map(desired.0);
    if desired == AccessMask::FILE_CREATE_PIPE_INSTANCE {
        return AccessDecision::refused(Refusal::NothingAsked, desired);
    }
    let desired = desired.without(AccessMask::FILE_CREATE_PIPE_INSTANCE);
    let meant = desired.without(AccessMask::SYNCHRONIZE);
    let decision = if meant.is_empty() {
        check_access(sd, token, desired.into(), &PIPE_MAPPING)
    } else {
        check_access(sd, token, meant.into(), &PIPE_MAPPING).and_also(desired & AccessMask::SYNCHRONIZE)
    };
    decision.but_not(AccessMask::FILE_CREATE_PIPE_INSTANCE)
}

/// The state of the walk through a DACL.
struct Walk<'a> {
    token: &'a Token,
    wanted: AccessMask,
    owner: Option<&'a Sid>,
    granted: AccessMask,
    denied: AccessMask,
    decided_by: DecidedBy,
    entries: Vec<EntryEffect>,
}

impl<'a> Walk<'a> {
    fn new(sd: &'a SecurityDescriptor, token: &'a Token, wanted: AccessMask, withheld: AccessMask) -> Self {
        let owner = sd.owner().and_then(Trustee::sid).filter(|owner| token.contains(owner));
        let limits_owner = sd.dacl().is_some_and(|dacl| {
            let about_owner = |ace: &Ace| ace.body.trustee() == Some(&well_known::OWNER_RIGHTS.into());
            dacl.aces.iter().any(|ace| about_owner(ace) && !ace.flags.contains(AceFlags::INHERIT_ONLY))
        });
        let granted = if owner.is_some() && !limits_owner {
            (AccessMask::READ_CONTROL | AccessMask::WRITE_DAC).without(withheld)
        } else {
            AccessMask::NONE
        };
        Self {
            token,
            wanted,
            owner,
            granted,
            denied: withheld,
            decided_by: DecidedBy::Owner,
            entries: Vec::new(),
        }
    }

    /// Applies an entry. Returns its effect if the entry decides against the request.
    fn visit(&mut self, index: usize, ace: &Ace, mapping: &GenericMapping) -> Option<EntryEffect> {
        let AceBody::Access { verdict, object, condition, mask, trustee } = &ace.body else { return None };
        let denies = match verdict {
            Verdict::Allow => false,
            Verdict::Deny => true,
            Verdict::Audit | Verdict::Alarm => return None,
        };
        if ace.flags.contains(AceFlags::INHERIT_ONLY) {
            return None;
        }
        let matched = self.matches(trustee, denies)?;
        // These two mean nothing for an object, so they are never granted.
        let never = AccessMask::MAXIMUM_ALLOWED | AccessMask::ACCESS_SYSTEM_SECURITY;
        let rights = mapping.map(*mask).without(never).without(self.granted | self.denied);
        let is_limited = object.is_some_and(|types| types.object.is_some());
        let effect = match (denies, condition.is_some(), is_limited) {
            (false, true, _) => Effect::ConditionNotEvaluated(rights),
            (false, false, true) => Effect::OtherObject(rights),
            (false, false, false) => Effect::Granted(rights),
            (true, conditional, limited) => Effect::Denied { rights, conditional, limited },
        };
        if rights.is_empty() {
            return None;
        }
        let entry = EntryEffect { index, ace: ace.clone(), matched, effect };
        self.entries.push(entry.clone());
        match effect {
            Effect::Granted(rights) => {
                self.granted |= rights;
                if rights.intersects(self.wanted) || self.wanted.is_empty() {
                    self.decided_by = DecidedBy::Entry(entry);
                }
                None
            }
            Effect::Denied { rights, .. } => {
                self.denied |= rights;
                rights.intersects(self.wanted).then_some(entry)
            }
            Effect::ConditionNotEvaluated(_) | Effect::OtherObject(_) => None,
        }
    }

    /// The SID of the token that an entry for `trustee` is about.
    fn matches(&self, trustee: &Trustee, denies: bool) -> Option<Sid> {
        match trustee {
            Trustee::Sid(sid) if *sid == well_known::OWNER_RIGHTS => self.owner.copied(),
            Trustee::Sid(sid) if denies => self.token.is_denied_with(sid).then_some(*sid),
            Trustee::Sid(sid) => self.token.contains(sid).then_some(*sid),
            Trustee::InDomain(alias) if denies => self.token.with_rid_in_any_domain(alias.rid()).copied(),
            Trustee::InDomain(_) => None,
        }
    }
}

/// The rights that the mandatory label of the object keeps from the caller, and the entry with the label
/// ([MS-DTYP] 2.5.3.3).
fn mandatory_label(
    sd: &SecurityDescriptor,
    token: &Token,
    mapping: &GenericMapping,
) -> Option<(AccessMask, EntryEffect)> {
    const MANDATORY_LABEL_AUTHORITY: u64 = 16;
    const NO_WRITE_UP: u32 = 1;
    const NO_READ_UP: u32 = 2;
    const NO_EXECUTE_UP: u32 = 4;
    let mut entries = sd.sacl()?.aces.iter().enumerate();
    let (index, ace, policy, label) = entries.find_map(|(index, ace)| match &ace.body {
        AceBody::MandatoryLabel { mask, trustee: Trustee::Sid(label) }
            if label.authority() == MANDATORY_LABEL_AUTHORITY
                && !ace.flags.contains(AceFlags::INHERIT_ONLY) =>
        {
            Some((index, ace, *mask, *label))
        }
        _ => None,
    })?;
    if token.integrity() >= Integrity(label.rid()) {
        return None;
    }
    let kept_from_below =
        [(NO_WRITE_UP, mapping.write), (NO_READ_UP, mapping.read), (NO_EXECUTE_UP, mapping.execute)];
    let left = kept_from_below.into_iter().filter(|(bit, _)| policy.0 & bit == 0);
    let allowed = left.fold(AccessMask::NONE, |allowed, (_, rights)| allowed | rights);
    let effect = Effect::Denied { rights: mapping.all.without(allowed), conditional: false, limited: false };
    Some((!allowed, EntryEffect { index, ace: ace.clone(), matched: label, effect }))
}

#[cfg(test)]
mod tests;
