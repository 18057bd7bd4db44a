//! Putting the files of a pack into a folder: all of them, or nothing.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

use standpipe_system::{Found, folder};

use crate::digest::Sha256Sum;
use crate::error::PackError;
use crate::in_use::{SUM_DIGITS, Unpacked};
use crate::manifest::PackedFile;
use crate::platform;
use crate::read::Pack;
use crate::write::with_ending;

/// Puts the files that some roles need into the folder `to`, which is not there yet; of all roles when none
/// is named. Everything in the pack is checked first, and the folder is there when all files are in it.
///
/// # Errors
/// See [`PackError`].
pub fn unpack<R: Read + Seek>(pack: &mut Pack<R>, to: &Path, roles: &[String]) -> Result<usize, PackError> {
    let files: Vec<PackedFile> = pack.manifest().files_of(roles)?.into_iter().cloned().collect();
    pack.verify()?;
    fill(pack, to, &files, None)?;
    Ok(files.len())
}

/// Has a pack unpacked in a folder of its own below `above`, with `deployment` as the text of its deployment
/// file. One that was unpacked before is used again, if its files are what they were.
///
/// # Errors
/// See [`PackError`].
pub fn ensure<R: Read + Seek>(
    pack: &mut Pack<R>,
    above: &Path,
    deployment: &str,
) -> Result<Unpacked, PackError> {
    let manifest = pack.manifest().clone();
    let sum = Sha256Sum::of(format!("{}{deployment}", pack.sha256()).as_bytes()).to_string();
    let to = above.join(format!("{}-{}", manifest.name, sum.get(..SUM_DIGITS).unwrap_or_default()));
    folder::make_readable(above).map_err(PackError::io("make the folder", above))?;
    trust(above)?;
    let unpacked = loop {
        let is_there = fs::symlink_metadata(&to).is_ok();
        if !is_there {
            pack.verify()?;
            match fill(pack, &to, &manifest.files, Some((&manifest.deployment, deployment))) {
                // Another instance was faster.
                Ok(()) | Err(PackError::InTheWay(_)) => {}
                Err(error) => return Err(error),
            }
        }
        trust(&to)?;
        // Somebody may have removed the folder before it was known to be in use.
        if let Some(unpacked) = Unpacked::hold(to.clone(), &manifest) {
            break unpacked;
        }
    };
    for file in &manifest.files {
        let path = to.join(&file.path);
        let wanted = if file.path == manifest.deployment {
            (Sha256Sum::of(deployment.as_bytes()), deployment.len() as u64)
        } else {
            (file.sha256, file.size)
        };
        if !is_plain(&path) || sum_of(&path).ok() != Some(wanted) {
            return Err(PackError::Changed(path));
        }
    }
    Ok(unpacked)
}

fn is_plain(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn sum_of(path: &Path) -> std::io::Result<(Sha256Sum, u64)> {
    Sha256Sum::of_reader(&mut BufReader::new(File::open(path)?))
}

fn trust(path: &Path) -> Result<(), PackError> {
    let found = Found::at_itself(path).map_err(PackError::io("look at", path))?;
    folder::check_private(&found).map_err(|reason| PackError::Untrusted { path: path.to_path_buf(), reason })
}

/// Fills a folder beside `to`, and gives it that name when all is in it.
fn fill<R: Read + Seek>(
    pack: &mut Pack<R>,
    to: &Path,
    files: &[PackedFile],
    instead: Option<(&str, &str)>,
) -> Result<(), PackError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(PackError::InTheWay(to.to_path_buf()));
    }
    if let Some(above) = to.parent().filter(|above| !above.as_os_str().is_empty()) {
        folder::make_readable(above).map_err(PackError::io("make the folder", above))?;
    }
    // No name that one that was killed, or one in another container, can have left behind.
    let beside = with_ending(to, &format!(".new-{:016x}", RandomState::new().hash_one(std::process::id())));
    // A folder that is there is somebody else's: only a new one is filled, and taken away again.
    platform::make_new(&beside).map_err(PackError::io("make the folder", &beside))?;
    let filled = files.iter().try_for_each(|file| one(pack, &beside, file, instead)).and_then(|()| {
        match fs::rename(&beside, to) {
            Err(_) if fs::symlink_metadata(to).is_ok() => Err(PackError::InTheWay(to.to_path_buf())),
            renamed => renamed.map_err(PackError::io("make the folder", to)),
        }
    });
    if filled.is_err() {
        // It was made here, a moment ago.
        let _ = fs::remove_dir_all(&beside);
    }
    filled
}

/// Writes one file of a pack below `folder`; its path has been checked.
fn one<R: Read + Seek>(
    pack: &mut Pack<R>,
    folder: &Path,
    file: &PackedFile,
    instead: Option<(&str, &str)>,
) -> Result<(), PackError> {
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent() {
        folder::make_readable(parent).map_err(PackError::io("make the folder", parent))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    platform::mode(&mut options, file.executable);
    let mut target = options.open(&path).map_err(PackError::io("write", &path))?;
    match instead {
        Some((name, text)) if name == file.path => {
            target.write_all(text.as_bytes()).map_err(PackError::io("write", &path))
        }
        _ => pack.copy(file, &mut target).map_err(|error| match error {
            // The pack has been read once: it is the disk that is full.
            PackError::Read(source) => PackError::Io { action: "write", path, source },
            other => other,
        }),
    }
}
