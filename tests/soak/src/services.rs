//! The services: started, killed at random, started again.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::Backend;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::findings::Findings;
use crate::random::Random;

/// How long a killed service stays away at most.
const AWAY: Duration = Duration::from_secs(2);

/// How long something may take to come about, and how often to look.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// The pipes that services of the soak's own serve.
pub(crate) const PIPES: [(&str, &str); 4] =
    [("echo", "echo"), ("bytes", "bytes"), ("silent", "silent"), ("few", "echo")];

/// Services that the soak starts itself, one for each of [`PIPES`]. They end with this.
pub(crate) struct Services {
    folder: PathBuf,
    running: HashMap<&'static str, Child>,
}

impl Services {
    /// Starts all of them, with their sockets in `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let mut services = Self { folder: folder.to_owned(), running: HashMap::new() };
        for (pipe, _) in PIPES {
            services.start_one(pipe)?;
        }
        services.all_listen().await?;
        Ok(services)
    }

    fn start_one(&mut self, pipe: &'static str) -> Result<(), Failure> {
        let kind = PIPES.iter().find(|(name, _)| *name == pipe).map_or(pipe, |(_, kind)| kind);
        let program = std::env::current_exe().map_err(|error| Failure(error.to_string()))?;
        let started = Command::new(program)
            .arg("backend")
            .arg(self.folder.join(pipe))
            .arg(kind)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let child = started.map_err(|error| Failure(format!("cannot start a service: {error}")))?;
        self.running.insert(pipe, child);
        Ok(())
    }

    /// Kills one at random again and again, and starts it again after a while, until told to end; then all
    /// run.
    pub(crate) async fn suffer(
        &mut self,
        random: &mut Random,
        every: Duration,
        over: &CancellationToken,
        findings: &Findings,
    ) -> Result<(), Failure> {
        while over.run_until_cancelled(tokio::time::sleep(random.up_to(every))).await.is_some() {
            let (pipe, _) = PIPES[random.within(0..PIPES.len())];
            if let Some(mut child) = self.running.remove(pipe) {
                // At once, with SIGKILL.
                let killed = child.kill().await;
                killed.map_err(|error| Failure(format!("cannot kill a service: {error}")))?;
                findings.count(&format!("services killed: {pipe}"));
            }
            if random.percent(50) {
                tokio::time::sleep(random.up_to(AWAY)).await;
            }
            self.start_one(pipe)?;
        }
        self.all_listen().await
    }

    /// Waits until somebody listens at each pipe.
    async fn all_listen(&self) -> Result<(), Failure> {
        let all = PIPES.map(|(pipe, kind)| {
            let path = self.folder.join(pipe);
            Backend::unix(path, if kind == "bytes" { Mode::Byte } else { Mode::Message })
        });
        let listening = async {
            for backend in &all {
                while !backend.is_available().await {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, listening).await;
        waited.map_err(|_| Failure(format!("not within {PATIENCE:?}: the services listen")))
    }
}

/// Kills the process of a program that some process of `state` runs, whoever started it.
pub(crate) fn kill_program_of(state: &Path, program: &str) -> bool {
    let Some(pid) = find_program_of(state, program) else { return false };
    kill_process(pid, Signal::KILL).is_ok()
}

fn find_program_of(state: &Path, program: &str) -> Option<Pid> {
    let state = state.to_string_lossy().into_owned();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).find_map(|id| {
        let is_program = fs::read_link(format!("/proc/{id}/exe")).ok()?.ends_with(program);
        // It is told by its environment: another run of the soak has services too.
        let environment = fs::read(format!("/proc/{id}/environ")).ok()?;
        let is_ours = String::from_utf8_lossy(&environment).contains(&format!("STANDPIPE_PIPES={state}/"));
        if is_program && is_ours { Pid::from_raw(id) } else { None }
    })
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), Failure> {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.map_err(|_| Failure(format!("not within {PATIENCE:?}: {what}")))
}
