//! What the tests of running things share: a folder with scripts, a deployment, and a way to be told.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::check::Look;
use crate::definition::{Deployment, Role};
use crate::file::{ProcessEnvironment, Source};

/// What must happen soon, or the test fails instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("nothing happened")
}

/// A folder for a deployment, with a fifo `teller` through which scripts tell the test something.
pub(crate) struct Place {
    folder: TempDir,
    lines: BufReader<pipe::Receiver>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("teller");
        mknodat(CWD, &path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
        Self { folder, lines: BufReader::new(receiver) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// A shell script; `["sh", NAME]` runs it.
    pub(crate) fn script(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    pub(crate) fn deployment(&self, roles: &str) -> Deployment {
        let text = format!("name = \"Demo\"\n{roles}");
        let source = Source::new("standpipe.toml", text);
        match Deployment::from_source(&source, self.path(), &ProcessEnvironment, Look::Files) {
            Ok(deployment) => deployment,
            Err(problems) => panic!("{}", problems.render(false)),
        }
    }

    pub(crate) async fn told(&mut self) -> String {
        let mut line = String::new();
        soon(self.lines.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) async fn told_pid(&mut self) -> u32 {
        self.told().await.parse().unwrap()
    }
}

pub(crate) fn only_role(deployment: &Deployment) -> &Role {
    &deployment.roles()[0]
}

/// Whether the process has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
