//! The service of the story: it reads a text from its pipe up to a NUL, reverses it, writes it back and hangs
//! up.
//!
//! It knows nothing of networks, accounts or watching: Standpipe does that around it. Where its pipe goes on
//! Unix is said by the environment variable `STANDPIPE_PIPES`, which Standpipe sets. On Windows it is a
//! service of the service control manager: `-install` installs it, `-remove` removes it, `-debug` runs it at
//! a console.
#![expect(clippy::print_stderr, reason = "a service that is a plain program says what it does on stderr")]

mod platform;

use std::convert::Infallible;
use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use standpipe_pipe::Mode;
use standpipe_pipe::listener::{ListenError, ListenOptions, PipeConnection, PipeError, PipeListener};
use tokio::sync::mpsc;
use unicode_segmentation::UnicodeSegmentation;

standpipe_system::process_prng!();

/// The longest text that is taken from a client, in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// How long to wait after a client could not be accepted, which happens when the process is out of file
/// descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who may call the pipe, on Windows: everybody who has logged on, save guests.
const DESCRIPTOR: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

/// How long the answers under way may take when the program is asked to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Reads a text up to a NUL from a pipe, reverses it, writes it back
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The pipe to offer
    #[arg(long, value_name = "NAME", default_value = "simple")]
    pipe: String,

    /// Install it as the Windows service SimpleService
    #[arg(long, conflicts_with_all = ["remove", "debug"])]
    install: bool,

    /// Remove the Windows service SimpleService
    #[arg(long, conflicts_with = "debug")]
    remove: bool,

    /// Run at a console, not as a service
    #[arg(long)]
    debug: bool,
}

fn main() -> ExitCode {
    platform::start(&Arguments::parse_from(arguments()))
}

/// The arguments of this process. Services of Windows have always taken theirs with one dash.
fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os().map(|argument| match argument.to_str() {
        Some(short @ ("-install" | "-remove" | "-debug")) => format!("-{short}").into(),
        _ => argument,
    })
}

/// Runs until a signal or the console asks for the end.
#[tokio::main]
async fn run_as_program(arguments: &Arguments) -> ExitCode {
    let listener = match listen(&arguments.pipe).await {
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
    let mut exit = ExitCode::SUCCESS;
    let asked = async {
        match platform::asked_to_stop().await {
            Ok(()) => eprintln!("simple-service: asked to stop"),
            Err(error) => {
                eprintln!("simple-service: cannot wait for signals: {error}");
                exit = ExitCode::FAILURE;
            }
        }
    };
    serve_until(&listener, asked, DRAIN).await;
    exit
}

/// Offers the pipe.
async fn listen(pipe: &str) -> Result<PipeListener, ListenError> {
    // The text is right, as a test shows.
    let options = ListenOptions { descriptor: DESCRIPTOR.parse().ok(), ..ListenOptions::default() };
    PipeListener::bind_with(pipe, Mode::Message, &options).await
}

/// Serves clients until `stop`; those that are being answered then have the time `drain` left.
async fn serve_until(listener: &PipeListener, stop: impl Future<Output = ()>, drain: Duration) {
    // Each conversation holds a sender, and the last one that ends closes the channel.
    let (talking, mut all_done) = mpsc::channel(1);
    tokio::select! {
        never = serve(listener, &talking) => match never {},
        () = stop => {}
    }
    drop(talking);
    // What is not done by then is cut off.
    let _ = tokio::time::timeout(drain, all_done.recv()).await;
}

/// Accepts clients for ever, and talks to each in a task of its own, which holds a clone of `talking`.
async fn serve(listener: &PipeListener, talking: &mpsc::Sender<Infallible>) -> Infallible {
    loop {
        match listener.accept().await {
            Ok(client) => {
                let talking = talking.clone();
                tokio::spawn(async move {
                    match talk(client).await {
                        Ok(bytes) => eprintln!("simple-service: reversed a text of {bytes} bytes"),
                        Err(error) => eprintln!("simple-service: a client got no answer: {error}"),
                    }
                    drop(talking);
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

#[cfg(test)]
mod tests;
