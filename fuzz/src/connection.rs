//! The server's connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use standpipe_smb::Dialect;
use standpipe_smb::server::{
    Connection, Input, Now, OpenFailure, OpenId, Output, PipeMode, SessionId, WaitId, WriteFailure,
};

use crate::bytes::Bytes;
use crate::client::{self, Client};
use crate::world;

const PIPE_TRANSCEIVE: u32 = 0x0011_C017;
const PIPE_WAIT: u32 = 0x0011_0018;

/// More steps than this find nothing new, and only take time.
const MAX_STEPS: usize = 500;
/// More than one request's answer can be: the largest transfer, and room for what surrounds it.
const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// One connection: with or without a log-on first, then bytes, messages and events as the input says.
///
/// Nothing reaches a pipe that was not opened, nothing is asked of the shell once the connection is to be closed, and
/// no step makes the server send or hold without bound.
///
/// # Panics
/// When that does not hold.
pub fn connection(data: &[u8]) {
    play(data, |_| ());
}

/// Plays the input through, and shows every message that the server sends after the log-on.
fn play(data: &[u8], mut seen: impl FnMut(&[u8])) {
    let mut input = Bytes::new(data);
    let start = input.u8();
    let mode = if start & 1 == 0 { PipeMode::Message } else { PipeMode::Byte };
    let mut server = Server::new(mode);
    let mut client = Client::default();
    let dialect = match start >> 1 & 3 {
        0 => None,
        1 => Some(Dialect::Smb202),
        2 => Some(Dialect::Smb302),
        _ => Some(Dialect::Smb311),
    };
    if let Some(dialect) = dialect {
        // 3.0.2 agrees on a cipher without a context.
        let encrypted = start & 8 != 0 && dialect == Dialect::Smb302;
        let logged_on = client.log_on(dialect, encrypted, |frame| server.exchange(frame));
        logged_on.expect("an honest client can log on");
    }
    for _ in 0..MAX_STEPS {
        if input.is_empty() || server.closed {
            break;
        }
        let answer = step(&mut input, &mut client, &mut server);
        client.receive(&answer).iter().for_each(|message| seen(message));
    }
}

/// One thing that a client or a backend does; what the server sends thereupon.
fn step(input: &mut Bytes<'_>, client: &mut Client, server: &mut Server) -> Vec<u8> {
    let file = |client: &Client, which: u8| {
        let count = client.files.len().max(1);
        client.files.get(usize::from(which) % count).copied().unwrap_or([0xFF; 16])
    };
    let sent = match input.u8() % 16 {
        0 => input.block().to_vec(),
        1 => client::frame(input.block()),
        2 | 3 => {
            let command = u16::from(input.u8());
            client.message(command, input.block())
        }
        4 => {
            // A message whose header was changed before it was signed or encrypted.
            let command = u16::from(input.u8());
            let (place, value) = (usize::from(input.u8()) % 64, input.u32().to_le_bytes());
            let mut message = client.unsigned(command, input.block());
            for (byte, value) in message[place..].iter_mut().zip(value) {
                *byte = value;
            }
            client.finish(message)
        }
        5 => client.message(client::CREATE, &client::create_body()),
        6 => {
            let file = file(client, input.u8());
            client.message(client::READ, &client::read_body(file, u32::from(input.u16())))
        }
        7 => {
            let file = file(client, input.u8());
            client.message(client::WRITE, &client::write_body(file, input.block()))
        }
        8 => {
            let file = file(client, input.u8());
            let output = u32::from(input.u16());
            client.message(client::IOCTL, &client::ioctl_body(PIPE_TRANSCEIVE, file, output, input.block()))
        }
        9 => {
            let code = if input.u8() == 0 { PIPE_WAIT } else { input.u32() };
            client.message(client::IOCTL, &client::ioctl_body(code, [0xFF; 16], 4096, input.block()))
        }
        10 => {
            let file = file(client, input.u8());
            client.message(client::CLOSE, &client::close_body(file))
        }
        11 => {
            server.now.monotonic += Duration::from_millis(u64::from(input.u16()));
            server.feed(Input::Timeout);
            Vec::new()
        }
        12 => {
            if input.u8() == 0xFF {
                server.feed(Input::Drain);
            }
            Vec::new()
        }
        _ => {
            server.backend_event(input);
            Vec::new()
        }
    };
    if sent.is_empty() { server.flush() } else { server.exchange(&sent) }
}

/// The connection with a shell around it that does nothing by itself.
struct Server {
    connection: Connection,
    now: Now,
    /// What was opened and not closed, and whether its backend was asked for or took it.
    opening: BTreeSet<OpenId>,
    opened: BTreeSet<OpenId>,
    /// Writes that wait for their answer, oldest first.
    writes: Vec<OpenId>,
    waits: BTreeSet<WaitId>,
    sessions: BTreeSet<SessionId>,
    closed: bool,
}

