//! A server with a service behind it, for the commands that call one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use standpipe_accounts::AccountFile;
use standpipe_pipe::backend::Backend;
use standpipe_pipe::listener::{PipeConnection, PipeListener};
use standpipe_pipe::{Mode, PipeName};
use standpipe_server::{Offer, Options, PipeOffer, Server};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The NT hash of the password `secret`.
pub(crate) const HASH: &str = "878d8014606cda29677a44efa1353fc7";

/// Serves, until it is dropped, pipes for the user `anna` with the password `secret`: `simple` answers a
/// message with the same reversed and closes, `echo` answers bytes with themselves, `messages` and `bytes`
/// answer whatever comes with itself and leave it to the client to close.
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Remote {
    pub(crate) fn new(folder: &Path) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), folder)
    }

    /// At an address of the caller's choice.
    pub(crate) fn at(address: SocketAddr, folder: &Path) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let accounts = AccountFile::new(folder.join("accounts.toml"));
        if !accounts.path().exists() {
            accounts.add("anna", "secret", None).unwrap();
        }
        let pipes = folder.join("pipes");
        let offer = |name: &str, mode| {
            let name: PipeName = name.parse().unwrap();
            PipeOffer {
                security_descriptor: "D:(A;;GRGW;;;AU)".parse().ok(),
                max_instances: None,
                require_encryption: false,
                backend: Backend::local(&pipes, &name, mode),
                name,
            }
        };
        let (_, readiness) = watch::channel(true);
        let offer = Offer {
            pipes: vec![
                offer("simple", Mode::Message),
                offer("echo", Mode::Byte),
                offer("messages", Mode::Message),
                offer("bytes", Mode::Byte),
            ],
            accounts: Arc::new(AccountFile::open(accounts.path()).unwrap()),
            readiness,
            options: Options::new().unwrap(),
        };
        let address = runtime.block_on(async {
            let simple = PipeListener::bind_in(&pipes, "simple", Mode::Message).await.unwrap();
            let echo = PipeListener::bind_in(&pipes, "echo", Mode::Byte).await.unwrap();
            tokio::spawn(async move {
                loop {
                    tokio::spawn(reverse(simple.accept().await.unwrap()));
                }
            });
            tokio::spawn(async move {
                loop {
                    tokio::spawn(answer(echo.accept().await.unwrap()));
                }
            });
            for (name, mode) in [("messages", Mode::Message), ("bytes", Mode::Byte)] {
                let listener = PipeListener::bind_in(&pipes, name, mode).await.unwrap();
                tokio::spawn(async move {
                    loop {
                        tokio::spawn(keep_answering(listener.accept().await.unwrap()));
                    }
                });
            }
            let server = Server::bind(address).await.unwrap();
            let address = server.local_address();
            tokio::spawn(server.serve(offer, CancellationToken::new()));
            address
        });
        Self { address, _runtime: runtime }
    }

    pub(crate) fn pipe(&self, name: &str) -> String {
        format!("//{}/pipe/{name}", self.address)
    }
}

async fn reverse(connection: PipeConnection) {
    if let Ok(Some(mut message)) = connection.read_message().await {
        message.reverse();
        let _ = connection.write_message(&message).await;
    }
    connection.disconnect();
}

/// Until the last byte is a full stop.
async fn answer(connection: PipeConnection) {
    let mut buffer = vec![0; 60_000];
    while let Ok(length @ 1..) = connection.read(&mut buffer).await {
        if connection.write_all(&buffer[..length]).await.is_err() || buffer[length - 1] == b'.' {
            break;
        }
    }
    connection.disconnect();
}

/// Until the client closes.
async fn keep_answering(connection: PipeConnection) {
    let mut buffer = vec![0; 60_000];
    match connection.mode() {
        Mode::Message => {
            while let Ok(Some(message)) = connection.read_message().await {
                if connection.write_message(&message).await.is_err() {
                    break;
                }
            }
        }
        Mode::Byte => {
            while let Ok(length @ 1..) = connection.read(&mut buffer).await {
                if connection.write_all(&buffer[..length]).await.is_err() {
                    break;
                }
            }
        }
    }
}
