//! The files of roles in a package (`.cspkg`).
//!
//! There are two kinds. In the older one the package is a zip with a zip for each role in it:
//! `ROLE_GUID.cssx`, whose files below `approot/` are the role's. In the newer one, `package.xml` says which
//! entry of the package is which file of which role, with its SHA-256.

mod manifest;
mod paths;

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Cursor, Read, Seek};

use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

use self::manifest::{Manifest, Place};
use self::paths::Paths;

/// Azure takes no package that is longer than 600 MB.
const LONGEST_ROLE: u64 = 700 * 1024 * 1024;
/// How much the files of a role may have together. A zip of some kilobytes can claim more than any disk has.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How many files a role may have.
const MOST_FILES: usize = 100_000;
/// How long the list of files in a package may be.
const LONGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// What is wrong with a package.
#[derive(Debug)]
pub enum PackageError {
    /// It cannot be read.
    Io(io::Error),
    /// It is no zip, or a damaged one.
    Zip(String),
    /// It is encrypted, as Visual Studio made packages before 2012.
    Encrypted,
    /// It has no files for this role.
    NoRole(String),
    /// A file in it has a name that leads out of the role's folder, or that no system could keep.
    Name(String),
    /// It has more, or longer, files than any real one.
    TooLarge(&'static str),
    /// A file is not the one that the package's list means.
    Damaged(String),
    /// Its list of files is not one.
    Manifest(String),
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the package cannot be read"),
            Self::Zip(what) => write!(f, "the package is no zip file: {what}"),
            Self::Encrypted => f.write_str("the package is encrypted"),
            Self::NoRole(role) => write!(f, "the package has no files of role `{role}`"),
            Self::Name(name) => write!(f, "the package has a file that may not be there: {name:?}"),
            Self::TooLarge(what) => write!(f, "the package is too large: {what}"),
            Self::Damaged(name) => write!(f, "the file {name:?} of the package is damaged"),
            Self::Manifest(what) => write!(f, "the list of files in the package is wrong: {what}"),
        }
    }
}

impl std::error::Error for PackageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl PackageError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Encrypted => Some(
                "make it again with the environment variable _CSPACK_FORCE_NOENCRYPT_ set to true, or with a newer \
                 SDK; or copy the role's files by hand",
            ),
            Self::Name(_) | Self::Damaged(_) => {
                Some("nothing was extracted from it; get the package from its source again")
            }
            Self::NoRole(_) => Some("is it the package of this definition?"),
            _ => None,
        }
    }
}

impl From<io::Error> for PackageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ZipError> for PackageError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::Io(error),
            other => Self::Zip(other.to_string()),
        }
    }
}

/// A package that is open.
#[derive(Debug)]
pub struct Package<R> {
    archive: ZipArchive<R>,
    manifest: Option<Manifest>,
}

impl<R: Read + Seek> Package<R> {
    /// Reads the list of a package.
    ///
    /// # Errors
    /// See [`PackageError`].
    pub fn open(reader: R) -> Result<Self, PackageError> {
        let mut archive = ZipArchive::new(reader)?;
        let manifest = match archive.index_for_name("package.xml") {
            None => None,
            Some(index) => {
                let mut text = Vec::new();
                archive.by_index(index)?.take(LONGEST_MANIFEST + 1).read_to_end(&mut text)?;
                if text.len() as u64 > LONGEST_MANIFEST {
                    return Err(PackageError::TooLarge("its list of files"));
                }
                Some(Manifest::read(&text)?)
            }
        };
        Ok(Self { archive, manifest })
    }

    /// Hands each file of a role's `approot` to `take`: its path with `/`, and what is in it. Nothing is
    /// handed over before all names have been looked at.
    ///
    /// # Errors
    /// See [`PackageError`]; and what `take` returns.
    pub fn files(
        &mut self,
        role: &str,
        take: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), PackageError> {
        match &self.manifest {
            Some(manifest) => {
                let places = manifest.of_role(role).ok_or_else(|| PackageError::NoRole(role.to_owned()))?;
                from_manifest(&mut self.archive, &places, take)
            }
            None => from_zip(&mut self.inner(role)?, take),
        }
    }

