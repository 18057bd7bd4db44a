//! The soak: many clients that open, call and drop a real server's pipes at random, for minutes, while the
//! services behind them are killed and started again.
//!
//! What it looks for: a wrong or crossed reply, a call that ends in neither a reply nor an error, memory or
//! file descriptors that the server does not give back, and opens that stay when nobody has them any more.
//! `cargo xtask soak` builds and runs it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks to the developer")]

use std::process::ExitCode;

#[cfg(unix)]
mod act;
#[cfg(unix)]
mod backend;
#[cfg(unix)]
mod client;
#[cfg(unix)]
mod findings;
#[cfg(unix)]
mod flood;
#[cfg(unix)]
mod measure;
#[cfg(unix)]
mod message;
#[cfg(unix)]
mod random;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod services;
#[cfg(unix)]
mod site;
#[cfg(unix)]
mod stranger;
#[cfg(unix)]
mod wire;

#[cfg(unix)]
#[derive(clap::Parser)]
#[command(about = "Many clients at random, and services that are killed")]
enum Command {
    Run(run::Arguments),
    Backend(backend::Arguments),
}

/// What keeps the soak from going on; what it is looking for is a finding, not a failure.
#[cfg(unix)]
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

#[cfg(unix)]
#[tokio::main]
async fn main() -> ExitCode {
    let ended = match <Command as clap::Parser>::parse() {
        Command::Run(arguments) => run::run(&arguments).await,
        Command::Backend(arguments) => backend::serve(&arguments).await.map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("error: the services of the soak run only on Unix so far");
    println!("nothing was soaked");
    ExitCode::FAILURE
}
