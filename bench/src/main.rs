//! What Standpipe's speed is measured against, for `cargo xtask bench`: the service behind every server, the
//! minimal proxy that is the limit, and the load on that proxy.
//!
//! The service, [`echo`], is one program that answers each message with itself, in the words of whoever asks:
//! messages (Standpipe), messages behind their length as Samba's smbd passes them on, and frames (the proxy).
//! The proxy passes bytes between TCP and the service's socket and knows nothing else. Its load sends frames
//! as long as the SMB messages that carry a call would be, so that the same number of bytes takes the same
//! way.
//!
//! To count instructions, it is also Standpipe's server alone ([`served`]), and makes a number of calls
//! ([`calls`]).
#![cfg_attr(
    unix,
    expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks to the developer")
)]

#[cfg(unix)]
mod calls;
#[cfg(unix)]
mod echo;
#[cfg(unix)]
mod frames;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod served;

#[cfg(unix)]
mod command {
    use std::net::SocketAddr;
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::Duration;

    use clap::{Parser, Subcommand};
    use standpipe_load::{Plan, Report, ServerProcess};

    use crate::frames::{FrameLoad, Kind};
    use crate::{calls, echo, proxy, served};

    /// What Standpipe's speed is measured against
    #[derive(Parser)]
    #[command(version)]
    struct Arguments {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Subcommand)]
    enum Command {
        /// Answer each message with itself, on the sockets that are named
        Echo(echo::Sockets),
        /// Pass bytes between TCP and a Unix socket
        Proxy {
            /// Where to listen
            listen: SocketAddr,
            /// The Unix socket
            to: PathBuf,
        },
        /// Serve the pipe `echo` as Standpipe does
        Serve {
            /// Where to listen
            listen: SocketAddr,
            /// The service's socket of messages
            to: PathBuf,
        },
        /// Make a number of calls, to Standpipe or through the proxy
        Calls(calls::Calls),
        /// Call through the proxy as fast as it answers, and print a report as JSON
        Load(Load),
    }

    #[derive(clap::Args)]
    struct Load {
        /// The proxy
        proxy: SocketAddr,
        /// What one call is
        #[arg(long, value_enum, default_value_t = Kind::Transceive)]
        workload: Kind,
        /// How many connections
        #[arg(long, default_value_t = 1)]
        connections: usize,
        /// How many bytes of a frame stand for the message of an SMB request
        #[arg(long, default_value_t = 64)]
        size: usize,
        /// How long to measure
        #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
        duration: Duration,
        /// How long to call before measuring begins
        #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
        warm_up: Duration,
        /// The proxy's process
        #[arg(long)]
        server_pid: Option<u32>,
    }

    pub(crate) fn run() -> ExitCode {
        let result = match Arguments::parse().command {
            Command::Echo(sockets) => echo::run(&sockets).map_err(|error| error.to_string()),
            Command::Proxy { listen, to } => proxy::run(listen, &to).map_err(|error| error.to_string()),
            Command::Serve { listen, to } => served::run(listen, &to).map_err(|error| error.to_string()),
            Command::Calls(calls) => calls::run(&calls).map_err(|error| error.to_string()),
            Command::Load(load) => report(&load),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn report(load: &Load) -> Result<(), String> {
        let server = load.server_pid.map(ServerProcess::find).transpose();
        let server = server.map_err(|error| format!("the proxy's process: {error}"))?;
        let plan = Plan {
            connections: load.connections,
            threads: std::thread::available_parallelism().map_or(1, Into::into),
            warm_up: load.warm_up,
            duration: load.duration,
            idle: load.workload == Kind::Idle,
        };
        let frames = FrameLoad { proxy: load.proxy, kind: load.workload, size: load.size };
        let report = Report::of(&frames, &plan, server.as_ref()).map_err(|error| error.to_string())?;
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        println!("{text}");
        if report.is_good() { Ok(()) } else { Err("not every call had its reply".to_owned()) }
    }
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    command::run()
}

#[cfg(not(unix))]
fn main() -> std::process::ExitCode {
    // There are no Unix sockets to measure.
    std::process::ExitCode::FAILURE
}
