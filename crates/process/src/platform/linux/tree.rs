//! A process and everything it started, wherever those processes went.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tracing::warn;

use super::groups::Groups;
use super::procfs::{self, Entry};
use super::spawner;

/// The variable that marks the processes of a tree: a path of names, one for each tree that the process is
/// in. Descendants inherit it whatever they do about parents, groups and sessions.
pub(super) const MARK: &str = "STANDPIPE_TREE";

/// How long a killed process may take to be gone. Only one that the kernel itself holds up takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// So many first processes are looked through for those that have ended.
const MANY_ROOTS: usize = 256;

/// A process and everything it started, and what those started, daemons among them.
///
/// A process belongs to it when it carries the tree's mark in its environment, is in the session of the
/// tree's first process, or descends from one that belongs. A stray, which cleared its environment, opened a
/// session and outlived its parent, belongs to the trees that [take strays](Self::taking_strays).
///
/// Without /proc only the process groups of the first processes are known.
#[derive(Debug, Clone)]
pub struct Tree {
    mark: Arc<str>,
    /// The first processes, with their start times.
    roots: Arc<Mutex<Vec<(i32, u64)>>>,
    /// Their process groups.
    groups: Groups,
    /// When it began, in clock ticks, if strays belong to it that were started since.
    strays_since: Option<u64>,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// A tree of its own, empty until something is started within it.
    pub fn new() -> Self {
        Self::below(std::env::var(MARK).ok().as_deref())
    }

    /// The same tree, to which every descendant of this process belongs that was started from now on and
    /// carries no mark: nothing tells which tree it comes from. For a tree that everything else here is a
    /// part of.
    #[must_use]
    pub fn taking_strays(self) -> Self {
        Self { strays_since: Some(procfs::now()), ..self }
    }

    /// A tree that is a part of this one.
    pub(super) fn branch(&self) -> Self {
        Self::below(Some(&self.mark))
    }

