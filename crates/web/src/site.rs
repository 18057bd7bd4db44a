//! What one site shows and calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;

use crate::calls::{CallError, CallErrorKind, PipeCalls, Readiness, Reply};
use crate::memory::{Memory, Room};
use crate::serve::Patience;
use crate::statistics::CallStatistics;
use crate::trace::{RequestId, Trace};

/// Longest text of the page's form, and how much of a reply the page shows, in bytes. The bridge has more.
pub(crate) const LONGEST_TEXT: usize = 64 * 1024;

/// Longest body of the page's form: each byte of the text can be written as three.
pub(crate) const LONGEST_FORM: usize = 3 * LONGEST_TEXT + 1024;

/// What a site holds at most where nobody says it, in bytes.
const USUAL_MEMORY: usize = 256 * 1024 * 1024;

/// Longest body of a request, in bytes.
pub(crate) const LONGEST_BODY: usize = 1024 * 1024;

/// What one site shows and calls.
pub struct Site {
    name: String,
    calls: BTreeMap<String, NamedCall>,
    memory: Memory,
}

/// A pipe that can be called, and what became of its calls.
pub(crate) struct NamedCall {
    pipe: Arc<dyn PipeCalls>,
    statistics: Arc<CallStatistics>,
}

/// What comes with a request beside its message.
pub(crate) struct Circumstances {
    /// How long a site that stops waits for the reply.
    pub(crate) patience: Option<Patience>,
    /// The trace that it belongs to.
    pub(crate) trace: Option<Trace>,
    /// What it is called in the log.
    pub(crate) id: Option<RequestId>,
}

impl Circumstances {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            patience: request.extensions().get::<Patience>().cloned(),
            trace: Trace::of(request.headers()),
            id: request.extensions().get::<RequestId>().cloned(),
        }
    }
}

impl Site {
    /// A site with that heading and nothing to call yet.
    pub fn new(name: impl Into<String>) -> Self {
        let memory = Memory::new(USUAL_MEMORY);
        Self { name: name.into(), calls: BTreeMap::new(), memory }
    }

    /// Adds a pipe that can be called by `name`.
    #[must_use]
    pub fn with_call(mut self, name: impl Into<String>, pipe: Arc<dyn PipeCalls>) -> Self {
        self.calls.insert(name.into(), NamedCall { pipe, statistics: Arc::default() });
        self
    }

    /// Sets what all requests and replies hold together at most; 256 MiB until then. A request for which
    /// there is no room is answered with 503.
    #[must_use]
    pub fn with_memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What becomes of the calls, by their names.
    pub fn statistics(&self) -> Vec<(String, Arc<CallStatistics>)> {
        self.calls.iter().map(|(name, call)| (name.clone(), Arc::clone(&call.statistics))).collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn call_names(&self) -> impl Iterator<Item = &str> {
        self.calls.keys().map(String::as_str)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&NamedCall> {
        self.calls.get(name)
    }

    /// Over all calls.
    pub(crate) fn readiness(&self) -> Readiness {
        let none = Readiness { ready: 0, all: 0 };
        self.calls
            .values()
            .map(|call| call.pipe.readiness())
            .fold(none, |sum, one| Readiness { ready: sum.ready + one.ready, all: sum.all + one.all })
    }

    /// Whether every call has an instance to go to.
    pub(crate) fn is_ready(&self) -> bool {
        self.calls.values().all(|call| call.pipe.readiness().ready > 0)
    }
}

/// Makes a call and writes a failure, with what lies underneath, to the log. A call that belongs to a trace,
/// or to which its caller has given an id, has a line whatever becomes of it.
pub(crate) async fn make_call(
    name: &str,
    NamedCall { pipe, statistics }: &NamedCall,
    message: Vec<u8>,
    Circumstances { patience, trace, id }: Circumstances,
    room: &Room,
) -> Result<Reply, CallError> {
    let began = Instant::now();
    let result = match patience {
        Some(patience) => tokio::select! {
            result = pipe.call(message, room) => result,
            () = patience.ends() => Err(CallError::new(CallErrorKind::SiteStopped)),
        },
        None => pipe.call(message, room).await,
    };
    let took = began.elapsed();
    statistics.record(&result, took);
    let trace_id = trace.as_ref().map(|trace| trace.trace_id.as_str());
    let span_id = trace.as_ref().map(|trace| trace.span_id.as_str());
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let request_id = id.as_ref().map(RequestId::as_str);
    let is_followed = trace.is_some() || id.as_ref().is_some_and(RequestId::is_the_callers);
    if let (Ok(reply), true) = (&result, is_followed) {
        tracing::info!(
            call = name,
            instance = reply.instance,
            took_ms,
            request_id,
            trace_id,
            span_id,
            "a call was answered"
        );
    }
    if let Err(error) = &result {
        let mut cause = String::new();
        let mut next = std::error::Error::source(error);
        while let Some(source) = next {
            cause = if cause.is_empty() { source.to_string() } else { format!("{cause}: {source}") };
            next = source.source();
        }
        let instance = error.instance.as_deref().unwrap_or("none");
        let kind = error.kind.code();
        tracing::warn!(
            call = name,
            instance,
            kind,
            cause,
            took_ms,
            request_id,
            trace_id,
            span_id,
            "a call failed"
        );
    }
    result
}
