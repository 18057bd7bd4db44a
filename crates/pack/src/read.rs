//! Reading a pack. Nothing of it is used before its sum is right, and no file before its own sum is.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use crate::digest::{self, Sha256Sum};
use crate::error::PackError;
use crate::manifest::{self, Manifest, PackedFile};
use crate::write::{COMMENT, SUM_LENGTH};
use crate::{MOST_BYTES, MOST_FILES};

/// The longest deployment file, in bytes.
const LONGEST_DEPLOYMENT: u64 = 1024 * 1024;

/// How a zip begins, and no text does.
const MAGIC: &[u8] = b"PK\x03\x04";

/// Whether a file looks as if it were a pack. One that is not there does not.
pub fn is_pack(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    let is_file = path.metadata().is_ok_and(|found| found.is_file());
    is_file && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == MAGIC
}

/// A pack that is open. Its bytes are those that were written.
#[derive(Debug)]
pub struct Pack<R> {
    archive: ZipArchive<R>,
    manifest: Manifest,
    sha256: Sha256Sum,
}

impl Pack<BufReader<File>> {
    /// Opens the pack at `path`, which must have the sum `wanted` where one is given.
    ///
    /// # Errors
    /// See [`PackError`].
    pub fn open(path: &Path, wanted: Option<&Sha256Sum>) -> Result<Self, PackError> {
        let file = File::open(path).map_err(PackError::io("open", path))?;
        Self::new(BufReader::new(file), wanted)
    }
}

impl<R: Read + Seek> Pack<R> {
    /// Reads a pack, which must have the sum `wanted` where one is given.
    ///
    /// # Errors
    /// See [`PackError`].
    pub fn new(mut reader: R, wanted: Option<&Sha256Sum>) -> Result<Self, PackError> {
        let sha256 = check_sum(&mut reader)?;
        if let Some(wanted) = wanted.filter(|wanted| **wanted != sha256) {
            return Err(PackError::Other { wanted: *wanted, found: sha256 });
        }
        Self::parse(reader, sha256)
    }

    /// The same for a pack whose sum is right. Everything else about it may be wrong.
    fn parse(reader: R, sha256: Sha256Sum) -> Result<Self, PackError> {
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut archive = ZipArchive::with_config(config, reader)?;
        if archive.len() > MOST_FILES + 1 {
            return Err(PackError::TooLarge);
        }
        let index = archive.index_for_name(manifest::ENTRY);
        let index = index.ok_or(PackError::NotAPack("it has no list of files"))?;
        let mut list = Vec::new();
        let read = archive.by_index(index)?.take(manifest::LONGEST + 1).read_to_end(&mut list);
        read.map_err(PackError::Read)?;
        if list.len() as u64 > manifest::LONGEST {
            return Err(PackError::TooLarge);
        }
        let mut pack = Self { archive, manifest: Manifest::read(&list)?, sha256 };
        pack.check_entries()?;
        Ok(pack)
    }

    /// Reads a pack whatever its sum is, and everything in it, for tests that make up packs.
    #[doc(hidden)]
    pub fn read_without_sum(reader: R) -> Result<Manifest, PackError> {
        let mut pack = Self::parse(reader, Sha256Sum::of(b""))?;
        pack.verify()?;
        Ok(pack.manifest)
    }

    /// What is in it.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The sum of the whole file, as `sha256sum` says it.
    pub const fn sha256(&self) -> Sha256Sum {
        self.sha256
    }

    /// The entries are the list and the files in it, and nothing else.
    fn check_entries(&mut self) -> Result<(), PackError> {
        if self.archive.has_duplicate_names() || self.archive.len() != self.manifest.files.len() + 1 {
            return Err(PackError::Manifest("it names other files than there are".to_owned()));
        }
        for file in &self.manifest.files {
            let wrong = |what| PackError::File { path: file.path.clone(), what };
            let index = self.archive.index_for_name(&file.path).ok_or_else(|| wrong("it is not there"))?;
            let entry = self.archive.by_index_raw(index)?;
            if entry.is_symlink() || entry.is_dir() || entry.encrypted() {
                return Err(wrong("it is not a plain file"));
            }
            if entry.size() != file.size {
                return Err(wrong("its length differs"));
            }
        }
        Ok(())
    }

