//! How scripts that tests run tell the test something, and how a test waits without hanging.
//!
//! For the tests of crates that run real processes. There is nothing here on systems that cannot run them.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

/// How long something may take that should happen at once.
const LONG: Duration = Duration::from_secs(30);

/// Waits for something that must happen soon.
///
/// # Panics
/// When it has not happened after 30 s.
pub async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, event).await.expect("nothing happened")
}

/// Waits until something holds that happens in another thread or process and has no signal of its own.
///
/// # Panics
/// When it does not hold after 30 s.
pub async fn eventually(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

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
