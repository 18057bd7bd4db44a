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
use crate::memory::Room;
use crate::page::{self, Outcome};
use crate::site::{Circumstances, LONGEST_BODY, LONGEST_FORM, LONGEST_TEXT, Site, make_call};
use crate::text::{HOLDS_NUL, from_form};
use crate::{api, guard, incoming, trace};

/// The whole site as a router; `serve` puts it on a socket, tests call it as it is.
///
/// A request must be for an address, `localhost` or one of `hosts`, which are names without a port.
pub fn app(site: impl Into<Arc<Site>>, hosts: impl IntoIterator<Item = impl Into<String>>) -> Router {
    let site = site.into();
    let hosts = guard::Hosts::Named(hosts.into_iter().map(Into::into).collect());
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
        .layer(middleware::from_fn_with_state(hosts, guard::known_host))
        .layer(middleware::from_fn_with_state(guard::LONGEST_REQUEST, guard::limit_time))
        .layer(middleware::from_fn(guard::headers))
        .layer(middleware::from_fn(trace::identify))
        .with_state(site)
}

/// `GET /`
async fn show(State(site): State<Arc<Site>>) -> Response {
    page::page(&site, None, String::new(), Outcome::None, site.memory().room())
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
    let room = site.memory().room();
    let Fields { text, call } = match read_form(request, &room).await {
        Ok(fields) if fields.text.len() <= LONGEST_TEXT => fields,
        Ok(_) => return refuse_form(&site, StatusCode::PAYLOAD_TOO_LARGE),
        Err(status) => return refuse_form(&site, status),
    };
    let text = from_form(&text);
    let chosen = call.as_deref().or_else(|| site.call_names().next());
    let Some(pipe) = chosen.and_then(|name| site.find(name)) else {
        let message = "there is no such call on this site".to_owned();
        let refused = Outcome::Refused { status: StatusCode::NOT_FOUND, title: "No such call", message };
        return page::page(&site, None, text, refused, room);
    };
    let outcome = match to_message(text.as_str()) {
        Err(HoldsNul) => Outcome::Refused {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            title: "Not sent",
            message: HOLDS_NUL.to_owned(),
        },
        Ok(message) => match make_call(chosen.unwrap_or_default(), pipe, message, circumstances, &room).await
        {
            Ok(reply) => Outcome::Reply(reply),
            Err(error) => Outcome::Failed { kind: error.kind, instance: error.instance },
        },
    };
    page::page(&site, chosen, text, outcome, room)
}

/// What a request says that the page's form made.
async fn read_form(request: Request, room: &Room) -> Result<Fields, StatusCode> {
    let (parts, body) = request.into_parts();
    if guard::announces_more_than(&parts.headers, LONGEST_FORM) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = incoming::read(body, LONGEST_FORM, room).await?;
    let form = Form::<Fields>::from_request(Request::from_parts(parts, body.into()), &()).await;
    form.map(|Form(fields)| fields).map_err(|rejection| rejection.status())
}

/// The page, which says why the form was not taken.
fn refuse_form(site: &Site, status: StatusCode) -> Response {
    let (title, message) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let longest = LONGEST_TEXT / 1024;
            (
                "Too long",
                format!("the page takes a text of {longest} KiB; POST /pipes/CALL takes a longer one"),
            )
        }
        StatusCode::SERVICE_UNAVAILABLE => ("No room now", api::NO_ROOM.to_owned()),
        StatusCode::REQUEST_TIMEOUT => ("Too slow", "the text did not arrive in time".to_owned()),
        _ => ("Not understood", "this is not what the page's form sends".to_owned()),
    };
    let room = site.memory().room();
    page::page(site, None, String::new(), Outcome::Refused { status, title, message }, room)
}

#[cfg(test)]
mod tests;
