//! Somebody on the way who cuts connections where a test wants it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Commands of [MS-SMB2] 2.2.1.
pub(crate) const SESSION_SETUP: u16 = 1;
pub(crate) const TREE_CONNECT: u16 = 3;
pub(crate) const CREATE: u16 = 5;
pub(crate) const CLOSE: u16 = 6;
pub(crate) const READ: u16 = 8;
pub(crate) const WRITE: u16 = 9;
pub(crate) const IOCTL: u16 = 11;
pub(crate) const ECHO: u16 = 13;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nowhere.
    Never,
    /// As soon as it is accepted.
    AtOnce,
    /// Instead of passing this request on.
    BeforeRequest(u16),
    /// Behind this request, which is passed on.
    AfterRequest(u16),
    /// In the middle of the reply to this.
    WithinReply(u16),
    /// After so many bytes from the client.
    AfterBytes(usize),
    /// Nowhere, but replies to this are not passed on.
    WithoutReplies(u16),
}

/// A proxy before a server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What happens to the next connections; after the last, nothing.
    cuts: Mutex<VecDeque<Cut>>,
    connections: AtomicUsize,
    echoes: AtomicUsize,
    /// Raised to end all connections there are.
    kills: watch::Sender<u32>,
    /// While true, nothing is passed on.
    frozen: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn new(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        let shared = Arc::clone(&proxy.shared);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let cut = shared.cuts.lock().unwrap().pop_front().unwrap_or(Cut::Never);
                if cut != Cut::AtOnce {
                    let mut kills = shared.kills.subscribe();
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        tokio::select! {
                            () = pass(client, server, cut, &shared) => {}
                            _ = kills.changed() => {}
                        }
                    });
                }
            }
        });
        proxy
    }

    /// Says what happens to the next connections.
    pub(crate) fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.shared.cuts.lock().unwrap().extend(cuts);
    }

    /// Ends all connections there are.
    pub(crate) fn kill(&self) {
        self.shared.kills.send_modify(|count| *count += 1);
    }

    /// From now on, or no longer, nothing is passed on.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.shared.frozen.send_replace(frozen);
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Counts connections, elsewhere.
    pub(crate) fn counter(&self) -> impl Fn() -> usize + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.connections.load(Ordering::SeqCst)
    }

    /// Replies to ECHO so far.
    pub(crate) fn echoes(&self) -> usize {
        self.shared.echoes.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, server: SocketAddr, cut: Cut, shared: &Shared) {
    let server = TcpStream::connect(server).await.unwrap();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass_requests(from_client, to_server, cut, shared) => {}
        () = pass_replies(from_server, to_client, cut, shared) => {}
    }
}

async fn pass_requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Cut, shared: &Shared) {
    let mut passed = 0;
    while let Some(frame) = frame(&mut from).await {
        thawed(shared).await;
        let command = command(&frame);
        if cut == Cut::BeforeRequest(command) {
            return;
        }
        let length = match cut {
            Cut::AfterBytes(limit) => frame.len().min(limit - passed),
            _ => frame.len(),
        };
        if to.write_all(&frame[..length]).await.is_err() || length < frame.len() {
            return;
        }
        passed += length;
        if cut == Cut::AfterRequest(command) {
            return;
        }
    }
}

async fn pass_replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Cut, shared: &Shared) {
    const PENDING: [u8; 4] = [0x03, 0x01, 0, 0];
    while let Some(frame) = frame(&mut from).await {
        thawed(shared).await;
        let command = command(&frame);
        if cut == Cut::WithinReply(command) && frame[12..16] != PENDING {
            let _ = to.write_all(&frame[..frame.len() / 2]).await;
            return;
        }
        if cut == Cut::WithoutReplies(command) {
            continue;
        }
        if to.write_all(&frame).await.is_err() {
            return;
        }
        if command == ECHO {
            shared.echoes.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn thawed(shared: &Shared) {
    shared.frozen.subscribe().wait_for(|frozen| !frozen).await.unwrap();
}

/// One message with its length before it.
async fn frame(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let prefix = from.read_u32().await.ok()?;
    let mut frame = prefix.to_be_bytes().to_vec();
    frame.resize(4 + prefix as usize, 0);
    from.read_exact(&mut frame[4..]).await.ok()?;
    Some(frame)
}

fn command(frame: &[u8]) -> u16 {
    u16::from_le_bytes([frame[16], frame[17]])
}
