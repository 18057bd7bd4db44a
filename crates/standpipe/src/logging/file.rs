//! A file with the last log lines of a process, for `standpipe logs`. A thread of its own writes it, so that
//! a slow or full disk holds nobody up.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use standpipe_runtime::state::former_log;
use standpipe_system::private_file;

/// How long a file may be before it becomes the former one, in bytes. There is one former file, so that at
/// least so much is kept, and at most twice as much.
const LONGEST: u64 = 1024 * 1024;

/// How many bytes may wait to be written.
const MOST_WAITING: usize = 8 * 1024 * 1024;

/// How long the last lines may take when the command ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How many lines may wait.
const MOST_LINES: usize = 16 * 1024;

enum Job {
    Line(Vec<u8>),
    Barrier(SyncSender<()>),
}

/// The file of this process, once it has one.
static FILE: OnceLock<LogFile> = OnceLock::new();

/// Keeps the log lines of this process in the file at `path` from now on; `json` says that they are JSON.
///
/// # Errors
/// When no thread can be started. A file that cannot be written is no error: lines that are lost are counted.
pub(crate) fn keep_in(path: &Path, json: bool) -> io::Result<()> {
    let file = LogFile::begin(path, json)?;
    // Only the first counts; there is no second.
    let _ = FILE.set(file);
    Ok(())
}

/// Keeps a line, where this process has a file.
pub(crate) fn keep(line: &[u8]) {
    if let Some(file) = FILE.get() {
        file.write(line);
    }
}

/// Keeps words that are no log line by themselves.
pub(crate) fn keep_words(words: &str) {
    if let Some(file) = FILE.get() {
        let line = line_of("ERROR", words, file.json);
        file.write(line.as_bytes());
    }
}

/// Waits until everything is in the file, for a moment.
pub(crate) fn flush() {
    if let Some(file) = FILE.get() {
        file.flush(LAST_LINES);
    }
}

/// The way to a file.
struct LogFile {
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
    json: bool,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

impl LogFile {
    /// Goes on with the file at `path`, or begins it.
    fn begin(path: &Path, json: bool) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(MOST_LINES);
        let counts = Arc::new(Counts::default());
        let mut rotating = Rotating::new(path, json, LONGEST);
        let of_thread = Arc::clone(&counts);
        let write = move || write_all(&mut rotating, &waiting, &of_thread);
        std::thread::Builder::new().name("standpipe-log-file".to_owned()).spawn(write)?;
        Ok(Self { jobs, counts, json })
    }

    /// Writes a line soon, or counts it as lost when too many wait.
    fn write(&self, bytes: &[u8]) {
        let waiting = self.counts.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        let has_room = waiting == 0 || waiting + bytes.len() <= MOST_WAITING;
        if !(has_room && self.jobs.try_send(Job::Line(bytes.to_vec())).is_ok()) {
            self.counts.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was handed over before is written, for `longest`.
    fn flush(&self, longest: Duration) {
        let (done, is_done) = sync_channel(1);
        if self.jobs.try_send(Job::Barrier(done)).is_ok() {
            let _ = is_done.recv_timeout(longest);
        }
    }
}

fn write_all(rotating: &mut Rotating, jobs: &Receiver<Job>, counts: &Counts) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Line(bytes) => {
                rotating.lost += counts.lost.swap(0, Ordering::Relaxed);
                rotating.write(&without_colours(&bytes));
                counts.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Job::Barrier(done) => drop(done.try_send(())),
        }
    }
}

/// A file that is put aside when it is long.
struct Rotating {
    path: PathBuf,
    json: bool,
    longest: u64,
    file: Option<File>,
    length: u64,
    /// Lines that could not be written.
    lost: u64,
    /// Whether the file ends within a line.
    is_within_line: bool,
}

impl Rotating {
    fn new(path: &Path, json: bool, longest: u64) -> Self {
        let path = path.to_path_buf();
        Self { path, json, longest, file: None, length: 0, lost: 0, is_within_line: false }
    }

    fn write(&mut self, line: &[u8]) {
        if self.try_write(line).is_err() {
            self.lost += 1;
            // Perhaps it is another file by now.
            self.file = None;
        }
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.file.is_some() && self.length + line.len() as u64 > self.longest && self.length > 0 {
            self.file = None;
            private_file::rename_over(&self.path, &former_log(&self.path))?;
            self.is_within_line = false;
        }
        if self.file.is_none() {
            let mut file = private_file::open_to_write(&self.path, false)?;
            self.length = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            self.file = Some(file);
        }
        if std::mem::take(&mut self.is_within_line) {
            self.append(b"\n")?;
        }
        if self.lost > 0 {
            let note = line_of(
                "WARN",
                &format!("{} log lines are not in this file: they could not be written", self.lost),
                self.json,
            );
            self.append(note.as_bytes())?;
            self.lost = 0;
        }
        self.append(line)
    }

    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.length += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                    self.is_within_line = !bytes.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A line of the log.
fn line_of(level: &str, message: &str, json: bool) -> String {
    let now = humantime::format_rfc3339_millis(SystemTime::now());
    if json {
        let line = serde_json::json!({"timestamp": now.to_string(), "level": level, "message": message});
        return format!("{line}\n");
    }
    format!("{now} {level:>5} {message}\n")
}

/// The bytes without the sequences that colour a terminal.
fn without_colours(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let length = after.strip_prefix(b"[").and_then(|text| text.iter().position(|byte| *byte == b'm'));
        let is_colour =
            |length: usize| after[1..=length].iter().all(|byte| byte.is_ascii_digit() || *byte == b';');
        match length {
            Some(length) if byte == 0x1b && is_colour(length) => rest = &after[length + 2..],
            _ => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_long_file_is_put_aside_and_one_former_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("A.0.log");
        let mut rotating = Rotating::new(&path, false, 12);
        for line in ["one 1\n", "two 2\n", "three\n", "four\n"] {
            rotating.write(line.as_bytes());
        }
        assert_eq!(
            (read(&former_log(&path)).as_str(), read(&path).as_str()),
            ("one 1\ntwo 2\n", "three\nfour\n")
        );
        // Another process goes on where this one ended.
        Rotating::new(&path, false, 100).write(b"five\n");
        assert_eq!(read(&path), "three\nfour\nfive\n");
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/A.0.log");
        let mut rotating = Rotating::new(&path, false, 1000);
        rotating.write(b"lost\n");
        rotating.write(b"lost\n");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        rotating.write(b"kept\n");
        let text = read(&path);
        assert!(text.contains("2 log lines are not in this file") && text.ends_with("\nkept\n"), "{text}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        // Every write there fails as on a full disk.
        let mut rotating = Rotating::new(Path::new("/dev/full"), false, 1000);
        rotating.file = File::options().write(true).open("/dev/full").ok();
        rotating.write(b"lost\n");
        assert_eq!(rotating.lost, 1);
    }

    #[test]
    fn colours_are_taken_out_and_nothing_else() {
        assert_eq!(
            without_colours(b"\x1b[2mtime\x1b[0m \x1b[1;32mINFO\x1b[0m a [m b\x1b]0;x\n"),
            b"time INFO a [m b\x1b]0;x\n"
        );
        assert_eq!(without_colours(b"\x1b["), b"\x1b[");
        assert_eq!(without_colours(b"\x1b[m"), b"");
    }
}
