//! Buffers for what arrives, before it is known how long it is.

use std::cell::RefCell;

/// Bytes taken from the network at once.
const LENGTH: usize = 64 * 1024;

/// The longest message that [`with_message_buffer`] has room for.
pub(crate) const LONGEST_MESSAGE: usize = 1024 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; LENGTH].into_boxed_slice());
    /// As long as messages may be, but only what they were is resident.
    static MESSAGE: RefCell<Box<[u8]>> = RefCell::new(vec![0; LONGEST_MESSAGE].into_boxed_slice());
}

/// Lends this thread's buffer. What is received is taken over before the next connection has its turn, so one
/// buffer for each thread does, and idle connections hold none.
pub(crate) fn with_buffer<T>(receive: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| receive(buffer))
}

/// Lends this thread's buffer for one message.
#[cfg_attr(windows, expect(dead_code, reason = "there are no local pipes on Windows yet"))]
pub(crate) fn with_message_buffer<T>(receive: impl FnOnce(&mut [u8]) -> T) -> T {
    MESSAGE.with_borrow_mut(|buffer| receive(buffer))
}
