//! A server for conformance tests with clients that only know files: it answers every open with a new file,
//! which is in truth a pipe that sends each message back.
//!
//! Arguments: the address with its port, and the file of accounts. It prints where it listens, and serves
//! until it is killed. It needs the feature `conformance`.

use std::error::Error;
use std::sync::Arc;

use standpipe_accounts::AccountFile;
use standpipe_pipe::Mode;
use standpipe_pipe::backend::Backend;
use standpipe_server::{Offer, Options, PipeOffer, Server};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the test that started it waits for this")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(accounts)) = (arguments.next(), arguments.next()) else {
        return Err("which address, and which file of accounts?".into());
    };
    let echo = Backend::handler(Mode::Message, |pipe| async move {
        while let Ok(Some(message)) = pipe.read_message().await {
            if pipe.write_message(&message).await.is_err() {
                break;
            }
        }
    });
    let (_ready, readiness) = watch::channel(true);
    let offer = Offer {
        pipes: vec![PipeOffer {
            name: "any".parse()?,
            security_descriptor: Some("D:(D;;GA;;;AN)(A;;FA;;;AU)".parse()?),
            max_instances: None,
            require_encryption: false,
            backend: echo,
        }],
        accounts: Arc::new(AccountFile::open(accounts)?),
        readiness,
        options: Options { pose_as_files: true, ..Options::new()? },
    };
    let server = Server::bind(address.parse()?).await?;
    println!("listening on {}", server.local_address());
    server.serve(offer, CancellationToken::new()).await;
    Ok(())
}
