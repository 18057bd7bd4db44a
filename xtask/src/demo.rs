//! `cargo xtask demo`: builds the demo and runs it until Ctrl-C.
//!
//! The dev profile, because a first look should not wait for an optimised build.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

const DEPLOYMENT: &str = "examples/service-demo/standpipe.toml";
/// The account's name in the deployment file, and of the file that holds its password.
const USER: &str = "serviceUser";
/// How the deployment file finds the folder of secrets.
const SECRETS_VARIABLE: &str = "SERVICE_DEMO_SECRETS";

/// Build and run the demo: two watched instances of a service, its pipe served on each, and the web page
#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    if !cfg!(unix) {
        return Err(Failure("the demo runs only on Unix so far".to_owned()));
    }
    shell::run(workspace.cargo().args(["build", "--package", "standpipe", "--package", "simple-service"]))?;
    let secrets = Secrets::create(workspace)?;
    introduce(workspace, &secrets);

    let path = workspace.path_with_binaries().map_err(|error| Failure(format!("PATH: {error}")))?;
    let mut command = workspace.command(workspace.binaries().join("standpipe"));
    command.args(["up", "-f", DEPLOYMENT]).env("PATH", path).env(SECRETS_VARIABLE, &secrets.folder);
    platform::run_until_stopped(&mut command)
        .map_err(|error| Failure(format!("cannot run `standpipe up`: {error}")))
}

/// Says what to try; `standpipe up` goes on from here.
fn introduce(workspace: &Workspace, secrets: &Secrets) {
    let here = env::current_dir().unwrap_or_default();
    let shown = |path: &Path| path.strip_prefix(&here).unwrap_or(path).display().to_string();
    let standpipe = shown(&workspace.binaries().join("standpipe"));
    println!();
    println!("The page:    http://127.0.0.1:8080/");
    println!("From here:   {standpipe} call //127.0.0.2:4445/pipe/simple 'Hello, pipe' \\");
    println!("                 -u {USER} --password-file {}", shown(&secrets.password()));
    println!("The file:    {DEPLOYMENT}");
    println!("Ctrl-C stops everything and leaves nothing behind.");
    println!();
}

/// The demo's secrets: a folder of its own under the target directory, gone when this is dropped.
struct Secrets {
    folder: PathBuf,
}

impl Secrets {
    fn create(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target().join("demo").join(std::process::id().to_string());
        let cannot = |error: io::Error| Failure(format!("cannot write in {}: {error}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(cannot)?; // of a demo long gone that had the same process id
        }
        fs::create_dir_all(&folder).map_err(cannot)?;
        let secrets = Self { folder: folder.clone() };
        platform::make_private(&folder).map_err(cannot)?;
        let password = platform::random_password().map_err(cannot)?;
        platform::write_private(&secrets.password(), &password).map_err(cannot)?;
        Ok(secrets)
    }

    fn password(&self) -> PathBuf {
        self.folder.join(USER)
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: cannot remove {}: {error}", self.folder.display());
        }
        // The folder of all demos goes too, unless another one runs.
        let _ = self.folder.parent().map(fs::remove_dir);
    }
}

#[cfg(unix)]
mod platform {
    use std::fmt::Write as _;
    use std::fs::{File, OpenOptions, Permissions};
    use std::io::{self, Read, Write};
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::thread;

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    /// Runs the command until it ends. A request to stop is the command's to carry out, so that what it
    /// started and what was made for it are cleared away in order.
    pub(super) fn run_until_stopped(command: &mut Command) -> io::Result<ExitCode> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let handle = signals.handle();
        // In a group of its own, so that Ctrl-C does not reach it beside what is relayed: a second request to
        // stop means to stop at once.
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let pid = process_id(&child)?;
        let relay = thread::spawn(move || {
            for _ in &mut signals {
                // It fails only when the command has ended, which is what was wanted.
                let _ = kill_process(pid, Signal::TERM);
            }
        });
        let status = child.wait();
        handle.close();
        let _ = relay.join();
        let code = status?.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }

    fn process_id(child: &Child) -> io::Result<Pid> {
        i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the process has no id"))
    }

    pub(super) fn make_private(folder: &Path) -> io::Result<()> {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))
    }

    pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }

    /// 128 bits that nobody can guess, as text.
    pub(super) fn random_password() -> io::Result<String> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
            text
        }))
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;
    use std::path::Path;
    use std::process::{Command, ExitCode};

    fn not_yet<T>() -> io::Result<T> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the demo runs only on Unix so far"))
    }

    pub(super) fn run_until_stopped(_command: &mut Command) -> io::Result<ExitCode> {
        not_yet()
    }

    pub(super) fn make_private(_folder: &Path) -> io::Result<()> {
        not_yet()
    }

    pub(super) fn write_private(_path: &Path, _text: &str) -> io::Result<()> {
        not_yet()
    }

    pub(super) fn random_password() -> io::Result<String> {
        not_yet()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_private_random_and_gone_afterwards() {
        let workspace = Workspace::find();
        let secrets = Secrets::create(&workspace).unwrap();
        let (folder, password) = (secrets.folder.clone(), secrets.password());
        assert_eq!(fs::metadata(&password).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_to_string(&password).unwrap().len(), 32);
        assert_ne!(platform::random_password().unwrap(), fs::read_to_string(&password).unwrap());
        drop(secrets);
        assert!(!folder.exists());
    }
}
