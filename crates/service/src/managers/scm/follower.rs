//! One thread for each service: it follows the service's status, and is the only one that publishes it.
//!
//! The service control manager calls the thread when the state changes, the system wakes it when the process
//! ends, and a slow poll is the net under both: Wine never says that a process has died, and still calls the
//! service *running* for ever.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use standpipe_process::Exit;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tracing::debug;

use super::WindowsCode;
use super::options::{ScmOptions, WhenPaused};
use crate::platform::scm::{Event, Look, Looked, ProcessHandle, Service, Settled, Subscription, Woken, wait};
use crate::probe::Probe;
use crate::state::{State, Status};

/// How often a service is looked at while it changes its state.
const POLL_PENDING: Duration = Duration::from_millis(250);
/// How often a service is looked at without a reason.
const POLL_SETTLED: Duration = Duration::from_secs(5);
/// How often a service is looked at when nobody says that its status changes.
const POLL_UNNOTIFIED: Duration = Duration::from_secs(1);
/// How long the service control manager may take to notice that a process has ended, before it is taken for
/// one that never does.
pub(super) const NOTICE: Duration = Duration::from_millis(300);
/// How long a running service may take to say that it is there, before that is believed.
const INTERROGATION: Duration = Duration::from_secs(1);
/// How long to wait before a paused service is asked again to continue.
const CONTINUE_AGAIN: Duration = Duration::from_secs(2);
/// The first wait between two probes of a starting service; it doubles up to [`SLOWEST_PROBE`].
const FIRST_PROBE: Duration = Duration::from_millis(10);
/// The longest wait between two probes of a starting service.
const SLOWEST_PROBE: Duration = Duration::from_millis(250);

/// The control `SERVICE_CONTROL_CONTINUE`.
const CONTINUE: u32 = 3;
/// The control `SERVICE_CONTROL_INTERROGATE`.
const INTERROGATE: u32 = 4;

/// What the follower is asked for, or learns.
pub(super) enum Message {
    /// Look afresh, and say what came of it.
    Look(oneshot::Sender<Status>),
    /// A start is being asked for; until it is over, *stopped* is not the last word.
    StartBegins,
    /// The start is over, well or not.
    StartEnds,
    /// The probe of the run with this number succeeded, or missed for this reason.
    Probed(u64, Result<(), String>),
    /// The service may have changed.
    Stirred,
}

/// How a service ended, for those that may have to wait for a restart by the service control manager.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// When that was noticed.
    pub(super) at: Instant,
    /// Whether its process died before it reported *stopped*.
    pub(super) died: bool,
    /// Whether it reported an error.
    pub(super) failed: bool,
}

/// What a manager and its follower share.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) options: ScmOptions,
    pub(super) probe: Arc<dyn Probe>,
    pub(super) status: watch::Sender<Status>,
    /// Whether it is being stopped for a start with another environment: until it is stopped, it is on its
    /// way down, whatever the service control manager says.
    pub(super) is_on_its_way_down: Arc<AtomicBool>,
    mailbox: Mutex<Mailbox>,
    event: Event,
}

struct Mailbox {
    messages: VecDeque<Message>,
    /// How many starts are under way.
    starting: u32,
    /// How the service ended, while it is stopped.
    ended: Option<Ended>,
    /// Whether nobody is interested any more.
    closed: bool,
}

impl Shared {
    pub(super) fn new(
        name: String,
        options: ScmOptions,
        probe: Arc<dyn Probe>,
        status: watch::Sender<Status>,
    ) -> Result<Self, WindowsCode> {
        let mailbox = Mailbox { messages: VecDeque::new(), starting: 0, ended: None, closed: false };
        let is_on_its_way_down = Arc::default();
        let event = Event::new()?;
        Ok(Self { name, options, probe, status, is_on_its_way_down, mailbox: Mutex::new(mailbox), event })
    }

