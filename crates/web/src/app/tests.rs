use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, Version};
use tower::ServiceExt;

use super::*;
use crate::calls::{CallError, CallErrorKind, CallFuture, PipeCalls, Reply};

/// A pipe that answers with what it is told to, and keeps what it was asked.
struct Fake {
    answer: Result<&'static [u8], CallErrorKind>,
    asked: Mutex<Vec<Vec<u8>>>,
    ready: usize,
}

impl Fake {
    fn new(answer: Result<&'static [u8], CallErrorKind>) -> Arc<Self> {
        Arc::new(Self { answer, asked: Mutex::new(Vec::new()), ready: 2 })
    }

    fn asked(&self) -> Vec<Vec<u8>> {
        self.asked.lock().unwrap().clone()
    }
}

impl PipeCalls for Fake {
    fn call<'a>(&'a self, request: Vec<u8>, _room: &'a Room) -> CallFuture<'a> {
        self.asked.lock().unwrap().push(request);
        let answer = self
            .answer
            .map(|data| Reply {
                data: data.to_vec(),
                instance: "ServiceWatcher/1".to_owned(),
                address: "127.0.0.2:4445".to_owned(),
            })
            .map_err(|kind| CallError {
                kind,
                instance: Some("ServiceWatcher/1".to_owned()),
                source: Some("10.1.2.3 said no".into()),
            });
        Box::pin(async { answer })
    }

