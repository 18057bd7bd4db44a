//! The programs of Wine, and how they are run.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use standpipe_process::machine::{NO_PART_32, PART_32, is_32_bit};
use standpipe_process::{Orphaned, Output, Process, ProcessSpec, SpawnError, Tree, program, spawn_wired};
use tokio::time::Instant;

use crate::host::{HostError, HostOptions};

/// Where distributions put programs of Wine that are not on the search path.
const FOLDERS: [&str; 4] =
    ["/usr/lib/wine", "/usr/lib/x86_64-linux-gnu/wine", "/opt/wine-stable/bin", "/opt/wine-devel/bin"];

/// Variables that Wine itself needs. Others stay outside: whatever a process of Wine has in its environment,
/// a service can read, though no function of Windows shows it.
const PASSED: [&str; 9] =
    ["HOME", "USER", "LOGNAME", "PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"];

/// What Wine prints: errors, and what services report to the event log.
const DEBUG_CHANNELS: &str = "-all,err+all,+eventlog";

/// How long the server stays when the last process is gone, so that services outlive an agent that crashed.
const STAY_SECONDS: u32 = 60;

/// How long the server may take to listen.
const SERVER_TIME: Duration = Duration::from_secs(5);

/// The programs of Wine for one prefix.
#[derive(Debug)]
pub(super) struct Wine {
    loader: PathBuf,
    server: PathBuf,
    prefix: PathBuf,
    folder: PathBuf,
    environment: Vec<(OsString, OsString)>,
    user: Option<String>,
    tree: Tree,
    error: OwnedFd,
}

impl Wine {
    pub(super) fn new(options: &HostOptions, tree: Tree, error: OwnedFd) -> Result<Self, HostError> {
        let loader = find_wine(options.program.as_deref(), &options.folder);
        let no_wine = |program: &str| HostError::NoWine { program: program.to_owned() };
        let loader = loader.ok_or_else(|| match &options.program {
            Some(named) => no_wine(&named.to_string_lossy()),
            None => no_wine("Wine"),
        })?;
        let beside = loader.canonicalize().ok().and_then(|loader| loader.parent().map(Path::to_path_buf));
        let beside = beside
            .into_iter()
            .flat_map(|folder| ["wineserver64", "wineserver"].map(|name| folder.join(name)));
        let server = beside
            .into_iter()
            .find(|file| file.metadata().is_ok_and(|file| program::is_executable(&file)))
            .or_else(|| searched(&["wineserver", "wineserver64"], &options.folder))
            .ok_or_else(|| no_wine("wineserver"))?;
        let mut environment = options.environment_of_wine.clone();
        environment.extend([
            ("WINEPREFIX".into(), options.prefix.clone().into_os_string()),
            ("WINEARCH".into(), "win64".into()),
            ("WINEDEBUG".into(), DEBUG_CHANNELS.into()),
        ]);
        Ok(Self {
            loader,
            server,
            prefix: options.prefix.clone(),
            folder: options.folder.clone(),
            environment,
            user: options.user.clone(),
            tree,
            error,
        })
    }

    /// How to run a program with the environment of Wine.
    fn spec(&self, name: &str, command: Vec<OsString>) -> ProcessSpec {
        let is_passed =
            |name: &OsStr| PASSED.iter().any(|passed| name == *passed) || name.as_bytes().starts_with(b"LC_");
        ProcessSpec {
            environment: self.environment.clone(),
            withheld: std::env::vars_os().map(|(name, _)| name).filter(|name| !is_passed(name)).collect(),
            user: self.user.clone(),
            orphaned: Orphaned::Kill,
            output: Output::Log,
            within: Some(self.tree.clone()),
            ..ProcessSpec::new(name, command, &self.folder)
        }
    }

    /// Starts a program of Windows, with `socket` as its standard input and output.
    pub(super) async fn agent(&self, program: &Path, socket: OwnedFd) -> Result<Process, HostError> {
        let command = vec![self.loader.clone().into(), program.into(), "agent".into()];
        // At the end of its input it stops what it has started, and ends.
        let spec = ProcessSpec { orphaned: Orphaned::Notices, ..self.spec("agent", command) };
        self.spawn(&spec, socket, "Wine").await
    }

