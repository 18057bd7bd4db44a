//! The paths of files in a package.

use super::{Lowercase, PackageError};

/// The paths of a role's files so far.
#[derive(Debug, Default)]
pub(super) struct Paths {
    taken: Lowercase,
}

/// What is below `approot` in a path, which may have `\`; `None` for other folders of the package.
pub(super) fn below_approot(path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (first, rest) = path.split_once('/')?;
    first.eq_ignore_ascii_case("approot").then(|| rest.to_owned())
}

impl Paths {
    /// A path that stays in its folder on every system, and that no other file has.
    pub(super) fn add(&mut self, path: &str) -> Result<String, PackageError> {
        let is_sound = path.len() <= 1024 && path.split('/').all(is_sound_part);
        if !is_sound || !self.taken.insert(path.to_lowercase()) {
            return Err(PackageError::Name(path.to_owned()));
        }
        Ok(path.to_owned())
    }
}

fn is_sound_part(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(|c: char| c.is_ascii_digit()));
    !part.is_empty()
        && part.len() <= 255
        && !part.ends_with(['.', ' '])
        && !is_device
        && !part
            .chars()
            .any(|c| c.is_control() || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\\'))
}
