//! A remote pipe offered locally, and local programs that use it.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use standpipe_backoff::Backoff;
use standpipe_client::relay::{Relay, RelayOptions};
use standpipe_client::{ConnectOptions, Credentials, Pool, PoolOptions, ServerAddress};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::Backend;
use standpipe_pipe::listener::{PipeConnection, PipeListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::proxy::{CLOSE, Cut, Proxy, READ, WRITE};
use crate::support::{Lost, Plan, Site, TIMEOUT, echo_messages, eventually, name, reverse_one, serve};

/// A relay to a server.
struct Offered {
    folder: tempfile::TempDir,
    mode: Mode,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Offered {
    async fn new(server: ServerAddress, mode: Mode) -> Self {
        Self::with(server, mode, "serviceUser", RelayOptions::default()).await
    }

    async fn with(server: ServerAddress, mode: Mode, user: &str, options: RelayOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = PipeListener::bind_in(&folder.path().join("local"), "simple", mode).await.unwrap();
        let pool_options = PoolOptions {
            connect: ConnectOptions { timeout: TIMEOUT, ..ConnectOptions::default() },
            reconnect: Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(5) },
            ..PoolOptions::default()
        };
        let pool = Pool::new(server, Credentials::with_password(user, "secret"), pool_options);
        let stop = CancellationToken::new();
        let relay = Relay::new(listener, pool, name(), options);
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { relay.run(stop).await.unwrap() }
        });
        Self { folder, mode, stop, running }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("local/simple")
    }

    /// Connects as a program that waits for the pipe: a relay whose attempt to connect again fails takes it
    /// away for a moment.
    async fn connect(&self) -> PipeConnection {
        let connecting = async {
            loop {
                match PipeConnection::connect(&self.path(), self.mode).await {
                    Err(error)
                        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
                    {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    connected => return connected.unwrap(),
                }
            }
        };
        within(connecting).await
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, work).await.unwrap()
}

#[tokio::test]
async fn messages_keep_their_boundaries_both_ways() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let offered = Offered::new(site.server(), Mode::Message).await;
    let local = offered.connect().await;
    let long: Vec<u8> = (0..150_000_u32).map(|i| (i / 7) as u8).collect();
    let messages = [&b"one"[..], b"", b"two", &long, &long[..65_536], b"\0"];
    for message in messages {
        local.write_message(message).await.unwrap();
        assert!(within(local.read_message()).await.unwrap().unwrap() == message, "{}", message.len());
    }
    // Without waiting for answers in between.
    for number in 0..100_u32 {
        local.write_message(&number.to_le_bytes()).await.unwrap();
    }
    for number in 0..100_u32 {
        assert_eq!(within(local.read_message()).await.unwrap().unwrap(), number.to_le_bytes());
    }
}

#[tokio::test]
async fn bytes_flow_both_ways() {
    let site = Site::with(Plan { mode: Mode::Byte, ..Plan::default() }).await;
    let _service = serve(site.listen(Mode::Byte).await, |connection| async move {
        let mut buffer = vec![0; 10_000];
        while let Ok(length @ 1..) = connection.read(&mut buffer).await {
            connection.write_all(&buffer[..length]).await.unwrap();
        }
    });
    let offered = Offered::new(site.server(), Mode::Byte).await;
    let local = offered.connect().await;
    let sent: Vec<u8> = (0..500_000_u32).map(|i| (i / 5) as u8).collect();
    let write = local.write_all(&sent);
    let read = async {
        let (mut received, mut buffer) = (Vec::new(), vec![0; 30_000]);
        while received.len() < sent.len() {
            let length = local.read(&mut buffer).await.unwrap();
            received.extend_from_slice(&buffer[..length]);
        }
        received
    };
    let (written, received) = within(async { tokio::join!(write, read) }).await;
    written.unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn the_service_ends_the_pipe_and_the_program_reads_to_the_end() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let offered = Offered::new(site.server(), Mode::Message).await;
    let local = offered.connect().await;
    local.write_message(b"abc").await.unwrap();
    assert_eq!(within(local.read_message()).await.unwrap(), Some(b"cba".to_vec()));
    assert_eq!(within(local.read_message()).await.unwrap(), None);
}

