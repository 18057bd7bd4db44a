//! What waits to be written to the channel.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::wire::Frame;

/// From so many bytes on, streams wait before they add to what waits. Other frames do not: each is small, and
/// somebody waits for it.
const FULL: usize = 1024 * 1024;

/// The largest emptied buffer that is used again.
const SPARE: usize = 2 * FULL;

/// Frames that wait to be written. Whoever writes them takes all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    spare: Vec<u8>,
    closed: bool,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame. After [`Self::close`] it is lost.
    pub(crate) fn send(&self, frame: &Frame) {
        self.add(|bytes| frame.encode(bytes));
    }

    /// Adds a piece of a stream, for which [`Self::room`] has waited.
    pub(crate) fn send_data(&self, stream: u32, last: bool, piece: &[u8]) {
        self.add(|bytes| Frame::encode_data(stream, last, piece, bytes));
    }

    fn add(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        let was_empty = waiting.bytes.is_empty();
        encode(&mut waiting.bytes);
        drop(waiting);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Waits until a piece may be added, or nothing any more.
    pub(crate) async fn room(&self) {
        loop {
            let mut taken = std::pin::pin!(self.taken.notified());
            taken.as_mut().enable();
            {
                let waiting = self.lock();
                if waiting.closed || waiting.bytes.len() < FULL {
                    return;
                }
            }
            taken.await;
        }
    }

    /// Waits for frames and takes all of them; `None` once it is closed and empty. `used` is an emptied
    /// buffer.
    pub(crate) async fn take(&self, used: Vec<u8>) -> Option<Vec<u8>> {
        if used.capacity() <= SPARE {
            self.lock().spare = used;
        }
        loop {
            let filled = self.filled.notified();
            {
                let mut waiting = self.lock();
                if !waiting.bytes.is_empty() {
                    let mut spare = mem::take(&mut waiting.spare);
                    spare.clear();
                    let bytes = mem::replace(&mut waiting.bytes, spare);
                    drop(waiting);
                    self.taken.notify_waiters();
                    return Some(bytes);
                }
                if waiting.closed {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Takes nothing more; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.taken.notify_waiters();
    }
}
