//! The servers: `standpipe run`, as it is delivered, in a folder of its own.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use standpipe_client::Credentials;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::Failure;
use crate::services::{PIPES, until};

/// As many opens as the pipe `few` has at once.
pub(crate) const FEW: usize = 8;

const USER: &str = "soaker";
const PASSWORD: &str = "a long s0ak";

/// `max-failures` is as high as it goes: that services are killed all the time is no failure here.
const FILE: &str = r#"
name = "Soak"

[roles.Pipes]
accounts = "accounts.toml"

[roles.Pipes.endpoints.Smb]
protocol = "smb"
port = @PIPES@

[roles.Watched]
accounts = "accounts.toml"

[roles.Watched.service]
name = "SimpleService"
command = ["simple-service"]
max-failures = 1000

[roles.Watched.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"

[roles.Watched.endpoints.Smb]
protocol = "smb"
port = @WATCHED@
"#;

/// A folder with everything the servers need.
pub(crate) struct Site {
    folder: TempDir,
    programs: PathBuf,
    pub(crate) pipes: SocketAddr,
    pub(crate) watched: SocketAddr,
}

/// One server process.
pub(crate) struct Server {
    role: &'static str,
    process: Child,
    log: PathBuf,
}

/// What a server said of itself when it was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastWords {
    pub(crate) connections: u64,
    pub(crate) opens: u64,
}

impl Site {
    /// Makes the folder; `programs` is where `standpipe` and `simple-service` are.
    pub(crate) async fn prepare(programs: &Path) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("soak-").tempdir();
        let folder = folder.map_err(|error| Failure(format!("cannot make a folder: {error}")))?;
        let [pipes, watched] = [free_place(1)?, free_place(2)?];
        let mut text = FILE.replace("@PIPES@", &pipes.port().to_string());
        text = text.replace("@WATCHED@", &watched.port().to_string());
        text.extend(PIPES.map(|(pipe, kind)| pipe_section(pipe, kind)));
        let site = Self { folder, programs: programs.to_owned(), pipes, watched };
        site.write("standpipe.toml", &text)?;
        site.write("secret", PASSWORD)?;
        let made = fs::create_dir(site.services());
        made.map_err(|error| Failure(format!("cannot make a folder: {error}")))?;
        let mut add = site.standpipe();
        add.args(["account", "add", USER, "--password-file", "secret", "--file", "accounts.toml"]);
        let added = add.stdin(Stdio::null()).output().await.map_err(|error| cannot_run(&error))?;
        if !added.status.success() {
            return Err(Failure(String::from_utf8_lossy(&added.stderr).into_owned()));
        }
        Ok(site)
    }

    /// Where the soak's own services have their sockets.
    pub(crate) fn services(&self) -> PathBuf {
        self.folder.path().join("services")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts the server of one role, and waits until it can be called.
    pub(crate) async fn start(&self, role: &'static str) -> Result<Server, Failure> {
        let log = self.folder.path().join(format!("{role}.log"));
        let file = File::create(&log).map_err(|error| Failure(format!("cannot write a log: {error}")))?;
        let mut command = self.standpipe();
        command.args(["run", "--role", role, "--log", "warn,standpipe_server=info", "--log-format", "json"]);
        command
            .arg("--address")
            .arg(if role == "Pipes" { self.pipes } else { self.watched }.ip().to_string());
        command.arg("--state-dir").arg(self.state());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).kill_on_drop(true);
        let process = command.spawn().map_err(|error| cannot_run(&error))?;
        let server = Server { role, process, log };
        let says_ready = || {
            let record = self.state().join(format!("{role}.0/state.json"));
            let text = fs::read_to_string(record).unwrap_or_default();
            let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            record.get("ready").and_then(serde_json::Value::as_bool).unwrap_or_default()
        };
        match until("a server is ready", says_ready).await {
            Ok(()) => Ok(server),
            Err(failure) => Err(Failure(format!("{failure}; it said: {}", server.said()))),
        }
    }

    fn standpipe(&self) -> Command {
        let mut command = Command::new(self.programs.join("standpipe"));
        command.current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STANDPIPE_") {
                command.env_remove(name);
            }
        }
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.path().join(name);
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
    }
}

impl Server {
    pub(crate) fn process(&self) -> Result<u32, Failure> {
        self.process.id().ok_or_else(|| Failure(format!("the server {} is gone: {}", self.role, self.said())))
    }

    /// Asks it to stop, and waits for that: its exit code must say that it was asked.
    pub(crate) async fn stop(mut self) -> Result<LastWords, Failure> {
        let id = i32::try_from(self.process()?).ok().and_then(Pid::from_raw);
        id.map(|id| kill_process(id, Signal::TERM));
        let ended = tokio::time::timeout(crate::act::PATIENCE, self.process.wait()).await;
        let status = ended.map_err(|_| Failure(format!("the server {} does not stop", self.role)))?;
        let status = status.map_err(|error| Failure(error.to_string()))?;
        if !status.success() {
            return Err(Failure(format!("the server {} ended with {status}: {}", self.role, self.said())));
        }
        self.last_words()
    }

    /// Errors in its log: the server never has a reason to write one here.
    pub(crate) fn errors(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter(|line| line.contains("\"ERROR\"")).map(str::to_owned).collect()
    }

    fn last_words(&self) -> Result<LastWords, Failure> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let is_stopping = |line: &serde_json::Value| {
            line.get("message")
                .and_then(|text| text.as_str())
                .is_some_and(|text| text.starts_with("stopping"))
        };
        let stopping = lines.find(is_stopping);
        let number = |name: &str| stopping.as_ref()?.get(name)?.as_u64();
        match (number("connections"), number("opens")) {
            (Some(connections), Some(opens)) => Ok(LastWords { connections, opens }),
            _ => Err(Failure(format!("the server {} did not say what it held: {}", self.role, self.said()))),
        }
    }

    /// The end of its log.
    fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

/// Who every client is.
pub(crate) fn credentials() -> Credentials {
    Credentials::with_password(USER, PASSWORD)
}

/// A pipe that one of the soak's own services serves, in the deployment file.
fn pipe_section(pipe: &str, kind: &str) -> String {
    let mode = if kind == "bytes" { "byte" } else { "message" };
    let instances = if pipe == "few" { format!("max-instances = {FEW}") } else { String::new() };
    format!(
        r#"
[roles.Pipes.pipes.{pipe}]
sddl = "D:(A;;GRGW;;;AU)"
mode = "{mode}"
backend = "unix:services/{pipe}"
{instances}
"#
    )
}

/// A port that is free on a loopback address of the servers.
fn free_place(last: u8) -> Result<SocketAddr, Failure> {
    let address = IpAddr::V4(Ipv4Addr::new(127, 79, 0, last));
    let found = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr());
    found.map_err(|error| Failure(format!("no port is free on {address}: {error}")))
}

fn cannot_run(error: &std::io::Error) -> Failure {
    Failure(format!("cannot run standpipe: {error}"))
}
