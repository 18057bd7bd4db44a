//! The bridge for programs: `POST /pipes/{call}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use standpipe_client::text::{HoldsNul, to_message, without_nul};

use crate::calls::{CallError, Reply};
use crate::guard;
use crate::site::{Circumstances, LONGEST_BODY, Site, make_call};
use crate::text::{HOLDS_NUL, from_reply};

/// What a JSON request holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    text: String,
}

/// What a JSON reply holds.
#[derive(Serialize)]
struct JsonReply<'a> {
    text: &'a str,
    instance: &'a str,
    address: &'a str,
    /// Only there when the reply is not UTF-8 text and bytes had to be replaced; ask for text to get them as
    /// they are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
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
    let body = if guard::announces_too_much(headers) {
        Err(StatusCode::PAYLOAD_TOO_LARGE)
    } else {
        Bytes::from_request(request, &()).await.map_err(|rejection| rejection.status())
    };
    let body = match body {
        Ok(body) => body,
        Err(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
            let message = format!("the body is longer than {} MiB", LONGEST_BODY / 1024 / 1024);
            return refuse(status, "too-long", &message);
        }
        Err(status) => return refuse(status, "bad-request", "the body could not be read"),
    };
    let Some(content) = content else {
        let message = "the body must be text/plain or application/json";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", message);
    };
    let text = match read_text(content, &body) {
        Ok(text) => text,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, "bad-request", &message),
    };
    let message = match to_message(text) {
        Ok(message) => message,
        Err(HoldsNul) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, "holds-nul", HOLDS_NUL),
    };
    match make_call(&name, pipe, message, circumstances).await {
        Ok(reply) => reply_response(answer, &reply),
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

fn read_text(format: Format, body: &[u8]) -> Result<String, String> {
    match format {
        Format::Text => std::str::from_utf8(body)
            .map(str::to_owned)
            .map_err(|error| format!("the body is not UTF-8 text: wrong at byte {}", error.valid_up_to())),
        Format::Json => serde_json::from_slice::<Request>(body)
            .map(|request| request.text)
            .map_err(|error| format!("the body must be {{\"text\": \"…\"}}: {error}")),
    }
}

fn reply_response(format: Format, reply: &Reply) -> Response {
    let mut response = match format {
        Format::Json => {
            let (text, lossy) = from_reply(&reply.data);
            Json(JsonReply { text: &text, instance: &reply.instance, address: &reply.address, lossy })
                .into_response()
        }
        Format::Text => {
            let data = without_nul(&reply.data).to_vec();
            let is_text = std::str::from_utf8(&data).is_ok();
            let kind = if is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
            ([(header::CONTENT_TYPE, kind)], data).into_response()
        }
    };
    if let Ok(instance) = HeaderValue::from_str(&format!("{} {}", reply.instance, reply.address)) {
        response.headers_mut().insert("standpipe-instance", instance);
    }
    response
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
