//! Puts the site on a socket: a bounded number of connections, none of which can wait for ever.
//!
//! | limit | what it ends |
//! | --- | --- |
//! | all connections | more are answered with 503, and only asked whether the site lives and is ready |
//! | connections of one peer | more are closed at once |
//! | a request's head | clients that send nothing, also between two requests |
//! | a pending write | clients that ask and do not read |
//! | a connection's life | clients that do everything, but slowly |

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::guard::ReachedAt;

mod peers;
mod progress;

use peers::Peers;
use progress::Progress;

/// A pause after the system refused a connection (out of descriptors, say), so that it does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a site that stops waits for a connection that the system may have accepted.
const QUEUE: Duration = Duration::from_millis(10);

/// How long a client of a full site may take to send a request's head.
const CROWDED_HEAD: Duration = Duration::from_secs(2);

/// The longest head of a request, and what is held of a reply that the client does not take, in bytes.
const LONGEST_HEAD: usize = 32 * 1024;

/// What one listener gives to its clients.
#[derive(Clone, Copy)]
struct Limits {
    /// Most connections at once.
    connections: usize,
    /// Connections beyond them, on which only health is answered, so that a full site is not taken for a dead
    /// one. More wait in the system's queue.
    reserve: usize,
    /// Most of them from one peer; see [`Peers`] for what one peer is.
    per_peer: usize,
    /// How long a client may take to send a request's head, also on a connection that is kept for the next
    /// one.
    head: Duration,
    /// How long a client may take none of what is to be written to it.
    write: Duration,
    /// How long a connection is kept for further requests, however busy it is.
    life: Duration,
    /// How long the request under way may then still take, its reply's way included.
    last_request: Duration,
    /// How long requests under way may take to end once the site stops.
    drain: Duration,
    /// How much of that a connection without a request is kept for one that may be on its way.
    idle: Duration,
}

/// How long a call that is under way when the site stops is still waited for: less than
/// [`Limits::drain`], so that who asked gets an answer and not the end of the connection.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    stopped: watch::Receiver<bool>,
    time: Duration,
}

impl Patience {
    /// Ready when nobody waits for the reply of a call any more.
    pub(crate) async fn ends(mut self) {
        stopped_for(&mut self.stopped, self.time).await;
    }
}

impl Limits {
    const USUAL: Self = Self {
        connections: 1024,
        reserve: 32,
        per_peer: 256,
        head: Duration::from_secs(15),
        write: Duration::from_secs(30),
        life: Duration::from_mins(5),
        last_request: Duration::from_mins(2),
        drain: Duration::from_secs(10),
        idle: Duration::from_secs(1),
    };

    /// How long a connection without a request is kept once the site stops.
    fn idle(&self) -> Duration {
        self.idle.min(self.drain / 2)
    }
}

/// Serves until `stop` is ready, then lets the requests under way end, for as long as `drain`. A call that
/// takes longer ends in an answer of its own kind shortly before.
///
/// Nobody who is connected at the stop sees a reset: clients whose connection the system has accepted are
/// served too, a connection that is kept for a next request still answers one for a second, and the answers
/// say that the connection ends.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>, drain: Duration) {
    serve_at_most(Limits::USUAL.connections, listener, app, stop, drain).await;
}

