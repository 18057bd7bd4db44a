//! What services log elsewhere than on their standard output.

use std::path::Path;

use standpipe_deployment::{Role, Service};
use standpipe_service::logs::{EventQuery, FilePattern, LogSink, ServiceLogs};
use tracing::warn;

/// Begins to follow what the services of a role log; `prefix` is the Wine prefix of the instance, if it has
/// one. A service whose logs cannot be followed runs without: they are no reason not to serve.
pub(super) fn follow(role: &Role, prefix: Option<&Path>) -> Vec<ServiceLogs> {
    role.services
        .iter()
        .filter_map(|service| {
            let files = service.logs.files.iter().map(|path| pattern(path, prefix)).collect();
            let sink = LogSink::new(&service.name);
            let follow = ServiceLogs::follow(files, queries(service), &sink);
            follow.map_err(|error| warn!(service = service.name, "its logs cannot be followed: {error}")).ok()
        })
        .collect()
}

fn pattern(path: &Path, prefix: Option<&Path>) -> FilePattern {
    let inside = prefix.and_then(|prefix| FilePattern::in_prefix(prefix, path.to_str()?));
    inside.unwrap_or_else(|| FilePattern::new(path))
}

fn queries(service: &Service) -> Vec<EventQuery> {
    let sources = service.logs.event_log.iter();
    sources
        .map(|source| EventQuery {
            channel: source.channel.clone(),
            provider: match source.provider.as_deref() {
                None => Some(service.name.clone()),
                Some("*") => None,
                Some(provider) => Some(provider.to_owned()),
            },
        })
        .collect()
}
