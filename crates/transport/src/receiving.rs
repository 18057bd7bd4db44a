//! A buffer to receive into, before it is known how much arrives.

use std::cell::{Cell, RefCell};

/// Bytes taken from the network at once.
const LENGTH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; LENGTH].into_boxed_slice());
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends this thread's buffer of 64 KiB. The received bytes are taken over before the next connection has its
/// turn, so one buffer for each thread does, and idle connections hold none.
///
/// # Panics
///
/// When `receive` asks for the buffer again.
pub fn with_buffer<T>(receive: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| receive(buffer))
}

/// Takes the memory that this thread keeps for what arrives in pieces; empty if there is none.
#[must_use]
pub fn take_spare() -> Vec<u8> {
    SPARE.take()
}

/// Keeps memory for the next [`take_spare`] of this thread.
pub fn keep_spare(memory: Vec<u8>) {
    SPARE.set(memory);
}
