//! A connection before its client has said anything: a socket and a place, and nothing of what a connection
//! takes that is spoken on.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use standpipe_smb::server::DisconnectReason;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::admission::{Place, Stage};
use crate::driver::Driver;
use crate::events;
use crate::log_limit::Kind;
use crate::operation::Shared;

/// Serves a connection that was just accepted, once its client says something.
pub(crate) async fn serve(stream: TcpStream, peer: SocketAddr, mut place: Place, shared: Arc<Shared>) {
    let accepted = Instant::now();
    if !is_spoken_on(&stream, peer, &mut place, &shared).await {
        return;
    }
    place.comes_to(Stage::Speaking);
    match Driver::new(stream, peer, place, Arc::clone(&shared), accepted) {
        // In a box, as a silent connection does not need that room.
        Ok(driver) => Box::pin(driver.run()).await,
        Err(error) => {
            if let Some(line) = shared.log.line(Kind::Connection) {
                let suppressed = line.suppressed;
                tracing::warn!(%peer, %error, suppressed, "cannot set up a connection");
            }
        }
    }
}

/// Waits for the first byte; `false` if there is none, or no time or place for one.
async fn is_spoken_on(stream: &TcpStream, peer: SocketAddr, place: &mut Place, shared: &Shared) -> bool {
    tokio::select! {
        biased;
        () = shared.stop.cancelled() => false,
        () = poll_fn(|cx| place.poll_displaced(cx)) => false,
        peeked = peek(stream) => peeked,
        () = sleep(shared.config.limits.logon_timeout) => {
            events::disconnected(&DisconnectReason::LogonTimeout, peer, &shared.log);
            false
        }
    }
}

async fn peek(stream: &TcpStream) -> bool {
    let mut byte = [0];
    matches!(stream.peek(&mut byte).await, Ok(1..))
}
