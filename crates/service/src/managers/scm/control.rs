//! Starts and stops a service once and waits for what comes of it, for a person or a script. What keeps a
//! service running is [`ScmManager`](super::ScmManager).

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use standpipe_process::Exit;

use super::follower::{NOTICE, is_there};
use super::manager::explained;
use super::step::{Step, to_start, to_stop};
use super::{ScmError, WindowsCode};
use crate::platform::scm::{Look, Looked, ProcessHandle, Service, Settled};
use crate::state::{State, Status};

/// How often a service on its way is looked at.
const AGAIN: Duration = Duration::from_millis(100);
/// The control `SERVICE_CONTROL_STOP`.
const STOP: u32 = 1;

/// Whether this system has a service control manager.
///
/// # Errors
/// [`ScmError::Unsupported`] when it has none.
pub const fn check_supported() -> Result<(), ScmError> {
    Ok(())
}

/// What a service is doing; `None` when it is not installed. One that is called running but whose process is
/// dead is stopped: Wine never corrects that.
///
/// # Errors
/// When the service control manager refuses.
pub fn status(name: &str) -> Result<Option<Status>, ScmError> {
    match look(name) {
        Ok(settled) => Ok(Some(status_of(&settled))),
        Err(WindowsCode::SERVICE_DOES_NOT_EXIST) => Ok(None),
        Err(code) => Err(ScmError::Refused { what: "look at", name: name.to_owned(), code }),
    }
}

fn status_of(settled: &Settled) -> Status {
    let has_ended = settled.state == State::Stopped;
    let never = settled.exit == Exit::WindowsError(WindowsCode::SERVICE_NEVER_STARTED.0);
    Status {
        pid: settled.pid.filter(|_| !has_ended),
        checkpoint: settled.checkpoint,
        wait_hint: settled.wait_hint,
        exit: (has_ended && !never).then_some(settled.exit),
        ..Status::of(settled.state)
    }
}

/// What the service control manager says, corrected where the service's process is dead.
fn look(name: &str) -> Result<Settled, WindowsCode> {
    let service = Service::open(name, Look::Status)?;
    let mut settled = service.status()?;
    if settled.lacks_process() {
        // It is about to be *stopped*, or Wine calls it *running* for ever.
        thread::sleep(NOTICE);
        settled = service.status()?;
    }
    let is_dead = match settled.pid {
        _ if settled.state == State::Stopped => false,
        _ if settled.lacks_process() => true,
        Some(pid) if matches!(ProcessHandle::open(pid), Looked::Gone) => true,
        // The number of a dead process may belong to another one by now.
        _ => settled.state == State::Running && !is_there(name),
    };
    if !is_dead {
        return Ok(settled);
    }
    let exit = Exit::WindowsError(WindowsCode::PROCESS_ABORTED.0);
    Ok(Settled { state: State::Stopped, pid: None, exit, ..settled })
}

/// Starts a service and waits until it runs, as long as `patience`. Returns whether it did not run before.
/// When the time is over, the service is left on its way.
///
/// # Errors
/// When the service control manager refuses, when the service ends before it runs, or when the time is over.
pub fn start(name: &str, patience: Duration) -> Result<bool, ScmError> {
    let began = Instant::now();
    let refused = |code| ScmError::Refused { what: "start", name: name.to_owned(), code };
    let mut asked = false;
    loop {
        let settled = look(name).map_err(refused)?;
        match to_start(settled.state, asked) {
            Step::Done => return Ok(asked),
            Step::Ask => match in_time(patience.saturating_sub(began.elapsed()), name, ask_to_start) {
                Some(Ok(())) => asked = true,
                // Somebody else has started it, or its dead process is about to be noticed.
                Some(Err(WindowsCode::SERVICE_ALREADY_RUNNING)) => {}
                // Another service is being started.
                Some(Err(WindowsCode::SERVICE_DATABASE_LOCKED)) if began.elapsed() < patience => {}
                Some(Err(code)) => return Err(explained(name, code)),
                None => asked = true,
            },
            Step::Ended => return Err(ScmError::Failed { name: name.to_owned(), exit: settled.exit }),
            Step::Paused => return Err(ScmError::Paused { name: name.to_owned() }),
            Step::Wait => {}
        }
        wait(name, "start", &settled, began, patience)?;
    }
}

fn ask_to_start(name: &str) -> Result<(), WindowsCode> {
    Service::open(name, Look::Start)?.start()
}

/// Stops a service and waits until it is stopped, as long as `patience`. Returns whether it ran before.
///
/// # Errors
/// When the service control manager refuses, when others that depend on it run, or when the time is over.
pub fn stop(name: &str, patience: Duration) -> Result<bool, ScmError> {
    let began = Instant::now();
    let refused = |code| ScmError::Refused { what: "stop", name: name.to_owned(), code };
    let mut was_running = false;
    let mut asked = false;
    loop {
        let settled = look(name).map_err(refused)?;
        match to_stop(settled.state, asked) {
            Step::Done => return Ok(was_running),
            Step::Ask => match in_time(patience.saturating_sub(began.elapsed()), name, ask_to_stop) {
                None | Some(Ok(())) => asked = true,
                Some(Err(WindowsCode::DEPENDENT_SERVICES_RUNNING)) => {
                    let service = Service::open(name, Look::Stop).map_err(refused)?;
                    let dependents = service.active_dependents().map_err(refused)?;
                    return Err(ScmError::Dependents { name: name.to_owned(), dependents });
                }
                // It is not ready to be controlled, or has just ended.
                Some(Err(code)) if code.is_control_refused_for_now() || code.is_dead_process() => {}
                Some(Err(code)) => return Err(refused(code)),
            },
            Step::Wait | Step::Ended | Step::Paused => {}
        }
        was_running = true;
        wait(name, "stop", &settled, began, patience)?;
    }
}

fn ask_to_stop(name: &str) -> Result<(), WindowsCode> {
    Service::open(name, Look::Stop)?.control(STOP)
}

/// What came of a request that the service control manager may take 30 seconds to answer; `None` when it did
/// not answer in time.
fn in_time(
    patience: Duration,
    name: &str,
    ask: fn(&str) -> Result<(), WindowsCode>,
) -> Option<Result<(), WindowsCode>> {
    let (answer, answered) = mpsc::channel();
    let name = name.to_owned();
    // Nobody may wait for the answer any more.
    thread::spawn(move || {
        let _ = answer.send(ask(&name));
    });
    answered.recv_timeout(patience).ok()
}

/// Waits a moment, unless the time is over.
fn wait(
    name: &str,
    what: &'static str,
    settled: &Settled,
    began: Instant,
    patience: Duration,
) -> Result<(), ScmError> {
    if began.elapsed() < patience {
        thread::sleep(AGAIN);
        return Ok(());
    }
    Err(ScmError::TimedOut {
        what,
        name: name.to_owned(),
        after: patience,
        state: settled.state,
        checkpoint: settled.checkpoint,
        wait_hint: settled.wait_hint,
    })
}
