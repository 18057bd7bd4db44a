//! Scripts of a shell, and how they tell the test something.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::soon;

/// Whether the process has not ended.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The fifo `teller` in a folder, through which a script tells the test something.
#[derive(Debug)]
pub struct Teller {
    lines: BufReader<pipe::Receiver>,
}

impl Teller {
    /// Makes the fifo. A script that runs in the folder writes to it with `echo … > teller`.
    ///
    /// # Panics
    /// When the fifo cannot be made.
    pub fn new(folder: &Path) -> Self {
        let path = folder.join("teller");
        mknodat(CWD, &path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
        Self { lines: BufReader::new(receiver) }
    }

    /// The next line.
    ///
    /// # Panics
    /// When none comes within 30 s.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.lines.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    /// The next line, which is the number of a process.
    ///
    /// # Panics
    /// When none comes within 30 s, or it is no number.
    pub async fn pid(&mut self) -> u32 {
        self.line().await.parse().unwrap()
    }
}
