//! A service, a server before it, and clients.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use standpipe_accounts::AccountFile;
use standpipe_client::{Client, ClientError, ConnectOptions, Credentials, ServerAddress};
use standpipe_pipe::backend::{Backend, ConnectFuture, Connector, Slot};
use standpipe_pipe::listener::{PipeConnection, PipeListener};
use standpipe_pipe::{Caller, Mode, PipeName};
use standpipe_server::{Counters, Offer, Options, PipeOffer, Server};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The security descriptor of the story.
pub(crate) const STORY: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A server on a port of its own, with the accounts `serviceUser` (password `secret`) and `guestling`
/// (password `secret`, in Guests).
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) accounts: AccountFile,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Arc<Counters>,
    pub(crate) readiness: watch::Sender<bool>,
    pub(crate) stop: CancellationToken,
    pub(crate) server: JoinHandle<()>,
}

/// What a test can change about a site.
pub(crate) struct Plan {
    pub(crate) sddl: Option<&'static str>,
    pub(crate) mode: Mode,
    pub(crate) max_instances: Option<u32>,
    pub(crate) require_encryption: bool,
    pub(crate) options: Options,
    /// Without it, the socket of the service in the site's folder.
    pub(crate) backend: Option<Backend>,
}

impl Default for Plan {
    fn default() -> Self {
        let options = Options::new().unwrap();
        Self {
            sddl: Some(STORY),
            mode: Mode::Message,
            max_instances: None,
            require_encryption: false,
            options,
            backend: None,
        }
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = AccountFile::new(folder.path().join("accounts.toml"));
        accounts.add("serviceUser", "secret", None).unwrap();
        accounts.add("guestling", "secret", Some(&["S-1-5-32-546".parse().unwrap()])).unwrap();
        let pipe = PipeOffer {
            name: name(),
            security_descriptor: plan.sddl.map(|sddl| sddl.parse().unwrap()),
            max_instances: plan.max_instances,
            require_encryption: plan.require_encryption,
            backend: plan
                .backend
                .unwrap_or_else(|| Backend::local(&folder.path().join("pipes"), &name(), plan.mode)),
        };
        let (readiness, ready) = watch::channel(true);
        let offer = Offer {
            pipes: vec![pipe],
            accounts: Arc::new(AccountFile::open(accounts.path()).unwrap()),
            readiness: ready,
            options: plan.options,
        };
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, counters) = (server.local_address(), server.counters());
        let stop = CancellationToken::new();
        let server = tokio::spawn(server.serve(offer, stop.clone()));
        Self { folder, accounts, address, counters, readiness, stop, server }
    }

    /// A site whose pipe leads to this backend.
    pub(crate) async fn before(backend: Backend) -> Self {
        Self::with(Plan { backend: Some(backend), ..Plan::default() }).await
    }

    pub(crate) async fn listen(&self, mode: Mode) -> PipeListener {
        listen(self.folder.path(), mode).await
    }

    /// Starts the service of the story: reverses one message, and disconnects.
    pub(crate) async fn reverse(&self) -> JoinHandle<()> {
        serve(self.listen(Mode::Message).await, reverse_one)
    }

    pub(crate) fn server(&self) -> ServerAddress {
        self.address.into()
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_as("serviceUser", "secret").await.unwrap()
    }

    pub(crate) async fn client_as(&self, user: &str, password: &str) -> Result<Client, ClientError> {
        connect(&self.server(), user, password).await
    }
}

pub(crate) async fn connect(
    server: &ServerAddress,
    user: &str,
    password: &str,
) -> Result<Client, ClientError> {
    let options = ConnectOptions { timeout: TIMEOUT, ..ConnectOptions::default() };
    Client::connect(server, &Credentials::with_password(user, password), &options).await
}

pub(crate) async fn listen(folder: &Path, mode: Mode) -> PipeListener {
    PipeListener::bind_in(&folder.join("pipes"), "simple", mode).await.unwrap()
}

pub(crate) fn name() -> PipeName {
    "simple".parse().unwrap()
}

/// Accepts clients for ever and gives each to `service`.
pub(crate) fn serve<S, F>(listener: PipeListener, service: S) -> JoinHandle<()>
where
    S: Fn(PipeConnection) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await.unwrap();
            tokio::spawn(service(connection));
        }
    })
}

pub(crate) async fn reverse_one(connection: PipeConnection) {
    if let Ok(Some(mut message)) = connection.read_message().await {
        message.reverse();
        connection.write_message(&message).await.unwrap();
    }
    connection.disconnect();
}

/// Answers every message with itself until the client goes.
pub(crate) async fn echo_messages(connection: PipeConnection) {
    while let Ok(Some(message)) = connection.read_message().await {
        if connection.write_message(&message).await.is_err() {
            return;
        }
    }
}

/// Waits for something that comes about by itself.
pub(crate) async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(TIMEOUT, wait).await.is_ok(), "never came about: {what}");
}

/// Takes the way to the service away, once it has read a request and written `before`.
pub(crate) struct Lost {
    pub(crate) mode: Mode,
    pub(crate) before: &'static [u8],
}

impl Connector for Lost {
    fn connect(&self, _caller: Caller, slot: Slot) -> ConnectFuture {
        let (mode, before) = (self.mode, self.before);
        let (ours, theirs) = PipeConnection::pair(mode);
        tokio::spawn(async move {
            match mode {
                Mode::Message => drop(theirs.read_message().await.unwrap()),
                Mode::Byte => assert!(theirs.read(&mut [0; 100]).await.unwrap() > 0),
            }
            match mode {
                _ if before.is_empty() => {}
                Mode::Message => theirs.write_message(before).await.unwrap(),
                Mode::Byte => theirs.write_all(before).await.unwrap(),
            }
            theirs.lose("the agent is gone");
        });
        Box::pin(async move { Ok(ours.with_guard(slot)) })
    }

    fn is_available(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { true })
    }

    fn describe(&self) -> String {
        "something far away".to_owned()
    }
}
