//! The folder for temporary files, in which a .NET service makes the sockets of its pipes.
//!
//! All .NET programs with the same folder have their pipes in common, and the second one that makes a pipe
//! takes the first one's away. An instance of a role with such a service therefore has a folder of its own,
//! unless the file names one.

use std::path::{Path, PathBuf};

use standpipe_deployment::{Backend, Role};

/// The variable that names it.
pub(crate) const VARIABLE: &str = "TMPDIR";

/// Whether each instance of the role has one of its own.
pub(crate) fn is_own(role: &Role) -> bool {
    let is_named = |backend: &Backend| matches!(backend, Backend::Dotnet(name) if !name.starts_with('/'));
    !role.services.is_empty()
        && of_file(role).is_none()
        && role.pipes.iter().any(|pipe| is_named(&pipe.backend))
}

/// The one that a role's .NET service uses: that of the file, or the instance's `own`, or that of this
/// process.
pub(crate) fn folder(role: &Role, own: Option<&Path>) -> PathBuf {
    if let Some(folder) = of_file(role).map(Path::new).or(own) {
        return folder.to_owned();
    }
    let inherited = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
    PathBuf::from(inherited.unwrap_or_else(|| "/tmp".into()))
}

fn of_file(role: &Role) -> Option<&str> {
    let variables = role.services.iter().flat_map(|service| &service.environment);
    variables
        .rev()
        .find(|(name, value)| name == VARIABLE && !value.is_empty())
        .map(|(_, value)| value.as_str())
}