    /// The same with a flag of the manager's for [`Self::is_on_its_way_down`].
    pub(super) fn with_way_down(self, is_on_its_way_down: &Arc<AtomicBool>) -> Self {
        Self { is_on_its_way_down: Arc::clone(is_on_its_way_down), ..self }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Mailbox) -> T) -> T {
        act(&mut self.mailbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands the follower a message.
    pub(super) fn send(&self, message: Message) {
        self.with(|mailbox| {
            match message {
                Message::StartBegins => mailbox.starting += 1,
                Message::StartEnds => mailbox.starting = mailbox.starting.saturating_sub(1),
                _ => {}
            }
            mailbox.messages.push_back(message);
        });
        self.event.set();
    }

    /// Ends the follower.
    pub(super) fn close(&self) {
        self.with(|mailbox| mailbox.closed = true);
        self.event.set();
    }

    /// The status while a stop is under way that nobody but the manager knows of.
    fn while_on_its_way_down(&self, status: Status) -> Status {
        if status.state == State::Stopped {
            self.is_on_its_way_down.store(false, Ordering::SeqCst);
        }
        if self.is_on_its_way_down.load(Ordering::SeqCst) {
            return Status { state: State::StopPending, ..status };
        }
        status
    }

    pub(super) fn is_closed(&self) -> bool {
        self.with(|mailbox| mailbox.closed)
    }

    /// Whether a start is under way.
    pub(super) fn is_starting(&self) -> bool {
        self.with(|mailbox| mailbox.starting > 0)
    }

    /// How the service ended, while it is stopped.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.with(|mailbox| mailbox.ended)
    }
}

/// Starts the thread that follows the service until [`Shared::close`].
pub(super) fn follow(shared: Arc<Shared>, runtime: runtime::Handle) -> std::io::Result<()> {
    let follower = move || {
        Follower {
            shared,
            runtime,
            service: None,
            subscription: None,
            quiet_until: None,
            process: Process::None,
            own_start: false,
            run: 0,
            probing: None,
            usable: false,
            missed: None,
            continued: None,
        }
        .run();
    };
    thread::Builder::new().name("service-status".into()).spawn(follower).map(drop)
}

/// What is known of the service's process.
enum Process {
    /// There is none.
    None,
    /// It lives, as far as is known. `None` when this account may not look at it.
    Alive(u32, Option<ProcessHandle>),
    /// It has died, and the service control manager has not noticed. `None` when it names no process.
    Dead(Option<u32>, Exit),
    /// The service is not stopped, and since then the service control manager names no process for it.
    Missing(Instant),
}

struct Follower {
    shared: Arc<Shared>,
    runtime: runtime::Handle,
    service: Option<Service>,
    subscription: Option<Subscription>,
    /// Until then no notification is asked for, since the last one brought nothing.
    quiet_until: Option<Instant>,
    process: Process,
    /// Whether the service was started through this manager.
    own_start: bool,
    /// Counts the runs of the service.
    run: u64,
    probing: Option<AbortHandle>,
    /// Whether the probe has succeeded in this run.
    usable: bool,
    /// Why the probe has not succeeded yet.
    missed: Option<String>,
    /// When the service was last asked to continue.
    continued: Option<Instant>,
}

impl Follower {
    fn run(mut self) {
        let mut woken = Woken::TimedOut;
        let mut last = None;
        while !self.shared.is_closed() {
            let messages = self.shared.with(|mailbox| std::mem::take(&mut mailbox.messages));
            let looks = self.take_in(messages);
            self.subscribe();
            let settled = self.settled();
            // A notification without news must not come back at once.
            let without_news =
                woken == Woken::Notified && settled.is_ok() && settled == last.unwrap_or(settled);
            self.quiet_until = without_news.then(|| Instant::now() + POLL_PENDING);
            last = Some(settled);
            let (status, ended) = self.status_of(settled);
            let status = self.shared.while_on_its_way_down(status);
            let pause = self.pause(&status);
            self.publish(status, ended);
            for look in looks {
                // The one that asked may have gone.
                let _ = look.send(self.shared.status.borrow().clone());
            }
            let process = match &self.process {
                Process::Alive(_, handle) => handle.as_ref(),
                Process::None | Process::Dead(..) | Process::Missing(_) => None,
            };
            woken = wait(&self.shared.event, process, pause);
        }
        self.end_probing();
    }

    /// Takes in the messages, and returns those that want an answer.
    fn take_in(&mut self, messages: VecDeque<Message>) -> Vec<oneshot::Sender<Status>> {
        let mut looks = Vec::new();
        for message in messages {
            match message {
                Message::Look(answer) => looks.push(answer),
                Message::StartBegins => self.own_start = true,
                // What was known of an earlier process is of no use any more. On Wine, the next one may even
                // have its number.
                Message::StartEnds if matches!(self.process, Process::Dead(..)) => {
                    self.process = Process::None;
                }
                Message::Probed(run, answer) if run == self.run => {
                    self.usable |= answer.is_ok();
                    self.missed = answer.err();
                }
                Message::StartEnds | Message::Probed(..) | Message::Stirred => {}
            }
        }
        looks
    }

