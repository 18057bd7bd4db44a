//! One connection's task: carries bytes between the network, the state machine and the services.

mod clock;
mod holding;
mod opening;
mod own_ids;
mod reading;
mod signals;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, Stream};
use standpipe_security::Sid;
use standpipe_smb::server::budget::Budgets;
use standpipe_smb::server::{
    Connection, Event, Input, Now, OpenId, Output, PipeId, SessionId, WaitId, WriteFailure,
};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::{Place, Stage};
use crate::alarms::{Alarm, Alarms};
use crate::counters::CountedOpen;
use crate::events;
use crate::linger::linger;
use crate::log_limit::Kind;
use crate::operation::{Done, Link, Operation, Shared, Stall};
use crate::sessions::{EndedBy, Registered};
use crate::turns::Waiter;
use clock::Clock;
use own_ids::OwnIds;
use signals::{Ringing, Signals};
use standpipe_pipe::backend::Slot;
use standpipe_pipe::connection::PipeError;
use standpipe_system::error::with_causes;
use standpipe_transport::outgoing::Outgoing;
use standpipe_transport::receiving::{keep_spare, take_spare, with_buffer};

/// What an open's service may leave unread without being asked about it, in bytes: it is part of what is set
/// aside for each open.
const UNREAD: usize = 16 * 1024;

/// About what the system needs for a message beside its bytes.
const MESSAGE: usize = 768;

/// How much arrives at once if it is part of a long frame, in bytes.
const LONG: usize = 16 * 1024;

/// Rounds of work without a pause, after which other connections, and this one's alarms, get their turn.
const ROUNDS: u32 = 64;

/// The state of one connection.
pub(crate) struct Driver {
    protocol: Connection,
    stream: TcpStream,
    peer: SocketAddr,
    /// Tells this connection from the server's others.
    number: u64,
    place: Place,
    shared: Arc<Shared>,
    clock: Clock,
    /// What wakes the task, and the waker for alarms.
    signals: Arc<Signals>,
    alarm: Waker,
    opens: OwnIds<OpenId, Open>,
    /// The sessions of those who have logged on here.
    sessions: Vec<Registered>,
    /// Opens whose service has not accepted them yet; dropping the sender gives that up.
    connecting: HashMap<OpenId, oneshot::Sender<()>>,
    /// Opens that are not read from at the moment, perhaps because their client has enough. Those that are
    /// gone are skipped.
    unread: Vec<OpenId>,
    /// Opens that are read from whose services may have something, in turn.
    ready: VecDeque<OpenId>,
    /// Who waits for a pipe; dropping the sender ends the wait.
    waits: HashMap<WaitId, oneshot::Sender<()>>,
    operations: FuturesUnordered<Operation>,
    outgoing: Outgoing,
    /// For what a service writes.
    buffer: Vec<u8>,
    /// Whether it is looked again, after a while, whether there is room for what the client sends, and how
    /// much services have left unread.
    pauses: bool,
    looks: bool,
}

/// An open whose service is connected.
struct Open {
    link: Arc<Link>,
    ringing: Ringing,
    /// Whether it is read from: it is in the queue of those that may have something, or its bell will ring.
    is_read: bool,
    /// The most that the service can have left unread, in bytes, and what the protocol knows of it.
    unread: usize,
    told: usize,
    pipe: PipeId,
    /// Whether a write is under way that the service had no room for, and what is to be written after it: the
    /// order of a client's writes is kept.
    writing: bool,
    to_write: VecDeque<Vec<u8>>,
    _counted: CountedOpen,
    /// Given back as soon as the service has closed its end.
    slot: Option<Slot>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // Ends a read or write that still waits; what was written stays readable by the service.
        self.link.connection.close();
        if self.unread > UNREAD {
            linger(&self.link);
        }
    }
}

/// Why the task goes on.
enum Wake {
    /// What the client sent was taken in.
    Received(io::Result<()>),
    Writable(io::Result<()>),
    /// What a service wrote was taken in.
    Read,
    Done(Done),
    /// A session has to end.
    Ended(SessionId, EndedBy),
    Alarm(Alarm),
}

/// Whether the connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

