//! A service inside of Wine, as the watcher knows services.

use std::sync::Arc;

use standpipe_service::scm::ScmOptions;
use standpipe_service::watcher::Refusal;
use standpipe_service::{BoxFuture, Manager, NotReady, Probe, StartError, StartRefused, State, Status};
use tokio::sync::watch;

use super::state::Shared;
use crate::wire::{Failure, FailureKind, Reply, Request};

/// Starts, stops and queries a Windows service through the agent.
///
/// While the agent is gone, a query waits for the next one: the service may well be running, and nobody
/// knows. What is asked for otherwise fails, or waits too.
pub struct AgentManager {
    service: String,
    shared: Arc<Shared>,
    probe: Box<dyn Probe>,
    status: watch::Sender<Status>,
}

impl std::fmt::Debug for AgentManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentManager").field("service", &self.service).finish_non_exhaustive()
    }
}

/// A start that failed inside of Wine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct StartFailed(String);

impl AgentManager {
    pub(crate) fn new(service: &str, options: ScmOptions, shared: Arc<Shared>, probe: impl Probe) -> Self {
        shared.add(service, options);
        let status = shared.statuses.of(service);
        Self { service: service.to_owned(), shared, probe: Box::new(probe), status }
    }

    /// Asks again and again until an agent has answered; `None` when there will be none any more.
    async fn ask(&self, request: impl Fn(String) -> Request) -> Option<Reply> {
        loop {
            let link = self.shared.link().await.ok()?;
            if let Ok(reply) = link.request(request(self.service.clone())).await {
                return Some(reply);
            }
            // The next agent is not there yet; the state says so in a moment.
            link.over().await;
            tokio::task::yield_now().await;
        }
    }

    async fn start_service(&self) -> Result<(), StartError> {
        let refused = |refusal, text| StartError::from(StartRefused::new(refusal, StartFailed(text)));
        let gone =
            |reason: &str| refused(Refusal::ForNow, format!("there is no agent inside Wine: {reason}"));
        let link = self.shared.link().await.map_err(|reason| gone(&reason))?;
        let service = self.service.clone();
        // Not asked twice: what became of a request whose answer is lost shows in the service's status.
        match link.request(Request::Start { service }).await {
            Ok(Reply::Failed(Failure { kind, text, .. })) => Err(match kind {
                FailureKind::WrongState => StartError::NotStopped,
                FailureKind::NotPermitted => refused(Refusal::NotPermitted, text),
                FailureKind::ForGood | FailureKind::NotFound => refused(Refusal::ForGood, text),
                FailureKind::ForNow | FailureKind::Busy | FailureKind::TimedOut => {
                    refused(Refusal::ForNow, text)
                }
            }),
            Ok(_) => Ok(()),
            Err(error) => Err(gone(&error.to_string())),
        }
    }
}

impl Manager for AgentManager {
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(self.start_service())
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.ask(|service| Request::Stop { service }).await;
        })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.ask(|service| Request::Kill { service }).await;
        })
    }

    fn query(&self) -> BoxFuture<'_, Status> {
        Box::pin(async {
            if let Some(Reply::Status(status)) = self.ask(|service| Request::Query { service }).await {
                self.shared.statuses.set(&self.service, status.clone());
                return status;
            }
            // Without an agent, and none to come, nothing of Wine is left.
            let detail = Some("there is no agent inside Wine any more".to_owned());
            Status { detail, ..Status::of(State::Stopped) }
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async {
            if let Err(reason) = self.shared.now() {
                return Err(NotReady::new(format!("there is no agent inside Wine: {reason}")));
            }
            self.probe.check().await
        })
    }

    fn changes(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}
