//! The servers that are measured, the service behind them, and the load before them.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::workloads::{Kind, Protection, Workload};
use crate::shell::{self, Failure, Result};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// An account that every Debian has: smbd wants one of the system.
pub(super) const USER: &str = "games";
/// Of no worth: it opens what runs on loopback while this program does.
pub(super) const PASSWORD: &str = "measured-on-loopback";
pub(super) const PIPE: &str = "echo";

/// What was built.
pub(super) struct Programs {
    pub(super) folder: PathBuf,
}

impl Programs {
    pub(super) fn standpipe(&self) -> Command {
        self.command("standpipe")
    }

    pub(super) fn peers(&self) -> Command {
        self.command("standpipe-bench")
    }

    pub(super) fn peers_path(&self) -> PathBuf {
        self.folder.join("standpipe-bench")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        for name in ["STANDPIPE_LOG", "STANDPIPE_ACCOUNTS"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }
}

/// Something that is measured.
pub(super) trait Server {
    fn address(&self) -> SocketAddr;
    fn process(&self) -> u32;

    /// Puts it under load and gives the generator's report.
    fn measure(&self, programs: &Programs, workload: &Workload) -> Result<Value> {
        let mut command = programs.standpipe();
        command.args(["bench", &format!("//{}/pipe/{PIPE}", self.address()), "--user", USER]);
        command.env("STANDPIPE_PASSWORD", PASSWORD).args(["--json", "--timeout", "30s"]);
        match workload.protection {
            Protection::Gmac => command.args(["--signing", "gmac"]),
            Protection::Cmac => command.args(["--signing", "cmac"]),
            Protection::Encrypted => command.arg("--encrypt"),
        };
        report(&mut command, workload, self.process())
    }
}

/// Runs a load generator.
fn report(command: &mut Command, workload: &Workload, server: u32) -> Result<Value> {
    let time = |duration: Duration| format!("{}ms", duration.as_millis());
    command.args(["--workload", workload.kind.name()]);
    command.args(["--connections", &workload.connections.to_string(), "--size", &workload.size.to_string()]);
    command.args(["--duration", &time(workload.duration), "--warm-up", &time(workload.warm_up)]);
    command.args(["--server-pid", &server.to_string()]);
    let text = shell::output(command)?;
    serde_json::from_str(&text).map_err(|error| Failure(format!("a report that is no JSON: {error}")))
}

/// A process that ends with this.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &mut Command, what: &str) -> Result<Self> {
        command.spawn().map(Self).map_err(|error| Failure(format!("cannot start {what}: {error}")))
    }

    /// Starts a program that says `listening` when it does.
    pub(super) fn start_listening(command: &mut Command, what: &str) -> Result<Self> {
        let mut running = Self::start(command.stdout(Stdio::piped()), what)?;
        let mut line = String::new();
        let read = running.0.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        match read {
            Some(Ok(_)) if line == "listening\n" => Ok(running),
            _ => Err(Failure(format!("{what} did not start"))),
        }
    }

    /// Waits until `answers` says so, while the process runs.
    fn wait_until(&mut self, what: &str, answers: impl FnMut() -> bool) -> Result<()> {
        self.wait_within(PATIENCE, what, answers)
    }

    /// Like [`Self::wait_until`], with another patience.
    pub(super) fn wait_within(
        &mut self,
        patience: Duration,
        what: &str,
        mut answers: impl FnMut() -> bool,
    ) -> Result<()> {
        let began = Instant::now();
        while !answers() {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Err(Failure(format!("{what} ended with {status}")));
            }
            if began.elapsed() > patience {
                return Err(Failure(format!("{what} does not answer")));
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

impl Running {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either fails only when it has ended.
        let _ = terminate(&self.0);
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
fn terminate(child: &Child) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    Ok(kill_process(Pid::from_child(child), Signal::TERM)?)
}

#[cfg(not(unix))]
fn terminate(_child: &Child) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A loopback address of this run's own, where nobody listens at `port` (0 for any), so that several runs do
/// not meet.
pub(super) fn free_address(port: u16) -> Result<SocketAddr> {
    let id = std::process::id();
    for attempt in 0..200_u32 {
        let [.., high, low] = id.wrapping_mul(31).wrapping_add(attempt).to_be_bytes();
        let address = Ipv4Addr::new(127, 91, high, low.clamp(1, 254));
        if let Ok(listener) = TcpListener::bind((address, port))
            && let Ok(found) = listener.local_addr()
        {
            return Ok(found);
        }
    }
    Err(Failure("no loopback address is free".to_owned()))
}

pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
}

/// The service behind all of them: every message is answered with itself.
pub(super) struct Service {
    messages: PathBuf,
    frames: PathBuf,
    samba: PathBuf,
    _running: Running,
}

impl Service {
    pub(super) fn start(programs: &Programs, folder: &Path) -> Result<Self> {
        let samba = folder.join("samba");
        let np = samba.join("ncalrpc/np");
        let cannot = |error: io::Error| Failure(format!("cannot prepare {}: {error}", np.display()));
        fs::create_dir_all(&np).map_err(cannot)?;
        // smbd takes no pipes from a folder that others can see into.
        #[cfg(unix)]
        fs::set_permissions(&np, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(cannot)?;
        let (messages, frames) = (folder.join("messages"), folder.join("frames"));
        let mut command = programs.peers();
        command.arg("echo").arg("--messages").arg(&messages).arg("--frames").arg(&frames);
        command.arg("--np").arg(np.join(PIPE));
        let running = Running::start_listening(&mut command, "the service")?;
        Ok(Self { messages, frames, samba, _running: running })
    }

    /// Its socket of messages.
    pub(super) fn messages(&self) -> &Path {
        &self.messages
    }

    /// Its socket of frames.
    pub(super) fn frames(&self) -> &Path {
        &self.frames
    }
}

/// The limit.
pub(super) struct Proxy {
    address: SocketAddr,
    running: Running,
}

impl Proxy {
    pub(super) fn start(programs: &Programs, service: &Service) -> Result<Self> {
        let address = free_address(0)?;
        let mut command = programs.peers();
        command.arg("proxy").arg(address.to_string()).arg(&service.frames);
        Ok(Self { address, running: Running::start_listening(&mut command, "the proxy")? })
    }
}

impl Server for Proxy {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> u32 {
        self.running.0.id()
    }

    fn measure(&self, programs: &Programs, workload: &Workload) -> Result<Value> {
        let mut command = programs.peers();
        command.arg("load").arg(self.address.to_string());
        report(&mut command, workload, self.process())
    }
}

/// `standpipe run`.
pub(super) struct Standpipe {
    address: SocketAddr,
    running: Running,
}

impl Standpipe {
    pub(super) fn start(programs: &Programs, service: &Service, folder: &Path) -> Result<Self> {
        let address = free_address(0)?;
        write_private(&folder.join("password"), PASSWORD)?;
        let accounts = folder.join("accounts.toml");
        let mut add = programs.standpipe();
        add.args(["account", "add", USER, "--password-file"]).arg(folder.join("password"));
        shell::output(add.arg("--file").arg(&accounts))?;
        let text = format!(
            "name = \"Bench\"\n\
             [roles.Bench]\n\
             accounts = \"accounts.toml\"\n\
             [roles.Bench.pipes.{PIPE}]\n\
             sddl = \"D:(A;;GRGW;;;AU)\"\n\
             backend = \"unix:{}\"\n\
             [roles.Bench.endpoints.Smb]\n\
             protocol = \"smb\"\n\
             port = {}\n\
             max-connections = 20000\n\
             max-connections-per-address = 20000\n",
            service.messages.display(),
            address.port()
        );
        let file = folder.join("standpipe.toml");
        write_private(&file, &text)?;
        let mut command = programs.standpipe();
        command.args(["run", "--log", "warn", "--file"]).arg(&file);
        command.args(["--address", &address.ip().to_string(), "--state-dir"]).arg(folder.join("state"));
        let mut running = Running::start(&mut command, "standpipe run")?;
        running.wait_until("standpipe run", || is_answered(programs, address))?;
        Ok(Self { address, running })
    }
}

impl Server for Standpipe {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> u32 {
        self.running.0.id()
    }
}

/// Whether a call has its reply.
pub(super) fn is_answered(programs: &Programs, address: SocketAddr) -> bool {
    if TcpStream::connect(address).is_err() {
        return false;
    }
    let mut command = programs.standpipe();
    command.args(["bench", &format!("//{address}/pipe/{PIPE}"), "--user", USER]);
    command.args(["--duration", "1ms", "--warm-up", "0s", "--workload", Kind::Idle.name()]);
    shell::succeeds(command.env("STANDPIPE_PASSWORD", PASSWORD))
}

/// Samba's smbd.
pub(super) struct Samba {
    address: SocketAddr,
    running: Running,
}

impl Samba {
    /// Fails with the reason where there is none.
    pub(super) fn start(programs: &Programs, service: &Service) -> Result<Self> {
        super::install_samba()?;
        let address = free_address(0)?;
        let folder = service.samba.display().to_string();
        for name in ["private", "lock", "state", "cache", "pid", "bindns"] {
            let path = service.samba.join(name);
            fs::create_dir(&path)
                .map_err(|error| Failure(format!("cannot create {}: {error}", path.display())))?;
        }
        let text = format!(
            "[global]\n\
             workgroup = PEER\n\
             netbios name = PEERSRV\n\
             server role = standalone server\n\
             passdb backend = tdbsam:{folder}/private/passdb.tdb\n\
             private dir = {folder}/private\n\
             lock directory = {folder}/lock\n\
             state directory = {folder}/state\n\
             cache directory = {folder}/cache\n\
             pid directory = {folder}/pid\n\
             ncalrpc dir = {folder}/ncalrpc\n\
             binddns dir = {folder}/bindns\n\
             usershare path =\n\
             smb ports = {}\n\
             interfaces = {}/8\n\
             bind interfaces only = yes\n\
             disable netbios = yes\n\
             rpc start on demand helpers = no\n\
             load printers = no\n\
             printing = bsd\n\
             printcap name = /dev/null\n\
             disable spoolss = yes\n\
             log file = {folder}/log\n\
             log level = 0\n\
             max log size = 0\n\
             map to guest = never\n\
             server signing = mandatory\n",
            address.port(),
            address.ip()
        );
        let settings = service.samba.join("smb.conf");
        write_private(&settings, &text)?;
        add_account(&settings)?;
        let mut command = Command::new("smbd");
        command.arg("-s").arg(&settings).args(["--foreground", "--no-process-group"]);
        // When it ends it ends its group, so it gets one of its own; and it ends when its input does, so it
        // ends with this program however that ends.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running::start(&mut command, "smbd")?;
        running.wait_until("smbd", || is_answered(programs, address))?;
        Ok(Self { address, running })
    }
}

fn add_account(settings: &Path) -> Result<()> {
    let cannot = |error: io::Error| Failure(format!("cannot run smbpasswd: {error}"));
    let mut command = Command::new("smbpasswd");
    command.arg("-c").arg(settings).args(["-a", "-s", USER]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(cannot)?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{PASSWORD}\n{PASSWORD}").map_err(cannot)?;
    }
    let status = child.wait().map_err(cannot)?;
    if status.success() { Ok(()) } else { Err(Failure(format!("smbpasswd ended with {status}"))) }
}

impl Server for Samba {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> u32 {
        self.running.0.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_free_and_of_this_machine() {
        let address = free_address(0).unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0);
        TcpListener::bind(address).unwrap();
    }
}
