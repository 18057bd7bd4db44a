//! What differs between systems: which files can be executed.

#[cfg(unix)]
pub(crate) use unix::{is_executable, make_new, mode};
#[cfg(windows)]
pub(crate) use windows::{is_executable, make_new, mode};

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    /// Whether somebody may execute the file.
    pub(crate) fn is_executable(found: &Metadata) -> bool {
        found.permissions().mode() & 0o111 != 0
    }

    /// Has a new file made so that it can be executed or not. The process's umask counts as well.
    pub(crate) fn mode(options: &mut OpenOptions, executable: bool) {
        options.mode(if executable { 0o755 } else { 0o644 });
    }

    /// Makes a folder that is not there yet, which others can read.
    pub(crate) fn make_new(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o755).create(path)
    }
}

#[cfg(windows)]
mod windows {
    use std::fs::{self, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    /// Windows does not say it of a file.
    pub(crate) fn is_executable(_found: &Metadata) -> bool {
        false
    }

    /// Windows has no such mode.
    pub(crate) fn mode(_options: &mut OpenOptions, _executable: bool) {}

    /// Makes a folder that is not there yet.
    pub(crate) fn make_new(path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }
}