    /// Starts the server, which stays for a while when nobody needs it.
    pub(super) async fn serve(&self) -> Result<Process, HostError> {
        let stay = format!("-p{STAY_SECONDS}");
        let command = vec![self.server.clone().into(), "-f".into(), stay.into()];
        let spec = ProcessSpec { orphaned: Orphaned::Notices, ..self.spec("wineserver", command) };
        let server = self.spawn(&spec, nothing()?, "wineserver").await?;
        // A program that finds no server starts one of its own, which would not stay.
        let began = Instant::now();
        while began.elapsed() < SERVER_TIME && !self.socket().is_some_and(|socket| socket.exists()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(server)
    }

    /// Where the server of the prefix listens.
    fn socket(&self) -> Option<PathBuf> {
        let prefix = std::fs::metadata(&self.prefix).ok()?;
        let folder = format!(".wine-{}/server-{:x}-{:x}", prefix.uid(), prefix.dev(), prefix.ino());
        Some(Path::new("/tmp").join(folder).join("socket"))
    }

    /// Ends the server that a prefix has, with everything in the prefix; returns when it is gone.
    pub(super) async fn end_server(&self) -> Result<(), HostError> {
        let command = vec![self.server.clone().into(), "-k".into()];
        let spec = self.spec("wineserver", command);
        self.spawn(&spec, nothing()?, "wineserver").await?.wait().await;
        let command = vec![self.server.clone().into(), "-w".into()];
        let spec = self.spec("wineserver", command);
        self.spawn(&spec, nothing()?, "wineserver").await?.wait().await;
        Ok(())
    }

    /// Begins to make the prefix.
    pub(super) async fn make_prefix(&self) -> Result<Process, HostError> {
        let command = vec![self.loader.clone().into(), "wineboot".into(), "-i".into()];
        let mut spec = self.spec("wineboot", command);
        // Neither Mono nor Gecko is offered for download: nobody is there to answer.
        spec.environment.push(("WINEDLLOVERRIDES".into(), "mscoree,mshtml=".into()));
        self.spawn(&spec, nothing()?, "wineboot").await
    }

    async fn spawn(
        &self,
        spec: &ProcessSpec,
        socket: OwnedFd,
        program: &'static str,
    ) -> Result<Process, HostError> {
        let error = self.error.try_clone().map_err(|source| HostError::Io {
            action: "share the standard error of",
            path: self.prefix.clone(),
            source,
        })?;
        spawn_wired(spec, socket, error).await.map_err(|source| HostError::Spawn { program, source })
    }

    /// How `spec`, whose program is one of Windows, is run inside of the prefix.
    ///
    /// # Errors
    /// When this Wine cannot run the program.
    pub(super) fn inside(&self, mut spec: ProcessSpec) -> Result<ProcessSpec, SpawnError> {
        let (named, arguments) = match spec.command.split_first() {
            Some((named, arguments)) => (named.clone(), arguments.to_vec()),
            None => return Err(SpawnError::EmptyCommand),
        };
        let outer = self.spec(&spec.name, Vec::new());
        let mut command: Vec<OsString> = vec![self.loader.clone().into()];
        let in_folder = self.folder.join(&named);
        let file = if in_folder.is_file() { in_folder.into_os_string() } else { named };
        if is_32_bit(Path::new(&file)).unwrap_or(false) && !self.runs_32_bit() {
            let source = io::Error::new(io::ErrorKind::Unsupported, NO_PART_32);
            return Err(SpawnError::NotAProgram { program: file.into(), source });
        }
        let ending = Path::new(&file).extension().map(OsStr::to_ascii_lowercase);
        match ending.as_deref().and_then(OsStr::to_str) {
            Some("cmd" | "bat") => command.extend(["cmd".into(), "/c".into(), dos_path(&file)]),
            Some("msi") => {
                command.extend(["msiexec".into(), "/i".into(), dos_path(&file), "/qn".into()]);
            }
            _ => command.push(file),
        }
        command.extend(arguments);
        spec.command = command;
        spec.environment.extend(outer.environment);
        spec.withheld = outer.withheld;
        spec.user = outer.user;
        Ok(spec)
    }

    /// Whether the prefix has what 32-bit programs need.
    fn runs_32_bit(&self) -> bool {
        self.prefix.join("drive_c/windows").join(PART_32).exists()
    }
}

/// A path of this machine, as programs of Windows know it.
fn dos_path(path: &OsStr) -> OsString {
    match path.to_str() {
        Some(path) if path.starts_with('/') => format!("Z:{}", path.replace('/', "\\")).into(),
        _ => path.to_owned(),
    }
}

/// A standard input that is empty and an output that nobody reads.
fn nothing() -> Result<OwnedFd, HostError> {
    let open = File::options().read(true).write(true).open("/dev/null");
    open.map(Into::into).map_err(|source| HostError::Io { action: "open", path: "/dev/null".into(), source })
}

/// The program of Wine: `program`, or the one that is installed. `folder` is where relative paths start.
pub fn find_wine(program: Option<&OsStr>, folder: &Path) -> Option<PathBuf> {
    match program {
        Some(named) => found(named, folder),
        None => searched(&["wine64", "wine"], folder),
    }
}

fn found(named: &OsStr, folder: &Path) -> Option<PathBuf> {
    program::find(named, folder, std::env::var_os("PATH").as_deref()).ok()
}

/// The first of several programs that is on the search path or where distributions put it.
fn searched(names: &[&str], folder: &Path) -> Option<PathBuf> {
    names.iter().find_map(|name| {
        let mut places = FOLDERS.iter().map(|place| Path::new(place).join(name));
        found(name.as_ref(), folder)
            .or_else(|| places.find(|file| file.metadata().is_ok_and(|file| program::is_executable(&file))))
    })
}