#[tokio::test]
async fn bytes_that_a_program_wrote_before_it_closed_are_delivered_and_then_the_end() {
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let offered = Offered::new(site.server(), Mode::Message).await;
    let local = offered.connect().await;
    for message in [&b"one"[..], b"", b"three"] {
        local.write_message(message).await.unwrap();
    }
    drop(local);
    let service = within(listener.accept()).await.unwrap();
    // Nobody reads this any more, and it keeps nothing from arriving.
    service.write_message(b"for nobody").await.unwrap();
    for message in [&b"one"[..], b"", b"three"] {
        assert_eq!(within(service.read_message()).await.unwrap().unwrap(), message);
    }
    assert_eq!(within(service.read_message()).await.unwrap(), None);
}

#[tokio::test]
async fn a_program_that_only_ends_its_writing_still_gets_the_answer() {
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let offered = Offered::new(site.server(), Mode::Message).await;
    let local = offered.connect().await;
    local.write_message(b"question").await.unwrap();
    local.finish();
    let service = within(listener.accept()).await.unwrap();
    assert_eq!(within(service.read_message()).await.unwrap().unwrap(), b"question");
    service.write_message(b"answer").await.unwrap();
    assert_eq!(within(local.read_message()).await.unwrap().unwrap(), b"answer");
    service.write_message(b"more").await.unwrap();
    assert_eq!(within(local.read_message()).await.unwrap().unwrap(), b"more");
    drop(local);
    assert_eq!(within(service.read_message()).await.unwrap(), None);
}

#[tokio::test]
async fn a_service_that_takes_nothing_does_not_keep_a_connection_whose_program_went() {
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let options = RelayOptions { linger: Duration::from_millis(20), ..RelayOptions::default() };
    let offered = Offered::with(site.server(), Mode::Message, "serviceUser", options).await;
    let local = offered.connect().await;
    let service = within(listener.accept()).await.unwrap();
    // More than all sockets on the way hold.
    let message = vec![1; 100_000];
    while tokio::time::timeout(Duration::from_millis(200), local.write_message(&message)).await.is_ok() {}
    drop(local);
    eventually("the remote pipe is closed", || site.counters.snapshot().opens_now == 0).await;
    drop(service);
}

#[tokio::test]
async fn fifty_programs_at_once_get_their_own_answers_over_one_connection() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let offered = Offered::new(site.server(), Mode::Message).await;
    let mut programs = JoinSet::new();
    for program in 0..50 {
        let local = offered.connect().await;
        programs.spawn(async move {
            for number in 0..20 {
                let message = format!("{program}/{number}").into_bytes();
                local.write_message(&message).await.unwrap();
                assert_eq!(local.read_message().await.unwrap().unwrap(), message);
            }
        });
    }
    within(programs.join_all()).await;
    assert_eq!(site.counters.snapshot().log_ons, 1);
    eventually("closed", || site.counters.snapshot().opens_now == 0).await;
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_its_programs_and_not_the_next() {
    let site = Site::new().await;
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let _service = serve(site.listen(Mode::Message).await, move |connection| {
        let arrived = arrived.clone();
        async move {
            while let Ok(Some(message)) = connection.read_message().await {
                arrived.send(message.clone()).unwrap();
                let _ = connection.write_message(&message).await;
            }
        }
    });
    let proxy = Proxy::new(site.address).await;
    let offered = Offered::new(proxy.address.into(), Mode::Message).await;
    eventually("connected", || proxy.connections() == 1).await;
    // Whether the message arrives at the service.
    for (cut, arrives) in
        [(Cut::BeforeRequest(WRITE), false), (Cut::AfterRequest(WRITE), true), (Cut::WithinReply(READ), true)]
    {
        // The connection that works makes room for one that is cut.
        let before = proxy.connections();
        proxy.cut([cut]);
        proxy.kill();
        eventually("connected again", || proxy.connections() > before).await;
        let local = offered.connect().await;
        // Whether it can still be written is a question of time.
        let _ = local.write_message(b"lost").await;
        assert_eq!(within(local.read_message()).await.unwrap(), None, "{cut:?}");
        let next = offered.connect().await;
        next.write_message(b"next").await.unwrap();
        assert_eq!(within(next.read_message()).await.unwrap().unwrap(), b"next", "{cut:?}");
        let mut seen = vec![within(arrivals.recv()).await.unwrap()];
        if arrives {
            seen.push(within(arrivals.recv()).await.unwrap());
        }
        seen.sort();
        let expected: &[&[u8]] = if arrives { &[b"lost", b"next"] } else { &[b"next"] };
        assert_eq!(seen, expected, "{cut:?}");
        let before = proxy.connections();
        proxy.kill();
        assert_eq!(within(next.read_message()).await.unwrap(), None);
        eventually("connected again", || proxy.connections() > before).await;
    }
    assert!(arrivals.is_empty(), "nothing was sent again");
}

