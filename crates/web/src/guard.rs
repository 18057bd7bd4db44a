//! What every request passes through: time limits, where it came from, and what the browser may do with the
//! answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Longest time for one request: a call may take 10 seconds to connect and 10 to reply; the rest is for a
/// slow sender.
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_mins(1);

/// Ends requests that take too long, so that slow senders do not pile up.
pub(crate) async fn limit_time(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(longest, next.run(request))
        .await
        .unwrap_or_else(|_| (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response())
}

/// The address of this machine that a request was sent to, as `serve` knows it.
#[derive(Clone, Copy)]
pub(crate) struct ReachedAt(pub(crate) IpAddr);

/// Which names a request may be for, beside addresses and `localhost`.
#[derive(Clone)]
pub(crate) enum Hosts {
    /// These.
    Named(Arc<[String]>),
    /// Every name, save on a loopback address, where no name but `localhost` leads.
    AnyBeyondLoopback,
}

impl Hosts {
    fn has(&self, host: &str, request: &Request) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|own| own.eq_ignore_ascii_case(host)),
            // Without `serve` it is not known where the request arrived: the narrower rule holds.
            Self::AnyBeyondLoopback => request
                .extensions()
                .get::<ReachedAt>()
                .is_some_and(|ReachedAt(address)| !address.to_canonical().is_loopback()),
        }
    }
}

/// Refuses requests by a name that is not the site's: a stranger's page can have its own name resolve to this
/// machine (DNS rebinding), and the browser then takes the site for a part of that page.
///
/// Addresses and `localhost` cannot be made to mean something else; other names are accepted when they are
/// among `hosts`.
pub(crate) async fn known_host(State(hosts): State<Hosts>, mut request: Request, next: Next) -> Response {
    let Ok(asked) = asked_host(&request) else {
        let message = "error: the request needs one Host that is a name or an address [bad-host]\n";
        return (StatusCode::BAD_REQUEST, message).into_response();
    };
    if let Some(asked) = asked {
        // A name may end with the full stop of the root.
        let host = asked.host().strip_suffix('.').unwrap_or(asked.host());
        if !(is_fixed(host) || hosts.has(host, &request)) {
            let message = "error: this site is not known by that name [unknown-host]\n\
                           hint: the key `hosts` of its endpoint lists the names that it answers to\n";
            return (StatusCode::MISDIRECTED_REQUEST, message).into_response();
        }
        request.extensions_mut().insert(AskedHost(asked));
    }
    next.run(request).await
}

/// The host of a request that [`known_host`] let through.
#[derive(Clone)]
struct AskedHost(Authority);

/// There is no `Host`, more than one, or one that is none.
struct BadHost;

/// Whom the request is for; `None` in HTTP/1.0, which need not say. A whole URI goes before `Host`, as
/// [RFC 9112] 3.2.2 wants it.
fn asked_host(request: &Request) -> Result<Option<Authority>, BadHost> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && request.version() > Version::HTTP_10) {
        return Err(BadHost);
    }
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.clone()));
    }
    let Some(host) = host else { return Ok(None) };
    let authority = Authority::try_from(host.as_bytes()).map_err(|_| BadHost)?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        Err(BadHost)
    } else {
        Ok(Some(authority))
    }
}

/// An address or `localhost`: what no name server decides about.
fn is_fixed(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok()
        || bracketed.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
}

/// Refuses what another site makes a browser send: the page calls with its own account, so a foreign form
/// must not be able to make it call. Programs send neither header and pass.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let asked = request.extensions().get::<AskedHost>().map(|AskedHost(asked)| asked);
    if safe || is_own(request.headers(), asked) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "error: this request comes from another site [cross-site]\n").into_response()
}

/// `Sec-Fetch-Site` is set by the browser and by nothing else; `Origin` also by older ones. What is there
/// must be right, each where there are several.
fn is_own(headers: &HeaderMap, asked: Option<&Authority>) -> bool {
    let site_is_own =
        headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin" || site == "none");
    let origin_is_own = headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        matches!((origin, asked), (Some(origin), Some(asked)) if origin.eq_ignore_ascii_case(asked.as_str()))
    });
    site_is_own && origin_is_own
}

/// Whether the request says of itself that its body is longer than this: then none of it need be read.
pub(crate) fn announces_more_than(headers: &HeaderMap, longest: usize) -> bool {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .is_some_and(|length| length > longest as u64)
}

/// The answer's headers: nothing but the page's own style and icon is loaded, nothing is run, framed or
/// guessed.
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