    /// Asks for the next change, if that has not been done. Where the system refuses, the poll is what is
    /// left.
    fn subscribe(&mut self) {
        if self.quiet_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        if self.subscription.is_none() {
            let service = Service::open(&self.shared.name, Look::Status);
            self.subscription = service.ok().map(Subscription::new);
        }
        let Some(subscription) = &mut self.subscription else { return };
        if let Err(code) = subscription.request() {
            // Too slow to keep up (1294), marked for deletion, or the service control manager is gone: the
            // handle is of no more use, and must not keep a deleted service from going away.
            debug!(service = self.shared.name, "no notification of changes: {code}");
            self.subscription = None;
        }
    }

    /// What the service control manager says.
    fn settled(&mut self) -> Result<Settled, WindowsCode> {
        let looked = match &self.service {
            Some(service) => service.status(),
            None => Err(WindowsCode::SUCCESS),
        };
        // A handle can be out of date: the service was installed anew, or the service control manager is
        // another one.
        let settled = looked.or_else(|_| {
            self.service = None;
            let service = Service::open(&self.shared.name, Look::Status)?;
            let status = service.status()?;
            self.service = Some(service);
            Ok(status)
        });
        if settled.is_err() {
            self.subscription = None;
        }
        settled
    }

    /// The status to publish, and how the service ended if it has.
    fn status_of(&mut self, settled: Result<Settled, WindowsCode>) -> (Status, Option<Ended>) {
        let settled = match settled {
            Ok(settled) => self.noticed(settled),
            Err(code) => return (self.unknown(code), None),
        };
        self.look_at_process(&settled);
        if let Process::Dead(_, exit) = self.process {
            return self.stopped(exit, true);
        }
        if settled.state != State::Running {
            self.end_probing();
        }
        let status = Status {
            pid: settled.pid,
            checkpoint: settled.checkpoint,
            wait_hint: settled.wait_hint,
            ..Status::of(settled.state)
        };
        match settled.state {
            State::Stopped => {
                let died = settled.exit == Exit::WindowsError(WindowsCode::PROCESS_ABORTED.0);
                let exit = match self.exit_of_process() {
                    Some(exit) if died => exit,
                    _ => settled.exit,
                };
                self.process = Process::None;
                self.stopped(exit, died)
            }
            State::Running if !self.usable => {
                self.begin_probing();
                (Status { state: State::StartPending, detail: self.missed.clone(), ..status }, None)
            }
            State::Paused if self.shared.options.when_paused == WhenPaused::Continue => {
                self.ask_to_continue();
                (Status { state: State::ContinuePending, ..status }, None)
            }
            _ => (status, None),
        }
    }

    /// The service control manager's word, after it had its time to notice that the process has ended.
    fn noticed(&mut self, settled: Settled) -> Settled {
        let has_ended = matches!(&self.process, Process::Alive(_, Some(process)) if !process.is_alive());
        let since = Instant::now();
        let mut settled = settled;
        while has_ended && settled.state != State::Stopped && since.elapsed() < NOTICE {
            thread::sleep(Duration::from_millis(10));
            settled = self.settled().unwrap_or(settled);
        }
        settled
    }

    /// Finds out whether the process lives that the service control manager names.
    fn look_at_process(&mut self, settled: &Settled) {
        if settled.lacks_process() {
            self.miss_process();
            return;
        }
        let Some(pid) = settled.pid.filter(|_| settled.state != State::Stopped) else {
            if settled.state != State::Stopped {
                // It has none yet.
                self.process = Process::None;
            }
            return;
        };
        match &self.process {
            // On Wine, a new start is what ends the memory of a dead process.
            Process::Dead(dead, _) if *dead == Some(pid) && settled.state != State::StartPending => return,
            Process::Alive(known, Some(process)) if *known == pid => {
                if !process.is_alive() {
                    let exit = self.exit_of_process();
                    self.process = Process::Dead(Some(pid), exit.unwrap_or(ABORTED));
                }
                return;
            }
            Process::Alive(known, None) if *known == pid => return,
            _ => {}
        }
        self.end_probing();
        self.process = match ProcessHandle::open(pid) {
            Looked::Gone => Process::Dead(Some(pid), ABORTED),
            _ if settled.state == State::Running && !self.own_start && !is_there(&self.shared.name) => {
                Process::Dead(Some(pid), ABORTED)
            }
            Looked::Found(process) => Process::Alive(pid, Some(process)),
            Looked::Hidden => Process::Alive(pid, None),
        };
    }

