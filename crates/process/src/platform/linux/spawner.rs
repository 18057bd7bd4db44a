//! The one thread that starts processes and reaps orphans.
//!
//! One thread for both, because
//! * the kernel sends the parent-death signal when the *thread* that started a process ends, and this one
//!   never does;
//! * an orphan is a child that this thread did not start; as it does both, it always knows, and never takes
//!   the exit status of a process that somebody is waiting for.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nix::sys::wait::{self, WaitPidFlag};
use nix::unistd::getsid;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::procfs;

/// How long after a death orphans are looked for. Whoever has died may be wanted again at once, and a start
/// does not wait for the look; and many that die together are found by one.
const REAP_AFTER: Duration = Duration::from_millis(50);

enum Request {
    Spawn { command: Box<Command>, runtime: Handle, reply: oneshot::Sender<io::Result<Spawned>> },
    Forget { pid: i32, token: u64 },
}

/// A process started by the thread, and the note that it is.
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) note: Note,
}

/// While it lives, its process is waited for by somebody.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) pid: i32,
    token: u64,
    requests: mpsc::UnboundedSender<Request>,
}

/// The processes that have a note.
static NOTED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn noted() -> MutexGuard<'static, BTreeSet<i32>> {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the process with this number was started here and is still waited for.
pub(super) fn is_waited_for(pid: i32) -> bool {
    noted().contains(&pid)
}

impl Drop for Note {
    fn drop(&mut self) {
        noted().remove(&self.pid);
        let _ = self.requests.send(Request::Forget { pid: self.pid, token: self.token });
    }
}

/// Starts a process from the thread; its I/O and its end are those of the caller's runtime.
pub(super) async fn spawn(command: Command) -> io::Result<Spawned> {
    let (reply, outcome) = oneshot::channel();
    let request = Request::Spawn { command: Box::new(command), runtime: Handle::current(), reply };
    requests()?.send(request).map_err(|_| thread_is_gone())?;
    outcome.await.map_err(|_| thread_is_gone())?
}

fn thread_is_gone() -> io::Error {
    io::Error::other("the thread that starts processes has ended")
}

/// The way to the thread, which the first call starts.
fn requests() -> io::Result<&'static mpsc::UnboundedSender<Request>> {
    static REQUESTS: OnceLock<Result<mpsc::UnboundedSender<Request>, String>> = OnceLock::new();
    REQUESTS
        .get_or_init(|| start().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|reason| io::Error::other(reason.as_str()))
}

fn start() -> io::Result<mpsc::UnboundedSender<Request>> {
    set_child_subreaper(Some(getpid()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let mut deaths = {
        let _inside = runtime.enter();
        signal(SignalKind::child())?
    };
    let (requests, mut incoming) = mpsc::unbounded_channel();
    let for_notes = requests.clone();
    std::thread::Builder::new().name("standpipe-processes".into()).spawn(move || {
        runtime.block_on(async move {
            let mut waited_for = HashMap::new();
            let mut next_token = 0u64;
            let mut reap_at = None;
            loop {
                tokio::select! {
                    Some(request) = incoming.recv() => match request {
                        Request::Spawn { mut command, runtime, reply } => {
                            let spawned = {
                                let _inside = runtime.enter();
                                command.spawn()
                            };
                            let outcome = spawned.map(|child| {
                                next_token += 1;
                                let pid = child.id().map_or(0, u32::cast_signed);
                                waited_for.insert(pid, next_token);
                                noted().insert(pid);
                                let note = Note { pid, token: next_token, requests: for_notes.clone() };
                                Spawned { child, note }
                            });
                            // If the caller went away, the dropped child is killed.
                            drop(reply.send(outcome));
                        }
                        Request::Forget { pid, token } => {
                            // The number may be another child's by now.
                            if waited_for.get(&pid) == Some(&token) {
                                waited_for.remove(&pid);
                            }
                        }
                    },
                    Some(()) = deaths.recv() => {
                        reap_at.get_or_insert_with(|| Instant::now() + REAP_AFTER);
                    }
                    () = sleep_until(reap_at.unwrap_or_else(Instant::now)), if reap_at.is_some() => {
                        reap_at = None;
                        reap_orphans(&waited_for);
                    }
                    else => return,
                }
            }
        });
    })?;
    Ok(requests)
}

/// Takes the exit status of every ended child that was handed to this process when its parent ended.
///
/// Such a child is in another session: everything is started at the head of its own. A child in this
/// process's session was started by other code here, which waits for it.
fn reap_orphans(waited_for: &HashMap<i32, u64>) {
    if !procfs::is_usable() {
        return reap_orphans_without_proc(waited_for);
    }
    let me = procfs::own_pid();
    // Asked of /proc, not of getsid(2): in a PID namespace whose first process did not start a session of its
    // own the session is 0, a number that both name alike and that is no process's.
    let own_session = procfs::entry(me).map_or(0, |entry| entry.session);
    for entry in procfs::all() {
        let is_orphan = entry.parent == me
            && entry.zombie
            && entry.session != own_session
            && !waited_for.contains_key(&entry.pid);
        if let Some(pid) = Pid::from_raw(entry.pid).filter(|_| is_orphan) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

/// The same where only the kernel can be asked: it names one child that has ended at a time, and the same one
/// again until somebody takes its status.
fn reap_orphans_without_proc(waited_for: &HashMap<i32, u64>) {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // 0 in a namespace whose first process is of a session outside of it.
    let own_session = getsid(None).ok();
    while let Some(ended) = wait::waitid(wait::Id::All, look).ok().and_then(|status| status.pid())
        && let Some(child) = Pid::from_raw(ended.as_raw())
        && !waited_for.contains_key(&ended.as_raw())
        && getsid(Some(ended)).ok() != own_session
    {
        let _ = waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }
}
