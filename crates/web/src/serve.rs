//! Puts the site on a socket: a bounded number of connections, none of which can wait for ever.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Most connections at once; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's head, also on a connection that is kept for the next one.
const LONGEST_HEAD: Duration = Duration::from_secs(15);
/// How long requests under way may take to end once the site stops.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);
/// A pause after the system refused a connection (out of descriptors, say), so that it does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is ready, then lets the requests under way end.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(LONGEST_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended badly");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(LONGEST_DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way when the site stopped");
    }
}
