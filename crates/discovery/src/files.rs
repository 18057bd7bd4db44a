//! Files that say where instances are.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::answers::Answer;
use crate::places::{self, Contents, Wanted};

/// How often a file is looked at. A reader of the local runtime's file has to look at least twice a second.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(400);

/// A longer file is not read.
const LONGEST: u64 = 16 * 1024 * 1024;

/// A file under watch. It is read at every look: that finds a file that was replaced, also through a link,
/// and one that was changed twice within the resolution of its time.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    path: PathBuf,
    /// What it held at the last look.
    last: Option<Vec<u8>>,
    /// What was wrong then.
    complaint: Option<String>,
}

impl WatchedFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, last: None, complaint: None }
    }

    /// What the file says now; `None` when that is the same as at the last look.
    pub(crate) async fn look(&mut self, wanted: &Wanted) -> Option<Answer> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || whole(&path)).await;
        let text = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(text) => text,
            Err(error) => {
                self.last = None;
                self.complain(error.to_string());
                return Some(Answer::Failure);
            }
        };
        if self.last.as_ref() == Some(&text) && self.complaint.is_none() {
            return None;
        }
        let read = places::read(&String::from_utf8_lossy(&text), wanted);
        self.last = Some(text);
        match read {
            Ok(contents) => {
                if self.complaint.take().is_some() {
                    tracing::info!(file = %self.path.display(), "the file with addresses can be read again");
                }
                Some(match contents {
                    // Nobody asks again: the file itself says when it has changed.
                    Contents::Places(places) => Answer::Places(places, Duration::MAX),
                    Contents::Empty => {
                        // So that the next look counts the time.
                        self.last = None;
                        Answer::Nothing(None)
                    }
                })
            }
            Err(error) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                self.complain(format!("{error}{}", source.unwrap_or_default()));
                Some(Answer::Failure)
            }
        }
    }

    /// Logs what is wrong, once for as long as it stays the same.
    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::warn!(
                file = %self.path.display(),
                "the file with addresses cannot be used, and what it said before is kept: {complaint}"
            );
            self.complaint = Some(complaint);
        }
    }
}

fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 16 MiB"));
    }
    Ok(text)
}