    fn readiness(&self) -> Readiness {
        Readiness { ready: self.ready, all: 2 }
    }
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

async fn send(pipe: &Arc<Fake>, request: Request<Body>) -> Answer {
    send_to(Site::new("ServiceDemo"), pipe, request).await
}

async fn send_to(site: Site, pipe: &Arc<Fake>, request: Request<Body>) -> Answer {
    answer(site, None, pipe, request).await
}

/// To a site that answers to a name of its own.
async fn send_named(host: Option<&str>, pipe: &Arc<Fake>, request: Request<Body>) -> Answer {
    answer(Site::new("ServiceDemo"), host, pipe, request).await
}

async fn answer(site: Site, host: Option<&str>, pipe: &Arc<Fake>, request: Request<Body>) -> Answer {
    let site = site.with_call("simple", Arc::clone(pipe) as Arc<dyn PipeCalls>);
    let response = app(site, host).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

fn to_site(method: &str, path: &str) -> Builder {
    Request::builder().method(method).uri(path).header("host", "localhost")
}

fn form(body: impl Into<Body>) -> Request<Body> {
    to_site("POST", "/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .unwrap()
}

fn bridge(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    to_site("POST", "/pipes/simple").header("content-type", content_type).body(body.into()).unwrap()
}

#[tokio::test]
async fn the_page_has_a_text_box_and_a_button() {
    let answer = send(&Fake::new(Ok(b"")), to_site("GET", "/").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    for part in ["<h1>ServiceDemo</h1>", "<label for=\"text\">", "<textarea id=\"text\"", ">Process</button>"]
    {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
    assert!(answer.body.contains("2 of 2 instances ready"));
    assert!(!answer.body.contains("<select"), "with one call there is nothing to choose");
    assert!(!answer.body.contains("<script"));
}

#[tokio::test]
async fn a_text_comes_back_processed_with_the_instances_name() {
    let pipe = Fake::new(Ok("ereht olleh\0".as_bytes()));
    let answer = send(&pipe, form("text=hello+there")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = "Processed Text: ereht olleh by instance: ServiceWatcher/1 (127.0.0.2:4445)";
    assert!(answer.body.contains(expected), "{}", answer.body);
    assert_eq!(pipe.asked(), [b"hello there\0"]);
}

#[tokio::test]
async fn line_ends_are_sent_as_they_were_typed() {
    let pipe = Fake::new(Ok(b""));
    let answer = send(&pipe, form("text=%0D%0Aa%0D%0A%C3%A9")).await;
    assert_eq!(pipe.asked(), ["\na\né\0".as_bytes()]);
    assert!(answer.body.contains("autofocus>\n\na\né</textarea>"), "{}", answer.body);
}

#[tokio::test]
async fn markup_is_shown_and_not_obeyed() {
    let pipe = Fake::new(Ok(b"<script>alert(1)</script>\0"));
    let answer = send(&pipe, form("text=%3C%2Ftextarea%3E%3Cb%3E")).await;
    assert!(answer.body.contains("&lt;script&gt;alert(1)"));
    assert!(answer.body.contains("&lt;/textarea&gt;&lt;b&gt;"));
    assert!(!answer.body.contains("<script>") && !answer.body.contains("<b>"));
}

#[tokio::test]
async fn every_failure_is_shown_as_what_it_is_and_no_more() {
    use CallErrorKind::*;
    for (kind, status, words) in [
        (LogonFailed, 502, "Log-on failed"),
        (AccessDenied, 403, "Access denied"),
        (ConnectTimedOut, 504, "Could not connect in time"),
        (CouldNotConnect, 502, "Could not connect"),
        (NoInstanceReady, 503, "No instance ready"),
        (NoSuchPipe, 502, "No such pipe"),
        (PipeBusy, 503, "Pipe busy"),
        (TooLong, 413, "Too long"),
        (ClosedBeforeReply, 502, "Closed before replying"),
        (ReplyTimedOut, 504, "No reply in time"),
        (Other, 502, "The call failed"),
    ] {
        let pipe = Fake::new(Err(kind));
        let answer = send(&pipe, form("text=hello")).await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
        assert!(answer.body.contains(words) && answer.body.contains("role=\"alert\""), "{}", answer.body);
        assert!(answer.body.contains("instance ServiceWatcher/1"), "{}", answer.body);
        assert!(answer.body.contains(">\nhello</textarea>"), "the text is still there: {}", answer.body);
        assert!(!answer.body.contains("10.1.2.3"), "what lies underneath is for the log");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);

        let answer = send(&pipe, bridge("application/json", r#"{"text":"hello"}"#)).await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(json["error"]["kind"], kind.code());
        assert_eq!(json["error"]["message"], kind.message());
        assert_eq!(json["error"]["instance"], "ServiceWatcher/1");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
}

#[tokio::test]
async fn a_text_with_a_nul_is_not_sent() {
    let pipe = Fake::new(Ok(b""));
    let answer = send(&pipe, form("text=a%00b")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("holds a NUL"), "{}", answer.body);
    let answer = send(&pipe, bridge("text/plain", "a\0b")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("[holds-nul]"), "{}", answer.body);
    assert!(pipe.asked().is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_long_or_no_form_is_refused_on_the_page() {
    let pipe = Fake::new(Ok(b""));
    for length in [LONGEST_TEXT + 1, LONGEST_BODY] {
        let answer = send(&pipe, form(format!("text={}", "a".repeat(length)))).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.body.contains("a text of 64 KiB"), "{}", answer.body);
        assert!(answer.body.len() < 4096, "the text is not sent back");
    }
    let answer = send(&pipe, form("nothing=1")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Not understood"), "{}", answer.body);
    let answer = send(&pipe, form("text=a&call=other")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(pipe.asked().is_empty());
}

#[tokio::test]
async fn several_calls_can_be_chosen_from() {
    let first = Fake::new(Ok(b"1"));
    let second = Fake::new(Ok(b"2"));
    let site = Site::new("Demo")
        .with_call("a", Arc::clone(&first) as Arc<dyn PipeCalls>)
        .with_call("b", Arc::clone(&second) as Arc<dyn PipeCalls>);
    let response = app(site, None::<String>).oneshot(form("text=x&call=b")).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("<option value=\"b\" selected>"), "{body}");
    assert!(first.asked().is_empty());
    assert_eq!(second.asked().len(), 1);
}

#[tokio::test]
async fn the_bridge_speaks_text_and_json() {
    let pipe = Fake::new(Ok("olleh\0".as_bytes()));
    let answer = send(&pipe, bridge("text/plain", "hello")).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "olleh"));
    assert_eq!(answer.headers["standpipe-instance"], "ServiceWatcher/1 127.0.0.2:4445");
    let answer = send(&pipe, bridge("application/json; charset=utf-8", r#"{"text":"hello"}"#)).await;
    assert_eq!(answer.body, r#"{"text":"olleh","instance":"ServiceWatcher/1","address":"127.0.0.2:4445"}"#);
    let mut request = bridge("text/plain", "hello");
    request.headers_mut().insert("accept", "application/json".parse().unwrap());
    assert!(send(&pipe, request).await.body.starts_with('{'));
    assert_eq!(pipe.asked(), [b"hello\0", b"hello\0", b"hello\0"]);
}

#[tokio::test]
async fn a_reply_that_is_no_text_is_not_made_one_unseen() {
    let pipe = Fake::new(Ok(b"a\xff\0"));
    let answer = send(&pipe, bridge("text/plain", "x")).await;
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    let answer = send(&pipe, bridge("application/json", r#"{"text":"x"}"#)).await;
    assert!(answer.body.contains("\"lossy\":true"), "{}", answer.body);
    let answer = send(&pipe, form("text=x")).await;
    assert!(answer.body.contains("not UTF-8 text"), "{}", answer.body);
}

#[tokio::test]
async fn what_curl_sends_as_data_is_a_text() {
    let pipe = Fake::new(Ok(b"dlrow"));
    let answer = send(&pipe, bridge("application/x-www-form-urlencoded", "wor=d%20")).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "dlrow"));
    assert_eq!(pipe.asked(), [b"wor=d%20\0".to_vec()]);
}

#[tokio::test]
async fn the_bridge_says_what_is_wrong_with_a_request() {
    let pipe = Fake::new(Ok(b""));
    for (content_type, body, status, kind) in [
        ("application/octet-stream", "a", 415, "unsupported-media-type"),
        ("application/json", "{", 400, "bad-request"),
        ("application/json", r#"{"text":"a","other":1}"#, 400, "bad-request"),
        ("application/json", r#"{"text":1}"#, 400, "bad-request"),
    ] {
        let mut request = bridge(content_type, body);
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        let answer = send(&pipe, request).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
        assert!(answer.body.contains(kind), "{}", answer.body);
    }
    let answer = send(&pipe, bridge("text/plain", b"\xff".to_vec())).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = send(&pipe, bridge("text/plain", "a".repeat(LONGEST_BODY + 1))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = to_site("POST", "/pipes/other").body(Body::empty()).unwrap();
    assert_eq!(send(&pipe, request).await.status, StatusCode::NOT_FOUND);
    assert!(pipe.asked().is_empty());
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_call() {
    let pipe = Fake::new(Ok(b""));
    for (name, value, host, allowed) in [
        ("sec-fetch-site", "cross-site", "127.0.0.1:8080", false),
        ("sec-fetch-site", "same-site", "127.0.0.1:8080", false),
        ("sec-fetch-site", "same-origin", "127.0.0.1:8080", true),
        ("sec-fetch-site", "none", "127.0.0.1:8080", true),
        ("origin", "http://evil.example", "127.0.0.1:8080", false),
        ("origin", "null", "127.0.0.1:8080", false),
        ("origin", "http://127.0.0.1:8080", "127.0.0.1:8080", true),
    ] {
        for mut request in [form("text=a"), bridge("text/plain", "a")] {
            request.headers_mut().insert(name, value.parse().unwrap());
            request.headers_mut().insert("host", host.parse().unwrap());
            let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(send(&pipe, request).await.status, expected, "{name}: {value}");
        }
    }
    assert_eq!(pipe.asked().len(), 6);
}

#[tokio::test]
async fn every_answer_says_what_the_browser_may_do() {
    let pipe = Fake::new(Ok(b""));
    for path in ["/", "/page.css", "/nowhere"] {
        let answer = send(&pipe, to_site("GET", path).body(Body::empty()).unwrap()).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn ready_means_that_every_call_has_an_instance() {
    let probe = |path: &'static str| to_site("GET", path).body(Body::empty()).unwrap();
    let answer = send(&Fake::new(Ok(b"")), probe("/readyz")).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "2 of 2 instances ready\n"));
    let nobody = Arc::new(Fake { answer: Ok(b""), asked: Mutex::default(), ready: 0 });
    assert_eq!(send(&nobody, probe("/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(send(&nobody, probe("/livez")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let hangs = Router::new().route("/", get(std::future::pending::<()>));
    let hangs = hangs.layer(middleware::from_fn_with_state(Duration::from_millis(10), guard::limit_time));
    let response = hangs.oneshot(to_site("GET", "/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

/// A body that never comes: whoever waits for it waits for ever.
struct Never;

impl hyper::body::Body for Never {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_long_is_refused_unread() {
    let pipe = Fake::new(Ok(b""));
    let unread = || Body::new(Never);
    let words = ["a text of 64 KiB", "longer than 1 MiB"];
    for (mut request, words) in [form(unread()), bridge("text/plain", unread())].into_iter().zip(words) {
        request.headers_mut().insert("content-length", (LONGEST_BODY + 1).into());
        let answer = send(&pipe, request).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
}

#[tokio::test]
async fn no_foreign_name_leads_to_the_site() {
    for (own, host, expected) in [
        (None, "127.0.0.1:8080", 200),
        (None, "192.0.2.1", 200),
        (None, "localhost:8080", 200),
        (None, "LOCALHOST", 200),
        (None, "localhost.:8080", 200),
        (None, "[::1]:8080", 200),
        (None, "demo.example", 421),
        (None, "rebound.example:8080", 421),
        (None, "127.0.0.1.rebound.example", 421),
        (None, "localhost.rebound.example", 421),
        (None, "user@127.0.0.1", 400),
        (None, "", 400),
        (None, "a b", 400),
        (Some("demo.example"), "Demo.Example:8080", 200),
        (Some("demo.example"), "demo.example.", 200),
        (Some("demo.example"), "192.0.2.1", 200),
        (Some("demo.example"), "localhost", 200),
        (Some("demo.example"), "rebound.example", 421),
        (Some("demo.example"), "sub.demo.example", 421),
    ] {
        let page = to_site("GET", "/").body(Body::empty()).unwrap();
        for mut request in [page, form("text=a"), bridge("text/plain", "a")] {
            // What the browser says for a page whose name was made to lead here.
            request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
            request.headers_mut().insert("host", host.parse().unwrap());
            let answer = send_named(own, &Fake::new(Ok(b"")), request).await;
            assert_eq!(answer.status.as_u16(), expected, "{host}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn every_origin_must_be_the_sites_own() {
    let (own, other) = ("http://localhost", "http://other.example");
    for (header, values, expected) in [
        ("origin", &[own][..], 200),
        ("origin", &[own, own], 200),
        ("origin", &[other], 403),
        ("origin", &[own, other], 403),
        ("origin", &[other, own], 403),
        ("sec-fetch-site", &["same-origin", "cross-site"], 403),
        ("sec-fetch-site", &["none", "same-origin"], 200),
    ] {
        let pipe = Fake::new(Ok(b""));
        for mut request in [form("text=a"), bridge("text/plain", "a")] {
            for value in values {
                request.headers_mut().append(header, value.parse().unwrap());
            }
            assert_eq!(send(&pipe, request).await.status.as_u16(), expected, "{header} {values:?}");
        }
        assert_eq!(pipe.asked().len(), if expected == 200 { 2 } else { 0 });
    }
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let pipe = Fake::new(Ok(b""));
    let with_id = |mut request: Request<Body>| {
        request.headers_mut().insert("x-request-id", "my-id.1".parse().unwrap());
        request
    };
    let unknown = to_site("GET", "/nothing").body(Body::empty()).unwrap();
    let foreign = Request::get("/").header("host", "rebound.example").body(Body::empty()).unwrap();
    for request in [form("text=a"), bridge("text/plain", "a"), unknown, foreign] {
        assert_eq!(send(&pipe, with_id(request)).await.headers["x-request-id"], "my-id.1");
    }
    let made = send(&pipe, form("text=a")).await;
    assert_eq!(made.headers["x-request-id"].len(), 32);
}

#[tokio::test]
async fn a_request_says_once_whom_it_is_for() {
    let pipe = Fake::new(Ok(b""));
    let without = || Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(send(&pipe, without()).await.status, StatusCode::BAD_REQUEST);
    let mut old = without();
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(send(&pipe, old).await.status, StatusCode::OK);
    let twice = to_site("GET", "/").header("host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(send(&pipe, twice).await.status, StatusCode::BAD_REQUEST);
    let whole = to_site("GET", "http://rebound.example/").body(Body::empty()).unwrap();
    assert_eq!(send(&pipe, whole).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn the_origin_must_be_right_whatever_else_is() {
    let pipe = Fake::new(Ok(b""));
    let mut request = form("text=a");
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    request.headers_mut().insert("origin", "http://other.example".parse().unwrap());
    assert_eq!(send(&pipe, request).await.status, StatusCode::FORBIDDEN);
    assert!(pipe.asked().is_empty());
}

#[tokio::test]
async fn the_page_cuts_a_long_reply_and_says_where_all_of_it_is() {
    static LONG: [u8; 200_000] = [b'"'; 200_000];
    let pipe = Fake::new(Ok(&LONG));
    let answer = send(&pipe, form("text=x")).await;
    assert_eq!(answer.body.matches("&quot;").count(), LONGEST_TEXT);
    let note = "The first 65536 of 200000 bytes. POST /pipes/simple gives the whole reply.";
    assert!(answer.body.contains(note), "{}", &answer.body[answer.body.len() - 300..]);
    let answer = send(&pipe, bridge("application/json", r#"{"text":"x"}"#)).await;
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(json["text"].as_str().map(str::len), Some(200_000));
    assert_eq!(send(&pipe, bridge("text/plain", "x")).await.body.len(), 200_000);
}

#[tokio::test]
async fn requests_and_replies_hold_no_more_than_the_site_has() {
    let memory = crate::Memory::new(1024 * 1024);
    let pipe = Fake::new(Ok(b"hello"));
    let site = Site::new("Demo")
        .with_memory(memory.clone())
        .with_call("simple", Arc::clone(&pipe) as Arc<dyn PipeCalls>);
    let app = app(site, None::<String>);
    // Replies that nobody reads hold what they need.
    let text = "'".repeat(LONGEST_TEXT);
    let mut unread = Vec::new();
    let refused = loop {
        let response = app.clone().oneshot(form(format!("text={text}"))).await.unwrap();
        assert!(memory.used() <= memory.limit());
        if response.status() != StatusCode::OK {
            break response;
        }
        unread.push(response);
        assert!(unread.len() < 100, "each holds something");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let bridge = bridge("text/plain", text.repeat(8));
    let refused = app.clone().oneshot(bridge).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop((unread, refused));
    let again = app.oneshot(form("text=hello")).await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    drop(again);
    assert_eq!(memory.used(), 0);
}
