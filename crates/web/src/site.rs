//! What one site shows and calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calls::{CallError, CallErrorKind, PipeCalls, Readiness, Reply};
use crate::serve::Patience;

/// Longest body of a request, in bytes.
pub(crate) const LONGEST_BODY: usize = 1024 * 1024;

/// What one site shows and calls.
pub struct Site {
    name: String,
    hosts: Vec<String>,
    calls: BTreeMap<String, Arc<dyn PipeCalls>>,
}

impl Site {
    /// A site with that heading and nothing to call yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), hosts: Vec::new(), calls: BTreeMap::new() }
    }

    /// Adds a pipe that can be called by `name`.
    #[must_use]
    pub fn with_call(mut self, name: impl Into<String>, pipe: Arc<dyn PipeCalls>) -> Self {
        self.calls.insert(name.into(), pipe);
        self
    }

    /// Adds names, without a port, that the site is reached by.
    ///
    /// Addresses and `localhost` are always accepted in a request's `Host`. Other names are accepted when
    /// they are given here; when none is given, all are, except on loopback.
    #[must_use]
    pub fn with_hosts(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts.extend(names.into_iter().map(Into::into));
        self
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn call_names(&self) -> impl Iterator<Item = &str> {
        self.calls.keys().map(String::as_str)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&dyn PipeCalls> {
        self.calls.get(name).map(AsRef::as_ref)
    }

    /// Over all calls.
    pub(crate) fn readiness(&self) -> Readiness {
        let none = Readiness { ready: 0, all: 0 };
        self.calls
            .values()
            .map(|pipe| pipe.readiness())
            .fold(none, |sum, one| Readiness { ready: sum.ready + one.ready, all: sum.all + one.all })
    }

    /// Whether every call has an instance to go to.
    pub(crate) fn is_ready(&self) -> bool {
        self.calls.values().all(|pipe| pipe.readiness().ready > 0)
    }
}

/// Makes a call and writes a failure, with what lies underneath, to the log.
pub(crate) async fn make_call(
    name: &str,
    pipe: &dyn PipeCalls,
    message: Vec<u8>,
    patience: Option<Patience>,
) -> Result<Reply, CallError> {
    let result = match patience {
        Some(patience) => tokio::select! {
            result = pipe.call(message) => result,
            () = patience.ends() => Err(CallError::new(CallErrorKind::SiteStopped)),
        },
        None => pipe.call(message).await,
    };
    if let Err(error) = &result {
        let mut cause = String::new();
        let mut next = std::error::Error::source(error);
        while let Some(source) = next {
            cause = if cause.is_empty() { source.to_string() } else { format!("{cause}: {source}") };
            next = source.source();
        }
        let instance = error.instance.as_deref().unwrap_or("none");
        tracing::warn!(call = name, instance, kind = error.kind.code(), cause, "a call failed");
    }
    result
}