    /// A service that is not stopped has no process: it is dead once that has lasted. Wine goes on to call
    /// one *running* that has just been stopped.
    fn miss_process(&mut self) {
        self.process = match self.process {
            Process::Missing(since) if since.elapsed() >= NOTICE => Process::Dead(None, ABORTED),
            Process::Missing(since) => Process::Missing(since),
            Process::Dead(None, exit) => Process::Dead(None, exit),
            Process::None | Process::Alive(..) | Process::Dead(Some(_), _) => {
                Process::Missing(Instant::now())
            }
        };
    }

    /// What the process returned, where that says something.
    fn exit_of_process(&self) -> Option<Exit> {
        let Process::Alive(_, Some(process)) = &self.process else { return None };
        match process.exit_code()? {
            // Not a success: it did not report that it stopped.
            0 => None,
            code if code == WindowsCode::PROCESS_ABORTED.0 => None,
            code => Some(Exit::Code(code.cast_signed())),
        }
    }

    fn stopped(&mut self, exit: Exit, died: bool) -> (Status, Option<Ended>) {
        self.end_probing();
        if self.shared.is_starting() {
            return (Status::of(State::StartPending), None);
        }
        let never = exit == Exit::WindowsError(WindowsCode::SERVICE_NEVER_STARTED.0);
        let status = Status { exit: (!never).then_some(exit), ..Status::of(State::Stopped) };
        let failed = !never && !exit.is_success();
        (status, Some(Ended { at: Instant::now(), died, failed }))
    }

    /// The status when the service control manager does not say it.
    fn unknown(&mut self, code: WindowsCode) -> Status {
        let is_alive = matches!(&self.process, Process::Alive(_, Some(process)) if process.is_alive());
        if is_alive && code != WindowsCode::SERVICE_DOES_NOT_EXIST {
            return self.shared.status.borrow().clone();
        }
        self.end_probing();
        self.process = Process::None;
        Status { detail: Some(code.to_string()), ..Status::of(State::Stopped) }
    }

    fn begin_probing(&mut self) {
        if self.probing.is_some() {
            return;
        }
        self.run += 1;
        let (run, shared) = (self.run, Arc::clone(&self.shared));
        let probing = self.runtime.spawn(async move {
            let mut wait = FIRST_PROBE;
            loop {
                let answer = shared.probe.check().await.map_err(|missed| missed.reason);
                let is_ok = answer.is_ok();
                shared.send(Message::Probed(run, answer));
                if is_ok {
                    return;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(SLOWEST_PROBE);
            }
        });
        self.probing = Some(probing.abort_handle());
    }

    fn end_probing(&mut self) {
        if let Some(probing) = self.probing.take() {
            probing.abort();
        }
        self.usable = false;
        self.missed = None;
        self.run += 1;
    }

    /// Asks a paused service to continue, in a thread of its own: that takes as long as its handler.
    fn ask_to_continue(&mut self) {
        if self.continued.is_some_and(|at| at.elapsed() < CONTINUE_AGAIN) {
            return;
        }
        self.continued = Some(Instant::now());
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            let asked =
                Service::open(&shared.name, Look::Continue).and_then(|service| service.control(CONTINUE));
            if let Err(code) = asked {
                debug!(service = shared.name, "a paused service was asked to continue: {code}");
            }
            shared.send(Message::Stirred);
        });
    }

    /// How long to wait for something to happen.
    fn pause(&self, status: &Status) -> Duration {
        if status.state.is_pending() || matches!(self.process, Process::Missing(_)) {
            POLL_PENDING
        } else if self.subscription.is_none() {
            POLL_UNNOTIFIED
        } else {
            POLL_SETTLED
        }
    }

    fn publish(&self, status: Status, ended: Option<Ended>) {
        self.shared.with(|mailbox| match (&mailbox.ended, ended) {
            // It was noticed before.
            (Some(_), Some(_)) => {}
            _ => mailbox.ended = ended,
        });
        self.shared.status.send_if_modified(|current| {
            let changed = *current != status;
            *current = status;
            changed
        });
    }
}

/// Whether a running service answers, when it was started by somebody else: the number of its dead process
/// may belong to another one by now. A service that takes its time is there.
pub(super) fn is_there(name: &str) -> bool {
    let (answer, answered) = mpsc::channel();
    let name = name.to_owned();
    thread::spawn(move || {
        let code = Service::open(&name, Look::Interrogate)
            .and_then(|service| service.control(INTERROGATE))
            .err()
            .filter(|code| code.is_dead_process());
        // Nobody may wait for the answer any more.
        let _ = answer.send(code);
    });
    !matches!(answered.recv_timeout(INTERROGATION), Ok(Some(_)))
}

/// How a process ended that is dead without a word.
const ABORTED: Exit = Exit::WindowsError(WindowsCode::PROCESS_ABORTED.0);
