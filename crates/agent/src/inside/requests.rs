//! What the host asks for beside opens.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use standpipe_service::scm::ScmOptions;
use standpipe_service::watcher::Refusal;
use standpipe_service::{Manager, StartError, Status};
use tokio::sync::watch;

use super::{Inner, Service};
use crate::channel::Outbox;
use crate::wire::{Failure, FailureKind, Frame, Reply, Request};

impl Inner {
    /// Does what is asked for, and says what came of it.
    pub(super) async fn answer(self: &Arc<Self>, request: Request) -> Reply {
        match request {
            Request::Watch { service, options } => {
                let manager = self.manager_with(&service, options);
                self.watch(service, &manager);
                Reply::Status(manager.query().await)
            }
            Request::Query { service } => Reply::Status(self.manager(&service).query().await),
            Request::Start { service } => {
                let manager = self.manager(&service);
                if let Err(failure) = self.machine.check_start(&service) {
                    return Reply::Failed(failure);
                }
                if let Some(known) = self.lock_services().get_mut(&service) {
                    known.was_started = true;
                }
                match manager.start().await {
                    Ok(()) => Reply::Done,
                    Err(error) => {
                        // Before the refusal, so that no older status follows it.
                        self.statuses.send(&service, &manager.changes());
                        Reply::Failed(failure_of(&error))
                    }
                }
            }
            Request::Stop { service } => {
                self.manager(&service).stop().await;
                Reply::Done
            }
            Request::Kill { service } => {
                self.manager(&service).kill().await;
                Reply::Done
            }
            Request::IsAvailable { pipe } => Reply::Answer(self.machine.is_available(&pipe).await),
            Request::SetEnvironment { variables } => match self.machine.set_environment(&variables) {
                Ok(changed) => Reply::Answer(changed),
                Err(failure) => Reply::Failed(failure),
            },
        }
    }

    fn manager(&self, service: &str) -> Arc<dyn Manager> {
        self.manager_with(service, ScmOptions::default())
    }

    /// The manager of a service; the options are those of the first request, with which a host begins.
    fn manager_with(&self, service: &str, options: ScmOptions) -> Arc<dyn Manager> {
        let mut services = self.lock_services();
        let known = services.entry(service.to_owned()).or_insert_with(|| Service {
            manager: self.machine.manager(service, options),
            is_watched: false,
            was_started: false,
        });
        Arc::clone(&known.manager)
    }

    /// Tells the host of every change of a service, once it has asked for that.
    fn watch(self: &Arc<Self>, service: String, manager: &Arc<dyn Manager>) {
        if let Some(known) = self.lock_services().get_mut(&service)
            && std::mem::replace(&mut known.is_watched, true)
        {
            return;
        }
        let mut changes = manager.changes();
        let statuses = Arc::clone(&self.statuses);
        self.runtime.spawn(async move {
            while changes.changed().await.is_ok() {
                statuses.send(&service, &changes);
            }
        });
    }
}

/// Sends the statuses of services to the host.
pub(super) struct Statuses {
    outbox: Arc<Outbox>,
    /// Held while one is sent, so that none overtakes a newer one.
    sending: Mutex<()>,
}

impl Statuses {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, sending: Mutex::new(()) }
    }

    /// Sends the latest status of a service.
    fn send(&self, service: &str, changes: &watch::Receiver<Status>) {
        let _one_at_a_time = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let status = changes.borrow().clone();
        self.outbox.send(&Frame::Changed { service: service.to_owned(), status });
    }
}

/// What a start that failed means, with its causes.
fn failure_of(error: &StartError) -> Failure {
    let kind = match error {
        StartError::NotStopped => FailureKind::WrongState,
        StartError::Refused(_) => match error.refusal() {
            Refusal::ForNow => FailureKind::ForNow,
            Refusal::ForGood => FailureKind::ForGood,
            Refusal::NotPermitted => FailureKind::NotPermitted,
        },
    };
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    Failure { kind, code: 0, text }
}
