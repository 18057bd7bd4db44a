//! What a client that is logged on does: each act asks for something and looks at what comes back.

use std::time::Duration;

use futures_util::future::join_all;
use standpipe_client::{CallOptions, Client as Smb, ClientError, Pipe, ReplyEnd};
use standpipe_pipe::PipeName;
use standpipe_smb::NtStatus;

use crate::findings::Findings;
use crate::message::Request;
use crate::random::Random;
use crate::wire::Wire;

/// How long anything may take before it counts as hanging. The machine may be busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How long a client waits for a pipe that is busy, or whose service is being started again.
const FOR_PIPE: Duration = Duration::from_secs(5);

/// The longest request to a pipe of messages: what a socket takes whole where nobody raised the system's
/// limit.
const LONG: usize = 120_000;

/// Everything an act needs.
pub(crate) struct Caller<'a> {
    pub(crate) smb: &'a Smb,
    pub(crate) wire: &'a Wire,
    pub(crate) findings: &'a Findings,
    /// Which of the servers it is: the one with the pipe `simple`.
    pub(crate) watched: bool,
    /// The connection was logged off while requests were under way.
    pub(crate) logged_off: bool,
}

/// Nothing more can be done on this connection, or on this pipe.
#[derive(Debug)]
pub(crate) struct Ended;

impl Caller<'_> {
    /// One request after the other on one open of a pipe of messages.
    pub(crate) async fn converse(&self, pipe: &str, random: &mut Random) -> Result<(), Ended> {
        let opened = self.open(pipe).await?;
        for _ in 0..random.within(1..10) {
            let (delay, length) = (slowness(random), random.length(LONG));
            let request = Request::new(random, delay, length);
            self.findings.count("calls");
            let answered = self.in_time("a transceive", opened.transceive(&request.0, LONG)).await?;
            let reply = self.judge("a transceive", answered)?;
            // The service was killed and the pipe is at its end.
            let reply = reply.ok_or_else(|| self.error("NoReply"))?;
            self.compare("a transceive", &request, &request.reply(), &reply);
        }
        if random.percent(50) {
            let closed = self.in_time("a close", opened.close()).await?;
            self.judge("a close", closed)?;
        }
        Ok(())
    }

    /// Several opens at once, each with a request of its own under way.
    pub(crate) async fn converse_at_once(&self, random: &mut Random) -> Result<(), Ended> {
        let mut each: Vec<_> = (0..random.within(2..9)).map(|_| Random::of(random.next(), 0)).collect();
        let all = each.iter_mut().map(|random| self.converse("echo", random));
        join_all(all).await.into_iter().collect()
    }

    /// Frames over a pipe of bytes, written in parts and read in others.
    pub(crate) async fn stream(&self, random: &mut Random) -> Result<(), Ended> {
        let opened = self.open("bytes").await?;
        for _ in 0..random.within(1..4) {
            let (delay, length) = (slowness(random), random.length(LONG));
            let request = Request::new(random, delay, length);
            let mut frame = u32::try_from(request.0.len()).unwrap_or_default().to_le_bytes().to_vec();
            let mut expected = frame.clone();
            frame.extend_from_slice(&request.0);
            expected.extend_from_slice(&request.reply());
            self.findings.count("calls");
            let mut left = frame.as_slice();
            while !left.is_empty() {
                let (part, rest) = left.split_at(random.within(1..left.len() + 1));
                let written = self.in_time("a write", opened.write(part)).await?;
                self.judge("a write", written)?;
                left = rest;
            }
            let mut reply = Vec::new();
            while reply.len() < expected.len() {
                let read = self.in_time("a read", opened.read(1 + random.length(LONG))).await?;
                let part = self.judge("a read", read)?;
                reply.extend(part.ok_or_else(|| self.error("NoReply"))?);
            }
            self.compare("a stream", &request, &expected, &reply);
        }
        Ok(())
    }

    /// The story's call: a text, its answer, and the end of the pipe.
    pub(crate) async fn tell(&self, random: &mut Random) -> Result<(), Ended> {
        let length = random.length(LONG);
        let (request, expected) = Request::text(random, length);
        let options = CallOptions {
            reply_end: ReplyEnd::Disconnect,
            wait_for_pipe: FOR_PIPE,
            ..CallOptions::default()
        };
        self.findings.count("calls");
        let pipe = name("simple");
        let called = self.in_time("a call", self.smb.call(&pipe, &request.0, &options)).await?;
        let reply = self.judge("a call", called)?;
        self.compare("a call", &request, &expected, &reply);
        Ok(())
    }

    /// Waits for an answer that never comes, and gives it up: the request is cancelled. The connection goes
    /// on.
    pub(crate) async fn give_up(&self, random: &mut Random) -> Result<(), Ended> {
        let opened = self.open("silent").await?;
        let request = Request::new(random, Duration::ZERO, 64);
        self.findings.count("calls given up");
        let waiting = opened.transceive(&request.0, LONG);
        match tokio::time::timeout(random.up_to(Duration::from_millis(300)), waiting).await {
            Err(_) => {}
            Ok(Ok(Some(reply))) => {
                let length = reply.len();
                self.findings.wrong(format!("{length} bytes came from a pipe that never answers"));
            }
            Ok(Ok(None)) => return Err(self.error("NoReply")),
            Ok(Err(error)) => {
                self.judge("a call to be given up", Err::<(), _>(error))?;
            }
        }
        drop(opened);
        let alive = self.in_time("an echo", self.smb.echo()).await?;
        self.judge("an echo", alive)
    }

    /// Opens pipes and lets go of them without a word.
    pub(crate) async fn open_and_drop(&self, random: &mut Random) -> Result<(), Ended> {
        let mut held = Vec::new();
        for _ in 0..random.within(1..20) {
            self.findings.count("opens dropped");
            held.push(self.open(if self.watched { "simple" } else { "echo" }).await?);
        }
        Ok(())
    }

    /// Requests under way, for something to happen to. They end one way or the other.
    pub(crate) async fn be_busy(&self, random: &mut Random) {
        let mut each: Vec<_> = (0..random.within(1..12)).map(|_| Random::of(random.next(), 0)).collect();
        let all = each.iter_mut().map(|random| async {
            // Until something happens.
            let pipe = if random.percent(80) { "echo" } else { "few" };
            for _ in 0..3 {
                let ended =
                    if self.watched { self.tell(random).await } else { self.converse(pipe, random).await };
                if ended.is_err() {
                    break;
                }
            }
        });
        join_all(all).await;
    }

    async fn open(&self, pipe: &str) -> Result<Pipe, Ended> {
        let opened = self.in_time("an open", self.smb.open_when_free(&name(pipe), FOR_PIPE)).await?;
        let opened = self.judge("an open", opened)?;
        self.findings.count("opens");
        Ok(opened)
    }

    /// Nothing may hang.
    async fn in_time<T>(&self, what: &str, doing: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::time::timeout(PATIENCE, doing).await.map_err(|_| {
            self.findings.wrong(format!("{what} hangs: no end within {PATIENCE:?}"));
            Ended
        })
    }

    /// Sorts an error into those that have to be expected and those that must not be.
    fn judge<T>(&self, what: &str, result: Result<T, ClientError>) -> Result<T, Ended> {
        result.map_err(|error| {
            let spoiled = self.wire.was_cut() || self.logged_off;
            if !is_expected(&error, spoiled) {
                self.findings.wrong(format!("{what} failed, and nothing was done to it: {error}: {error:?}"));
            }
            self.error(kind_of(&error))
        })
    }

    fn error(&self, kind: &str) -> Ended {
        self.findings.count(&format!("error: {kind}"));
        Ended
    }

    fn compare(&self, what: &str, request: &Request, expected: &[u8], reply: &[u8]) {
        if reply == expected {
            self.findings.count("right replies");
            self.findings.add("bytes of right replies", reply.len() as u64);
            return;
        }
        let start = |bytes: &[u8]| bytes.iter().take(24).copied().collect::<Vec<_>>();
        self.findings.wrong(format!(
            "{what} of {} bytes got a wrong reply of {} bytes, {:x?}, and {:x?} was right",
            request.0.len(),
            reply.len(),
            start(reply),
            start(expected)
        ));
    }
}

