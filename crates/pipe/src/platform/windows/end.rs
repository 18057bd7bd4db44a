//! One end of a named pipe, for overlapped I/O.
//!
//! The system's own byte streams lose the boundaries of messages and empty messages, so reads and writes are
//! made here: one read at a time is under way, whose message waits in the end until somebody takes it. No
//! message is lost when whoever waited for it gives up.

#![expect(unsafe_code, reason = "the system looks into pipes by a raw handle")]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF, ERROR_INVALID_HANDLE, ERROR_MORE_DATA, ERROR_NO_DATA,
    ERROR_OPERATION_ABORTED, ERROR_PIPE_NOT_CONNECTED, ERROR_SUCCESS,
};
use windows_sys::Win32::System::Pipes::PeekNamedPipe;

use super::operation::{Handle, Operation, Outcome, os_error};
use crate::Mode;
use crate::connection::PipeError;
use crate::platform::Received;

/// Room for the next message before it is known how long it is, in bytes: what an idle client costs at least
/// and at most.
const LEAST_ROOM: usize = 4 * 1024;
const MOST_ROOM: usize = 16 * 1024;

/// How much of a message is fetched at once when its length is known, in bytes.
const MOST_AT_ONCE: usize = 1024 * 1024;

/// How often to look whether the other end is closed: the system tells nobody who does not read.
pub(super) const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// What `sent` counts once the system has all that is to be written, and has not written it yet.
const HANDED_OVER: usize = usize::MAX;

/// One end of a pipe.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    /// `None` once it is closed here.
    handle: Mutex<Option<Arc<Handle>>>,
    mode: Mode,
    reading: Mutex<Reading>,
    writing: Mutex<Writing>,
    /// Whether the other end went without reading everything.
    reset: AtomicBool,
}

#[derive(Debug, Default)]
struct Reading {
    operation: Option<Arc<Operation>>,
    /// The beginning of a message, or bytes that were read and not taken.
    held: Vec<u8>,
    /// How long the message is up to here, which may be more than is held.
    length: usize,
    /// Room for the next read, in bytes.
    room: usize,
    ended: bool,
}

#[derive(Debug, Default)]
struct Writing {
    /// The last write, which may still be under way. The next one waits for its end.
    last: Option<Arc<Operation>>,
    /// The write that was begun by [`PipeEnd::try_send`] and whose outcome nobody knows yet.
    owed: Option<Arc<Operation>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an error says that nothing more can come.
fn is_end(error: u32) -> bool {
    matches!(
        error,
        ERROR_BROKEN_PIPE
            | ERROR_PIPE_NOT_CONNECTED
            | ERROR_NO_DATA
            | ERROR_HANDLE_EOF
            | ERROR_OPERATION_ABORTED
            | ERROR_INVALID_HANDLE
    )
}

impl PipeEnd {
    /// Takes an end whose reads are of the mode of the pipe.
    pub(super) fn new(handle: Arc<Handle>, mode: Mode) -> Self {
        Self {
            handle: Mutex::new(Some(handle)),
            mode,
            reading: Mutex::default(),
            writing: Mutex::default(),
            reset: AtomicBool::new(false),
        }
    }

    pub(super) fn handle(&self) -> Option<Arc<Handle>> {
        lock(&self.handle).clone()
    }

