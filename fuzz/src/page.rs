//! The web page and the bridge: what a stranger, or a page of a stranger in a user's browser, can send.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use standpipe_web::{CallError, CallErrorKind, CallFuture, PipeCalls, Readiness, Reply, Room, Site, app};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::runtime::{Builder, Runtime};

/// The name that the site is known by, beside addresses and `localhost`.
const NAME: &str = "site.example";

/// Elements of the page. A text brings no other.
const ELEMENTS: &[&str] = &[
    "!doctype", "html", "head", "meta", "title", "link", "body", "main", "h1", "form", "label", "textarea",
    "button", "select", "option", "p", "strong", "footer",
];

/// More than the site ever answers with.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// As much as may be on its way to one side.
const ON_THE_WAY: usize = 64 * 1024;

/// A pipe that answers with what it is asked, and counts.
#[derive(Default)]
struct Echo {
    calls: AtomicUsize,
}

impl PipeCalls for Echo {
    fn call<'a>(&'a self, request: Vec<u8>, room: &'a Room) -> CallFuture<'a> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if !room.take(request.len()) {
                return Err(CallError::new(CallErrorKind::NoRoom));
            }
            Ok(Reply { data: request, instance: "Echo/0".to_owned(), address: "127.0.0.1:445".to_owned() })
        })
    }

    fn readiness(&self) -> Readiness {
        Readiness { ready: 1, all: 1 }
    }
}

/// What one thread needs for all of its runs.
struct World {
    runtime: Runtime,
    app: Router,
    echo: Arc<Echo>,
}

thread_local! {
    static WORLD: World = World::new();
}

/// Any bytes on a connection of HTTP. No pipe is called unless a browser would send that for the site's own
/// page, every answer has the headers that bind a browser, and no text becomes a part of the page.
///
/// # Panics
/// When that is not so.
pub fn page(data: &[u8]) {
    WORLD.with(|world| world.runtime.block_on(world.connection(data)));
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime can be built");
        let echo = Arc::new(Echo::default());
        let site = Site::new("Fuzz").with_call("echo", echo.clone()).with_call("other", echo.clone());
        let app = app(site, [NAME]);
        Self { runtime, app, echo }
    }

    async fn connection(&self, data: &[u8]) {
        let app = TowerToHyperService::new(self.app.clone());
        let echo = &self.echo;
        let service = service_fn(move |request: Request<Incoming>| {
            let asked = Asked::of(&request);
            let before = echo.calls.load(Ordering::Relaxed);
            let answer = app.call(request);
            async move {
                let Ok(answer) = answer.await;
                let (head, body) = answer.into_parts();
                let body = to_bytes(body, LONGEST_ANSWER).await.expect("an answer has an end");
                let calls = echo.calls.load(Ordering::Relaxed) - before;
                asked.judge(head.status, &head.headers, &body, calls);
                Ok::<_, Infallible>(Response::from_parts(head, Body::from(body)))
            }
        });
        let (client, server) = duplex(ON_THE_WAY);
        let served = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        // At its end it lets go of its side, which the other one waits for.
        let served = async move { drop(served.await) };
        let (mut from, mut to) = split(client);
        let sent = async {
            // The site closes early where it can make nothing of it.
            let _ = to.write_all(data).await;
            let _ = to.shutdown().await;
        };
        let received = async {
            let mut buffer = vec![0; ON_THE_WAY];
            while let Ok(1..) = from.read(&mut buffer).await {}
        };
        tokio::join!(served, sent, received);
    }
}

/// What is known of a request, found out here in another way than the site does.
#[derive(Debug)]
struct Asked {
    method: Method,
    /// It is for the site by one of its names, or says nothing about that in HTTP/1.0.
    is_for_site: bool,
    /// Nothing in it says that another site made a browser send it.
    is_own: bool,
}

impl Asked {
    fn of<T>(request: &Request<T>) -> Self {
        let headers = request.headers();
        let text = |name| headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut hosts = text(HOST);
        let host = hosts.next();
        let is_one = hosts.next().is_none();
        let asked = request.uri().authority().map(|whole| whole.as_str().into()).or(host);
        let is_for_site = match &asked {
            Some(asked) => is_one && is_site(asked),
            None => request.version() == Version::HTTP_10,
        };
        let is_own = text(ORIGIN).all(|origin| {
            let place = origin.split_once("://").map(|(_, place)| place);
            place.is_some()
                && place.map(str::to_ascii_lowercase) == asked.as_deref().map(str::to_ascii_lowercase)
        }) && headers
            .get_all("sec-fetch-site")
            .iter()
            .all(|site| site == "same-origin" || site == "none");
        Self { method: request.method().clone(), is_for_site, is_own }
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], calls: usize) {
        assert!(calls <= 1, "one request made {calls} calls");
        assert!(calls == 0 || self.method == Method::POST, "called by {self:?}");
        assert!(calls == 0 || (self.is_for_site && self.is_own), "called by a stranger's page: {self:?}");
        let refused = matches!(status, StatusCode::BAD_REQUEST | StatusCode::MISDIRECTED_REQUEST);
        assert!(self.is_for_site || refused, "{status} for another site: {self:?}");
        for name in ["content-security-policy", "x-content-type-options", "x-frame-options"] {
            assert!(headers.contains_key(name), "no {name} for {self:?}");
        }
        let kind = headers.get("content-type").map_or(&b""[..], |kind| kind.as_bytes());
        if kind.starts_with(b"text/html") {
            judge_page(&String::from_utf8_lossy(body));
        }
    }
}

/// A text that was sent is on the page as a text.
fn judge_page(page: &str) {
    for part in page.split('<').skip(1) {
        let name = part.strip_prefix('/').unwrap_or(part);
        let end = name.find(|next: char| next.is_whitespace() || next == '>').unwrap_or(name.len());
        let name = name.get(..end).unwrap_or_default();
        assert!(ELEMENTS.contains(&name), "an element on the page: {name:?}");
    }
}

/// Whether an authority is the site: by its name, an address or `localhost`.
fn is_site(authority: &str) -> bool {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if let Some(rest) = place.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = place.split_once(':').map_or(place, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_address = name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4());
    is_address || name.eq_ignore_ascii_case("localhost") || name.eq_ignore_ascii_case(NAME)
}
