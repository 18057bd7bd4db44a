//! Groups by name.

use standpipe_security::{Sid, well_known};

/// The groups an account file names; every other one is written as its SID.
const NAMES: [(&str, Sid); 3] = [
    ("Users", well_known::BUILTIN_USERS),
    ("Administrators", well_known::BUILTIN_ADMINISTRATORS),
    ("Guests", well_known::BUILTIN_GUESTS),
];

/// A text that is neither a known group's name nor a SID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no group `{0}`: expected Users, Administrators, Guests or a SID (S-1-…)")]
pub struct UnknownGroup(String);

/// The SID of a group given by name, in any case, or as a SID.
pub fn parse_group(text: &str) -> Result<Sid, UnknownGroup> {
    let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, sid)| *sid);
    named.or_else(|| text.parse().ok()).ok_or_else(|| UnknownGroup(text.to_owned()))
}

/// The name by which [`parse_group`] knows a group, or its SID.
pub fn group_name(group: &Sid) -> String {
    match NAMES.iter().find(|(_, sid)| sid == group) {
        Some((name, _)) => (*name).to_owned(),
        None => group.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sids_come_back() {
        for text in ["Users", "Administrators", "Guests", "S-1-5-21-1-2-3-1005"] {
            assert_eq!(group_name(&parse_group(text).unwrap()), text);
        }
        assert_eq!(parse_group("users"), Ok(well_known::BUILTIN_USERS));
        assert_eq!(group_name(&parse_group("S-1-5-32-544").unwrap()), "Administrators");
    }

    #[test]
    fn an_unknown_group_says_what_there_is() {
        let error = parse_group("Power Users").unwrap_err().to_string();
        assert!(error.contains("`Power Users`") && error.contains("Administrators"), "{error}");
    }
}
