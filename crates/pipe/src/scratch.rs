//! A buffer for what comes from the network.

use std::cell::RefCell;

/// Bytes taken from the network at once.
const LENGTH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; LENGTH].into_boxed_slice());
}

/// Lends this thread's buffer. What is received is taken over before the next connection has its turn, so one
/// buffer for each thread does, and idle connections hold none.
pub(crate) fn with_buffer<T>(receive: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| receive(buffer))
}
