//! Writing a pack.
//!
//! A pack is a zip: the list of files, then the files in the order of their paths, with nothing in it that
//! says when, where or by whom it was made. The zip's comment ends with the SHA-256 of all that comes before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::digest::{self, Sha256Sum};
use crate::error::PackError;
use crate::gather::{Gathered, GatheredFile};
use crate::manifest::{self, Manifest, PackedFile, VERSION};

/// How a pack's comment begins; the sum follows.
pub(crate) const COMMENT: &str = "standpipe pack, SHA-256 of what is before: ";

/// How long a sum is as a text.
pub(crate) const SUM_LENGTH: usize = 64;

/// A pack that was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// What is in it.
    pub manifest: Manifest,
    /// The sum of the whole file, as `sha256sum` says it.
    pub sha256: Sha256Sum,
    /// How long it is, in bytes.
    pub size: u64,
}

/// Writes a pack to `path`, whole or not at all. The same files give the same bytes.
///
/// # Errors
/// When a file cannot be read, or cannot be in a pack; when the pack is there already and `force` is not
/// said; when it cannot be written.
pub fn write(gathered: &Gathered, path: &Path, force: bool) -> Result<Written, PackError> {
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(PackError::InTheWay(path.to_path_buf()));
    }
    let manifest = list(gathered)?;
    let beside = with_ending(path, ".new");
    let written = write_to(gathered, manifest, &beside).and_then(|written| {
        fs::rename(&beside, path).map_err(PackError::io("write", path)).map(|()| written)
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The path with something at its end.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(ending);
    whole.into()
}

fn list(gathered: &Gathered) -> Result<Manifest, PackError> {
    let packed = |file: &GatheredFile| {
        let mut reader = open(&file.source)?;
        let (sha256, size) =
            Sha256Sum::of_reader(&mut reader).map_err(PackError::io("read", &file.source))?;
        let GatheredFile { path, executable, roles, .. } = file.clone();
        Ok(PackedFile { path, size, sha256, executable, roles })
    };
    let manifest = Manifest {
        standpipe_pack: VERSION,
        name: gathered.name.clone(),
        deployment: gathered.deployment.clone(),
        roles: gathered.roles.clone(),
        files: gathered.files.iter().map(packed).collect::<Result<_, PackError>>()?,
    };
    manifest.check()?;
    Ok(manifest)
}

fn open(path: &Path) -> Result<BufReader<File>, PackError> {
    File::open(path).map(BufReader::new).map_err(PackError::io("read", path))
}

fn write_to(gathered: &Gathered, manifest: Manifest, path: &Path) -> Result<Written, PackError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    let file = file.map_err(PackError::io("write", path))?;
    let failed = |error: io::Error| PackError::io("write", path)(error);
    let mut writer = ZipWriter::new(file);
    let mut list = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(error.into()))?;
    list.push(b'\n');
    writer.start_file(manifest::ENTRY, options(false))?;
    writer.write_all(&list).map_err(failed)?;
    for (packed, file) in manifest.files.iter().zip(&gathered.files) {
        writer.start_file(packed.path.as_str(), options(packed.executable))?;
        let mut source = open(&file.source)?;
        let (sha256, size) = digest::copy(&mut source, &mut writer).map_err(failed)?;
        if (sha256, size) != (packed.sha256, packed.size) {
            return Err(PackError::Busy(file.source.clone()));
        }
    }
    writer.set_raw_comment(format!("{COMMENT}{}", "0".repeat(SUM_LENGTH)).into_bytes().into())?;
    let mut file = writer.finish()?;
    let (sha256, size) = seal(&mut file).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(Written { manifest, sha256, size })
}

fn options(executable: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(if executable { 0o755 } else { 0o644 })
}

/// Puts the sum where the comment has room for it. The sum of the whole, and its length.
fn seal(file: &mut File) -> io::Result<(Sha256Sum, u64)> {
    let length = file.seek(SeekFrom::End(0))?;
    let before = length.saturating_sub(SUM_LENGTH as u64);
    file.rewind()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut reader = BufReader::new(&*file).take(before);
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    let sum = Sha256Sum::of_hasher(hasher.clone()).to_string();
    file.seek(SeekFrom::Start(before))?;
    file.write_all(sum.as_bytes())?;
    hasher.update(sum.as_bytes());
    Ok((Sha256Sum::of_hasher(hasher), length))
}
