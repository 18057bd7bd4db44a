//! Standpipe's server and nothing else of the program, before the same service: quickly built, for a count of
//! instructions.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use standpipe_pipe::Mode;
use standpipe_pipe::backend::Backend;
use standpipe_security::{Account, AccountSet, NtHash, Sid};
use standpipe_server::{Offer, Options, PipeOffer, Server};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) const USER: &str = "games";
/// Of no worth: it opens what runs on loopback while this program does.
pub(crate) const PASSWORD: &str = "counted-on-loopback";
pub(crate) const PIPE: &str = "echo";

/// Serves the pipe until it is killed. Says `listening` on standard output when clients can come.
#[tokio::main]
pub(crate) async fn run(listen: SocketAddr, messages: &Path) -> Result<(), Box<dyn Error>> {
    let mut accounts = AccountSet::new();
    accounts.add(Account {
        name: USER.parse()?,
        sid: Sid::new(5, &[21, 1, 2, 3, 1001])?,
        nt_hash: NtHash::of_password(PASSWORD),
        groups: Vec::new(),
        enabled: true,
    })?;
    let (_ready, readiness) = watch::channel(true);
    let offer = Offer {
        pipes: vec![PipeOffer {
            name: PIPE.parse()?,
            security_descriptor: Some("D:(A;;GRGW;;;AU)".parse()?),
            max_instances: None,
            require_encryption: false,
            backend: Backend::unix(messages, Mode::Message),
        }],
        accounts: Arc::new(accounts),
        readiness,
        options: Options::new()?,
    };
    let server = Server::bind(listen).await?;
    println!("listening");
    server.serve(offer, CancellationToken::new()).await;
    Ok(())
}