    /// The text of the deployment file.
    ///
    /// # Errors
    /// When it is not what the list says, or not a text.
    pub fn deployment_text(&mut self) -> Result<String, PackError> {
        let path = self.manifest.deployment.clone();
        let wrong = |what| PackError::File { path: path.clone(), what };
        let file = self.manifest.file(&path).ok_or_else(|| wrong("it is not there"))?.clone();
        if file.size > LONGEST_DEPLOYMENT {
            return Err(wrong("it is too long for a deployment file"));
        }
        let mut text = Vec::new();
        self.copy(&file, &mut text)?;
        String::from_utf8(text).map_err(|_| wrong("it is not UTF-8 text"))
    }

    /// Reads every file, and checks its sum.
    ///
    /// # Errors
    /// The first file that is not what the list says.
    pub fn verify(&mut self) -> Result<(), PackError> {
        let files = self.manifest.files.clone();
        files.iter().try_for_each(|file| self.copy(file, &mut io::sink()))
    }

    /// Copies a file of the pack, and fails when it was not what the list says.
    pub(crate) fn copy(&mut self, file: &PackedFile, to: &mut dyn Write) -> Result<(), PackError> {
        let wrong = |what| PackError::File { path: file.path.clone(), what };
        let index = self.archive.index_for_name(&file.path).ok_or_else(|| wrong("it is not there"))?;
        // Whatever the zip says of its length: a file that is longer than the list says is cut, and wrong.
        let mut entry = self.archive.by_index(index)?.take(file.size + 1);
        let (sha256, size) = digest::copy(&mut entry, to).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => wrong("it is damaged"),
            _ => PackError::Read(error),
        })?;
        if size != file.size {
            return Err(wrong("its length differs"));
        }
        if sha256 == file.sha256 { Ok(()) } else { Err(wrong("its SHA-256 differs")) }
    }
}

/// Checks that the sum at the end of a pack is that of all before it. The sum of the whole.
fn check_sum<R: Read + Seek>(reader: &mut R) -> Result<Sha256Sum, PackError> {
    const TAIL: usize = COMMENT.len() + SUM_LENGTH;
    let length = reader.seek(SeekFrom::End(0)).map_err(PackError::Read)?;
    let Some(before) = length.checked_sub(SUM_LENGTH as u64) else {
        return Err(PackError::NotAPack("it is too short"));
    };
    // What is not compressed by much is hardly longer than what is in it.
    if length > MOST_BYTES + manifest::LONGEST {
        return Err(PackError::TooLarge);
    }
    reader.rewind().map_err(PackError::Read)?;
    let mut hasher = Sha256::new();
    let mut start = [0; MAGIC.len()];
    let mut tail = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut at = 0_u64;
    let mut sum_before = None;
    loop {
        // The sum of the part before the last digits is taken on the way.
        let left = if at < before { before - at } else { u64::MAX };
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let chunk = buffer.get_mut(..room).unwrap_or_default();
        let count = reader.read(chunk).map_err(PackError::Read)?;
        if count == 0 {
            break;
        }
        let chunk = chunk.get(..count).unwrap_or_default();
        if at == 0 {
            for (to, from) in start.iter_mut().zip(chunk) {
                *to = *from;
            }
        }
        hasher.update(chunk);
        tail.extend_from_slice(chunk);
        let over = tail.len().saturating_sub(TAIL);
        tail.drain(..over);
        at = at.saturating_add(count as u64);
        if at == before {
            sum_before = Some(Sha256Sum::of_hasher(hasher.clone()));
        }
    }
    if start != MAGIC {
        return Err(PackError::NotAPack("it begins with something else"));
    }
    let said = std::str::from_utf8(&tail).ok().and_then(|tail| tail.strip_prefix(COMMENT));
    let said = said.and_then(|sum| sum.parse::<Sha256Sum>().ok());
    match (said, sum_before) {
        (Some(said), Some(found)) if said == found => Ok(Sha256Sum::of_hasher(hasher)),
        (Some(said), Some(found)) => Err(PackError::Damaged { said, found }),
        _ => Err(PackError::NotAPack("it does not end with its sum; was it cut off?")),
    }
}
