//! A node whose service runs inside Wine, one whose service is a process, and what their processes use.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::servers::{
    PASSWORD, PIPE, Programs, Running, Server, USER, free_address, is_answered, write_private,
};
use crate::bench::workloads::{Kind, Workload};
use crate::install::wine::Wine;
use crate::shell::{self, Failure, Result};

/// How long the start of a node may take, Wine included.
const START_TIME: Duration = Duration::from_mins(2);

/// What the processes of Wine use: seconds of CPU time, and bytes of memory.
pub(super) struct Usage {
    pub(super) server: (f64, u64),
    pub(super) agent: (f64, u64),
}

/// `standpipe run` for a service inside Wine.
pub(super) struct Node {
    address: SocketAddr,
    loader: PathBuf,
    prefix: PathBuf,
    echo: PathBuf,
    running: Running,
}

impl Node {
    pub(super) fn start(
        programs: &Programs,
        wine: &Wine,
        folder: &Path,
        echo: &Path,
        agent: &Path,
    ) -> Result<Self> {
        let prefix = folder.join("prefix");
        // The copy shares the files of Windows, to which nothing writes, and not those of the registry.
        if !shell::succeeds(Command::new("cp").arg("-al").arg(wine.prefix()).arg(&prefix)) {
            shell::run(Command::new("cp").arg("-a").arg(wine.prefix()).arg(&prefix))?;
        }
        for name in ["system.reg", "user.reg", "userdef.reg"] {
            let mut copy = Command::new("cp");
            copy.args(["-a", "--remove-destination"]).arg(wine.prefix().join(name)).arg(&prefix);
            shell::run(&mut copy)?;
        }
        let role = format!(
            "[roles.Bench.wine]\nprefix = \"{}\"\nprogram = \"{}\"\n\
             [[roles.Bench.startup]]\ncommand = [\"{}\", \"-install\"]\n\
             [roles.Bench.service]\nname = \"BenchEcho\"\n\
             [roles.Bench.pipes.{PIPE}]\n",
            prefix.display(),
            wine.loader().display(),
            echo.display(),
        );
        let (address, running) = run(programs, &folder.join("wine"), &role, |command| {
            command.env("STANDPIPE_AGENT", agent);
        })?;
        let loader = wine.loader().to_path_buf();
        Ok(Self { address, loader, prefix, echo: echo.to_path_buf(), running })
    }

    /// Puts the pipe under load from inside Wine.
    pub(super) fn direct(&self, workload: &Workload) -> Result<Value> {
        let kind = if workload.kind == Kind::Call { "call" } else { "transact" };
        let mut command = Command::new(&self.loader);
        command.arg(&self.echo).args(["load", kind, &workload.connections.to_string()]);
        command.args([workload.duration.as_millis().to_string(), workload.size.to_string()]);
        command.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all").env_remove("DISPLAY");
        let text = shell::output(&mut command)?;
        serde_json::from_str(text.trim())
            .map_err(|error| Failure(format!("a report that is no JSON: {error}: {text}")))
    }

    /// Clients that open the pipe, and leave it alone for a while.
    pub(super) fn idle_clients(&self, programs: &Programs, count: u32, time: Duration) -> Result<Running> {
        let mut command = programs.standpipe();
        command.args(["bench", &format!("//{}/pipe/{PIPE}", self.address), "--user", USER]);
        command.env("STANDPIPE_PASSWORD", PASSWORD).args(["--workload", "idle", "--timeout", "60s"]);
        command.args(["--connections", &count.to_string(), "--duration", &format!("{}s", time.as_secs())]);
        Running::start(command.stdout(Stdio::null()), "idle clients")
    }

    pub(super) fn kill_service(&self) -> Result<()> {
        kill(self.process("echo.exe")?)
    }

    /// How many connections the server has.
    pub(super) fn handles(&self) -> Result<usize> {
        let folder = format!("/proc/{}/fd", self.running.id());
        let entries =
            fs::read_dir(&folder).map_err(|error| Failure(format!("cannot read {folder}: {error}")))?;
        Ok(entries.flatten().filter(|entry| is_socket(&entry.path())).count())
    }

    /// What the processes of Wine use in such a time, and at its end.
    pub(super) fn usage(&self, time: Duration) -> Result<Usage> {
        let (server, agent) = (self.process("wineserver")?, self.process("standpipe.exe agent")?);
        let before = (cpu(server)?, cpu(agent)?);
        thread::sleep(time);
        let after = (cpu(server)?, cpu(agent)?);
        Ok(Usage {
            server: (after.0 - before.0, resident(server)?),
            agent: (after.1 - before.1, resident(agent)?),
        })
    }