impl Server {
    fn new(mode: PipeMode) -> Self {
        let now = Now { monotonic: Duration::from_secs(1), wall: world::TODAY };
        Self {
            connection: Connection::new(Arc::new(world::config(mode)), [0x11; 32], now),
            now,
            opening: BTreeSet::new(),
            opened: BTreeSet::new(),
            writes: Vec::new(),
            waits: BTreeSet::new(),
            sessions: BTreeSet::new(),
            closed: false,
        }
    }

    /// Bytes of the client; what the server sends in answer.
    fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.feed(Input::Received(bytes));
        self.flush()
    }

    fn flush(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        let any = self.connection.take_transmit(&mut sent);
        assert_eq!(any, !sent.is_empty(), "whether there is something to send");
        assert!(sent.len() <= 64 * MAX_ANSWER, "an answer of {} bytes", sent.len());
        sent
    }

    fn feed(&mut self, input: Input<'_>) {
        self.connection.handle(self.now, input);
        while let Some(output) = self.connection.poll_output() {
            assert!(
                !self.closed
                    || matches!(output, Output::Close { .. } | Output::CancelWait { .. } | Output::Event(_))
            );
            self.carry_out(output);
        }
        if let Some(due) = self.connection.next_timeout() {
            assert!(due < self.now.monotonic + Duration::from_hours(1), "a wake-up that never comes");
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Open { open, .. } => assert!(self.opening.insert(open), "opened twice"),
            Output::Write { open, bytes } => {
                assert!(self.opened.contains(&open), "written to what is not open");
                assert!(bytes.len() <= MAX_ANSWER, "{} bytes written at once", bytes.len());
                self.writes.push(open);
            }
            Output::Close { open } => {
                let was = self.opening.remove(&open) | self.opened.remove(&open);
                assert!(was, "closed what was not open");
                self.writes.retain(|each| *each != open);
            }
            Output::Wait { wait, timeout, .. } => {
                assert!(timeout <= Duration::from_mins(1), "a wait of {timeout:?}");
                assert!(self.waits.insert(wait), "waited for twice");
            }
            Output::CancelWait { wait } => {
                self.waits.remove(&wait);
            }
            Output::SessionStarted { session, .. } => {
                assert!(self.sessions.insert(session), "started twice");
            }
            Output::SessionEnded { session } => {
                assert!(self.sessions.remove(&session), "ended without a start");
            }
            Output::EndSession { session, .. } => {
                assert!(
                    !self.sessions.contains(&session),
                    "its own sessions are the connection's own business"
                );
            }
            Output::Event(_) => {}
            Output::Disconnect(_) => self.closed = true,
        }
    }

    /// Something that a backend does: what was asked of it is answered, or a service acts of its own accord.
    fn backend_event(&mut self, input: &mut Bytes<'_>) {
        let kind = input.u8();
        let which = usize::from(input.u8());
        let nth = |set: &BTreeSet<OpenId>| set.iter().nth(which % set.len().max(1)).copied();
        match kind % 8 {
            0 | 1 => {
                let Some(open) = nth(&self.opening) else { return };
                self.opening.remove(&open);
                let result = match kind >> 4 {
                    0 => Err(OpenFailure::NotListening),
                    1 => Err(OpenFailure::AllInstancesBusy),
                    2 => Err(OpenFailure::Refused),
                    3 => Err(OpenFailure::OutOfResources),
                    _ => Ok(()),
                };
                if result.is_ok() {
                    self.opened.insert(open);
                }
                self.feed(Input::Opened { open, result });
            }
            2 | 3 => {
                let Some(open) = nth(&self.opened) else { return };
                let bytes = input.block();
                if self.connection.wants_data(open) {
                    self.feed(Input::Data { open, bytes });
                }
            }
            4 => {
                let Some(open) = self.writes.first().copied() else { return };
                self.writes.remove(0);
                let result = match kind >> 4 {
                    0 => Err(WriteFailure::Gone),
                    1 => Err(WriteFailure::TooLong),
                    _ => Ok(()),
                };
                self.feed(Input::Written { open, result });
            }
            5 => {
                let Some(open) = nth(&self.opened) else { return };
                self.feed(Input::Closed { open });
            }
            6 => {
                let Some(open) = nth(&self.opened) else { return };
                self.feed(Input::Disconnected { open });
            }
            _ => {
                let Some(wait) = self.waits.pop_first() else { return };
                self.feed(Input::Waited { wait, available: kind >> 4 != 0 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the fuzzer would only ever knock at the door.
    #[test]
    fn the_seeds_reach_the_pipe() {
        for dialect in ["2.0.2", "3.0.2", "3.0.2-encrypted", "3.1.1"] {
            let seed = format!("{}/seeds/connection/write-read-{dialect}", env!("CARGO_MANIFEST_DIR"));
            let mut last_read = Vec::new();
            play(&std::fs::read(seed).unwrap(), |message| {
                if message[12..14] == client::READ.to_le_bytes() {
                    last_read = message.to_vec();
                }
            });
            assert!(last_read.ends_with(b"olleH"), "{dialect}: {last_read:02x?}");
        }
    }
}
