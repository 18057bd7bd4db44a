//! What the host asks for beside opens.

use std::error::Error;
use std::sync::Arc;

use standpipe_service::watcher::Refusal;
use standpipe_service::{Manager, StartError};

use super::{Inner, Service};
use crate::wire::{Failure, FailureKind, Frame, Reply, Request};

impl Inner {
    /// Does what is asked for, and says what came of it.
    pub(super) async fn answer(self: &Arc<Self>, request: Request) -> Reply {
        match request {
            Request::Watch { service } => {
                let manager = self.manager(&service);
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
                    Err(error) => Reply::Failed(failure_of(&error)),
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
        let mut services = self.lock_services();
        let known = services.entry(service.to_owned()).or_insert_with(|| Service {
            manager: self.machine.manager(service),
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
        let outbox = Arc::clone(&self.outbox);
        self.runtime.spawn(async move {
            while changes.changed().await.is_ok() {
                let status = changes.borrow_and_update().clone();
                outbox.send(&Frame::Changed { service: service.clone(), status });
            }
        });
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
