//! The variables that services find: those of the machine, in the registry.
//!
//! Wine ignores the variables of a single service, which `standpipe_service::scm` writes on Windows. Its
//! service manager reads those of the machine when it starts, so what is written here reaches services only
//! after the next start of Wine.

use std::io;

use standpipe_system::registry::Key;

/// Where the variables of the machine are.
const VARIABLES: &str = r"System\CurrentControlSet\Control\Session Manager\Environment";

/// Where the names of those that were set here are kept, so that they can be removed again.
const OURS: &str = r"Software\Standpipe\Environment";
const NAMES: &str = "Names";

/// Sets the variables, and removes those that were set the last time and are not among them. Returns whether
/// anything changed.
pub(super) fn set(variables: &[(String, String)]) -> io::Result<bool> {
    let machine = Key::make(VARIABLES)?;
    let ours = Key::make(OURS)?;
    let before = ours.texts(NAMES)?;
    let mut changed = false;
    for name in &before {
        if !variables.iter().any(|(kept, _)| kept.eq_ignore_ascii_case(name)) {
            machine.remove(name)?;
            changed = true;
        }
    }
    for (name, value) in variables {
        if machine.text(name)?.as_deref() != Some(value) {
            machine.put_text(name, value)?;
            changed = true;
        }
    }
    let names: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
    if before != names {
        ours.put_texts(NAMES, &names)?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_written_once_and_removed_when_they_are_not_wanted_any_more() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let long = "x".repeat(5000);
        let both = [variable("STANDPIPE_TEST_A", "1 ü"), variable("STANDPIPE_TEST_B", &long)];
        assert!(set(&both).unwrap());
        assert!(!set(&both).unwrap());
        assert!(set(&both[..1]).unwrap());
        let machine = Key::make(VARIABLES).unwrap();
        assert_eq!(machine.text("STANDPIPE_TEST_A").unwrap().as_deref(), Some("1 ü"));
        assert_eq!(machine.text("STANDPIPE_TEST_B").unwrap(), None);
        assert!(set(&[]).unwrap());
        assert!(!set(&[]).unwrap());
    }
}