    /// Starts an operation unless the end is closed. A close waits, so it cancels this one too.
    fn start(&self, start: impl FnOnce(&Arc<Handle>) -> Arc<Operation>) -> Option<Arc<Operation>> {
        lock(&self.handle).as_ref().map(start)
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn was_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// Appends a message of at most `limit` bytes, or in byte mode at least one and at most `limit` bytes.
    pub(super) fn poll_receive(
        &self,
        cx: &Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<Result<Received, PipeError>> {
        let mut reading = lock(&self.reading);
        loop {
            if self.mode == Mode::Byte && !reading.held.is_empty() {
                let count = reading.held.len().min(limit);
                buffer.extend(reading.held.drain(..count));
                return Poll::Ready(Ok(Received::Data));
            }
            let Some(outcome) = ready!(self.poll_read(cx, &mut reading, limit)) else {
                return Poll::Ready(Ok(Received::End));
            };
            match outcome.error {
                ERROR_SUCCESS if self.mode == Mode::Byte => {}
                ERROR_SUCCESS => return Poll::Ready(reading.take_message(buffer, limit)),
                ERROR_MORE_DATA => {}
                error if is_end(error) => self.end(&mut reading),
                error => {
                    return Poll::Ready(Err(PipeError::receive(os_error(error))));
                }
            }
        }
    }

    /// The other end has gone. This one is closed too: until then the system keeps the instance of the pipe,
    /// which may be the only one that the service can have.
    fn end(&self, reading: &mut Reading) {
        reading.ended = true;
        self.close();
    }

    /// One read, whose bytes are held; `None` at the end.
    fn poll_read(&self, cx: &Context<'_>, reading: &mut Reading, limit: usize) -> Poll<Option<Outcome>> {
        if reading.ended {
            return Poll::Ready(None);
        }
        let operation = if let Some(operation) = &reading.operation {
            operation
        } else {
            let room = reading.room.max(LEAST_ROOM);
            let Some(operation) = self.start(|handle| Operation::read(handle, room)) else {
                return Poll::Ready(None);
            };
            reading.operation.insert(operation)
        };
        let outcome = ready!(operation.poll(cx));
        let bytes = operation.take_read();
        reading.operation = None;
        match self.mode {
            Mode::Message => reading.add_part(&bytes, limit),
            Mode::Byte => reading.held = bytes,
        }
        if outcome.error == ERROR_MORE_DATA {
            let rest = self.handle().and_then(|handle| peek(&handle).ok()).map_or(0, |found| found.message);
            reading.room = rest.clamp(LEAST_ROOM, MOST_AT_ONCE);
        }
        Poll::Ready(Some(outcome))
    }

    /// Appends bytes up to and with the next line feed, or up to the end or `limit`, and nothing beyond.
    pub(super) fn poll_line(
        &self,
        cx: &Context<'_>,
        line: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<Result<(), PipeError>> {
        let mut reading = lock(&self.reading);
        while !line.ends_with(b"\n") && line.len() < limit {
            if reading.held.is_empty() {
                match ready!(self.poll_read(cx, &mut reading, limit)) {
                    None => break,
                    Some(outcome) if matches!(outcome.error, ERROR_SUCCESS | ERROR_MORE_DATA) => {}
                    Some(outcome) if is_end(outcome.error) => self.end(&mut reading),
                    Some(outcome) => {
                        let error = os_error(outcome.error);
                        return Poll::Ready(Err(PipeError::receive(error)));
                    }
                }
            }
            let feed = reading.held.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let count = feed.unwrap_or(reading.held.len()).min(limit - line.len());
            line.extend(reading.held.drain(..count));
        }
        Poll::Ready(Ok(()))
    }

    /// Hands the data to the system if everything before it is written; `None` if not.
    fn begin(
        &self,
        writing: &mut Writing,
        cx: Option<&Context<'_>>,
        data: &[u8],
    ) -> Result<Option<Arc<Operation>>, PipeError> {
        if let Some(last) = &writing.last {
            let is_done = cx.map_or_else(|| last.outcome().is_some(), |cx| last.poll(cx).is_ready());
            if !is_done {
                return Ok(None);
            }
            writing.last = None;
        }
        let operation =
            self.start(|handle| Operation::write(handle, data.to_vec())).ok_or(PipeError::Closed)?;
        if operation.outcome().is_none() {
            writing.last = Some(Arc::clone(&operation));
        }
        Ok(Some(operation))
    }

    fn written(&self, outcome: Outcome, had_to_wait: bool) -> Result<(), PipeError> {
        match outcome.error {
            ERROR_SUCCESS => Ok(()),
            error if is_end(error) => {
                if had_to_wait && error != ERROR_OPERATION_ABORTED {
                    self.reset.store(true, Ordering::Relaxed);
                }
                Err(PipeError::Closed)
            }
            error => Err(PipeError::send(os_error(error))),
        }
    }

    /// Sends all of `data` (in message mode as one message). `sent` starts at 0; the rest of its values are
    /// this end's own. One task at a time can wait here.
    pub(super) fn poll_send(
        &self,
        cx: &Context<'_>,
        data: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        if self.try_send_with(Some(cx), data, sent)? {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    /// Sends what there is room for; whether that was everything. What there is no room for is the system's
    /// to write from then on: it is sent although nobody waits for it.
    pub(super) fn try_send(&self, data: &[u8], sent: &mut usize) -> Result<bool, PipeError> {
        self.try_send_with(None, data, sent)
    }

    fn try_send_with(
        &self,
        cx: Option<&Context<'_>>,
        data: &[u8],
        sent: &mut usize,
    ) -> Result<bool, PipeError> {
        if self.mode == Mode::Byte && data.is_empty() {
            return Ok(true);
        }
        let mut writing = lock(&self.writing);
        if *sent != HANDED_OVER {
            let Some(operation) = self.begin(&mut writing, cx, data)? else {
                return Ok(false);
            };
            if let Some(outcome) = operation.outcome() {
                return self.written(outcome, false).map(|()| true);
            }
            writing.owed = Some(operation);
            *sent = HANDED_OVER;
        }
        let Some(owed) = &writing.owed else {
            return Ok(true);
        };
        let outcome = match cx.map(|cx| owed.poll(cx)) {
            Some(Poll::Pending) => None,
            Some(Poll::Ready(outcome)) => Some(outcome),
            None => owed.outcome(),
        };
        let Some(outcome) = outcome else {
            return Ok(false);
        };
        writing.owed = None;
        self.written(outcome, true).map(|()| true)
    }

    /// Like [`Self::poll_send`] for any number of waiting tasks.
    pub(super) async fn send(&self, data: &[u8]) -> Result<(), PipeError> {
        if self.mode == Mode::Byte && data.is_empty() {
            return Ok(());
        }
        let begun = std::future::poll_fn(|cx| match self.begin(&mut lock(&self.writing), Some(cx), data) {
            Ok(None) => Poll::Pending,
            Ok(Some(operation)) => Poll::Ready(Ok(operation)),
            Err(error) => Poll::Ready(Err(error)),
        });
        let operation = begun.await?;
        if let Some(outcome) = operation.outcome() {
            return self.written(outcome, false);
        }
        let outcome = std::future::poll_fn(|cx| operation.poll(cx)).await;
        self.written(outcome, true)
    }

    /// Waits until the other end is closed and nothing is left to be read.
    pub(super) async fn hung_up(&self) {
        while self.handle().is_some_and(|handle| peek(&handle).is_ok()) {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Ends both directions, which wakes whoever waits here. What was written stays readable by the other
    /// end.
    pub(super) fn close(&self) {
        if let Some(handle) = lock(&self.handle).take() {
            // Each operation keeps the handle open until its end.
            handle.cancel();
        }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.close();
    }
}

impl Reading {
    /// Holds a part of a message, unless the message is too long.
    fn add_part(&mut self, part: &[u8], limit: usize) {
        self.length += part.len();
        if self.length <= limit {
            self.held.extend_from_slice(part);
        } else {
            self.held = Vec::new();
        }
    }

    /// Appends the message that is complete now.
    fn take_message(&mut self, buffer: &mut Vec<u8>, limit: usize) -> Result<Received, PipeError> {
        let (length, message) = (std::mem::take(&mut self.length), std::mem::take(&mut self.held));
        self.room = length.clamp(LEAST_ROOM, MOST_ROOM);
        if length > limit {
            return Err(PipeError::TooLong { length, limit });
        }
        buffer.extend_from_slice(&message);
        Ok(Received::Data)
    }
}

/// What a look into a pipe found, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// What is left of the first message.
    message: usize,
}

/// Looks into a pipe without taking anything. Fails when the other end is closed and nothing is left.
fn peek(handle: &Handle) -> io::Result<Found> {
    let mut message = 0;
    // SAFETY: the handle is open; only the last number is asked for.
    let done = unsafe {
        PeekNamedPipe(handle.raw(), ptr::null_mut(), 0, ptr::null_mut(), ptr::null_mut(), &raw mut message)
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Found { message: message as usize })
}
