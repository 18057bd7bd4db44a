//! Tells a folder that Standpipe made from one of somebody else, in which nothing may be removed.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use standpipe_system::user::User;
use standpipe_system::{Found, folder};

use super::{StateError, remove_file};
use crate::platform;

/// A file that says what a folder is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marker {
    name: &'static str,
    text: &'static str,
}

/// The mark of a deployment's folder.
pub(super) const DEPLOYMENT: Marker =
    Marker { name: ".standpipe", text: "Standpipe keeps the state of a deployment here.\n" };

/// The mark of an instance's folder.
pub(super) const INSTANCE: Marker =
    Marker { name: ".standpipe-instance", text: "Standpipe keeps the state of an instance here.\n" };

impl Marker {
    /// Whether the folder carries the mark, written by this user.
    pub(super) fn is_on(self, folder: &Path) -> bool {
        let path = folder.join(self.name);
        let is_own = Found::at_itself(&path)
            .is_ok_and(|found| found.metadata().is_file() && folder::owner(&found) == Some(User::own()));
        let mut text = String::new();
        let longest = self.text.len() as u64 + 1;
        is_own
            && fs::File::open(path).and_then(|file| file.take(longest).read_to_string(&mut text)).is_ok()
            && text == self.text
    }

    /// Marks a folder in which nothing is, or finds that it is marked.
    ///
    /// # Errors
    /// [`StateError::Foreign`] when something is in a folder without the mark.
    pub(super) fn claim(self, folder: &Path) -> Result<(), StateError> {
        // In this order: another process that claims it writes the mark before anything else.
        let is_blank = self.is_alone_in(folder)?;
        if self.is_on(folder) {
            return Ok(());
        }
        if !is_blank {
            return Err(StateError::Foreign { folder: folder.to_path_buf() });
        }
        self.put_on(folder)
    }

    /// Removes the folder unless something else than the mark is in it.
    pub(super) fn remove_alone(self, folder: &Path) -> Result<(), StateError> {
        match self.is_alone_in(folder) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(StateError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        if !self.is_on(folder) {
            // An empty folder that nobody marked is not known to be ours.
            return Ok(());
        }
        remove_file(&folder.join(self.name))?;
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // Somebody began to use it just now, and it is still what it was.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => self.put_on(folder),
            removed => removed.map_err(StateError::io("remove", folder)),
        }
    }

    fn put_on(self, folder: &Path) -> Result<(), StateError> {
        let path = folder.join(self.name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        platform::private_file(&mut options);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(self.text.as_bytes()))
            .map_err(StateError::io("write", &path))
    }

    /// Whether the path is that of such a mark.
    pub(super) fn is(self, path: &Path) -> bool {
        path.file_name() == Some(OsStr::new(self.name))
    }

    /// Whether nothing is in the folder, but perhaps the mark.
    fn is_alone_in(self, folder: &Path) -> Result<bool, StateError> {
        for entry in fs::read_dir(folder).map_err(StateError::io("read", folder))? {
            if !self.is(&entry.map_err(StateError::io("read", folder))?.path()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
