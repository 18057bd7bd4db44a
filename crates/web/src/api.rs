//! The bridge for programs: `POST /pipes/{call}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use standpipe_client::text::{HoldsNul, to_message};

use crate::calls::{CallError, Reply};
use crate::memory::Room;
use crate::outgoing::Outgoing;
use crate::site::{Circumstances, LONGEST_BODY, Site, make_call};
use crate::text::{HOLDS_NUL, from_reply};
use crate::{guard, incoming};

/// What is said when the site has no room for a request.
pub(crate) const NO_ROOM: &str = "this site has no room for another request now; try again in a moment";

/// What a JSON request holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    text: String,
}

/// What a JSON reply holds when the call failed.
#[derive(Serialize)]
struct JsonError<'a> {
    error: ErrorFields<'a>,
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    kind: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// `POST /pipes/{call}`
pub(crate) async fn call(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    request: axum::extract::Request,
) -> Response {
    let circumstances = Circumstances::of(&request);
    let headers = request.headers();
    let content = content_format(headers);
    let answer = accepted_format(headers).or(content).unwrap_or(Format::Text);
    let refuse = |status, kind, message: &str| error_response(answer, status, kind, message, None);
    let Some(pipe) = site.find(&name) else {
        return refuse(StatusCode::NOT_FOUND, "no-such-call", "there is no such call on this site");
    };
    let room = site.memory().room();
    let body = if guard::announces_more_than(headers, LONGEST_BODY) {
        Err(StatusCode::PAYLOAD_TOO_LARGE)
    } else {
        incoming::read(request.into_body(), LONGEST_BODY, &room).await
    };
    let body = match body {
        Ok(body) => body,
        Err(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
            let message = format!("the body is longer than {} MiB", LONGEST_BODY / 1024 / 1024);
            return refuse(status, "too-long", &message);
        }
        Err(status @ StatusCode::SERVICE_UNAVAILABLE) => {
            let mut response = refuse(status, "no-room", NO_ROOM);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            return response;
        }
        Err(status @ StatusCode::REQUEST_TIMEOUT) => {
            return refuse(status, "too-slow", "the body did not arrive in time");
        }
        Err(status) => return refuse(status, "bad-request", "the body could not be read"),
    };
    let Some(content) = content else {
        let message = "the body must be text/plain or application/json";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", message);
    };
    let text = match read_text(content, body) {
        Ok(text) => text,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, "bad-request", &message),
    };
    let message = match to_message(text) {
        Ok(message) => message,
        Err(HoldsNul) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, "holds-nul", HOLDS_NUL),
    };
    match make_call(&name, pipe, message, circumstances, &room).await {
        Ok(reply) => reply_response(answer, reply, room),
        Err(CallError { kind, instance, .. }) => {
            let mut response =
                error_response(answer, kind.status(), kind.code(), kind.message(), instance.as_deref());
            if kind.is_temporary() {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            response
        }
    }
}

/// How the request's body is written; `None` when it is neither. A body without a type is taken for text, and
/// so is one that is called a form: `curl --data` calls every text that.
fn content_format(headers: &HeaderMap) -> Option<Format> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Some(Format::Text) };
    let value = value.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Some(Format::Text);
    }
    media_format(value)
}

/// What the caller wants to read; `None` when it says nothing about either.
fn accepted_format(headers: &HeaderMap) -> Option<Format> {
    headers.get(header::ACCEPT)?.to_str().ok()?.split(',').find_map(media_format)
}

fn media_format(value: &str) -> Option<Format> {
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("text/plain") {
        Some(Format::Text)
    } else if kind.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else {
        None
    }
}

fn read_text(format: Format, body: Vec<u8>) -> Result<String, String> {
    match format {
        Format::Text => String::from_utf8(body).map_err(|error| {
            format!("the body is not UTF-8 text: wrong at byte {}", error.utf8_error().valid_up_to())
        }),
        Format::Json => serde_json::from_slice::<Request>(&body)
            .map(|request| request.text)
            .map_err(|error| format!("the body must be {{\"text\": \"…\"}}: {error}")),
    }
}

/// The reply, written as the client takes it.
fn reply_response(format: Format, reply: Reply, room: Room) -> Response {
    let Reply { data, instance, address } = reply;
    let (data, is_text) = from_reply(data);
    let own = HeaderValue::from_str(&format!("{instance} {address}"));
    let outgoing = Outgoing::new(Some(room));
    let (kind, outgoing) = match format {
        Format::Json => {
            // `lossy` is only there when the reply is not UTF-8 text and bytes had to be replaced; ask for
            // text to get them as they are.
            let lossy = if is_text { "" } else { ",\"lossy\":true" };
            let rest =
                format!("\",\"instance\":{},\"address\":{}{lossy}}}", quoted(&instance), quoted(&address));
            ("application/json", outgoing.plain("{\"text\":\"").json(data).plain(rest))
        }
        Format::Text if is_text => ("text/plain; charset=utf-8", outgoing.raw(data)),
        Format::Text => ("application/octet-stream", outgoing.raw(data)),
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], outgoing.into_body()).into_response();
    if let Ok(own) = own {
        response.headers_mut().insert("standpipe-instance", own);
    }
    response
}

/// A text of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn error_response(
    format: Format,
    status: StatusCode,
    kind: &str,
    message: &str,
    instance: Option<&str>,
) -> Response {
    match format {
        Format::Json => {
            (status, Json(JsonError { error: ErrorFields { kind, message, instance } })).into_response()
        }
        Format::Text => (status, format!("error: {message} [{kind}]\n")).into_response(),
    }
}