    fn below(parent: Option<&str>) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let pid = procfs::own_pid();
        // Number and start time name this process among all since the system was started.
        let started = procfs::started(pid);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{pid}-{started}-{count}");
        let mark = parent.map_or_else(|| name.clone(), |parent| format!("{parent}/{name}"));
        Self { mark: mark.into(), roots: Arc::default(), groups: Groups::default(), strays_since: None }
    }

    /// What a process of this tree has in the variable [`MARK`].
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// Notes a process, started just now and not waited for yet, as one that the tree begins with.
    pub(super) fn add_root(&self, pid: i32) {
        self.groups.add(pid);
        let started = procfs::started(pid);
        let noted = {
            let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
            roots.push((pid, started));
            roots.len()
        };
        // A tree that lives long may begin with any number of processes, most of which have ended.
        if noted >= MANY_ROOTS && noted.is_power_of_two() {
            self.members();
        }
    }

    /// Notes that a process that the tree began with was waited for.
    pub(super) fn settle(&self, pid: i32) {
        self.groups.settle(pid);
    }

    /// The processes of the tree that have not ended.
    fn members(&self) -> Vec<Entry> {
        let all = procfs::all();
        // This process is handed every orphan among its descendants, so nothing of the tree is elsewhere.
        let mut ours = HashSet::from([procfs::own_pid()]);
        procfs::add_descendants(&all, &mut ours);
        ours.remove(&procfs::own_pid());

        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = |pid, started| all.iter().any(|entry| entry.pid == pid && entry.started == started);
        // A session outlives its first process, but its number is not given to another process before it
        // is empty: a process with the number and another start time means that it was.
        roots.retain(|&(pid, started)| {
            alive(pid, started)
                || (!all.iter().any(|entry| entry.pid == pid) && all.iter().any(|entry| entry.session == pid))
        });
        let mut members: HashSet<i32> = all
            .iter()
            .filter(|entry| ours.contains(&entry.pid))
            .filter(|entry| roots.iter().any(|&(root, _)| root == entry.session) || self.is_marked(entry.pid))
            .map(|entry| entry.pid)
            .collect();
        if let Some(since) = self.strays_since {
            members.extend(strays(&all).filter(|stray| stray.started >= since).map(|stray| stray.pid));
        }
        procfs::add_descendants(&all, &mut members);
        all.into_iter().filter(|entry| !entry.zombie && members.contains(&entry.pid)).collect()
    }

    fn is_marked(&self, pid: i32) -> bool {
        procfs::variable(pid, MARK).is_some_and(|mark| {
            mark.strip_prefix(&*self.mark).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Asks every process of the tree to end.
    pub fn terminate(&self) {
        if !procfs::is_usable() {
            return self.groups.signal(Signal::TERM);
        }
        for entry in self.members() {
            if let Some(handle) = Handle::open(entry) {
                handle.signal(Signal::TERM);
            }
        }
    }

    /// Kills every process of the tree, without waiting.
    pub(super) fn kill_now(&self) {
        if !procfs::is_usable() {
            return self.groups.signal(Signal::KILL);
        }
        for entry in self.members() {
            if let Some(handle) = Handle::open(entry) {
                handle.signal(Signal::KILL);
            }
        }
    }

    /// Kills every process of the tree and waits until they are gone. Returns whether they are: a process
    /// that the kernel holds up is waited for 5 s.
    pub async fn kill(&self) -> bool {
        let all_gone = async {
            if !procfs::is_usable() {
                return self.groups.kill().await;
            }
            // Again until none is left: one may have started another before it was killed.
            loop {
                let handles: Vec<Handle> = self.members().into_iter().filter_map(Handle::open).collect();
                if handles.is_empty() {
                    return;
                }
                for handle in &handles {
                    handle.signal(Signal::KILL);
                }
                for handle in handles {
                    handle.ended().await;
                }
            }
        };
        let gone = tokio::time::timeout(KILL_TIMEOUT, all_gone).await.is_ok();
        if !gone {
            let pids: Vec<i32> = if procfs::is_usable() {
                self.members().iter().map(|entry| entry.pid).collect()
            } else {
                self.groups.alive().iter().map(|group| group.as_raw_nonzero().get()).collect()
            };
            let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
            warn!(pids = pids.join(" "), "processes were killed and are not gone");
        }
        gone
    }

    /// Waits until no process of the tree is left.
    pub async fn gone(&self) {
        if !procfs::is_usable() {
            return self.groups.gone().await;
        }
        while let Some(handle) = self.members().into_iter().find_map(Handle::open) {
            handle.ended().await;
        }
    }
}

/// The orphans of this process that nothing ties to a tree: no mark, and a session that no process began
/// which was started here. Children of this process's own session were started by other code, which keeps
/// them.
fn strays(all: &[Entry]) -> impl Iterator<Item = &Entry> {
    let me = procfs::own_pid();
    let own_session = all.iter().find(|entry| entry.pid == me).map_or(0, |entry| entry.session);
    all.iter().filter(move |entry| {
        entry.parent == me
            && !entry.zombie
            && entry.session != own_session
            && !spawner::is_waited_for(entry.pid)
            && !spawner::is_waited_for(entry.session)
            && procfs::variable(entry.pid, MARK).is_none()
    })
}

/// Kills the processes that belong to a tree whose maker is gone, have `variable` set to `value` in their
/// environment, and everything that they started. Returns whether none is left.
pub(crate) async fn end_abandoned(variable: &str, value: &OsStr) -> bool {
    let all_gone = async {
        loop {
            let handles: Vec<Handle> =
                abandoned(variable, value).into_iter().filter_map(Handle::open).collect();
            if handles.is_empty() {
                return;
            }
            warn!("killing {} processes that an earlier run left behind", handles.len());
            for handle in &handles {
                handle.signal(Signal::KILL);
            }
            for handle in handles {
                handle.ended().await;
            }
        }
    };
    tokio::time::timeout(KILL_TIMEOUT, all_gone).await.is_ok()
}

fn abandoned(variable: &str, value: &OsStr) -> Vec<Entry> {
    let all = procfs::all();
    // In another namespace, numbers mean other processes and paths perhaps other files.
    let Some(here) = procfs::pid_namespace(procfs::own_pid()) else { return Vec::new() };
    let is_abandoned = |pid| {
        procfs::pid_namespace(pid).as_ref() == Some(&here)
            && procfs::variable(pid, variable).is_some_and(|found| OsStr::new(&found) == value)
            && procfs::variable(pid, MARK).is_some_and(|mark| maker_is_gone(&mark))
    };
    let mut found: HashSet<i32> =
        all.iter().map(|entry| entry.pid).filter(|&pid| is_abandoned(pid)).collect();
    procfs::add_descendants(&all, &mut found);
    // The process that started this one may have been left behind too. It is in use now.
    let mut line = Some(procfs::own_pid());
    while let Some(pid) = line {
        found.remove(&pid);
        line = all.iter().find(|entry| entry.pid == pid && entry.parent != pid).map(|entry| entry.parent);
    }
    all.into_iter().filter(|entry| !entry.zombie && found.contains(&entry.pid)).collect()
}

/// Whether the process that made the innermost tree of the mark has ended. A mark that is not ours says
/// nothing.
fn maker_is_gone(mark: &str) -> bool {
    let mut parts = mark.rsplit('/').next().unwrap_or(mark).splitn(3, '-');
    let maker: Option<(i32, u64)> =
        parts.next().and_then(|pid| pid.parse().ok()).zip(parts.next().and_then(|at| at.parse().ok()));
    maker.is_some_and(|(pid, started)| {
        procfs::entry(pid).is_none_or(|entry| entry.started != started || entry.zombie)
    })
}

/// A hold on one process: unlike its number, it never comes to mean another.
struct Handle(OwnedFd);

impl Handle {
    /// `None` when the process has ended.
    fn open(entry: Entry) -> Option<Self> {
        let handle = Self::open_pid(entry.pid)?;
        // What was opened is what was seen, if that is still there now.
        (procfs::entry(entry.pid)?.started == entry.started).then_some(handle)
    }

    fn open_pid(pid: i32) -> Option<Self> {
        pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok().map(Self)
    }

    /// A process that has ended meanwhile does not mind.
    fn signal(&self, signal: Signal) {
        if let Err(error) = pidfd_send_signal(&self.0, signal)
            && error != rustix::io::Errno::SRCH
        {
            warn!(%error, "could not send a signal to a process");
        }
    }

    async fn ended(self) {
        #[expect(unsafe_code, reason = "the only way to wait for a process handle with the runtime")]
        // SAFETY: an OwnedFd is an open descriptor, always the same one, and the AsyncFd owns it to its end.
        let registered = unsafe { AsyncFd::register(self.0) };
        match registered {
            Ok(process) => drop(process.readable().await),
            Err(error) => {
                warn!(%error, "cannot watch a process end");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
