//! The task that owns a client's connection.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use standpipe_smb::client::{
    Connection, ConnectionError, Event, Input, OpenPipe, Operation, Ready, Reply, RequestError, RequestId,
};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Sleep};

use standpipe_transport::deadline::after;
use standpipe_transport::outgoing::Outgoing;
use standpipe_transport::receiving::with_buffer;

/// How long the server has to answer the log-off.
const LOG_OFF_TIMEOUT: Duration = Duration::from_secs(2);

/// Rounds of work without a pause, after which other tasks get their turn.
const ROUNDS: u32 = 64;

/// Requests that are taken up at most before they are sent.
const BATCH: u32 = 64;

/// What a handle tells the driver.
pub(crate) enum Command {
    /// Ask the server, and answer `reply`. The token is for [`Command::Cancel`].
    Ask { token: u64, operation: Operation<'static>, reply: ReplySender },
    /// Nobody waits for this any more.
    Cancel { token: u64 },
    /// Close a pipe that nobody holds any more.
    Close { pipe: OpenPipe },
}

type ReplySender = oneshot::Sender<Result<Reply, RequestError>>;

pub(crate) struct Driver {
    connection: Connection,
    stream: TcpStream,
    commands: mpsc::UnboundedReceiver<Command>,
    ready: Option<oneshot::Sender<Result<Ready, ConnectionError>>>,
    closed: watch::Sender<Option<ConnectionError>>,
    started: Instant,
    waiting: HashMap<RequestId, (u64, ReplySender)>,
    tokens: HashMap<u64, RequestId>,
    outgoing: Outgoing,
    keep_alive: Option<KeepAlive>,
}

/// Finds out whether a silent server is still there.
struct KeepAlive {
    interval: Duration,
    /// When to look again.
    due: Instant,
    /// Whether the server said something since the last look.
    heard: bool,
    /// What it was asked, when it was silent.
    asked: Option<RequestId>,
}

enum Wake {
    Readable(io::Result<()>),
    Writable(io::Result<()>),
    Command(Command),
    /// Every handle is gone.
    Abandoned,
    /// The time that was waited for has come.
    Timeout,
}

impl Driver {
    pub(crate) fn new(
        connection: Connection,
        stream: TcpStream,
        commands: mpsc::UnboundedReceiver<Command>,
        ready: oneshot::Sender<Result<Ready, ConnectionError>>,
        closed: watch::Sender<Option<ConnectionError>>,
    ) -> Self {
        Self {
            connection,
            stream,
            commands,
            ready: Some(ready),
            closed,
            started: Instant::now(),
            waiting: HashMap::new(),
            tokens: HashMap::new(),
            outgoing: Outgoing::default(),
            keep_alive: None,
        }
    }

    /// Asks a server that was silent for this long for a sign of life.
    pub(crate) fn keeping_alive(mut self, interval: Option<Duration>) -> Self {
        let due = |interval| after(self.started, interval);
        self.keep_alive =
            interval.map(|interval| KeepAlive { interval, due: due(interval), heard: true, asked: None });
        self
    }

