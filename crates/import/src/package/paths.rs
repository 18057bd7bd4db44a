//! The paths of files in a package.

use standpipe_system::portable;

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
        if portable::check(path).is_err() || !self.taken.insert(path.to_lowercase()) {
            return Err(PackageError::Name(path.to_owned()));
        }
        Ok(path.to_owned())
    }
}