    /// The zip of one role.
    fn inner(&mut self, role: &str) -> Result<ZipArchive<Cursor<Vec<u8>>>, PackageError> {
        let names: Vec<String> =
            self.archive.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<_, ZipError>>()?;
        let is_of_role = |name: &&String| {
            let stem = name.rsplit('/').next().and_then(|file| file.strip_suffix(".cssx"));
            stem.is_some_and(|stem| {
                stem == role || stem.rsplit_once('_').is_some_and(|(start, _)| start == role)
            })
        };
        let name = names.iter().find(is_of_role).ok_or_else(|| PackageError::NoRole(role.to_owned()))?;
        let file = self.archive.by_name(name)?;
        if file.encrypted() {
            return Err(PackageError::Encrypted);
        }
        let mut bytes = Vec::new();
        file.take(LONGEST_ROLE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST_ROLE {
            return Err(PackageError::TooLarge("the files of a role"));
        }
        if !bytes.starts_with(b"PK") {
            return Err(PackageError::Encrypted);
        }
        Ok(ZipArchive::new(Cursor::new(bytes))?)
    }
}

/// The files below `approot/` of the zip of a role.
fn from_zip(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    take: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<(), PackageError> {
    let mut paths = Paths::default();
    let mut wanted = Vec::new();
    let mut promised = 0_u64;
    for index in 0..archive.len() {
        let file = archive.by_index(index)?;
        let name = file.name()?.into_owned();
        let Some(path) = paths::below_approot(&name) else { continue };
        if file.is_dir() || path.is_empty() {
            continue;
        }
        if file.encrypted() {
            return Err(PackageError::Encrypted);
        }
        if file.is_symlink() {
            return Err(PackageError::Name(name));
        }
        promised = promised.saturating_add(file.size());
        wanted.push((index, paths.add(&path)?));
        if wanted.len() > MOST_FILES || promised > MOST_BYTES {
            return Err(PackageError::TooLarge("the files of a role"));
        }
    }
    let mut left = MOST_BYTES;
    for (index, path) in wanted {
        let mut file = Bounded { inner: archive.by_index(index)?, left: &mut left };
        take(&path, &mut file)?;
        // Reading to the end checks the sum of the zip.
        io::copy(&mut file, &mut io::sink())?;
    }
    Ok(())
}

/// The files of a role that the manifest of a package lists.
fn from_manifest<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    places: &[Place],
    take: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<(), PackageError> {
    let mut paths = Paths::default();
    let mut wanted = Vec::new();
    if places.len() > MOST_FILES {
        return Err(PackageError::TooLarge("the files of a role"));
    }
    for place in places {
        let Some(path) = paths::below_approot(&place.path) else { continue };
        let index = archive.index_for_name(&place.entry);
        let index = index.ok_or_else(|| PackageError::Manifest(format!("{:?} is not there", place.entry)))?;
        wanted.push((index, paths.add(&path)?, place));
    }
    // All sums first: what is damaged leaves nothing behind.
    let mut left = MOST_BYTES;
    for (index, path, place) in &wanted {
        let mut sum = Sha256::new();
        io::copy(&mut Bounded { inner: archive.by_index(*index)?, left: &mut left }, &mut Summing(&mut sum))?;
        let sum: [u8; 32] = sum.finalize().into();
        if place.sha256.as_ref().is_some_and(|expected| *expected != manifest::base64(&sum)) {
            return Err(PackageError::Damaged(path.clone()));
        }
    }
    for (index, path, _) in wanted {
        take(&path, &mut archive.by_index(index)?)?;
    }
    Ok(())
}

/// What has been read counts, whatever the zip said of its length.
struct Bounded<'l, R> {
    inner: R,
    left: &'l mut u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        *self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "the package unpacks to more than 2 GiB")
        })?;
        Ok(count)
    }
}

struct Summing<'s>(&'s mut Sha256);

impl io::Write for Summing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Names that are different but for case, which Windows takes for one.
pub(crate) type Lowercase = HashSet<String>;

#[cfg(test)]
mod tests;
