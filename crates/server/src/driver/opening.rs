//! Connecting opens to their services.

use std::collections::VecDeque;
use std::sync::Arc;

use standpipe_pipe::Caller;
use standpipe_pipe::backend::{Attempt, BackendError, Connected, Opening};
use standpipe_pipe::connection::PipeError;
use standpipe_security::{Grant, Token};
use standpipe_smb::server::{Input, OpenFailure, OpenId, PipeId};
use tokio::sync::oneshot;

use super::signals::Ringing;
use super::{Driver, Open};
use crate::counters::CountedOpen;
use crate::log_limit::Kind;
use crate::operation::{Link, Operation, Served, service_end};

impl Driver {
    pub(super) fn open(
        &mut self,
        open: OpenId,
        pipe: PipeId,
        grant: Grant,
        token: Arc<Token>,
        user: Arc<str>,
    ) {
        let seen = self.shared.served(pipe).and_then(Served::seen);
        if let Some(end) = seen.filter(|end| self.protocol.would_refuse(open, end)) {
            // The protocol refuses it now as it would refuse the service's answer, and says why.
            return self.handle(Input::Opened { open, result: Ok(end) });
        }
        let failure = match self.shared.served(pipe) {
            None => OpenFailure::NotListening,
            Some(served) if !self.shared.is_ready() => {
                if let Some(line) = self.shared.log.line(Kind::Service) {
                    let (peer, pipe, suppressed) = (self.peer, &*served.name, line.suppressed);
                    tracing::warn!(%peer, pipe, suppressed, "a pipe was asked for while its service is not ready");
                }
                OpenFailure::NotListening
            }
            Some(served) => match served.queue.slot(self.number) {
                None => OpenFailure::AllInstancesBusy,
                Some(slot) => {
                    let caller = Caller::new(user, token, self.peer, Arc::clone(&served.name));
                    return match served.backend.connect(grant, Opening { caller, slot }) {
                        Attempt::Later(connecting) => {
                            let (cancel, cancelled) = oneshot::channel();
                            self.connecting.insert(open, cancel);
                            self.operations.push(Operation::connect(open, pipe, connecting, cancelled));
                        }
                        Attempt::Done(result) => self.connected(open, pipe, result),
                    };
                }
            },
        };
        self.handle(Input::Opened { open, result: Err(failure) });
    }

    pub(super) fn connected(&mut self, open: OpenId, pipe: PipeId, result: Result<Connected, BackendError>) {
        let (result, greeting) = match result {
            Ok(Connected { connection, slot, greeting }) => {
                let end = service_end(&connection);
                if let Some(served) = self.shared.served(pipe) {
                    served.remember(&end);
                }
                let connection = connection.with_max_message(self.shared.max_message());
                let budget = self.protocol.budget().map(Arc::clone);
                let entry = Open {
                    link: Arc::new(Link { connection, budget }),
                    ringing: Ringing::new(open, &self.signals),
                    is_read: false,
                    unread: 0,
                    told: 0,
                    pipe,
                    writing: false,
                    to_write: VecDeque::new(),
                    _counted: CountedOpen::begin(&self.shared.counters),
                    slot,
                };
                self.opens.insert(open, entry);
                self.place.set_busy(true);
                self.unread.push(open);
                (Ok(end), greeting)
            }
            Err(error) => (Err(self.open_failure(pipe, &error)), None),
        };
        self.handle(Input::Opened { open, result });
        if let Some(greeting) = greeting
            && self.protocol.is_connected(open)
        {
            self.introduce(open, greeting);
        }
    }

    /// Tells a service who its caller is, who has passed every access check.
    fn introduce(&mut self, open: OpenId, mut greeting: Vec<u8>) {
        let Some(Open { link, pipe, .. }) = self.opens.get(&open) else {
            return;
        };
        let error = match link.connection.try_send(&mut greeting, &mut 0) {
            Ok(true) => return,
            // A new connection has room for it, unless the service does something strange with it.
            Ok(false) => PipeError::Closed,
            Err(error) => error,
        };
        self.service_failed(*pipe, &error, "a service does not take the line that names its caller");
        self.opens.remove(&open);
        self.handle(Input::Closed { open });
    }

    fn open_failure(&self, pipe: PipeId, error: &BackendError) -> OpenFailure {
        self.service_failed(pipe, error, "cannot reach a service");
        match error {
            BackendError::Busy { .. } => OpenFailure::AllInstancesBusy,
            BackendError::Io { source, .. } if standpipe_system::machine::is_exhausted(source) => {
                OpenFailure::OutOfResources
            }
            _ => OpenFailure::NotListening,
        }
    }
}