/// The same with so many connections at once, 1024 with [`serve`]. On further ones, `/livez` and `/readyz`
/// are answered, and everything else with 503.
pub async fn serve_at_most(
    connections: usize,
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    serve_within(Limits { connections, drain, ..Limits::USUAL }, listener, app, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    // Each connection holds a receiver: it hears of the stop, and `closed` waits for all of them.
    let (stopping, stopped) = watch::channel(false);
    let clients = Clients {
        limits,
        app,
        connections: Arc::new(Semaphore::new(limits.connections)),
        reserve: Arc::new(Semaphore::new(limits.reserve)),
        peers: Peers::new(limits.per_peer),
        stopped,
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            // Only this task takes permits, so what is free now is so when somebody has connected.
            tokio::select! {
                _ = clients.connections.acquire() => {}
                _ = clients.reserve.acquire() => {}
            }
            listener.accept().await
        };
        let accepted = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => clients.serve(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    stopping.send_replace(true);
    // The system would reset the connections that it has accepted and this site has not.
    while let Ok(Ok((stream, peer))) = tokio::time::timeout(QUEUE, listener.accept()).await {
        clients.serve(stream, peer);
    }
    drop((listener, clients));
    if tokio::time::timeout(limits.drain, stopping.closed()).await.is_err() {
        tracing::warn!("requests were still under way when the site stopped");
    }
}

/// What the connections of one listener share.
struct Clients {
    limits: Limits,
    app: Router,
    connections: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    peers: Peers,
    stopped: watch::Receiver<bool>,
}

impl Clients {
    /// Serves a connection in a task of its own, in the place that is free for it.
    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(place) = self.peers.admit(peer.ip()) else {
            tracing::debug!(%peer, "closed a connection: its peer has too many");
            return;
        };
        let usual = Arc::clone(&self.connections).try_acquire_owned();
        let is_crowded = usual.is_err();
        // A site that stops takes what was waiting for a place, only to say so.
        let permit = usual.or_else(|_| Arc::clone(&self.reserve).try_acquire_owned());
        let mut limits = self.limits;
        if is_crowded {
            limits.head = CROWDED_HEAD.min(limits.head);
        }
        let connection = run(limits, is_crowded, stream, self.app.clone(), self.stopped.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, error, "a connection ended badly");
            }
            drop((permit, place));
        });
    }
}

/// One connection until its end; it is closed when this is dropped.
async fn run(
    limits: Limits,
    is_crowded: bool,
    stream: TcpStream,
    app: Router,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let at = stream.local_addr()?.ip();
    let app = TowerToHyperService::new(app);
    // A second for the answer's way, of a time that is long enough.
    let time = limits.drain.saturating_sub(Duration::from_secs(1)).max(limits.drain / 2);
    let patience = Patience { stopped: stopped.clone(), time };
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ReachedAt(at));
        request.extensions_mut().insert(patience.clone());
        let (app, stopped) = (app.clone(), patience.stopped.clone());
        async move {
            if is_crowded && !matches!(request.uri().path(), "/livez" | "/readyz") {
                return Ok::<_, Infallible>(crowded());
            }
            let mut answer = app.call(request).await?;
            if *stopped.borrow() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .keep_alive(!is_crowded)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(TokioIo::new(Progress::new(stream, limits.write)), service)
    );
    let rest = tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = stopped_for(&mut stopped, Duration::ZERO) => {
            // It ends with the answer to the next request, which may be on its way.
            if let Ok(ended) = tokio::time::timeout(limits.idle(), connection.as_mut()).await {
                return Ok(ended?);
            }
            limits.drain.saturating_sub(limits.idle())
        }
        () = tokio::time::sleep(limits.life) => limits.last_request,
    };
    Pin::as_mut(&mut connection).graceful_shutdown();
    let ended = tokio::select! {
        ended = tokio::time::timeout(rest, connection.as_mut()) => ended,
        // A site that stops does not wait for the end of a connection's life.
        () = stopped_for(&mut stopped, limits.drain) => return Ok(()),
    };
    Ok(ended??)
}

/// The answer of a site that has as many connections as it can have.
fn crowded() -> Response {
    let headers = [(header::RETRY_AFTER, "5"), (header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    let message = "error: this site has too many connections now; try again in a moment [no-room]\n";
    (StatusCode::SERVICE_UNAVAILABLE, headers, message).into_response()
}

/// Ready once the site was stopped that long ago.
async fn stopped_for(stopped: &mut watch::Receiver<bool>, time: Duration) {
    let _gone_is_stopped = stopped.wait_for(|stopped| *stopped).await.is_err();
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests;
