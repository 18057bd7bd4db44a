//! The wire between a client and the server, which can be cut anywhere: the client is a whole one that knows
//! nothing of it, so what is cut is what a real client sends, in the middle of a frame or in the middle of a
//! log-on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Failure;

const BUFFER: usize = 16 * 1024;

/// What a slow wire carries at once, in bytes, and the pause after it: some four times as fast as a server
/// wants it at least.
const SLOW_PART: usize = 512;
const SLOW_PAUSE: Duration = Duration::from_millis(7);

/// One connection's wire. Dropping it cuts it.
pub(crate) struct Wire {
    place: SocketAddr,
    state: Arc<State>,
    relay: JoinHandle<()>,
}

struct State {
    /// Bytes that may still go to the server before the wire is cut.
    up_left: AtomicU64,
    /// Nothing more is read from the server.
    deaf: AtomicBool,
    /// Both directions are slow.
    slow: AtomicBool,
    cut_now: CancellationToken,
    /// The soak cut it, or will: what fails then fails for a reason.
    was_cut: AtomicBool,
    /// The server is told of the end by a reset, as when a client's machine is switched off and on again.
    by_reset: AtomicBool,
}

impl Wire {
    /// A wire to `server` from the address `source`, for one client that connects to [`Self::place`].
    pub(crate) async fn lay(source: Ipv4Addr, server: SocketAddr) -> Result<Self, Failure> {
        let cannot = |error: io::Error| Failure(format!("cannot lay a wire: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot)?;
        let place = listener.local_addr().map_err(cannot)?;
        let state = Arc::new(State {
            up_left: AtomicU64::new(u64::MAX),
            deaf: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            cut_now: CancellationToken::new(),
            was_cut: AtomicBool::new(false),
            by_reset: AtomicBool::new(false),
        });
        let socket = TcpSocket::new_v4().map_err(cannot)?;
        socket.bind((source, 0).into()).map_err(cannot)?;
        let server = socket.connect(server).await.map_err(cannot)?;
        let relay = tokio::spawn(relay(listener, server, Arc::clone(&state)));
        Ok(Self { place, state, relay })
    }

    /// Where the client finds the server.
    pub(crate) fn place(&self) -> SocketAddr {
        self.place
    }

    /// Cuts the wire, once `after` more bytes have gone to the server.
    pub(crate) fn cut(&self, after: u64, by_reset: bool) {
        let State { up_left, cut_now, was_cut, by_reset: reset, .. } = &*self.state;
        was_cut.store(true, Ordering::Relaxed);
        reset.store(by_reset, Ordering::Relaxed);
        if after == 0 {
            cut_now.cancel();
        } else {
            up_left.store(after, Ordering::Relaxed);
        }
    }

    /// Carries everything in small parts, with pauses, from now on.
    pub(crate) fn be_slow(&self) {
        self.state.slow.store(true, Ordering::Relaxed);
    }

    /// Takes in nothing more of what the server sends. For the client it is as if the server hung.
    pub(crate) fn be_deaf(&self) {
        self.state.was_cut.store(true, Ordering::Relaxed);
        self.state.deaf.store(true, Ordering::Relaxed);
    }

    /// Whether the soak spoiled it.
    pub(crate) fn was_cut(&self) -> bool {
        self.state.was_cut.load(Ordering::Relaxed)
    }
}

impl State {
    /// As much of a buffer as is carried at once.
    fn part_of<'a>(&self, buffer: &'a mut [u8]) -> &'a mut [u8] {
        let length = if self.slow.load(Ordering::Relaxed) { SLOW_PART } else { buffer.len() };
        buffer.get_mut(..length).unwrap_or_default()
    }

    async fn take_time(&self) {
        if self.slow.load(Ordering::Relaxed) {
            tokio::time::sleep(SLOW_PAUSE).await;
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn relay(listener: TcpListener, mut server: TcpStream, state: Arc<State>) {
    let accepted = tokio::select! {
        accepted = listener.accept() => accepted,
        () = state.cut_now.cancelled() => return,
    };
    let Ok((mut client, _)) = accepted else { return };
    drop(listener);
    // Without this, what the client sends waits for acknowledgements, and the soak tests that.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let up = async {
            let mut buffer = vec![0; BUFFER];
            while let Ok(length @ 1..) = from_client.read(state.part_of(&mut buffer)).await {
                state.take_time().await;
                let left = state.up_left.load(Ordering::Relaxed);
                let passed = length.min(usize::try_from(left).unwrap_or(usize::MAX));
                let sent = to_server.write_all(buffer.get(..passed).unwrap_or_default()).await;
                if sent.is_err() || passed < length {
                    break;
                }
                if left != u64::MAX {
                    state.up_left.store(left - passed as u64, Ordering::Relaxed);
                }
            }
        };
        let down = async {
            let mut buffer = vec![0; BUFFER];
            while let Ok(length @ 1..) = from_server.read(state.part_of(&mut buffer)).await {
                state.take_time().await;
                if state.deaf.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                if to_client.write_all(buffer.get(..length).unwrap_or_default()).await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = up => {}
            () = down => {}
            () = state.cut_now.cancelled() => {}
        }
    }
    if state.by_reset.load(Ordering::Relaxed) {
        // It fails only when the connection is gone already.
        let _ = server.set_zero_linger();
    }
}
