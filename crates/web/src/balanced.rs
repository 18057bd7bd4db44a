//! A pipe that is called over the network, as the page and the bridge see it.

use std::time::Duration;

use standpipe_client::ClientError;
use standpipe_client::balancer::{Answer, Balancer, BalancerError};
use tokio::time::Instant;

use crate::calls::{CallError, CallErrorKind, CallFuture, PipeCalls, Readiness, Reply};
use crate::memory::Room;

/// How long a call waits for an instance to be ready. An instance that starts, or starts again, is seen to be
/// ready a moment after it is; a person should not be sent away for that moment.
const PATIENCE: Duration = Duration::from_secs(2);

impl PipeCalls for Balancer {
    fn call<'a>(&'a self, request: Vec<u8>, room: &'a Room) -> CallFuture<'a> {
        Box::pin(async move {
            let answer = call_when_ready(self, &request, room).await.map_err(call_error)?;
            Ok(Reply {
                data: answer.reply,
                instance: answer.target.instance,
                address: answer.target.server.to_string(),
            })
        })
    }

    fn readiness(&self) -> Readiness {
        let targets = self.snapshot();
        Readiness { ready: targets.iter().filter(|target| target.ready).count(), all: targets.len() }
    }
}

/// Makes the call; when no instance could take it, so that nothing was sent, once more whenever one changes.
async fn call_when_ready(balancer: &Balancer, request: &[u8], room: &Room) -> Result<Answer, BalancerError> {
    let deadline = Instant::now() + PATIENCE;
    let mut changes = balancer.changes();
    loop {
        changes.mark_unchanged();
        let result = balancer.call_within(request, &|bytes| room.take(bytes)).await;
        if !matches!(result, Err(BalancerError::NoneReady { .. })) {
            return result;
        }
        if !matches!(tokio::time::timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            return result;
        }
    }
}

fn call_error(error: BalancerError) -> CallError {
    let (kind, instance) = match &error {
        BalancerError::Call { target, source } => (kind(source), Some(target.instance.clone())),
        // What keeps all instances from being ready is worth a word of its own when it does not pass by
        // itself.
        BalancerError::NoneReady { .. } => {
            let common = error.cause().map_or(CallErrorKind::NoInstanceReady, kind);
            let kind = match common {
                CallErrorKind::LogonFailed
                | CallErrorKind::AccessDenied
                | CallErrorKind::NoSuchPipe
                | CallErrorKind::ConnectTimedOut => common,
                _ => CallErrorKind::NoInstanceReady,
            };
            (kind, None)
        }
        _ => (CallErrorKind::Other, None),
    };
    // The cause that all instances have in common is not a source of the error itself.
    let source: Box<dyn std::error::Error + Send + Sync> = match (&error, error.cause()) {
        (BalancerError::NoneReady { .. }, Some(cause)) => format!("{error}: {cause}").into(),
        _ => error.into(),
    };
    CallError { kind, instance, source: Some(source) }
}

fn kind(error: &ClientError) -> CallErrorKind {
    match error {
        ClientError::Unreachable { .. } | ClientError::Handshake { .. } => CallErrorKind::CouldNotConnect,
        ClientError::ConnectTimeout { .. } => CallErrorKind::ConnectTimedOut,
        ClientError::LogOnFailed { .. } => CallErrorKind::LogonFailed,
        ClientError::NoSuchPipe { .. } => CallErrorKind::NoSuchPipe,
        ClientError::AccessDenied { .. } => CallErrorKind::AccessDenied,
        ClientError::PipeBusy { .. } => CallErrorKind::PipeBusy,
        ClientError::RequestTooLong { .. } => CallErrorKind::TooLong,
        ClientError::NoRoom { .. } => CallErrorKind::NoRoom,
        ClientError::NoReply { .. } => CallErrorKind::ClosedBeforeReply,
        ClientError::ReplyTimeout { .. } => CallErrorKind::ReplyTimedOut,
        ClientError::Disconnected { may_have_arrived, .. } => {
            if *may_have_arrived {
                CallErrorKind::ClosedBeforeReply
            } else {
                CallErrorKind::CouldNotConnect
            }
        }
        _ => CallErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use standpipe_client::ServerAddress;
    use standpipe_client::balancer::Target;

    use super::*;

    fn target(number: u32) -> Target {
        let server = ServerAddress::new("127.0.0.1", 4445).unwrap();
        Target { instance: format!("ServiceWatcher/{number}"), server }
    }

    fn timed_out() -> ClientError {
        ClientError::ConnectTimeout { server: target(0).server, timeout: Duration::from_secs(10) }
    }

    fn lost(may_have_arrived: bool) -> ClientError {
        ClientError::Disconnected { server: target(0).server, may_have_arrived }
    }

    #[test]
    fn a_failed_call_names_its_instance() {
        let error = call_error(BalancerError::Call { target: target(1), source: lost(true) });
        assert_eq!(error.kind, CallErrorKind::ClosedBeforeReply);
        assert_eq!(error.instance.as_deref(), Some("ServiceWatcher/1"));
        assert!(std::error::Error::source(&error).is_some());
        let error = call_error(BalancerError::Call { target: target(1), source: lost(false) });
        assert_eq!(error.kind, CallErrorKind::CouldNotConnect);
    }

    #[test]
    fn the_failure_that_all_instances_have_in_common_is_shown() {
        let none_ready = |errors: Vec<ClientError>| {
            let instances = errors.into_iter().map(|error| (target(0), Arc::new(error))).collect();
            call_error(BalancerError::NoneReady { instances }).kind
        };
        assert_eq!(none_ready(vec![timed_out(), timed_out()]), CallErrorKind::ConnectTimedOut);
        assert_eq!(none_ready(vec![timed_out(), lost(false)]), CallErrorKind::NoInstanceReady);
        assert_eq!(none_ready(vec![lost(false), lost(false)]), CallErrorKind::NoInstanceReady);
        assert_eq!(none_ready(vec![]), CallErrorKind::NoInstanceReady);
    }
}
