//! The routes, and the page's own.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use standpipe_client::text::{HoldsNul, to_message};

use crate::calls::Readiness;
use crate::page::{self, Outcome};
use crate::site::{Circumstances, LONGEST_BODY, Site, make_call};
use crate::text::{HOLDS_NUL, from_form};
use crate::{api, guard};

/// The whole site as a router; `serve` puts it on a socket, tests call it as it is.
///
/// Only `serve` says on which address a request arrived; without it, all are taken to have come in on
/// loopback.
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
    let circumstances = Circumstances::of(&request);
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
    let outcome = match to_message(text.as_str()) {
        Err(HoldsNul) => Outcome::Refused {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            title: "Not sent",
            message: HOLDS_NUL.to_owned(),
        },
        Ok(message) => match make_call(chosen.unwrap_or_default(), pipe, message, circumstances).await {
            Ok(reply) => Outcome::Reply(reply),
            Err(error) => Outcome::Failed { kind: error.kind, instance: error.instance },
        },
    };
    page::page(&site, chosen, &text, &outcome)
}

#[cfg(test)]
mod tests;
