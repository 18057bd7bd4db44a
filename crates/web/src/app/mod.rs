//! The routes, and the page's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::calls::{CallError, PipeCalls, Readiness, Reply};
use crate::page::{self, Outcome};
use crate::text::{HoldsNul, from_form, to_message};
use crate::{api, guard};

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
    /// Addresses and `localhost` are always accepted in a request's `Host`. Other names are accepted when they are
    /// given here; when none is given, all are, except on loopback.
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
    fn is_ready(&self) -> bool {
        self.calls.values().all(|pipe| pipe.readiness().ready > 0)
    }
}

/// The whole site as a router; `serve` puts it on a socket, tests call it as it is.
///
/// Only `serve` says on which address a request arrived; without it, all are taken to have come in on loopback.
pub fn app(site: Site) -> Router {
    let site = Arc::new(site);
    Router::new()
        .route("/", get(show).post(process))
        .route("/pipes/{call}", post(api::call))
        .route(
            "/page.css",
            get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE) }),
        )
        .route("/icon.svg", get(|| async { ([(header::CONTENT_TYPE, "image/svg+xml")], page::ICON) }))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(async || (StatusCode::NOT_FOUND, "there is no such page\n"))
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "not with this method\n"))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn(guard::same_origin))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), guard::known_host))
        .layer(middleware::from_fn_with_state(guard::LONGEST_REQUEST, guard::limit_time))
        .layer(middleware::from_fn(guard::headers))
        .with_state(site)
}

/// `GET /`
async fn show(State(site): State<Arc<Site>>) -> Response {
    page::page(&site, None, "", &Outcome::None)
}

/// `GET /readyz`
async fn ready(State(site): State<Arc<Site>>) -> Response {
    let Readiness { ready, all } = site.readiness();
    let status = if site.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{ready} of {all} instances ready\n")).into_response()
}

/// What the form sends.
#[derive(Deserialize)]
struct Fields {
    text: String,
    call: Option<String>,
}

/// `POST /`
async fn process(State(site): State<Arc<Site>>, request: Request) -> Response {
    let form = if guard::announces_too_much(request.headers()) {
        Err(StatusCode::PAYLOAD_TOO_LARGE)
    } else {
        Form::<Fields>::from_request(request, &()).await.map_err(|rejection| rejection.status())
    };
    let Fields { text, call } = match form {
        Ok(Form(fields)) => fields,
        Err(status) => {
            let (title, message) = if status == StatusCode::PAYLOAD_TOO_LARGE {
                ("Too long", format!("the text is longer than {} MiB", LONGEST_BODY / 1024 / 1024))
            } else {
                ("Not understood", "this is not what the page's form sends".to_owned())
            };
            return page::page(&site, None, "", &Outcome::Refused { status, title, message });
        }
    };
    let text = from_form(&text);
    let chosen = call.as_deref().or_else(|| site.call_names().next());
    let Some(pipe) = chosen.and_then(|name| site.find(name)) else {
        let message = "there is no such call on this site".to_owned();
        let refused = Outcome::Refused { status: StatusCode::NOT_FOUND, title: "No such call", message };
        return page::page(&site, None, &text, &refused);
    };
    let outcome = match to_message(&text) {
        Err(HoldsNul) => Outcome::Refused {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            title: "Not sent",
            message: HoldsNul::MESSAGE.to_owned(),
        },
        Ok(message) => match make_call(chosen.unwrap_or_default(), pipe, message).await {
            Ok(reply) => Outcome::Reply(reply),
            Err(error) => Outcome::Failed { kind: error.kind, instance: error.instance },
        },
    };
    page::page(&site, chosen, &text, &outcome)
}

/// Makes a call and writes a failure, with what lies underneath, to the log.
pub(crate) async fn make_call(
    name: &str,
    pipe: &dyn PipeCalls,
    message: Vec<u8>,
) -> Result<Reply, CallError> {
    let result = pipe.call(message).await;
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

#[cfg(test)]
mod tests;
