//! Paths that name one file on every system, for archives that come from elsewhere.

use std::collections::HashMap;

/// The longest path, in bytes.
const LONGEST: usize = 1024;

/// The longest part of a path, in bytes: what file systems take.
const LONGEST_PART: usize = 255;

/// Why a path cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsound {
    /// It is too long for some system.
    #[error("it is longer than {LONGEST} bytes, or a part of it is longer than {LONGEST_PART}")]
    TooLong,
    /// It leads out of its folder, begins at a root, or has a part that is empty.
    #[error("it does not stay in its folder, or a part of it is empty")]
    Leaves,
    /// It has a character that means something else on some system.
    #[error("it has a character that not every system takes in a name")]
    Character,
    /// Windows drops the end of a part.
    #[error("a part of it ends with a full stop or a space, which Windows drops")]
    Ending,
    /// Windows takes a part for a device, whatever its folder and its extension.
    #[error("`{0}` is a device on Windows")]
    Device(String),
    /// Another path is the same where case does not count, or one is a file and the other a folder.
    #[error("it collides with `{0}`")]
    Taken(String),
}

/// Paths in one folder, with `/` between their parts.
#[derive(Debug, Default)]
pub struct PortablePaths {
    /// By what systems see that ignore case: the path as it is written, and whether it is a file.
    taken: HashMap<String, (String, bool)>,
}

impl PortablePaths {
    /// Adds the path of a file that stays in the folder on every system, and that no other file has.
    ///
    /// # Errors
    /// [`Unsound`] says what is wrong with it.
    pub fn add(&mut self, path: &str) -> Result<(), Unsound> {
        check(path)?;
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let Some(part) = path.get(..end) else { continue };
            let is_file = end == path.len();
            match self.taken.get(&part.to_lowercase()) {
                None => {
                    self.taken.insert(part.to_lowercase(), (part.to_owned(), is_file));
                }
                Some((known, false)) if known == part && !is_file => {}
                Some((known, _)) => return Err(Unsound::Taken(known.clone())),
            }
        }
        Ok(())
    }
}

/// Checks a path by itself: that it stays in its folder, and has the same name on every system.
///
/// # Errors
/// [`Unsound`] says what is wrong with it.
pub fn check(path: &str) -> Result<(), Unsound> {
    if path.len() > LONGEST {
        return Err(Unsound::TooLong);
    }
    path.split('/').try_for_each(check_part)
}

fn check_part(part: &str) -> Result<(), Unsound> {
    if part.is_empty() || part == "." || part == ".." {
        return Err(Unsound::Leaves);
    }
    if part.len() > LONGEST_PART {
        return Err(Unsound::TooLong);
    }
    let is_special = |c: char| c.is_control() || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\\');
    if part.contains(is_special) {
        return Err(Unsound::Character);
    }
    if part.ends_with(['.', ' ']) {
        return Err(Unsound::Ending);
    }
    if is_device(part) { Err(Unsound::Device(part.to_owned())) } else { Ok(()) }
}

/// Whether Windows takes a name for a device. [Naming Files, Paths, and Namespaces]
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|number| {
        let mut digits = number.chars();
        let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³');
        digits.next().is_some_and(is_digit) && digits.next().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_the_same_everywhere_is_refused() {
        for (path, wrong) in [
            ("", Unsound::Leaves),
            ("/etc/passwd", Unsound::Leaves),
            ("../x", Unsound::Leaves),
            ("a/../../x", Unsound::Leaves),
            ("a/./x", Unsound::Leaves),
            ("a//x", Unsound::Leaves),
            ("a/", Unsound::Leaves),
            ("C:/x", Unsound::Character),
            ("a\\..\\x", Unsound::Character),
            ("a/x\u{1}", Unsound::Character),
            ("x:stream", Unsound::Character),
            ("a./x", Unsound::Ending),
            ("a/x ", Unsound::Ending),
            ("a/...", Unsound::Ending),
            ("nul", Unsound::Device("nul".to_owned())),
            ("a/Nul.tar.gz", Unsound::Device("Nul.tar.gz".to_owned())),
            ("COM1/x", Unsound::Device("COM1".to_owned())),
            ("lpt³.txt", Unsound::Device("lpt³.txt".to_owned())),
            ("aux .c", Unsound::Device("aux .c".to_owned())),
        ] {
            assert_eq!(PortablePaths::default().add(path), Err(wrong), "{path:?}");
        }
        assert_eq!(PortablePaths::default().add(&"x/".repeat(600)), Err(Unsound::TooLong));
        assert_eq!(PortablePaths::default().add(&"x".repeat(256)), Err(Unsound::TooLong));
        for path in ["x", "a/b.txt", ".hidden", "com10", "comb", "Überraschung/größe", "a b", "..x", "nulls"]
        {
            assert_eq!(PortablePaths::default().add(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn two_paths_that_are_one_file_somewhere_collide() {
        let both = |one: &str, other: &str| {
            let mut paths = PortablePaths::default();
            paths.add(one).unwrap();
            paths.add(other).is_ok()
        };
        assert!(!both("a", "a"));
        assert!(!both("a", "A"));
        assert!(!both("ä/x", "Ä/y"), "one folder where case does not count, two elsewhere");
        assert!(!both("a", "a/b"), "a file cannot be a folder");
        assert!(!both("a/b", "a"));
        assert!(both("a/x", "a/y"));
        assert!(both("a/x", "b/x"));
    }
}
