//! The package that `--package` names: its batch files, and the files that it leaves beside the deployment
//! file.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use standpipe_import::{Content, Package, PackageError};

use crate::failure::{Caused, Exit, Failure};

/// No batch file is as long.
const LONGEST: u64 = 1024 * 1024;

/// A package that is open.
pub(super) struct OpenPackage {
    path: PathBuf,
    package: RefCell<Package<BufReader<File>>>,
}

impl OpenPackage {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let opened =
            File::open(path).map_err(PackageError::Io).and_then(|file| Package::open(BufReader::new(file)));
        let package = opened.map_err(|error| failure(path, error))?;
        Ok(Self { path: path.to_owned(), package: RefCell::new(package) })
    }

    /// Puts the files of a role into a folder that is not there yet. One that could not be filled goes again.
    pub(super) fn extract(&self, role: &str, folder: &Path) -> Result<usize, Failure> {
        let cannot = |error: io::Error| {
            let exit = match error.kind() {
                io::ErrorKind::AlreadyExists => Exit::Usage,
                io::ErrorKind::PermissionDenied => Exit::NotPermitted,
                _ => Exit::Temporary,
            };
            let what = format!("cannot make the folder {}", folder.display());
            Failure::new(exit, Caused { what: what.into(), source: error.into() })
        };
        fs::create_dir(folder).map_err(cannot)?;
        let mut count = 0;
        let done = self.package.borrow_mut().files(role, &mut |path, reader| {
            let target = folder.join(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            io::copy(reader, &mut OpenOptions::new().write(true).create_new(true).open(&target)?)?;
            count += 1;
            Ok(())
        });
        done.map_err(|error| {
            // It was made here, a moment ago.
            let _ = fs::remove_dir_all(folder);
            failure(&self.path, error)
        })?;
        Ok(count)
    }
}

impl Content for OpenPackage {
    fn find(&self, role: &str, path: &str) -> Option<(String, Vec<u8>)> {
        let path = path.trim_start_matches("./").trim_start_matches('/');
        // Azure starts the tasks of web roles in `bin`, those of worker roles at the top.
        let (in_bin, at_top) = (format!("bin/{path}"), path);
        let mut found: Option<(String, Vec<u8>)> = None;
        let read = self.package.borrow_mut().files(role, &mut |name, reader| {
            let is_in_bin = name.eq_ignore_ascii_case(&in_bin);
            if is_in_bin || found.is_none() && name.eq_ignore_ascii_case(at_top) {
                let mut bytes = Vec::new();
                reader.take(LONGEST).read_to_end(&mut bytes)?;
                let spelled = if is_in_bin { name.get("bin/".len()..).unwrap_or_default() } else { name };
                found = Some((spelled.to_owned(), bytes));
            }
            Ok(())
        });
        // What is wrong with the package is said when it is extracted.
        read.ok().and(found)
    }
}

fn failure(path: &Path, error: PackageError) -> Failure {
    let exit = match &error {
        PackageError::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => Exit::NotPermitted,
        PackageError::Io(error)
            if error.kind() != io::ErrorKind::NotFound && error.raw_os_error().is_some() =>
        {
            Exit::Temporary
        }
        _ => Exit::Config,
    };
    let hint = error.hint();
    let what = format!("cannot take the files from {}", path.display());
    Failure::new(exit, Caused { what: what.into(), source: error.into() }).maybe_hint(hint)
}
