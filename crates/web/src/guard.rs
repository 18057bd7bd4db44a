//! What every request passes through: time limits, where it came from, and what the browser may do with the answer.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Longest time for one request: a call may take 10 seconds to connect and 10 to reply; the rest is for a slow sender.
const LONGEST_REQUEST: Duration = Duration::from_mins(1);

/// Ends requests that take too long, so that slow senders do not pile up.
pub(crate) async fn limit_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(LONGEST_REQUEST, next.run(request))
        .await
        .unwrap_or_else(|_| (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response())
}

/// Refuses what another site makes a browser send: the page calls with its own account, so a foreign form must not be
/// able to make it call. Programs send neither header and pass.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_own(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "error: this request comes from another site [cross-site]\n").into_response()
}

/// `Sec-Fetch-Site` is set by the browser and by nothing else; older browsers send `Origin`, to be compared with
/// `Host`.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    matches!((origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

/// The answer's headers: nothing but the page's own style and icon is loaded, nothing is run, framed or guessed.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 7] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
