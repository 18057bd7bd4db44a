//! A buffer to receive a message into, before it is known how long it is.

use std::cell::RefCell;

/// The longest message that [`with_message_buffer`] has room for.
pub(super) const LONGEST_MESSAGE: usize = 1024 * 1024;

thread_local! {
    /// As long as messages may be, but only what they were is resident.
    static MESSAGE: RefCell<Box<[u8]>> = RefCell::new(vec![0; LONGEST_MESSAGE].into_boxed_slice());
}

/// Lends this thread's buffer for one message.
pub(super) fn with_message_buffer<T>(receive: impl FnOnce(&mut [u8]) -> T) -> T {
    MESSAGE.with_borrow_mut(|buffer| receive(buffer))
}
