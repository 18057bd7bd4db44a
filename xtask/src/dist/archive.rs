//! Archives that depend on nothing but their contents: sorted names, one time for all files, root as the
//! owner.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc, GzBuilder};
use tar::{EntryType, Header};

use crate::shell::{Failure, Result};

/// The first second that a ZIP archive can name: the start of 1980, in seconds since 1970.
const START_OF_ZIP: u64 = 315_532_800;

const SECONDS_OF_A_DAY: u64 = 86_400;

// Fields of ZIP archives: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
const UTF_8_NAME: u16 = 1 << 11;
const DEFLATED: u16 = 8;
const VERSION: u16 = 20;
const MADE_ON_UNIX: u16 = (3 << 8) | VERSION;
const REGULAR_FILE: u32 = 0o100_000;

/// What is at a path.
enum Entry {
    File { mode: u32, bytes: Vec<u8> },
    Folder { mode: u32 },
}

/// Files and folders, in the order of their names. The folders above each are there too.
#[derive(Default)]
pub(super) struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Adds a file, such as `usr/bin/standpipe`.
    pub(super) fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.folders_above(path);
        self.entries.insert(path.to_owned(), Entry::File { mode, bytes: bytes.into() });
    }

    /// Adds a folder.
    pub(super) fn folder(&mut self, path: &str, mode: u32) {
        self.folders_above(path);
        self.entries.insert(path.to_owned(), Entry::Folder { mode });
    }

    fn folders_above(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            let folder = Entry::Folder { mode: 0o755 };
            self.entries.entry(path[..end].to_owned()).or_insert(folder);
        }
    }

    /// How many bytes the files have together.
    pub(super) fn size(&self) -> usize {
        self.files().map(|(_, bytes)| bytes.len()).sum()
    }

    /// The path and the bytes of each file.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::File { bytes, .. } => Some((path.as_str(), bytes.as_slice())),
            Entry::Folder { .. } => None,
        })
    }

    /// A tar archive. `when` is the time of everything in it, in seconds since 1970.
    pub(super) fn tar(&self, when: u64) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            let (kind, mode, bytes) = match entry {
                Entry::File { mode, bytes } => (EntryType::Regular, *mode, bytes.as_slice()),
                Entry::Folder { mode } => (EntryType::Directory, *mode, &[][..]),
            };
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(when);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, bytes).map_err(|error| cannot_add(path, &error))?;
        }
        archive.into_inner().map_err(|error| cannot_add("the end", &error))
    }

    /// The same, compressed.
    pub(super) fn tar_gz(&self, when: u64) -> Result<Vec<u8>> {
        gzip(&self.tar(when)?)
    }

    /// A ZIP archive of the files, each of less than 4 GiB.
    pub(super) fn zip(&self, when: u64) -> Result<Vec<u8>> {
        let time = dos_time(when);
        let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
        for (path, entry) in &self.entries {
            let Entry::File { mode, bytes } = entry else { continue };
            let offset = small(archive.len())?;
            let packed = deflate(bytes).map_err(|error| cannot_add(path, &error))?;
            let mut crc = Crc::new();
            crc.update(bytes);
            // What the header of a file and its line in the directory share, from the version that reads it
            // to the length of the name.
            let mut shared = Vec::new();
            shared.extend(VERSION.to_le_bytes());
            shared.extend(UTF_8_NAME.to_le_bytes());
            shared.extend(DEFLATED.to_le_bytes());
            for number in [time, crc.sum(), small(packed.len())?, small(bytes.len())?] {
                shared.extend(number.to_le_bytes());
            }
            shared.extend((path.len() as u16).to_le_bytes());
            shared.extend([0, 0]); // no extra field

            archive.extend(b"PK\x03\x04");
            archive.extend(&shared);
            archive.extend(path.bytes());
            archive.extend(packed);

            directory.extend(b"PK\x01\x02");
            directory.extend(MADE_ON_UNIX.to_le_bytes());
            directory.extend(&shared);
            directory.extend([0; 6]); // no comment, the first disk, no internal attributes
            directory.extend(((REGULAR_FILE | mode) << 16).to_le_bytes());
            directory.extend(offset.to_le_bytes());
            directory.extend(path.bytes());
            count += 1;
        }
        let offset = small(archive.len())?;
        let length = small(directory.len())?;
        archive.extend(directory);
        archive.extend(b"PK\x05\x06\0\0\0\0");
        archive.extend(count.to_le_bytes());
        archive.extend(count.to_le_bytes());
        archive.extend(length.to_le_bytes());
        archive.extend(offset.to_le_bytes());
        archive.extend([0, 0]); // no comment
        Ok(archive)
    }
}

