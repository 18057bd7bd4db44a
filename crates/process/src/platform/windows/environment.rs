//! The block of variables that a process starts with.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStrExt;

use windows_sys::Win32::Globalization::{CSTR_EQUAL, CSTR_LESS_THAN, CompareStringOrdinal};

use crate::error::SpawnError;

/// The variables of this process without those `withheld`, then `own`, of which the last of a name counts.
/// Names are the same whatever the case of their letters.
pub(super) fn block(withheld: &[OsString], own: &[(OsString, OsString)]) -> Result<Vec<u16>, SpawnError> {
    let mut variables: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, _)| !withheld.iter().any(|withheld| is_same(withheld, name)))
        .collect();
    for (name, value) in own {
        check(name, value)?;
        variables.retain(|(known, _)| !is_same(known, name));
        variables.push((name.clone(), value.clone()));
    }
    // The system looks variables up in a sorted block.
    variables.sort_by(|(one, _), (other, _)| compare(one, other));
    let mut block = Vec::new();
    for (name, value) in &variables {
        block.extend(name.encode_wide());
        block.push(u16::from(b'='));
        block.extend(value.encode_wide());
        block.push(0);
    }
    // A block ends with an empty variable, and an empty block consists of two.
    if block.is_empty() {
        block.push(0);
    }
    block.push(0);
    Ok(block)
}

/// The last value that `own` gives the variable, or this process's.
pub(super) fn value_of(name: &str, own: &[(OsString, OsString)]) -> Option<OsString> {
    let given = own.iter().rev().find(|(own, _)| is_same(own, OsStr::new(name)));
    given.map(|(_, value)| value.clone()).or_else(|| std::env::var_os(name))
}

/// The block has no way to write such a variable: it would become another one, or end the block.
fn check(name: &OsStr, value: &OsStr) -> Result<(), SpawnError> {
    let name_holds = |unit: u16| name.encode_wide().any(|own| own == unit);
    let is_wrong = name.is_empty()
        || name_holds(0)
        || name_holds(u16::from(b'='))
        || value.encode_wide().any(|unit| unit == 0);
    if is_wrong { Err(SpawnError::Variable { name: name.to_owned() }) } else { Ok(()) }
}

fn is_same(one: &OsStr, other: &OsStr) -> bool {
    compare(one, other) == Ordering::Equal
}

/// As the system compares names of variables.
fn compare(one: &OsStr, other: &OsStr) -> Ordering {
    let (one, other): (Vec<u16>, Vec<u16>) = (one.encode_wide().collect(), other.encode_wide().collect());
    let length = |text: &[u16]| i32::try_from(text.len()).unwrap_or(i32::MAX);
    // SAFETY: both texts are as long as the call is told.
    let compared =
        unsafe { CompareStringOrdinal(one.as_ptr(), length(&one), other.as_ptr(), length(&other), 1) };
    match compared {
        CSTR_EQUAL => Ordering::Equal,
        CSTR_LESS_THAN => Ordering::Less,
        _ => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(withheld: &[&str], own: &[(&str, &str)]) -> Vec<String> {
        let withheld: Vec<OsString> = withheld.iter().map(Into::into).collect();
        let own: Vec<_> = own.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let block = String::from_utf16(&block(&withheld, &own).unwrap()).unwrap();
        assert!(block.ends_with("\0\0"));
        block.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
    }

    #[test]
    fn the_last_variable_of_a_name_counts_whatever_its_case() {
        let own = [("Straße", "a"), ("sTRAßE", "b=\"c\" d"), ("EMPTY", "")];
        let block = variables(&["path"], &own);
        let of = |name: &str| -> Vec<&String> {
            block.iter().filter(|line| line.to_lowercase().starts_with(name)).collect()
        };
        assert_eq!(of("straße="), ["sTRAßE=b=\"c\" d"]);
        assert_eq!(of("empty="), ["EMPTY="]);
        assert!(of("path=").is_empty());
        assert!(!of("systemroot=").is_empty());
    }

    #[test]
    fn a_variable_that_no_block_can_hold_is_refused() {
        for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "x\0y")] {
            let refused = block(&[], &[(name.into(), value.into())]).unwrap_err();
            assert!(matches!(refused, SpawnError::Variable { .. }), "{refused}");
        }
    }
}
