//! The variables of one service: the value `Environment` of its registry key, which the service control
//! manager of Windows adds to those of the machine when it starts the service. Wine ignores the value; there
//! the agent sets the variables of the machine.

#[cfg(windows)]
use std::io;

#[cfg(windows)]
use standpipe_system::registry::Key;

#[cfg(windows)]
use super::WindowsCode;

/// The value that the service control manager reads.
#[cfg(windows)]
const VARIABLES: &str = "Environment";
/// The names of the variables there that are ours.
#[cfg(windows)]
const OURS: &str = "StandpipeEnvironment";
/// The variables of somebody else whose place ours have taken.
#[cfg(windows)]
const REPLACED: &str = "StandpipeReplacedEnvironment";

/// The variables of a service, and what has to be remembered of them. A variable is `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Variables {
    /// All of them.
    all: Vec<String>,
    /// The names of ours.
    ours: Vec<String>,
    /// Those of somebody else whose place ours have taken.
    replaced: Vec<String>,
}

/// What the variables become when ours are to be `wanted`, by name and value. What somebody else has put
/// there stays as it is; a variable of the same name comes back when it is not wanted any more.
fn merged(before: &Variables, wanted: &[(String, String)]) -> Variables {
    let find = |list: &[String], name: &str| list.iter().position(|variable| same(name_of(variable), name));
    let mut all: Vec<String> = Vec::new();
    for variable in &before.all {
        let name = name_of(variable);
        if !before.ours.iter().any(|own| same(own, name)) {
            all.push(variable.clone());
        } else if let Some(replaced) = find(&before.replaced, name).and_then(|at| before.replaced.get(at)) {
            all.push(replaced.clone());
        }
    }
    let mut after = Variables { all, ..Variables::default() };
    for (name, value) in wanted {
        let variable = format!("{name}={value}");
        let is_ours = after.ours.iter().any(|own| same(own, name));
        match find(&after.all, name).and_then(|at| after.all.get_mut(at)) {
            Some(place) => {
                let old = std::mem::replace(place, variable);
                if !is_ours {
                    after.replaced.push(old);
                }
            }
            None => after.all.push(variable),
        }
        if !is_ours {
            after.ours.push(name.clone());
        }
    }
    after
}

/// The name of a variable. That of a drive's folder begins with `=`.
fn name_of(variable: &str) -> &str {
    let end = variable.char_indices().skip(1).find(|(_, character)| *character == '=');
    end.and_then(|(at, _)| variable.get(..at)).unwrap_or(variable)
}

/// Windows tells no variables apart by their case.
fn same(one: &str, other: &str) -> bool {
    one.to_uppercase() == other.to_uppercase()
}

/// Gives a service its variables, and returns whether they were others before. One that is not installed gets
/// none. Nothing is written when nothing changes.
#[cfg(windows)]
pub(super) fn set(service: &str, wanted: &[(String, String)]) -> Result<bool, WindowsCode> {
    let code = |error: io::Error| WindowsCode(error.raw_os_error().map_or(0, i32::cast_unsigned));
    write(service, wanted).map_err(code)
}

#[cfg(windows)]
fn write(service: &str, wanted: &[(String, String)]) -> io::Result<bool> {
    let path = format!(r"SYSTEM\CurrentControlSet\Services\{service}");
    let Some(key) = Key::open(&path)? else { return Ok(false) };
    let before =
        Variables { all: key.texts(VARIABLES)?, ours: key.texts(OURS)?, replaced: key.texts(REPLACED)? };
    let after = merged(&before, wanted);
    let values = [
        // What is remembered first: when the second cannot be written, nothing of somebody else is lost.
        (REPLACED, &before.replaced, &after.replaced),
        (OURS, &before.ours, &after.ours),
        (VARIABLES, &before.all, &after.all),
    ];
    for (name, before, after) in values {
        if before == after {
            continue;
        }
        if after.is_empty() { key.remove(name)? } else { key.put_texts(name, after)? }
    }
    Ok(before.all != after.all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(all: &[&str]) -> Variables {
        Variables { all: all.iter().map(|&text| text.to_owned()).collect(), ..Variables::default() }
    }

    fn wanted(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn variables_are_added_to_those_that_somebody_has_put_there() {
        let after = merged(&variables(&["LEVEL=3", "=C:=C:\\a"]), &wanted(&[("MODE", "a=b"), ("EMPTY", "")]));
        assert_eq!(after.all, ["LEVEL=3", "=C:=C:\\a", "MODE=a=b", "EMPTY="]);
        assert_eq!(after.ours, ["MODE", "EMPTY"]);
    }

    #[test]
    fn the_same_variables_change_nothing() {
        let wanted = wanted(&[("MODE", "fast"), ("Level", "4")]);
        let once = merged(&variables(&["LEVEL=3", "OTHER=1"]), &wanted);
        assert_eq!(once.all, ["Level=4", "OTHER=1", "MODE=fast"]);
        assert_eq!(merged(&once, &wanted), once);
    }

    #[test]
    fn a_variable_that_is_not_wanted_any_more_goes_and_what_was_in_its_place_comes_back() {
        let before = variables(&["LEVEL=3", "OTHER=1"]);
        let once = merged(&before, &wanted(&[("level", "4"), ("MODE", "fast")]));
        assert_eq!(once.replaced, ["LEVEL=3"]);
        assert_eq!(merged(&once, &wanted(&[("MODE", "slow")])).all, ["LEVEL=3", "OTHER=1", "MODE=slow"]);
        assert_eq!(merged(&once, &[]), before);
    }

    #[test]
    fn what_somebody_adds_later_stays() {
        let mut once = merged(&variables(&[]), &wanted(&[("MODE", "fast")]));
        once.all.push("LATER=1".to_owned());
        let wanted = wanted(&[("MODE", "slow")]);
        let next = merged(&once, &wanted);
        assert_eq!(next.all, ["LATER=1", "MODE=slow"]);
        assert_eq!(merged(&next, &wanted), next);
        assert_eq!(merged(&once, &[]).all, ["LATER=1"]);
    }

    #[test]
    fn a_name_that_is_given_twice_has_its_last_value() {
        let after = merged(&variables(&["mode=old"]), &wanted(&[("MODE", "one"), ("Mode", "two")]));
        assert_eq!((after.all, after.replaced), (vec!["Mode=two".to_owned()], vec!["mode=old".to_owned()]));
        assert_eq!(after.ours, ["MODE"]);
    }
}