impl Driver {
    pub(crate) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
        shared: Arc<Shared>,
        accepted: Instant,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        standpipe_transport::keep_alive::keep_alive(&stream)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        // The time for the log-on runs since the connection was accepted.
        let clock = Clock::new(accepted);
        let now = Now { monotonic: Duration::ZERO, ..clock.now() };
        let protocol = Connection::new(Arc::clone(&shared.config), seed, now)
            .with_gate(shared.guessing.gate(peer.ip()))
            .with_budgets(Arc::clone(&shared.budget) as Arc<dyn Budgets>);
        #[cfg(feature = "conformance")]
        let protocol = match shared.other_names {
            Some(pipe) => protocol.with_other_names(pipe),
            None => protocol,
        };
        let signals = Arc::<Signals>::default();
        // Everything is looked at once.
        signals.mark_alarm();
        Ok(Self {
            protocol,
            stream,
            peer,
            number: shared.next_connection.fetch_add(1, Ordering::Relaxed),
            place,
            shared,
            clock,
            alarm: Waker::from(Arc::clone(&signals)),
            signals,
            sessions: Vec::new(),
            opens: OwnIds::default(),
            connecting: HashMap::new(),
            unread: Vec::new(),
            ready: VecDeque::new(),
            waits: HashMap::new(),
            operations: FuturesUnordered::new(),
            outgoing: Outgoing::default(),
            buffer: Vec::new(),
            pauses: false,
            looks: false,
        })
    }

    /// Serves the connection until one side ends it.
    pub(crate) async fn run(mut self) {
        tracing::debug!(peer = %self.peer, "connected");
        match self.serve().await {
            Ok(()) => self.send_rest().await,
            Err(error) => tracing::debug!(peer = %self.peer, %error, "connection lost"),
        }
    }

    /// Until the state machine ends the connection, or it breaks.
    async fn serve(&mut self) -> io::Result<()> {
        let mut alarms = Alarms::new(&self.shared.stop, self.shared.send_timeout);
        let mut was_busy = false;
        std::future::poll_fn(|cx| self.poll_serve(cx, &mut alarms, &mut was_busy)).await
    }

    /// Does all that can be done now. `was_busy` says whether the last call stopped before that.
    fn poll_serve(
        &mut self,
        cx: &mut Context<'_>,
        alarms: &mut Alarms,
        was_busy: &mut bool,
    ) -> Poll<io::Result<()>> {
        // First of all: whatever is marked from now on wakes the task again.
        self.signals.register(cx.waker());
        self.clock.read();
        // What is ready comes first, but not for ever: a client that never pauses cannot outrun the alarms.
        let mut alarms_first = mem::take(was_busy);
        for _ in 0..ROUNDS {
            if self.work()? == Flow::End {
                return Poll::Ready(Ok(()));
            }
            let wake = ready!(self.poll_wake(cx, alarms, mem::take(&mut alarms_first)));
            self.woken(wake)?;
        }
        if self.work()? == Flow::End {
            return Poll::Ready(Ok(()));
        }
        *was_busy = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Fails when the connection has to end without another word.
    fn woken(&mut self, wake: Wake) -> io::Result<()> {
        match wake {
            Wake::Received(result) | Wake::Writable(result) => return result,
            Wake::Read => {}
            Wake::Done(done) => self.done(done),
            Wake::Ended(session, EndedBy::Return) => self.handle(Input::EndSession { session }),
            Wake::Ended(session, EndedBy::AccountGone) => self.handle(Input::AccountGone { session }),
            Wake::Alarm(Alarm::Timeout) => self.handle(Input::Timeout),
            Wake::Alarm(Alarm::Stop) => self.handle(Input::Drain),
            Wake::Alarm(Alarm::Displaced) => {
                if self.place.is_users()
                    && let Some(line) = self.shared.log.line(Kind::Connection)
                {
                    let (peer, suppressed) = (self.peer, line.suppressed);
                    tracing::warn!(%peer, suppressed, "closing: another user's connection needs the place");
                }
                return Err(io::Error::other("displaced by a newer connection"));
            }
            Wake::Alarm(Alarm::SendTimeout) => {
                if let Some(line) = self.shared.log.line(Kind::Closed) {
                    let (peer, suppressed) = (self.peer, line.suppressed);
                    tracing::warn!(%peer, suppressed, "closing: the client does not read what it is sent");
                }
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Carries out what the state machine wants and sends what it wrote, as far as that goes at once.
    fn work(&mut self) -> io::Result<Flow> {
        loop {
            let mut flow = Flow::Go;
            while let Some(output) = self.protocol.poll_output() {
                if self.carry_out(output)? == Flow::End {
                    flow = Flow::End;
                }
            }
            if flow == Flow::End {
                return Ok(flow);
            }
            self.send()?;
            // For a client that does not take its replies, no more are fetched.
            if self.is_sending() {
                return Ok(flow);
            }
            self.read_from_services();
            // What the state machine holds back until replies are taken goes before what arrives next.
            if !self.protocol.can_resume() {
                return Ok(flow);
            }
            self.handle(Input::Timeout);
        }
    }

    /// Whether something waits for the client to take it.
    fn is_sending(&self) -> bool {
        self.outgoing.is_sending()
    }

    /// What happens next. Each kind of wait keeps this task's waker, or one of its signals', by itself.
    fn poll_wake(&mut self, cx: &mut Context<'_>, alarms: &mut Alarms, alarms_first: bool) -> Poll<Wake> {
        if !self.is_sending() {
            alarms.sent();
        }
        // A session that was ended elsewhere is over before its client's next request is looked at: whoever
        // came back over another connection knows by its reply that it is.
        if self.signals.is_alarm_marked()
            && let Some(ended) = self.ended_session()
        {
            return Poll::Ready(ended);
        }
        if alarms_first && let Poll::Ready(wake) = self.poll_alarms(alarms) {
            return Poll::Ready(wake);
        }
        if self.is_sending()
            && let Poll::Ready(ready) = self.stream.poll_write_ready(cx)
        {
            alarms.sent();
            return Poll::Ready(Wake::Writable(ready));
        }
        if self.poll_services().is_ready() {
            return Poll::Ready(Wake::Read);
        }
        // A client that does not read its replies sends no more requests. Asked before the operations are, as
        // a pause may be one of them from here on.
        let may_receive = !self.is_sending() && self.may_receive();
        if !self.operations.is_empty()
            && let Poll::Ready(Some(done)) = Pin::new(&mut self.operations).poll_next(cx)
        {
            return Poll::Ready(Wake::Done(done));
        }
        if may_receive && let Poll::Ready(result) = self.poll_receive(cx) {
            return Poll::Ready(Wake::Received(result));
        }
        self.poll_alarms(alarms)
    }

    /// Looks at the alarms, where one of them has rung, is new, or has to ring earlier than before.
    fn poll_alarms(&mut self, alarms: &mut Alarms) -> Poll<Wake> {
        let due = self.protocol.next_timeout().map(|due| self.clock.at(due));
        let sending = self.is_sending();
        if !(self.signals.take_alarm() || alarms.must_look(due, sending, self.clock.instant())) {
            return Poll::Pending;
        }
        // One that has rung is due by the clock that it went by.
        self.clock.read();
        let wake = if let Some(ended) = self.ended_session() {
            ended
        } else {
            let cx = &mut Context::from_waker(&self.alarm);
            Wake::Alarm(ready!(alarms.poll(cx, &mut self.place, due, sending)))
        };
        // The others were not looked at.
        self.signals.mark_alarm();
        Poll::Ready(wake)
    }

    /// One of the sessions that has to end. The others mark the alarms when they have to.
    fn ended_session(&mut self) -> Option<Wake> {
        let cx = &mut Context::from_waker(&self.alarm);
        self.sessions.iter_mut().find_map(|registered| match registered.poll_ended(cx) {
            Poll::Ready(by) => Some(Wake::Ended(registered.session(), by)),
            Poll::Pending => None,
        })
    }

    fn handle(&mut self, input: Input<'_>) {
        let now = self.clock.now();
        self.protocol.handle(now, input);
    }

    /// Takes in what the client sent.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_buffer(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            // Unlike `try_read`, this knows that a read which does not fill the buffer has taken all there
            // was.
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let lends = buffer.filled().len() >= LONG || self.protocol.awaits_rest();
            if lends {
                self.protocol.lend(take_spare());
            }
            self.handle(Input::Received(buffer.filled()));
            if lends {
                keep_spare(self.protocol.take_back());
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Sends what there is room for.
    fn send(&mut self) -> io::Result<()> {
        let Self { outgoing, stream, protocol, .. } = self;
        let sent = outgoing.send(stream, |buffer| protocol.take_transmit(buffer));
        self.protocol.set_unsent(self.outgoing.held());
        sent
    }

    /// Sends what is left before the connection is closed, for a short while.
    async fn send_rest(&mut self) {
        let send = async {
            loop {
                self.send()?;
                if !self.is_sending() {
                    return Ok::<(), io::Error>(());
                }
                self.stream.writable().await?;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), send).await;
    }

    /// Fails when the connection has to end without another word.
    fn carry_out(&mut self, output: Output) -> io::Result<Flow> {
        match output {
            Output::Open { open, pipe, grant, token, user } => self.open(open, pipe, grant, token, user),
            Output::Write { open, bytes } => self.write(open, bytes),
            Output::Close { open } => {
                self.opens.remove(&open);
                self.connecting.remove(&open);
                self.place.set_busy(!self.opens.is_empty());
            }
            Output::Wait { wait, pipe, timeout, user, may_open } => {
                let (cancel, cancelled) = oneshot::channel();
                self.waits.insert(wait, cancel);
                let waiter = Waiter { connection: self.number, account: user, may_open };
                let shared = Arc::clone(&self.shared);
                self.operations.push(Operation::wait(shared, wait, pipe, timeout, waiter, cancelled));
            }
            Output::CancelWait { wait } => {
                self.waits.remove(&wait);
            }
            Output::SessionStarted { session, account, user } => {
                let registered = self.shared.sessions.register(session, account, user);
                self.sessions.push(registered.ok_or_else(|| io::Error::other("a session's name was taken"))?);
                self.signals.mark_alarm();
                self.take_place(account)?;
            }
            Output::SessionEnded { session } => {
                self.sessions.retain(|registered| registered.session() != session);
            }
            Output::EndSession { session, account } => {
                let found = self.shared.sessions.end(session, account);
                tracing::debug!(peer = %self.peer, found, "a client came back and named its former session");
            }
            Output::Event(event) => {
                events::record(&event, self.peer, &self.shared);
                match event {
                    Event::Answered => self.place.comes_to(Stage::Answered),
                    Event::Challenged => self.place.comes_to(Stage::Challenged),
                    Event::LogonRefused { .. } => self.place.comes_to(Stage::Speaking),
                    _ => return Ok(Flow::Go),
                }
                // What tells the connection to go is another one now.
                self.signals.mark_alarm();
            }
            Output::Disconnect(reason) => {
                events::disconnected(&reason, self.peer, &self.shared.log);
                return Ok(Flow::End);
            }
        }
        Ok(Flow::Go)
    }

    /// Somebody has logged on: there may be too many already.
    fn take_place(&mut self, account: Sid) -> io::Result<()> {
        self.place.log_on(account).map(|_| ()).map_err(|error| {
            if let Some(line) = self.shared.log.line(Kind::Connection) {
                let (peer, suppressed) = (self.peer, line.suppressed);
                tracing::warn!(%peer, suppressed, "closing: too many connections of users");
            }
            io::Error::other(error)
        })
    }

    fn write(&mut self, open: OpenId, bytes: Vec<u8>) {
        let Some(entry) = self.opens.get_mut(&open) else {
            return;
        };
        self.shared.counters.requests.add();
        if entry.writing {
            entry.to_write.push_back(bytes);
        } else {
            self.write_now(open, bytes);
        }
    }

    fn write_now(&mut self, open: OpenId, mut bytes: Vec<u8>) {
        let Some(entry) = self.opens.get_mut(&open) else {
            return;
        };
        let mut sent = 0;
        entry.unread += bytes.len() + MESSAGE;
        match entry.link.connection.try_send(&mut bytes, &mut sent) {
            Ok(false) => {
                entry.writing = true;
                let link = Arc::clone(&entry.link);
                let stall = Some(Box::new(Stall::new(Arc::clone(&self.shared), entry.pipe, self.peer)));
                self.operations.push(Operation::Write { open, link, bytes, sent, stall });
            }
            result => {
                self.protocol.recycle(bytes);
                self.written(open, result.map(|_| ()));
            }
        }
    }

    /// The service had room at last: tells so, and writes what had to wait.
    fn write_done(&mut self, open: OpenId, result: Result<(), PipeError>) {
        self.written(open, result);
        if let Some(entry) = self.opens.get_mut(&open) {
            entry.writing = false;
        }
        while let Some(entry) = self.opens.get_mut(&open)
            && !entry.writing
            && let Some(bytes) = entry.to_write.pop_front()
        {
            self.write_now(open, bytes);
        }
    }

    fn written(&mut self, open: OpenId, result: Result<(), PipeError>) {
        let result = result.map_err(|error| {
            let failure = match error {
                PipeError::TooLong { .. } => WriteFailure::TooLong,
                PipeError::Lost { .. } => WriteFailure::Lost,
                _ => WriteFailure::Gone,
            };
            if let Some(entry) = self.opens.get(&open) {
                self.service_failed(entry.pipe, &error, "a service did not take what was written");
            }
            failure
        });
        self.handle(Input::Written { open, result });
        self.look_at_unread(open);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Connect { open, pipe, result } => {
                // Unless the client closed it meanwhile.
                if self.connecting.remove(&open).is_some() {
                    self.connected(open, pipe, result);
                }
            }
            Done::Nothing => {}
            Done::Again(again) => self.look_again(again),
            Done::Wait { wait, available } => {
                if self.waits.remove(&wait).is_some() {
                    self.handle(Input::Waited { wait, available });
                }
            }
            Done::Write { open, result } => {
                if self.opens.contains_key(&open) {
                    self.write_done(open, result);
                }
            }
        }
    }

    fn service_failed(&self, pipe: PipeId, error: &dyn std::error::Error, what: &str) {
        if let (Some(served), Some(line)) = (self.shared.served(pipe), self.shared.log.line(Kind::Service)) {
            let (peer, pipe, backend) = (self.peer, &*served.name, &served.backend);
            let (error, suppressed) = (with_causes(error), line.suppressed);
            tracing::warn!(%peer, pipe, %backend, %error, suppressed, "{what}");
        }
    }
}
