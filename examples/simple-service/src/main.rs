//! The service of the story: it reads a text from its pipe up to a NUL, reverses it, writes it back and hangs
//! up.
//!
//! It knows nothing of networks, accounts or watching: Standpipe does that around it. Where its pipe goes is
//! said by the environment variable `STANDPIPE_PIPES`, which Standpipe sets.
#![expect(clippy::print_stderr, reason = "a service that is a plain program says what it does on stderr")]

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use standpipe_pipe::Mode;
use standpipe_pipe::listener::{PipeConnection, PipeError, PipeListener};
use unicode_segmentation::UnicodeSegmentation;

standpipe_system::process_prng!();

/// The longest text that is taken from a client, in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// How long to wait after a client could not be accepted, which happens when the process is out of file
/// descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Reads a text up to a NUL from a pipe, reverses it, writes it back
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The pipe to offer
    #[arg(long, value_name = "NAME", default_value = "simple")]
    pipe: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let listener = match PipeListener::bind(&arguments.pipe, Mode::Message).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("simple-service: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            return ExitCode::FAILURE;
        }
    };
    eprintln!("simple-service: listening on the pipe {}", listener.path().display());

    tokio::select! {
        never = serve(&listener) => match never {},
        asked = asked_to_stop() => match asked {
            Ok(()) => eprintln!("simple-service: asked to stop"),
            Err(error) => {
                eprintln!("simple-service: cannot wait for signals: {error}");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

/// Accepts clients for ever, and talks to each in a task of its own.
async fn serve(listener: &PipeListener) -> Infallible {
    loop {
        match listener.accept().await {
            Ok(client) => {
                tokio::spawn(async move {
                    match talk(client).await {
                        Ok(bytes) => eprintln!("simple-service: reversed a text of {bytes} bytes"),
                        Err(error) => eprintln!("simple-service: a client got no answer: {error}"),
                    }
                });
            }
            Err(error) => {
                eprintln!("simple-service: cannot accept a client: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One client: its text, the reversed text, and the end. Returns the text's length in bytes.
async fn talk(client: PipeConnection) -> Result<usize, NoAnswer> {
    let text = read_text(&client).await?;
    client.write_message(reversed(&text).as_bytes()).await?;
    client.disconnect();
    Ok(text.len())
}

/// Reads until the NUL that ends the text. A client may write it in several messages.
async fn read_text(client: &PipeConnection) -> Result<String, NoAnswer> {
    let mut bytes = Vec::new();
    while let Some(message) = client.read_message().await? {
        match message.iter().position(|byte| *byte == 0) {
            Some(end) => bytes.extend_from_slice(&message[..end]),
            None => bytes.extend_from_slice(&message),
        }
        if bytes.len() > MAX_TEXT {
            return Err(NoAnswer::TooLong);
        }
        if message.contains(&0) {
            return String::from_utf8(bytes).map_err(|_| NoAnswer::NotText);
        }
    }
    Err(NoAnswer::HungUp)
}

/// The text backwards, as a reader would write it: by what is one character to the eye, not by bytes.
fn reversed(text: &str) -> String {
    text.graphemes(true).rev().collect()
}

/// Why a client gets no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the text is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("the text is not UTF-8")]
    NotText,
    #[error("it hung up before the NUL that ends its text")]
    HungUp,
    #[error(transparent)]
    Pipe(#[from] PipeError),
}

/// Returns when the service is asked to stop.
#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupt = tokio::signal::ctrl_c() => interrupt,
    }
}

/// Returns when the service is asked to stop.
#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(test)]
mod tests;