fn small(number: usize) -> Result<u32> {
    u32::try_from(number).map_err(|_| Failure(format!("a ZIP archive cannot hold {number} bytes")))
}

fn deflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = DeflateEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes)?;
    writer.finish()
}

fn cannot_add(path: &str, error: &io::Error) -> Failure {
    Failure(format!("cannot add {path} to an archive: {error}"))
}

/// Compresses bytes; neither a time nor a name gets into the result.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    let written = writer.write_all(bytes).and_then(|()| writer.finish());
    written.map_err(|error| Failure(format!("cannot compress: {error}")))
}

/// An archive as `ar` makes them, which a `.deb` is. A name has 15 bytes at most.
pub(super) fn ar(members: &[(&str, &[u8])], when: u64) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let length = bytes.len();
        // Owner, group and mode follow the time.
        archive.extend(format!("{name:<16}{when:<12}{:<6}{:<6}{:<8}{length:<10}`\n", 0, 0, 100_644).bytes());
        archive.extend(*bytes);
        if length % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

/// Date and time as ZIP archives have them: steps of two seconds from 1980 on.
fn dos_time(when: u64) -> u32 {
    let when = when.max(START_OF_ZIP);
    let (year, month, day) = date(when / SECONDS_OF_A_DAY);
    let second = when % SECONDS_OF_A_DAY;
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let time = ((second / 3600) << 11) | ((second / 60 % 60) << 5) | (second % 60 / 2);
    ((date << 16) | time) as u32
}

/// A time as ISO 8601 has it, such as `2026-11-28T10:00:00Z`.
pub(super) fn iso(when: u64) -> String {
    let (year, month, day) = date(when / SECONDS_OF_A_DAY);
    let second = when % SECONDS_OF_A_DAY;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day that is counted from the start of 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEN: u64 = 1_795_860_000;

    fn example(names: &[&str]) -> Tree {
        let mut tree = Tree::default();
        tree.folder("state", 0o1777);
        for name in names {
            tree.file(name, 0o644, name.as_bytes());
        }
        tree
    }

    #[test]
    fn the_order_in_which_files_come_is_not_seen() {
        let (one, other) = (example(&["usr/b", "usr/a/x"]), example(&["usr/a/x", "usr/b"]));
        assert_eq!(one.tar_gz(WHEN).unwrap(), other.tar_gz(WHEN).unwrap());
        assert_eq!(one.zip(WHEN).unwrap(), other.zip(WHEN).unwrap());
    }

    #[test]
    fn a_tar_archive_has_folders_before_their_files_and_one_time() {
        let bytes = example(&["usr/a/x"]).tar(WHEN).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), WHEN);
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            found.push((path, header.mode().unwrap()));
        }
        let expected = [("state", 0o1777), ("usr", 0o755), ("usr/a", 0o755), ("usr/a/x", 0o644)];
        assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }

    #[cfg(unix)]
    #[test]
    fn a_zip_archive_is_one_that_python_reads() {
        let script = "import sys, zipfile, io; z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())); \
                      print(z.testzip(), [(i.filename, z.read(i), i.date_time, oct(i.external_attr >> 16)) \
                      for i in z.infolist()])";
        let mut python = std::process::Command::new("python3");
        python.args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut python = python.spawn().unwrap();
        python.stdin.take().unwrap().write_all(&example(&["usr/a"]).zip(WHEN).unwrap()).unwrap();
        let said = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
        let expected = "None [('usr/a', b'usr/a', (2026, 11, 28, 10, 0, 0), '0o100644')]\n";
        assert_eq!(said, expected);
    }

    #[test]
    fn times_are_dates() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(iso(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(iso(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn members_of_ar_start_at_even_places() {
        let archive = ar(&[("debian-binary", b"2.0\n"), ("odd", b"x"), ("last", b"")], 7);
        assert_eq!(archive.len(), 8 + 60 + 4 + 60 + 2 + 60);
        assert_eq!(&archive[8..68], b"debian-binary   7           0     0     100644  4         `\n");
    }
}
