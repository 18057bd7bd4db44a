//! A folder of its own for each test, and the binary run in it with an environment of its own.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder that goes when the test ends.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, content: &str) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        self.mode(name, 0o600);
        self
    }

    #[cfg(unix)]
    pub(crate) fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(windows)]
    #[expect(clippy::unused_self, reason = "Windows has no mode bits")]
    pub(crate) fn mode(&self, _name: &str, _mode: u32) {}

    /// The command in this folder, knowing nothing of the environment that the tests run in.
    pub(crate) fn standpipe(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standpipe"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in [
            "STANDPIPE_PASSWORD",
            "STANDPIPE_NT_HASH",
            "STANDPIPE_PIPES",
            "STANDPIPE_ACCOUNTS",
            "STANDPIPE_LOG",
            "STANDPIPE_TARGETS",
            "STANDPIPE_HEALTH",
            "STANDPIPE_STOP_LIMIT",
            "STANDPIPE_DEPLOYMENT_ID",
            "NO_COLOR",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// What a person sees of a run.
    pub(crate) fn seen(&self, arguments: &[&str]) -> String {
        seen(self.standpipe(arguments), self.folder.path())
    }
}

/// Runs a command and puts down what a person sees of it: exit code, stdout, stderr; what differs from run to
/// run is replaced.
pub(crate) fn seen(mut command: Command, folder: &Path) -> String {
    let output = command.output().unwrap();
    let code = output.status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string());
    let mut text = format!("exit {code}\n");
    for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
        let content = String::from_utf8(bytes).unwrap().replace(&folder.display().to_string(), "FOLDER");
        if !content.is_empty() {
            let _ = write!(text, "--- {name}\n{content}");
        }
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Compares what was seen with what should be seen.
#[track_caller]
pub(crate) fn assert_seen(seen: &str, expected: &str) {
    let expected = expected.trim();
    assert!(seen.trim() == expected, "expected\n{expected}\n\nbut it was\n{seen}\n");
}
