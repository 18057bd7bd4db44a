use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;

const LONG: Duration = Duration::from_mins(2);
const SHORT: Duration = Duration::from_millis(50);

/// Nothing ends by itself.
const NO_LIMITS: Limits = Limits {
    connections: 8,
    reserve: 4,
    per_peer: 8,
    head: LONG,
    write: LONG,
    life: LONG,
    last_request: LONG,
    drain: LONG,
    idle: SHORT,
};

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn served(limits: Limits, app: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve_within(limits, listener, app, async {
        let _ = stopped.await;
    }));
    Served { address, stop, ended }
}

fn small() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Reads the answer to [`ASK`] from [`small`].
async fn answer(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "the connection ended early");
    }
    String::from_utf8(seen).unwrap()
}

/// Waits for the server's end of the connection to be closed, whatever comes before.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut rest).await;
}

/// What a client gets that asks for this on a connection of its own.
async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// The head of a form whose body never comes.
const SLOW: &[u8] = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\
    Content-Type: application/x-www-form-urlencoded\r\n\r\n";

#[tokio::test]
async fn a_full_site_says_so_and_is_not_taken_for_a_dead_one() {
    let app = crate::app(crate::Site::new("Demo"), None::<String>);
    let served = served(Limits { connections: 2, reserve: 2, head: LONG, ..NO_LIMITS }, app).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(SLOW).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(SHORT).await;
    for _ in 0..5 {
        assert!(ask(served.address, "/livez").await.starts_with("HTTP/1.1 200 "));
        let full = ask(served.address, "/").await;
        assert!(full.starts_with("HTTP/1.1 503 ") && full.contains("[no-room]"), "{full}");
    }
    drop(slow);
    while !ask(served.address, "/").await.starts_with("HTTP/1.1 200 ") {
        tokio::time::sleep(SHORT).await;
    }
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_one_to_end() {
    let served = served(Limits { connections: 1, reserve: 0, ..NO_LIMITS }, small()).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(ASK).await.unwrap();
    answer(&mut first).await;
    let mut second = TcpStream::connect(served.address).await.unwrap();
    second.write_all(ASK).await.unwrap();
    // The first is served again and the second is not: it has no place.
    first.write_all(ASK).await.unwrap();
    answer(&mut first).await;
    assert_eq!(second.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    answer(&mut second).await;
}

#[tokio::test]
async fn a_client_that_sends_no_head_is_closed() {
    let served = served(Limits { head: SHORT, ..NO_LIMITS }, small()).await;
    for begun in ["", "GET / HT"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        closed(&mut stream).await;
    }
    let mut kept = TcpStream::connect(served.address).await.unwrap();
    kept.write_all(ASK).await.unwrap();
    answer(&mut kept).await;
    closed(&mut kept).await;
}

#[tokio::test]
async fn a_client_that_asks_and_does_not_read_loses_its_place() {
    // More than the system's buffers of both ends hold.
    let large = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/large", get(|| async { vec![b'x'; 64 * 1024 * 1024] }));
    let served = served(Limits { connections: 1, reserve: 0, write: SHORT, ..NO_LIMITS }, large).await;
    let mut deaf = TcpStream::connect(served.address).await.unwrap();
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut next = TcpStream::connect(served.address).await.unwrap();
    next.write_all(ASK).await.unwrap();
    answer(&mut next).await;
    drop(deaf);
}

#[tokio::test]
async fn a_connection_ends_after_its_life_even_when_a_request_does_not() {
    let hangs = Router::new().route("/", get(std::future::pending::<()>));
    let limits = Limits { life: SHORT, last_request: SHORT, ..NO_LIMITS };
    let served = served(limits, hangs).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    closed(&mut stream).await;
}

#[tokio::test]
async fn stopping_lets_the_request_under_way_end() {
    let (arrived, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (arrived, finish) = (Arc::clone(&arrived), Arc::clone(&finish));
        async move || {
            arrived.notify_one();
            finish.notified().await;
            "hello"
        }
    };
    let served = served(NO_LIMITS, Router::new().route("/", get(handler))).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    let mut busy = TcpStream::connect(served.address).await.unwrap();
    busy.write_all(ASK).await.unwrap();
    arrived.notified().await;
    served.stop.send(()).unwrap();
    closed(&mut idle).await;
    finish.notify_one();
    answer(&mut busy).await;
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_on_its_way_when_the_site_stops_is_answered() {
    let served = served(Limits { idle: LONG, ..NO_LIMITS }, small()).await;
    let mut kept = TcpStream::connect(served.address).await.unwrap();
    kept.write_all(ASK).await.unwrap();
    assert!(!answer(&mut kept).await.contains("connection: close"));
    served.stop.send(()).unwrap();
    while TcpStream::connect(served.address).await.is_ok() {
        tokio::time::sleep(SHORT).await;
    }
    kept.write_all(ASK).await.unwrap();
    assert!(answer(&mut kept).await.contains("connection: close"));
    // The end, and no reset.
    assert_eq!(kept.read(&mut [0; 8]).await.unwrap(), 0);
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_client_that_waits_for_a_place_when_the_site_stops_gets_an_answer() {
    let served = served(Limits { connections: 1, reserve: 0, ..NO_LIMITS }, small()).await;
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first.write_all(ASK).await.unwrap();
    answer(&mut first).await;
    // Only the system has accepted this one.
    let mut second = TcpStream::connect(served.address).await.unwrap();
    second.write_all(ASK).await.unwrap();
    served.stop.send(()).unwrap();
    let mut seen = String::new();
    second.read_to_string(&mut seen).await.unwrap();
    assert!(seen.starts_with("HTTP/1.1 503 ") && seen.contains("[no-room]"), "{seen}");
    assert_eq!(first.read(&mut [0; 8]).await.unwrap(), 0);
    served.ended.await.unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let arrived = Arc::new(Notify::new());
    let handler = {
        let arrived = Arc::clone(&arrived);
        async move || {
            arrived.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let served = served(Limits { drain: SHORT, ..NO_LIMITS }, Router::new().route("/", get(handler))).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    arrived.notified().await;
    served.stop.send(()).unwrap();
    served.ended.await.unwrap();
    closed(&mut stream).await;
}

/// A pipe whose service never replies.
struct Silent(Arc<Notify>);

impl crate::PipeCalls for Silent {
    fn call<'a>(&'a self, _request: Vec<u8>, _room: &'a crate::Room) -> crate::CallFuture<'a> {
        self.0.notify_one();
        Box::pin(std::future::pending())
    }

    fn readiness(&self) -> crate::Readiness {
        crate::Readiness { ready: 1, all: 1 }
    }
}

#[tokio::test]
async fn a_call_under_way_when_the_site_stops_ends_in_an_answer() {
    for ask in [
        "POST /pipes/simple HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\ntext=x",
    ] {
        let arrived = Arc::new(Notify::new());
        let site = crate::Site::new("Demo").with_call("simple", Arc::new(Silent(Arc::clone(&arrived))));
        let served =
            served(Limits { drain: 10 * SHORT, ..NO_LIMITS }, crate::app(site, None::<String>)).await;
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(ask.as_bytes()).await.unwrap();
        arrived.notified().await;
        served.stop.send(()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
        assert!(answer.contains("his site stopped before the service replied"), "{answer}");
        served.ended.await.unwrap();
    }
}

#[tokio::test]
async fn the_site_refuses_foreign_names_and_long_bodies_unread() {
    let served = served(NO_LIMITS, crate::app(crate::Site::new("Demo"), None::<String>)).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: rebound.example:8080\r\nConnection: close\r\n\r\n", "421"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n", "413"),
    ] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
    }
}

#[tokio::test]
async fn a_request_tells_where_it_arrived() {
    let said = get(async |request: axum::extract::Request| {
        let loopback = request.extensions().get::<ReachedAt>().is_some_and(|ReachedAt(at)| at.is_loopback());
        if loopback { "hello" } else { "unknown" }
    });
    let served = served(NO_LIMITS, Router::new().route("/", said)).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    answer(&mut stream).await;
}