#[tokio::test]
async fn a_program_whose_service_cannot_be_reached_any_more_reads_an_error() {
    let backend = Backend::connector(Mode::Byte, Lost { mode: Mode::Byte, before: b"a part" });
    let site = Site::with(Plan { mode: Mode::Byte, backend: Some(backend), ..Plan::default() }).await;
    let offered = Offered::new(site.server(), Mode::Byte).await;
    drop(offered.connect().await);
    // As programs read that are not written here.
    let mut local = UnixStream::connect(offered.path()).await.unwrap();
    local.write_all(b"request").await.unwrap();
    let mut read = Vec::new();
    let error = within(local.read_to_end(&mut read)).await.unwrap_err();
    assert_eq!((error.kind(), read.as_slice()), (ErrorKind::ConnectionReset, &b"a part"[..]));
}

#[tokio::test]
async fn a_program_that_cannot_open_the_remote_pipe_is_closed_and_the_relay_stays() {
    let site = Site::new().await;
    let options = RelayOptions { wait_for_pipe: Duration::ZERO, ..RelayOptions::default() };
    let offered = Offered::with(site.server(), Mode::Message, "serviceUser", options.clone()).await;
    // There is no service yet.
    let early = offered.connect().await;
    assert_eq!(within(early.read_message()).await.unwrap(), None);
    let _service = serve(site.listen(Mode::Message).await, reverse_one);
    let local = offered.connect().await;
    local.write_message(b"abc").await.unwrap();
    assert_eq!(within(local.read_message()).await.unwrap().unwrap(), b"cba");

    let refused = Offered::with(site.server(), Mode::Message, "guestling", options).await;
    assert_eq!(within(refused.connect().await.read_message()).await.unwrap(), None);
    assert!(!refused.running.is_finished());
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_only_its_own_connection() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let options = RelayOptions { max_message: 1000, ..RelayOptions::default() };
    let offered = Offered::with(site.server(), Mode::Message, "serviceUser", options).await;
    let (one, other) = (offered.connect().await, offered.connect().await);
    one.write_message(&[0; 1001]).await.unwrap();
    assert_eq!(within(one.read_message()).await.unwrap(), None);
    other.write_message(&[0; 1000]).await.unwrap();
    assert_eq!(within(other.read_message()).await.unwrap().unwrap(), [0; 1000]);
}

#[tokio::test]
async fn more_programs_than_allowed_wait_for_their_turn() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let options = RelayOptions { max_connections: 2, ..RelayOptions::default() };
    let offered = Offered::with(site.server(), Mode::Message, "serviceUser", options).await;
    let mut programs = Vec::new();
    for number in 0..3_u8 {
        let local = offered.connect().await;
        local.write_message(&[number]).await.unwrap();
        programs.push(local);
    }
    for number in 0..2_u8 {
        assert_eq!(within(programs[usize::from(number)].read_message()).await.unwrap().unwrap(), [number]);
    }
    assert_eq!(site.counters.snapshot().opens, 2);
    drop(programs.remove(0));
    assert_eq!(within(programs[1].read_message()).await.unwrap().unwrap(), [2]);
}

#[tokio::test]
async fn a_server_that_never_says_that_a_pipe_is_closed_takes_no_place() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let proxy = Proxy::new(site.address).await;
    proxy.cut([Cut::WithoutReplies(CLOSE)]);
    let options = RelayOptions { max_connections: 1, ..RelayOptions::default() };
    let offered = Offered::with(proxy.address.into(), Mode::Message, "serviceUser", options).await;
    for _ in 0..3 {
        let local = offered.connect().await;
        local.write_message(b"abc").await.unwrap();
        assert_eq!(within(local.read_message()).await.unwrap().unwrap(), b"cba");
    }
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn only_its_user_gets_to_the_socket_and_stopping_takes_it_away() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let offered = Offered::new(site.server(), Mode::Message).await;
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(offered.path()), mode(offered.folder.path().join("local"))), (0o600, 0o700));
    let local = offered.connect().await;
    local.write_message(b"x").await.unwrap();
    within(local.read_message()).await.unwrap().unwrap();
    offered.stop.cancel();
    within(offered.running).await.unwrap();
    assert!(!offered.folder.path().join("local/simple").exists());
    assert_eq!(within(local.read_message()).await.unwrap(), None);
    eventually("logged off", || site.counters.snapshot().connections_now == 0).await;
}
