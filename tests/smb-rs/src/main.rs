//! Calls a pipe through the crate `smb`, which knows nothing of Standpipe.
//!
//! Arguments: address, port, pipe, user, `sign` or `encrypt`, the newest dialect (`3.1.1`, `any`, ...), and a
//! length for each call; the password is in PASSWD. Prints what was agreed on and how each call ended:
//! `right` when the text that came back is the one that was sent, backwards. When the server refuses, its
//! status is printed instead.

use std::process::ExitCode;
use std::time::Instant;

use smb::connection::EncryptionMode;
use smb::{Client, ClientConfig, ConnectionConfig, Dialect, Error, IoctlBuffer, PipeTransceiveRequest};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::UnexpectedMessageStatus(status) | Error::ReceivedErrorMessage(status, _)) => {
            println!("{status:#010x}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> smb::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, port, pipe, user, protection, dialect, lengths @ ..] = arguments.as_slice() else {
        return Err(Error::InvalidArgument("see the source for the arguments".to_owned()));
    };
    let password = std::env::var("PASSWD").unwrap_or_default();
    let max_dialect = match dialect.as_str() {
        "2.0.2" => Some(Dialect::Smb0202),
        "2.1" => Some(Dialect::Smb021),
        "3.0" => Some(Dialect::Smb030),
        "3.0.2" => Some(Dialect::Smb0302),
        "3.1.1" => Some(Dialect::Smb0311),
        _ => None,
    };
    let encryption_mode = match protection.as_str() {
        "encrypt" => EncryptionMode::Required,
        // Where it may not encrypt at all, it sends an empty list of ciphers, which the protocol forbids.
        _ => EncryptionMode::Allowed,
    };
    let config = ConnectionConfig {
        port: Some(port.parse().map_err(|_| Error::InvalidArgument(format!("{port} is no port")))?),
        min_dialect: max_dialect,
        max_dialect,
        encryption_mode,
        ..ConnectionConfig::default()
    };
    let client = Client::new(ClientConfig { dfs: false, connection: config, ..ClientConfig::default() });
    client.ipc_connect(address, user, password).await?;
    let connection = client.get_connection(address).await?;
    if let Some(agreed) = connection.conn_info() {
        let negotiation = &agreed.negotiation;
        println!(
            "{:?} {:?} {:?}",
            negotiation.dialect_rev, negotiation.signing_algo, negotiation.encryption_cipher
        );
    }
    for length in lengths {
        let length = length.parse().map_err(|_| Error::InvalidArgument(format!("{length} is no length")))?;
        // The story's service: a text up to a NUL, one for each open.
        let text: Vec<u8> = (0..length).map(|index: usize| b'a' + (index * 7 % 26) as u8).collect();
        let opened = client.open_pipe(address, pipe).await?;
        let began = Instant::now();
        let request = PipeTransceiveRequest::from(IoctlBuffer::from([&text[..], b"\0"].concat()));
        let received = opened.fsctl_with_options(request, 65_536).await?;
        eprintln!("{length} bytes took {:?}", began.elapsed());
        let is_right = received.iter().filter(|byte| **byte != 0).eq(text.iter().rev());
        println!("{length} {}", if is_right { "right" } else { "wrong" });
        opened.close().await?;
    }
    client.close().await
}