/// Most requests are answered at once; some are under way long enough for something to happen.
fn slowness(random: &mut Random) -> Duration {
    if random.percent(20) { random.up_to(Duration::from_millis(400)) } else { Duration::ZERO }
}

pub(crate) fn name(pipe: &str) -> PipeName {
    PipeName::new(pipe).unwrap_or_else(|_| unreachable!("{pipe} is a name"))
}

/// Whether an error is what has to come of what the soak does: services are killed at any time; a connection
/// is `spoiled` when its wire was cut or it was logged off.
pub(crate) fn is_expected(error: &ClientError, spoiled: bool) -> bool {
    match error {
        ClientError::NoReply { .. } | ClientError::PipeBusy { .. } => true,
        ClientError::Disconnected { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Handshake { .. } => spoiled,
        ClientError::Refused { status, .. } => {
            spoiled
                && matches!(
                    *status,
                    NtStatus::USER_SESSION_DELETED
                        | NtStatus::FILE_CLOSED
                        | NtStatus::NETWORK_NAME_DELETED
                        // Who still waits for a pipe when the session ends.
                        | NtStatus::CANCELLED
                )
        }
        _ => false,
    }
}

/// An error's kind, to count it by.
pub(crate) fn kind_of(error: &ClientError) -> &'static str {
    match error {
        ClientError::Unreachable { .. } => "Unreachable",
        ClientError::ConnectTimeout { .. } => "ConnectTimeout",
        ClientError::LogOnFailed { .. } => "LogOnFailed",
        ClientError::Handshake { .. } => "Handshake",
        ClientError::NoSuchPipe { .. } => "NoSuchPipe",
        ClientError::AccessDenied { .. } => "AccessDenied",
        ClientError::PipeBusy { .. } => "PipeBusy",
        ClientError::Refused { .. } => "Refused",
        ClientError::RequestTooLong { .. } => "RequestTooLong",
        ClientError::ReplyTooLong { .. } => "ReplyTooLong",
        ClientError::NoReply { .. } => "NoReply",
        ClientError::ReplyTimeout { .. } => "ReplyTimeout",
        ClientError::Disconnected { .. } => "Disconnected",
        _ => "another",
    }
}
