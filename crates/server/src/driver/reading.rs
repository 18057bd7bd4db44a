//! Reading from services: which of them may be read from now, and those that have something.

use std::task::{Context, Poll};

use standpipe_pipe::connection::{PipeError, Received};
use standpipe_smb::server::{Input, OpenId};
use standpipe_transport::outgoing::take_long_buffer;

use super::{Driver, LONG, Open};
use crate::operation::{Again, Operation};

/// The largest buffer for what services write that is kept for the next read.
const KEPT_BUFFER: usize = 8 * 1024;

impl Driver {
    /// Starts to read from the services whose clients have room again.
    pub(super) fn read_from_services(&mut self) {
        if self.unread.is_empty() {
            return;
        }
        let Self { protocol, opens, unread, ready, .. } = self;
        unread.retain(|open| {
            let Some(entry) = opens.get_mut(open) else {
                return false;
            };
            if !protocol.wants_data(*open) {
                return true;
            }
            entry.is_read = true;
            ready.push_back(*open);
            false
        });
    }

    /// Takes in what one of the services wrote that are read from; whether there was anything. The others
    /// keep their place in the queue. Each service that has nothing rings its bell as soon as it has.
    pub(super) fn poll_services(&mut self) -> Poll<()> {
        self.signals.take_rung(&mut self.ready);
        while let Some(open) = self.ready.pop_front() {
            let Some(Open { link, ringing, is_read, .. }) = self.opens.get_mut(&open) else {
                continue;
            };
            // Somebody else may ring, too.
            if !*is_read {
                continue;
            }
            let mut cx = Context::from_waker(ringing.reset());
            let longest = self.shared.max_message();
            match link.poll_receive(&mut cx, &mut self.buffer, longest) {
                Poll::Pending => {}
                Poll::Ready(None) => {
                    *is_read = false;
                    self.shared.budget.postponed();
                    self.operations.push(Operation::pause(Again::Read(open)));
                }
                Poll::Ready(Some(result)) => {
                    *is_read = false;
                    self.read(open, result);
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }

    /// Takes in what was read.
    fn read(&mut self, open: OpenId, result: Result<Received, PipeError>) {
        let Some(entry) = self.opens.get_mut(&open) else {
            return;
        };
        let pipe = entry.pipe;
        match result {
            Ok(Received::Data) => {
                self.shared.counters.replies.add();
                let told = entry.told;
                if self.buffer.len() >= LONG {
                    self.protocol.lend_for_reply(take_long_buffer(), self.buffer.len());
                }
                let now = self.clock.now();
                self.protocol.handle(now, Input::Data { open, bytes: &self.buffer });
                self.unread.push(open);
                if told > 0 {
                    self.look_at_unread(open);
                }
            }
            Ok(Received::End) => {
                // As after DisconnectNamedPipe: the next client need not wait for this one to close its end.
                entry.slot = None;
                if entry.link.connection.was_reset() {
                    let gone = PipeError::Closed;
                    self.service_failed(pipe, &gone, "a service went without reading all that was written");
                }
                self.handle(Input::Closed { open });
            }
            Err(error) => {
                self.service_failed(pipe, &error, "a service cannot be read from");
                // Only the service itself can say that there is no more to read.
                self.handle(match error {
                    PipeError::Closed => Input::Closed { open },
                    _ => Input::Lost { open },
                });
            }
        }
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BUFFER);
    }
}
