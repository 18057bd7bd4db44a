//! `standpipe bench`

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use standpipe_client::{
    Client, ClientError, ConnectOptions, Credentials, Encryption, PipeAddress, SigningAlgorithm,
};
use standpipe_load::{Expect, Kind, LoadError, PipeLoad, Plan, Report, ServerProcess};

use super::{log_off, parse_timeout, runtime};
use crate::crypto::PROVIDER;
use crate::failure::{Caused, Exit, Failure, client_hint, exit_of_client_error};
use crate::log_on::LogOnArgs;
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe bench //10.0.0.5/pipe/echo -u serviceUser --connections 16\n  \
    standpipe bench //127.0.0.2:4445/pipe/simple -u serviceUser --workload call --expect reversed\n  \
    standpipe bench //127.0.0.2:4445/pipe/echo -u serviceUser --workload idle --connections 1000 \\\n      \
    --server-pid \"$(pidof standpipe)\" --json\n\n\
    Exit codes: 69 calls failed or had a wrong reply, 75 could not connect, 77 log-on failed or access denied.";

/// The most connections and callers: so many that a mistake in a number is noticed.
const MOST: u64 = 100_000;

/// Call a pipe as fast as it answers, and say how fast that is
///
/// Every request is another one, and each reply is compared with its request.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// The pipe: `//host[:port]/pipe/NAME`, or with backslashes
    #[arg(value_name = "PIPE")]
    address: PipeAddress,

    #[command(flatten)]
    log_on: LogOnArgs,

    /// What one call is
    #[arg(long, value_enum, value_name = "KIND", default_value_t = WorkloadArg::Transceive)]
    workload: WorkloadArg,

    /// How many connections
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    connections: u64,

    /// How many calls at a time on each connection, each on a pipe of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    callers: u64,

    /// How many bytes each request has
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    size: u64,

    /// What the service's reply must be
    #[arg(long, value_enum, value_name = "REPLY", default_value_t = ExpectArg::Same)]
    expect: ExpectArg,

    /// How long to measure; `idle` connections are left alone for so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    duration: Duration,

    /// How long to call before measuring begins
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    warm_up: Duration,

    /// How many threads call; by default as many as there are processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    threads: Option<u64>,

    /// Offer only this way to sign; without it, whatever both sides can, the fastest first
    #[arg(long, value_enum, value_name = "ALGORITHM")]
    signing: Option<SigningArg>,

    /// Encrypt everything after the log-on instead of signing it
    #[arg(long)]
    encrypt: bool,

    /// An address of this machine to connect from; several are used in turn
    #[arg(long, value_name = "ADDRESS")]
    from: Vec<IpAddr>,

    /// The server's process on this machine: say what CPU time and memory it uses, with its children of the
    /// same program
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,

    /// How long connecting and logging on may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    timeout: Duration,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What one call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WorkloadArg {
    /// A request and its reply in one round trip, on a pipe that stays open; for pipes of messages
    Transceive,
    /// Open the pipe, write, read, close: four round trips
    Call,
    /// Connect, log on, log off
    LogOn,
    /// Nothing: open a pipe on each connection, wait, and make one call at the end
    Idle,
}

/// What the reply must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExpectArg {
    /// The request's bytes
    Same,
    /// The request, a text that ends with a NUL, backwards and without the NUL
    Reversed,
    /// Anything
    Anything,
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SigningArg {
    /// AES-128-GMAC
    Gmac,
    /// AES-128-CMAC
    Cmac,
    /// HMAC-SHA256
    Hmac,
}

impl From<SigningArg> for SigningAlgorithm {
    fn from(signing: SigningArg) -> Self {
        match signing {
            SigningArg::Gmac => Self::AesGmac,
            SigningArg::Cmac => Self::AesCmac,
            SigningArg::Hmac => Self::HmacSha256,
        }
    }
}

/// What `standpipe bench --json` prints.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The address of the pipe.
    pipe: String,
    /// What one call is.
    workload: WorkloadArg,
    /// How many calls there are at a time on each connection.
    callers: u64,
    /// The length of each request, in bytes.
    size: u64,
    /// The dialect of SMB that client and server agreed on.
    dialect: String,
    /// How messages are signed or encrypted.
    protection: String,
    #[serde(flatten)]
    report: Report,
}

pub(super) fn run(bench: &Bench, output: &mut Output) -> Result<Exit, Failure> {
    let credentials = bench.log_on.read()?;
    let server = bench.server_pid.map(ServerProcess::find).transpose().map_err(|error| {
        Failure::new(
            Exit::Usage,
            Caused { what: "could not look at the server's process".into(), source: error.into() },
        )
        .hint("--server-pid needs the id of a process on this machine, Linux, and the right to see it")
    })?;
    let load = load(bench, credentials);
    let (dialect, protection) = runtime()?.block_on(agreed(&load))?;
    let threads = bench.threads.map(|threads| threads as usize);
    let plan = Plan {
        connections: bench.connections as usize,
        threads: threads.or_else(|| thread::available_parallelism().ok().map(Into::into)).unwrap_or(1),
        warm_up: bench.warm_up,
        duration: bench.duration,
        idle: bench.workload == WorkloadArg::Idle,
    };
    let report = Report::of(&load, &plan, server.as_ref()).map_err(failure)?;
    let is_good = report.is_good();
    let shown = Shown {
        pipe: bench.address.to_string(),
        workload: bench.workload,
        callers: bench.callers,
        size: bench.size,
        dialect,
        protection,
        report,
    };
    if bench.json {
        output.json(&shown)?;
    } else {
        output
            .line(format_args!("protection SMB {}, {}\n{}", shown.dialect, shown.protection, shown.report))?;
    }
    if is_good { Ok(Exit::Ok) } else { Err(Failure::new(Exit::Unavailable, "not every call had its reply")) }
}

fn load(bench: &Bench, credentials: Credentials) -> PipeLoad {
    PipeLoad {
        pipe: bench.address.clone(),
        credentials,
        connect: ConnectOptions {
            timeout: bench.timeout,
            encryption: if bench.encrypt { Encryption::Required } else { Encryption::default() },
            signing: bench.signing.map(Into::into),
            from: None,
            crypto: PROVIDER,
            ..ConnectOptions::default()
        },
        from: bench.from.clone(),
        kind: match bench.workload {
            WorkloadArg::Call => Kind::Call,
            WorkloadArg::LogOn => Kind::LogOn,
            WorkloadArg::Transceive | WorkloadArg::Idle => Kind::Transceive,
        },
        callers: bench.callers as usize,
        size: bench.size as usize,
        expect: match bench.expect {
            ExpectArg::Same => Expect::Same,
            ExpectArg::Reversed => Expect::Reversed,
            ExpectArg::Anything => Expect::Anything,
        },
    }
}

/// Logs on once, to know what client and server agree on: the dialect, and how messages are protected.
async fn agreed(load: &PipeLoad) -> Result<(String, String), ClientError> {
    let client = Client::connect(&load.pipe.server, &load.credentials, &load.connect).await?;
    let ready = client.ready();
    log_off(&client).await;
    let protection = match ready.encryption {
        Some(cipher) => format!("encrypted with {cipher}"),
        None => format!("signed with {}", ready.signing),
    };
    Ok((ready.dialect.to_string(), protection))
}

fn failure(error: LoadError<ClientError>) -> Failure {
    let LoadError::Connect { source, .. } = &error else {
        return Failure::new(Exit::Temporary, error);
    };
    let (exit, hint) = (exit_of_client_error(source), client_hint(source));
    Failure::new(exit, error).maybe_hint(hint)
}