    /// Runs the connection until it is over, and answers everything that was asked.
    pub(crate) async fn run(mut self) {
        let reason = self.drive().await;
        // From here on handles see a closed connection; what they asked before is answered.
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Ask { reply, .. } = command {
                let _ = reply.send(Err(RequestError::Lost { sent: false }));
            }
        }
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Err(reason));
        }
        self.closed.send_replace(Some(reason));
    }

    async fn drive(&mut self) -> ConnectionError {
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        let mut abandoned = None;
        let mut rounds = 0;
        loop {
            if let Err(error) = self.send() {
                tracing::debug!(%error, "connection lost");
                self.handle(Input::Disconnected);
            }
            if let Some(reason) = self.take_events() {
                // The last words, such as a log-off, are small; nobody waits for them.
                let _ = self.send();
                return reason;
            }
            rounds += 1;
            if rounds == ROUNDS {
                rounds = 0;
                tokio::task::yield_now().await;
            }
            let due = abandoned.or_else(|| self.due());
            match poll_fn(|cx| self.poll_wake(cx, timer.as_mut(), due, abandoned.is_some())).await {
                Wake::Readable(ready) => {
                    if let Err(error) = ready.and_then(|()| self.receive()) {
                        tracing::debug!(%error, "connection lost");
                        self.handle(Input::Disconnected);
                    }
                }
                Wake::Writable(Ok(())) => {}
                Wake::Writable(Err(error)) => {
                    tracing::debug!(%error, "connection lost");
                    self.handle(Input::Disconnected);
                }
                Wake::Command(command) => {
                    self.command(command);
                    // What else is asked for goes out with it.
                    for _ in 0..BATCH {
                        match self.commands.try_recv() {
                            Ok(command) => self.command(command),
                            Err(_) => break,
                        }
                    }
                }
                Wake::Abandoned if self.connection.ready().is_some() => {
                    abandoned = Some(after(Instant::now(), LOG_OFF_TIMEOUT));
                    self.connection.log_off();
                }
                Wake::Abandoned => return ConnectionError::LoggedOff,
                Wake::Timeout if abandoned.is_some() => return ConnectionError::LoggedOff,
                Wake::Timeout => {
                    self.handle(Input::Timeout);
                    self.look_for_life();
                }
            }
        }
    }

    /// When something has to be done without anything happening outside.
    fn due(&self) -> Option<Instant> {
        match self.connection.next_timeout() {
            Some(due) => Some(after(self.started, due)),
            None => self.keep_alive.as_ref().map(|keep_alive| keep_alive.due),
        }
    }

    fn look_for_life(&mut self) {
        let now = Instant::now();
        let is_ready = self.connection.ready().is_some();
        let Some(KeepAlive { interval, due, heard, asked }) = &mut self.keep_alive else {
            return;
        };
        if !is_ready || now < *due {
            return;
        }
        *due = after(now, *interval);
        match *asked {
            _ if mem::take(heard) => *asked = None,
            None => *asked = Some(self.connection.echo()),
            // While the question itself cannot be sent, the server is busy and not gone.
            Some(question) if self.connection.is_on_its_way(question) && !self.outgoing.is_sending() => {
                tracing::debug!(silent = ?*interval, "connection given up: the server does not answer");
                self.handle(Input::Disconnected);
            }
            Some(_) => {}
        }
    }

    fn poll_wake(
        &mut self,
        cx: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
        due: Option<Instant>,
        abandoned: bool,
    ) -> Poll<Wake> {
        if self.outgoing.is_sending()
            && let Poll::Ready(ready) = self.stream.poll_write_ready(cx)
        {
            return Poll::Ready(Wake::Writable(ready));
        }
        // Replies are taken in also while requests cannot be sent: the server may wait for that.
        if let Poll::Ready(ready) = self.stream.poll_read_ready(cx) {
            return Poll::Ready(Wake::Readable(ready));
        }
        if !abandoned && let Poll::Ready(command) = self.commands.poll_recv(cx) {
            return Poll::Ready(command.map_or(Wake::Abandoned, Wake::Command));
        }
        if let Some(due) = due {
            let mut timer = timer;
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.poll(cx).is_ready() {
                return Poll::Ready(Wake::Timeout);
            }
        }
        Poll::Pending
    }

    fn handle(&mut self, input: Input<'_>) {
        self.connection.handle(self.started.elapsed(), input);
    }

    fn receive(&mut self) -> io::Result<()> {
        with_buffer(|buffer| match self.stream.try_read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                if let Some(keep_alive) = &mut self.keep_alive {
                    keep_alive.heard = true;
                }
                self.handle(Input::Received(buffer.get(..length).unwrap_or_default()));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        })
    }

    /// Sends what there is room for.
    fn send(&mut self) -> io::Result<()> {
        self.outgoing.send(&self.stream, |buffer| self.connection.take_transmit(buffer))
    }

    /// Hands replies out; the reason when the connection is over.
    fn take_events(&mut self) -> Option<ConnectionError> {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Ready(ready) => {
                    if let Some(sender) = self.ready.take() {
                        let _ = sender.send(Ok(ready));
                    }
                }
                Event::Completed { request, result } => self.completed(request, result),
                Event::Closed(reason) => return Some(reason),
            }
        }
        None
    }

    fn completed(&mut self, request: RequestId, result: Result<Reply, RequestError>) {
        let Some((token, reply)) = self.waiting.remove(&request) else {
            return;
        };
        self.tokens.remove(&token);
        // A pipe that was opened for nobody would stay open for the life of the connection.
        if let Err(Ok(Reply::Opened(pipe))) = reply.send(result) {
            self.connection.close_pipe(pipe);
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Ask { token, operation, reply } => {
                // Closing is not given up with the task that waits for it: the pipe would stay open.
                let can_be_given_up = !matches!(operation, Operation::Close { .. });
                let request = self.connection.request(operation);
                self.waiting.insert(request, (token, reply));
                if can_be_given_up {
                    self.tokens.insert(token, request);
                }
            }
            Command::Cancel { token } => {
                if let Some(request) = self.tokens.get(&token) {
                    self.connection.cancel(*request);
                }
            }
            Command::Close { pipe } => {
                self.connection.close_pipe(pipe);
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // What is still here was interrupted by a task that was killed.
        for (_, (_, reply)) in mem::take(&mut self.waiting) {
            let _ = reply.send(Err(RequestError::Lost { sent: true }));
        }
    }
}
