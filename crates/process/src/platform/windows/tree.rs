//! A process and everything it started.

use std::ffi::OsStr;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::warn;
use windows_sys::Win32::Foundation::WAIT_TIMEOUT;
use windows_sys::Win32::System::Threading::WaitForSingleObject;

use super::console;
use super::job::Job;

/// How long a killed process may take to be gone. Only one that the system itself holds up takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a job is asked whether something is left in it, at first and at last. It could tell by itself,
/// but [promises
/// nothing](https://learn.microsoft.com/en-us/windows/win32/api/winnt/ns-winnt-jobobject_associate_completion_port).
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// So many first processes are looked through for those that have ended.
const MANY_ROOTS: usize = 256;

/// A process and everything it started, and what those started.
///
/// A job object holds them together: nothing that is started in it can leave it. Whatever is left in it is
/// killed when the tree and its processes are dropped, or when this process ends in any way.
#[derive(Debug, Clone)]
pub struct Tree {
    /// `None` where the system could not make one.
    job: Option<Arc<Job>>,
    /// The jobs around it, the outermost first.
    around: Vec<Arc<Job>>,
    /// The first processes: each is the head of a process group, which has its number.
    roots: Arc<Mutex<Vec<Root>>>,
}

/// A process that a tree begins with.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pid: u32,
    /// While it is open, no other process gets the number.
    process: Arc<OwnedHandle>,
}

impl Root {
    pub(super) fn new(pid: u32, process: Arc<OwnedHandle>) -> Self {
        Self { pid, process }
    }

    fn is_alive(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { WaitForSingleObject(self.process.as_raw_handle(), 0) == WAIT_TIMEOUT }
    }

    /// Asks the group to end. Returns whether that is possible.
    pub(super) fn ask(&self) -> bool {
        console::ask(self.pid)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// A tree of its own, empty until something is started within it.
    pub fn new() -> Self {
        Self::within(Vec::new())
    }

    /// A job lets nothing escape, so it is the same tree.
    #[must_use]
    pub fn taking_strays(self) -> Self {
        self
    }

    /// A tree that is a part of this one.
    pub(super) fn branch(&self) -> Self {
        Self::within(self.around.iter().chain(&self.job).map(Arc::clone).collect())
    }

    fn within(around: Vec<Arc<Job>>) -> Self {
        let job =
            Job::new().inspect_err(|error| warn!(%error, "cannot make a job object")).ok().map(Arc::new);
        Self { job, around, roots: Arc::default() }
    }

    /// Puts a process into it that has not run yet.
    pub(super) fn add(&self, process: &OwnedHandle) -> io::Result<()> {
        let Some(job) = &self.job else { return Err(io::Error::other("there is no job object for it")) };
        self.around.iter().chain([job]).try_for_each(|job| job.add(process.as_raw_handle()))
    }

    /// Notes a process that was put into it as one that the tree begins with.
    pub(super) fn add_root(&self, root: Root) {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        // A tree that lives long may begin with any number of processes, most of which have ended.
        if roots.len() >= MANY_ROOTS && roots.len().is_power_of_two() {
            roots.retain(Root::is_alive);
        }
        roots.push(root);
    }

    /// Asks every process of the tree to end, with Ctrl-Break. One that has a console of its own, or none,
    /// does not hear it. Where nobody can be asked, as under Wine, the tree is killed: to wait would be in
    /// vain.
    pub fn terminate(&self) {
        if self.is_empty() {
            return;
        }
        let roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut asked = false;
        for root in &roots {
            asked |= root.ask();
        }
        if !asked {
            warn!("processes cannot be asked to end here, and are killed");
            self.kill_now();
        }
    }

    /// Kills every process of the tree, without waiting.
    pub(super) fn kill_now(&self) {
        if let Some(job) = &self.job {
            job.kill();
        }
    }

    /// Kills every process of the tree and waits until they are gone. Returns whether they are: a process
    /// that the system holds up is waited for 5 s.
    pub async fn kill(&self) -> bool {
        self.kill_now();
        let gone = tokio::time::timeout(KILL_TIMEOUT, self.gone()).await.is_ok();
        if !gone {
            warn!("processes were killed and are not gone");
        }
        gone
    }

    /// Waits until no process of the tree is left.
    pub async fn gone(&self) {
        let mut pause = FIRST_PAUSE;
        while !self.is_empty() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn is_empty(&self) -> bool {
        // A job that cannot be asked is waited for no longer.
        self.job.as_ref().is_none_or(|job| !matches!(job.active(), Ok(1..)))
    }
}

/// Nothing is ever left behind: the jobs of a process that is gone are closed, which kills what was in them.
pub(crate) async fn end_abandoned(_variable: &str, _value: &OsStr) -> bool {
    true
}
