//! What the shell has not fetched yet.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::server::{Event, OpenId, Output};

/// The largest buffer that is kept for the next write, in bytes.
const KEPT_BUFFER: usize = 8 * 1024;

/// What a connection asks of the shell, in order.
#[derive(Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
    /// For the bytes of the next write.
    spare: Vec<u8>,
}

impl Outputs {
    /// Asks the shell for something.
    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// Asks the shell to write this to a backend.
    pub(crate) fn write(&mut self, open: OpenId, data: &[u8]) {
        let mut bytes = core::mem::take(&mut self.spare);
        bytes.extend_from_slice(data);
        self.push(Output::Write { open, bytes });
    }

    /// Keeps the buffer of a write for the next one.
    pub(crate) fn recycle(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= KEPT_BUFFER {
            bytes.clear();
            self.spare = bytes;
        }
    }

    /// Reports something for the log or a counter.
    pub(crate) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    /// The oldest that the shell has not fetched.
    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }
}
