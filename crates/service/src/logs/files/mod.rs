//! Files to which a service writes lines.
//!
//! They are looked at four times a second: no system tells reliably of every change, on every file system and
//! in every container. A file is followed by itself and not by its name: when it is renamed, what was still
//! written to it is read, and a new file of the old name is read from its beginning.

mod decoder;
mod pattern;
mod tail;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::following::{Following, LAST_LOOK, Turn};
use super::sink::LogSink;
use crate::platform::{FileId, file_id};
use decoder::Decoder;
pub use pattern::FilePattern;
use tail::{HEAD, Look, Step, Tail};

/// How much of one file is read before the next one has its turn.
const TURN: usize = 4 * 1024 * 1024;
/// How many files of one service are followed at once.
const MOST_FILES: usize = 256;
/// How often in a row a file that no pattern finds any more shows nothing new before it is let go: a service
/// may write to a renamed file for a while.
const QUIET_LOOKS: u32 = 40;

/// Follows the files that `patterns` describe. What stands in them already is skipped; files that come later
/// are read from their beginning.
pub(super) fn follow(patterns: Vec<FilePattern>, sink: LogSink) -> io::Result<Following> {
    let mut followed = Followed::new(patterns, sink);
    // Before anything is started that could write to them.
    followed.look_for_files(true);
    Following::begin(move |turn| followed.look(turn))
}

/// One file.
struct Open {
    id: FileId,
    path: PathBuf,
    file: File,
    tail: Tail,
    decoder: Decoder,
    /// Whether a pattern still finds it.
    listed: bool,
    /// How often in a row there was nothing new.
    quiet: u32,
}

struct Followed {
    patterns: Vec<FilePattern>,
    sink: LogSink,
    files: Vec<Open>,
    warned: bool,
    buffer: Vec<u8>,
}

impl Followed {
    fn new(patterns: Vec<FilePattern>, sink: LogSink) -> Self {
        Self { patterns, sink, files: Vec::new(), warned: false, buffer: vec![0; 64 * 1024] }
    }

    fn look(&mut self, turn: Turn) {
        let began = Instant::now();
        self.look_for_files(false);
        while self.read_on() && turn == Turn::Last && began.elapsed() < LAST_LOOK {}
        if turn == Turn::Last {
            for open in &mut self.files {
                open.finish(&self.sink);
            }
        }
    }

    /// Finds the files that are there now. `at_their_end`: what stands in them is of no interest.
    fn look_for_files(&mut self, at_their_end: bool) {
        for open in &mut self.files {
            open.listed = false;
        }
        let paths: Vec<PathBuf> = self.patterns.iter().flat_map(FilePattern::files).collect();
        for path in paths {
            // One that cannot be opened now may be later; it may also be gone already.
            let Ok(file) = File::open(&path) else { continue };
            let Ok(id) = file_id(&file) else { continue };
            if let Some(known) = self.files.iter_mut().find(|open| open.id == id) {
                known.listed = true;
                known.path = path;
                continue;
            }
            if self.files.len() >= MOST_FILES {
                if !std::mem::replace(&mut self.warned, true) {
                    self.sink.warn(&format!("only {MOST_FILES} log files can be followed at once"));
                }
                continue;
            }
            let mut open = Open {
                id,
                path,
                file,
                tail: Tail::default(),
                decoder: Decoder::default(),
                listed: true,
                quiet: 0,
            };
            if at_their_end && open.skip().is_err() {
                continue;
            }
            self.files.push(open);
        }
        let sink = &self.sink;
        self.files.retain_mut(|open| {
            let is_kept = open.listed || open.quiet < QUIET_LOOKS;
            if !is_kept {
                open.finish(sink);
            }
            is_kept
        });
    }

    /// Reads what is new. Returns whether there may be more.
    fn read_on(&mut self) -> bool {
        let mut more = false;
        for open in &mut self.files {
            // What cannot be read now may be later.
            let read = open.read_on(&mut self.buffer, &self.sink).unwrap_or(0);
            open.quiet = if read == 0 { open.quiet.saturating_add(1) } else { 0 };
            more |= read >= TURN;
        }
        more
    }
}

impl Open {
    /// Goes to the end of a file that was there before.
    fn skip(&mut self) -> io::Result<()> {
        let head = self.head()?;
        let mut length = self.file.metadata()?.len();
        if self.decoder.skip(&head) {
            length &= !1;
        }
        if length == 0 {
            // Its encoding is not known yet.
            self.decoder = Decoder::default();
        }
        self.tail.begin_at(length, &head);
        Ok(())
    }

    fn head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(HEAD as u64).read_to_end(&mut head)?;
        Ok(head)
    }

    /// Reads what is new, up to [`TURN`] bytes. Returns how much that was.
    fn read_on(&mut self, buffer: &mut [u8], sink: &LogSink) -> io::Result<usize> {
        let length = self.file.metadata()?.len();
        let head = self.head()?;
        match self.tail.look(Look { length, head: &head }) {
            Step::Nothing => return Ok(0),
            Step::Read => {}
            Step::Anew => {
                self.finish(sink);
                self.decoder = Decoder::default();
            }
        }
        self.file.seek(SeekFrom::Start(self.tail.position()))?;
        let mut read = 0;
        while read < TURN {
            let count = match self.file.read(buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let path: &Path = &self.path;
            let bytes = buffer.get(..count).unwrap_or_default();
            self.decoder.feed(bytes, |line: &str, partial| sink.line(path, line, partial));
            self.tail.advance(count);
            read += count;
        }
        Ok(read)
    }

    /// Hands out a last line without an end.
    fn finish(&mut self, sink: &LogSink) {
        let path: &Path = &self.path;
        self.decoder.finish(|line: &str, partial| sink.line(path, line, partial));
    }
}

#[cfg(test)]
mod tests;
