//! What keeps a service running: Standpipe, systemd and runit, each with the same service.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::bench::servers::{Programs, Running, free_address, write_private};
use crate::install::debian;
use crate::shell::{Failure, Result};
use crate::workspace::Workspace;

/// The name of the service's pipe, and so of its socket.
const PIPE: &str = "simple";

/// Something that starts a service again when it has died.
pub(super) trait Keeper {
    fn name(&self) -> &'static str;
    /// Where the service listens, as this process sees it.
    fn socket(&self) -> PathBuf;
    /// Before each kill.
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }
    /// After the service is there again.
    fn end(&mut self) {}
}

/// `standpipe run`, a new one for each kill: each death is the first.
pub(super) struct Standpipe {
    run: Command,
    state: PathBuf,
    running: Option<Running>,
}

impl Standpipe {
    pub(super) fn new(programs: &Programs, service: &Path, folder: &Path) -> Result<Self> {
        let file = folder.join("kept.toml");
        write_private(&file, &deployment(service, 1)?)?;
        let state = folder.join("kept");
        let mut run = programs.standpipe();
        run.args(["run", "--log", "off", "--file"]).arg(&file);
        run.arg("--state-dir").arg(&state);
        Ok(Self { run, state, running: None })
    }
}

/// A deployment of so many instances of the service, whose pipe has an endpoint.
pub(super) fn deployment(service: &Path, instances: u32) -> Result<String> {
    let port = free_address(0)?.port();
    Ok(format!(
        "name = \"Kept\"\n\
         [roles.Kept]\n\
         instances = {instances}\n\
         [roles.Kept.service]\n\
         command = [\"{}\"]\n\
         [roles.Kept.pipes.{PIPE}]\n\
         sddl = \"D:(A;;GRGW;;;AU)\"\n\
         [roles.Kept.endpoints.Smb]\n\
         protocol = \"smb\"\n\
         port = {port}\n",
        service.display()
    ))
}

impl Keeper for Standpipe {
    fn name(&self) -> &'static str {
        "standpipe run"
    }

    fn socket(&self) -> PathBuf {
        self.state.join("Kept.0/pipes").join(PIPE)
    }

    fn begin(&mut self) -> Result<()> {
        self.running = Some(Running::start(&mut self.run, "standpipe run")?);
        Ok(())
    }

    fn end(&mut self) {
        self.running = None;
    }
}

/// One unit of a systemd that is process 1 of namespaces of its own.
pub(super) struct Systemd {
    unit: &'static str,
    name: &'static str,
    machine: std::rc::Rc<Machine>,
}

/// Ends when its standard input does.
struct Machine {
    process: Child,
    first: u32,
}

impl Systemd {
    /// One with the usual pause before a start, and one with none.
    pub(super) fn start(workspace: &Workspace, service: &Path, folder: &Path) -> Result<[Self; 2]> {
        if !debian::is_root()? {
            return Err(Failure("only root can start one".to_owned()));
        }
        debian::install(&["systemd", "util-linux", "iproute2", "python3-minimal"])?;
        let files = folder.join("files");
        let units = files.join("etc/systemd/system");
        let cannot = |error: io::Error| Failure(format!("cannot prepare {}: {error}", files.display()));
        fs::create_dir_all(&units).map_err(cannot)?;
        fs::create_dir_all(files.join("opt")).map_err(cannot)?;
        fs::copy(service, files.join("opt/kept-service")).map_err(cannot)?;
        for (unit, pause) in [("usual", ""), ("none", "RestartSec=0\n")] {
            let text = format!(
                "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/opt/kept-service\nRestart=always\n{pause}\
                 RuntimeDirectory={unit}\nRuntimeDirectoryMode=0700\nRuntimeDirectoryPreserve=yes\n\
                 Environment=STANDPIPE_PIPES=/run/{unit}\n"
            );
            fs::write(units.join(format!("{unit}.service")), text).map_err(cannot)?;
        }
        let target = "[Unit]\nWants=usual.service none.service\n";
        fs::write(units.join("kept.target"), target).map_err(cannot)?;
        let machine = std::rc::Rc::new(Machine::start(workspace, folder, &files)?);
        let one = |unit, name| Self { unit, name, machine: std::rc::Rc::clone(&machine) };
        Ok([one("usual", "systemd (RestartSec=100ms, the default)"), one("none", "systemd (RestartSec=0)")])
    }
}

impl Keeper for Systemd {
    fn name(&self) -> &'static str {
        self.name
    }

    fn socket(&self) -> PathBuf {
        Path::new("/proc").join(self.machine.first.to_string()).join("root/run").join(self.unit).join(PIPE)
    }
}

impl Machine {
    fn start(workspace: &Workspace, folder: &Path, files: &Path) -> Result<Self> {
        let mut command = Command::new("python3");
        command.arg(workspace.root().join("tests/platforms/machine.py"));
        command.args([folder, files]).arg("kept.target").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process =
            command.spawn().map_err(|error| Failure(format!("cannot start python3: {error}")))?;
        let mut line = String::new();
        let first = process
            .stdout
            .take()
            .and_then(|out| BufReader::new(out).read_line(&mut line).ok())
            .and_then(|_| line.trim().parse().ok());
        let machine = Self { process, first: first.unwrap_or_default() };
        match first {
            Some(_) => Ok(machine),
            None => Err(Failure("this machine lets no systemd of its own start".to_owned())),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It fails only when it has ended.
        let _ = self.process.wait();
    }
}

/// runit's `runsv`.
pub(super) struct Runit {
    folder: PathBuf,
    _running: Running,
}

impl Runit {
    pub(super) fn start(service: &Path, folder: &Path) -> Result<Self> {
        debian::install(&["runit"])?;
        let folder = folder.join("runit");
        let pipes = folder.join("pipes");
        let cannot = |error: io::Error| Failure(format!("cannot prepare {}: {error}", folder.display()));
        fs::create_dir_all(&pipes).map_err(cannot)?;
        let script =
            format!("#!/bin/sh\nexport STANDPIPE_PIPES={}\nexec {}\n", pipes.display(), service.display());
        fs::write(folder.join("run"), script).map_err(cannot)?;
        #[cfg(unix)]
        for (path, mode) in [(&pipes, 0o700), (&folder.join("run"), 0o700)] {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).map_err(cannot)?;
        }
        let running = Running::start(Command::new("runsv").arg(&folder).stdin(Stdio::null()), "runsv")?;
        Ok(Self { folder, _running: running })
    }
}

impl Keeper for Runit {
    fn name(&self) -> &'static str {
        "runit (runsv)"
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("pipes").join(PIPE)
    }
}
