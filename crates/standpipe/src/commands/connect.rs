//! `standpipe connect`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use standpipe_client::relay::{Relay, RelayOptions};
use standpipe_client::{ClientError, ConnectOptions, Encryption, PipeAddress, Pool, PoolOptions};
use standpipe_pipe::listener::PipeListener;
use standpipe_pipe::{Mode, PipeName};
use standpipe_runtime::Stop;
use tracing::{info, warn};

use super::{parse_timeout, runtime};
use crate::crypto::PROVIDER;
use crate::failure::{Caused, Exit, Failure};
use crate::log_on::LogOnArgs;

/// The longest pause before a server that is gone is tried again: programs wait for it, some with a timeout.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "Examples:\n  \
    standpipe connect //10.0.0.5/pipe/simple -u serviceUser          # /run/user/1000/standpipe/pipes/simple\n  \
    standpipe connect //server/pipe/simple --local one --folder /run/app -u serviceUser --password-file secret\n  \
    standpipe connect //server/pipe/simple --dotnet -u 'CORP\\anna' --encrypt  # for programs on .NET\n\n\
    A message pipe is a socket of the type SOCK_SEQPACKET, a byte pipe one of SOCK_STREAM.\n\n\
    Exit codes: 0 asked to stop, 77 log-on failed, 78 the local pipe cannot be offered.";

/// Offer a pipe of another machine as a local one, for programs that know nothing of the network
///
/// Each local connection is an open of the remote pipe; all of them share one connection that is logged on.
/// Only this user and root can connect, as whoever does acts with the user given here. When the server or its
/// pipe is gone, local connections end with an error, and the local pipe is gone too until the remote one is
/// back; nothing is sent twice.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Connect {
    /// The pipe: `//host[:port]/pipe/NAME`, or with backslashes
    #[arg(value_name = "PIPE")]
    address: PipeAddress,

    /// The local pipe's name; without it, that of the remote one
    #[arg(long, value_name = "NAME")]
    local: Option<PipeName>,

    /// The folder to offer it in, which is made when it is missing; without it, `STANDPIPE_PIPES`, or this
    /// user's own
    #[arg(long, value_name = "DIR", conflicts_with = "dotnet")]
    folder: Option<PathBuf>,

    /// Offer it where programs on .NET look: as `CoreFxPipe_NAME` in the folder for temporary files, in byte
    /// mode
    #[arg(long)]
    dotnet: bool,

    /// What the pipe carries: `message` or `byte`
    #[arg(long, value_name = "MODE", default_value = "message", default_value_if("dotnet", "true", "byte"))]
    mode: Mode,

    #[command(flatten)]
    log_on: LogOnArgs,

    /// Encrypt everything after the log-on, and use no server that cannot; without it, only for servers that
    /// ask for it
    #[arg(long)]
    encrypt: bool,

    /// Local connections at a time; more wait until one ends
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_connections: u32,

    /// How long to wait for the server and the log-on, and for a pipe that is busy, each
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    timeout: Duration,
}

pub(super) fn run(connect: &Connect) -> Result<Exit, Failure> {
    if connect.dotnet && connect.mode == Mode::Message {
        return Err(Failure::new(Exit::Usage, ".NET has no pipes of messages on Unix")
            .hint("leave --mode out, or say --mode byte"));
    }
    let credentials = connect.log_on.read()?;
    let encryption = if connect.encrypt { Encryption::Required } else { Encryption::default() };
    let mut options = PoolOptions {
        connect: ConnectOptions {
            timeout: connect.timeout,
            encryption,
            crypto: PROVIDER,
            ..ConnectOptions::default()
        },
        ..PoolOptions::default()
    };
    options.reconnect.longest = LONGEST_PAUSE;
    let pool = Pool::new(connect.address.server.clone(), credentials, options);
    runtime()?.block_on(relay(connect, pool))
}

async fn relay(connect: &Connect, pool: Pool) -> Result<Exit, Failure> {
    let stop = Stop::on_signals().map_err(Failure::signals)?;
    super::confine();
    // Whether it can be offered is known first; it is offered once the remote pipe is there.
    let path = listen(connect).await?.path().to_owned();
    let first = tokio::select! {
        first = pool.client() => first,
        () = stop.asked.cancelled() => return Ok(Exit::Ok),
    };
    match first {
        Ok(client) => {
            let encrypted = client.ready().encryption.is_some();
            info!(encrypted, "logged on at {}", pool.server());
        }
        // These do not get better by waiting.
        Err(error @ (ClientError::LogOnFailed { .. } | ClientError::Handshake { .. })) => {
            return Err(error.into());
        }
        Err(error) => {
            warn!("{}; it is tried again", Failure::from(error).in_one_line());
        }
    }
    let options = RelayOptions {
        max_connections: connect.max_connections as usize,
        wait_for_pipe: connect.timeout,
        ..RelayOptions::default()
    };
    let relay = Relay::at(path, connect.mode, pool, connect.address.pipe.clone(), options);
    relay.run(stop.asked).await.map_err(|error| {
        Failure::new(
            Exit::Temporary,
            Caused { what: "could not accept local connections".into(), source: error.into() },
        )
    })?;
    Ok(Exit::Ok)
}

async fn listen(connect: &Connect) -> Result<PipeListener, Failure> {
    let name = connect.local.as_ref().unwrap_or(&connect.address.pipe).as_str();
    let listener = match &connect.folder {
        _ if connect.dotnet => PipeListener::bind_dotnet(name).await,
        Some(folder) => PipeListener::bind_in(folder, name, connect.mode).await,
        None => PipeListener::bind(name, connect.mode).await,
    };
    Ok(listener?)
}