    /// The newest process of the prefix whose command line contains `text`.
    fn process(&self, text: &str) -> Result<u32> {
        let wanted = format!("WINEPREFIX={}", self.prefix.display());
        found(text, |environment| environment.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes()))
    }
}

impl Server for Node {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> u32 {
        self.running.id()
    }
}

/// `standpipe run` for a service that is a process.
pub(super) struct Native {
    address: SocketAddr,
    socket: PathBuf,
    _running: Running,
}

impl Native {
    pub(super) fn start(programs: &Programs, folder: &Path) -> Result<Self> {
        let socket = folder.join("native-socket");
        let service = programs.folder.join("standpipe-bench");
        let role = format!(
            "[roles.Bench.service]\ncommand = [\"{1}\", \"echo\", \"--messages\", \"{0}\", \
             \"--frames\", \"{0}.frames\", \"--np\", \"{0}.np\"]\n\
             [roles.Bench.pipes.{PIPE}]\nsddl = \"D:(A;;GRGW;;;AU)\"\nbackend = \"unix:{0}\"\n",
            socket.display(),
            service.display(),
        );
        let (address, running) = run(programs, &folder.join("native"), &role, |_| {})?;
        Ok(Self { address, socket, _running: running })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn kill_service(&self) -> Result<()> {
        let pid = found(&format!("echo --messages {}", self.socket.display()), |_| true)?;
        // What a process that is killed leaves; the next one makes its sockets anew.
        for ending in ["", ".frames", ".np"] {
            let _ = fs::remove_file(format!("{}{ending}", self.socket.display()));
        }
        kill(pid)
    }
}

/// Runs a role until its pipe can be opened.
fn run(
    programs: &Programs,
    folder: &Path,
    role: &str,
    more: impl FnOnce(&mut Command),
) -> Result<(SocketAddr, Running)> {
    fs::create_dir(folder)
        .map_err(|error| Failure(format!("cannot create {}: {error}", folder.display())))?;
    let address = free_address(0)?;
    write_private(&folder.join("password"), PASSWORD)?;
    let accounts = folder.join("accounts.toml");
    let mut add = programs.standpipe();
    add.args(["account", "add", USER, "--password-file"]).arg(folder.join("password"));
    shell::output(add.arg("--file").arg(&accounts))?;
    let text = format!(
        "name = \"Bench\"\n[roles.Bench]\naccounts = \"accounts.toml\"\n{role}\
         [roles.Bench.endpoints.Smb]\nprotocol = \"smb\"\nport = {}\n\
         max-connections = 2000\nmax-connections-per-address = 2000\n",
        address.port()
    );
    let file = folder.join("standpipe.toml");
    write_private(&file, &text)?;
    let mut command = programs.standpipe();
    command.args(["run", "--log", "error", "--file"]).arg(&file);
    command.args(["--address", &address.ip().to_string(), "--state-dir"]).arg(folder.join("state"));
    more(&mut command);
    let mut running = Running::start(&mut command, "standpipe run")?;
    running.wait_within(START_TIME, "standpipe run", || is_answered(programs, address))?;
    Ok((address, running))
}

/// The newest process whose command line contains `text`, and whose environment passes.
fn found(text: &str, passes: impl Fn(&[u8]) -> bool) -> Result<u32> {
    let began = Instant::now();
    loop {
        let entries =
            fs::read_dir("/proc").map_err(|error| Failure(format!("cannot read /proc: {error}")))?;
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let matching = pids.filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(text) && passes(&fs::read(format!("/proc/{pid}/environ")).unwrap_or_default())
        });
        if let Some(pid) = matching.max() {
            return Ok(pid);
        }
        if began.elapsed() > Duration::from_secs(10) {
            return Err(Failure(format!("no process `{text}` runs")));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn kill(pid: u32) -> Result<()> {
    shell::run(Command::new("kill").args(["-KILL", &pid.to_string()]))?;
    let began = Instant::now();
    let is_there = || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    while is_there() && began.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn is_socket(entry: &Path) -> bool {
    fs::read_link(entry).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
}

/// The CPU time of a process, in seconds.
fn cpu(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(|error| Failure(format!("cannot read {path}: {error}")))?;
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // utime and stime; the state, which is a letter, is not among them. A tick is 10 ms on every Linux.
    Ok(fields.get(10..12).map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0))
}

/// The memory of a process, in bytes.
fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).map_err(|error| Failure(format!("cannot read {path}: {error}")))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    Ok(kibibytes.unwrap_or_default() * 1024)
}
