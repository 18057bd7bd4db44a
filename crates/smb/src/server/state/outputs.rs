//! What the shell has not fetched yet.

use alloc::collections::VecDeque;

use crate::server::{Event, Output};

/// What a connection asks of the shell, in order.
#[derive(Default)]
pub(crate) struct Outputs(VecDeque<Output>);

impl Outputs {
    /// Asks the shell for something.
    pub(crate) fn push(&mut self, output: Output) {
        self.0.push_back(output);
    }

    /// Reports something for the log or a counter.
    pub(crate) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    /// The oldest that the shell has not fetched.
    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.0.pop_front()
    }
}
