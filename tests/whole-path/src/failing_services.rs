//! What clients and the log are told of services that fail.

use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use standpipe_client::{CallOptions, Client, ClientError, ReplyEnd};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::{Backend, ConnectFuture, Connector, Slot};
use standpipe_pipe::{Caller, listener::PipeConnection};
use standpipe_smb::NtStatus;
use tokio::net::{TcpListener, UnixSocket};
use tracing::subscriber::DefaultGuard;

use crate::support::{Lost, Plan, Site, eventually, name, serve};

/// The lines of this thread's log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines that tell of the pipe.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("pipe=\"simple\"")).map(str::to_owned).collect()
    }

    /// Waits for the line, the only one that tells of the pipe.
    async fn only_line(&self, what: &[&str]) {
        eventually("a line in the log", || !self.lines().is_empty()).await;
        let lines = self.lines();
        let [line] = lines.as_slice() else { panic!("{lines:#?}") };
        for part in what {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
}

async fn refused(client: &Client) -> NtStatus {
    match client.open(&name()).await {
        Err(ClientError::PipeBusy { status, .. }) => status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_listens() {
    let (log, _guard) = Log::start();
    let site = Site::new().await;
    assert_eq!(refused(&site.client().await).await, NtStatus::PIPE_NOT_AVAILABLE);
    log.only_line(&["nobody listens at", "/pipes/simple"]).await;
}

#[tokio::test]
async fn a_tcp_port_is_closed() {
    let (log, _guard) = Log::start();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let backend = Backend::tcp("127.0.0.1", free.port());
    let site = Site::with(Plan { mode: Mode::Byte, backend: Some(backend), ..Plan::default() }).await;
    assert_eq!(refused(&site.client().await).await, NtStatus::PIPE_NOT_AVAILABLE);
    log.only_line(&[&format!("backend=tcp://{free}"), "nobody listens"]).await;
}

#[tokio::test]
async fn a_call_whose_way_to_the_service_is_lost_is_neither_answered_nor_ended_nor_sent_again() {
    for before in [&b""[..], b"a part of a reply"] {
        let (log, _guard) = Log::start();
        let backend = Backend::connector(Mode::Message, Lost { mode: Mode::Message, before });
        let site = Site::with(Plan { backend: Some(backend), ..Plan::default() }).await;
        let client = site.client().await;
        let to_the_end = CallOptions { reply_end: ReplyEnd::Disconnect, ..CallOptions::default() };
        let error = client.call(&name(), b"request", &to_the_end).await.unwrap_err();
        let ClientError::Refused { status, .. } = &error else { panic!("{error}") };
        assert_eq!(*status, NtStatus::CONNECTION_RESET);
        assert!(error.may_have_arrived(), "another instance must not be asked: {error}");
        log.only_line(&["cannot be read from", "something far away", "the agent is gone"]).await;

        let open = client.open(&name()).await.unwrap();
        open.write(b"request").await.unwrap();
        if !before.is_empty() {
            assert_eq!(open.read_message(100).await.unwrap().unwrap(), before);
        }
        for _ in 0..2 {
            assert!(open.read_message(100).await.is_err(), "an end would pass for the service's own");
        }
        assert!(open.write(b"more").await.is_err());
    }
}

/// Never connects.
struct Slow;

impl Connector for Slow {
    fn connect(&self, _caller: Caller, slot: Slot) -> ConnectFuture {
        Box::pin(async move {
            let _slot = slot;
            std::future::pending().await
        })
    }

    fn is_available(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { true })
    }

    fn describe(&self) -> String {
        "something slow".to_owned()
    }
}

#[tokio::test]
async fn a_service_takes_too_long_to_connect() {
    let (log, _guard) = Log::start();
    let backend = Backend::connector(Mode::Message, Slow).with_connect_timeout(Duration::from_millis(20));
    let plan = Plan { max_instances: Some(1), backend: Some(backend), ..Plan::default() };
    let site = Site::with(plan).await;
    let client = site.client().await;
    assert_eq!(refused(&client).await, NtStatus::PIPE_NOT_AVAILABLE);
    log.only_line(&["something slow did not take a connection within 0.02 s"]).await;
    assert!(client.wait(&name(), Duration::from_secs(1)).await.unwrap(), "its slot is given back");
}

#[tokio::test]
async fn a_queue_of_new_clients_stays_full() {
    let (log, _guard) = Log::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full");
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let _listener = socket.listen(0).unwrap();
    let backend = Backend::unix(&path, Mode::Byte).with_connect_timeout(Duration::from_millis(50));
    let site = Site::with(Plan { mode: Mode::Byte, backend: Some(backend), ..Plan::default() }).await;
    let client = site.client().await;
    let mut opens = Vec::new();
    let status = loop {
        match client.open(&name()).await {
            Ok(open) => opens.push(open),
            Err(ClientError::PipeBusy { status, .. }) => break status,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(status, NtStatus::INSTANCE_NOT_AVAILABLE);
    log.only_line(&["the queue of new clients at", "is full", &path.display().to_string()]).await;
}

#[tokio::test]
async fn a_service_goes_without_reading_what_was_written() {
    let (log, _guard) = Log::start();
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    let service = listener.accept().await.unwrap();
    pipe.write(b"unread").await.unwrap();
    // As the kernel closes it when the process dies.
    service_dies(service);
    assert_eq!(pipe.read_message(100).await.unwrap(), None, "the end of the pipe");
    let error = pipe.write(b"more").await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    log.only_line(&["went without reading", "/pipes/simple"]).await;
}

/// Leaves what was not read where it is, which `disconnect` would take away.
fn service_dies(service: PipeConnection) {
    drop(service);
}

#[tokio::test]
async fn a_call_whose_service_goes_is_told_so() {
    let (log, _guard) = Log::start();
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, |pipe| async move { service_dies(pipe) });
    let client = site.client().await;
    let error = client.call(&name(), b"request", &CallOptions::default()).await.unwrap_err();
    assert!(error.may_have_arrived(), "{error}");
    drop(log);
}

#[tokio::test]
async fn a_service_that_reads_nothing_holds_its_own_writer_only() {
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let client = site.client().await;
    let stuck = client.open(&name()).await.unwrap();
    let _deaf = listener.accept().await.unwrap();
    let writing = tokio::spawn(async move {
        let message = vec![0; 60_000];
        for _ in 0..100 {
            stuck.write(&message).await.unwrap();
        }
    });
    let _service = serve(listener, crate::support::echo_messages);
    for _ in 0..20 {
        let pipe = client.open(&name()).await.unwrap();
        assert_eq!(pipe.transceive(b"others go on", 100).await.unwrap().unwrap(), b"others go on");
    }
    assert!(!writing.is_finished());
}
