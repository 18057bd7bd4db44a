//! `standpipe call`

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use standpipe_client::text::{to_message, without_nul};
use standpipe_client::{
    CallOptions, Client, ClientError, ConnectOptions, Credentials, Encryption, PipeAddress, ReplyEnd,
};
use standpipe_pipe::Mode;

use super::{log_off, parse_timeout, runtime};
use crate::crypto::PROVIDER;
use crate::failure::{Caused, Exit, Failure};
use crate::log_on::LogOnArgs;
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe call //10.0.0.5/pipe/simple 'Hello' -u serviceUser     # asks for the password\n  \
    standpipe call //127.0.0.2:4445/pipe/simple 'Hello' -u serviceUser --password-file secrets/serviceUser\n  \
    standpipe call '\\\\server\\pipe\\simple' --raw -u 'CORP\\anna' <request >reply\n  \
    standpipe call //server/pipe/lsarpc --hex '05000b03 10000000' -u anna --nt-hash-file anna.hash\n  \
    standpipe call //server/pipe/import --file orders.xml --raw --mode byte --output answer.xml -u anna\n  \
    standpipe call //server/pipe/report 'all' --until end --timeout 1m -u anna   # everything until it hangs up\n\n\
    The part of a reply that came before an error is printed, too; the exit code is that of the error.\n\n\
    Exit codes: 64 the request cannot be sent, 69 the service did not answer, 75 could not connect, busy, or too\n\
    late, 77 log-on failed or access denied.";

/// The longest request taken, in bytes.
const LONGEST_REQUEST: u64 = 16 * 1024 * 1024;

/// Send one request to a pipe and print its reply
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Call {
    /// The pipe: `//host[:port]/pipe/NAME`, or with backslashes
    #[arg(value_name = "PIPE")]
    address: PipeAddress,

    /// The text to send; without it, or with `-`, it is read from stdin
    #[arg(conflicts_with = "file")]
    text: Option<String>,

    /// Send what is in a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    log_on: LogOnArgs,

    /// Send and print bytes as they are: no NUL is added to the request or taken from the reply, and no line
    /// end added
    #[arg(long)]
    raw: bool,

    /// Take the request as hexadecimal digits, with or without spaces, and print the reply so; nothing is
    /// added to it
    #[arg(long, conflicts_with = "raw")]
    hex: bool,

    /// What the pipe carries: `message`, so that the request is one, or `byte`, so that it may be of any
    /// length; without it, whatever the pipe carries
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,

    /// Where the reply ends; without it, with the first message of a pipe of messages, and when a pipe of
    /// bytes falls quiet
    #[arg(long, value_enum, value_name = "END")]
    until: Option<Until>,

    /// How long nothing more has to come until the pipe counts as quiet
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = parse_timeout)]
    quiet_time: Duration,

    /// The same as `--until message`
    #[arg(long, conflicts_with = "until")]
    one_message: bool,

    /// Write the reply into a file, which is made or replaced once the reply is there
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Encrypt everything after the log-on, and call no server that cannot; without it, only servers that ask
    /// for it
    #[arg(long)]
    encrypt: bool,

    /// How long to wait for the connection and the log-on, for a busy pipe, and for the reply, each
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    timeout: Duration,

    /// Print the reply as JSON
    #[arg(long, conflicts_with_all = ["raw", "output"])]
    json: bool,
}

/// Where a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// With the first message, which only a pipe of messages has
    Message,
    /// When nothing has come for `--quiet-time` after something came, or the service closes the pipe
    Quiet,
    /// When the service closes the pipe
    End,
}

/// What `standpipe call --json` prints.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The reply as text, without its NUL; not there with `--hex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
    /// The reply as hexadecimal digits; only there with `--hex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_hex: Option<String>,
    /// The address of the pipe.
    pipe: String,
    /// How long the call took, connecting and logging on included.
    milliseconds: u64,
    /// Whether the reply is not UTF-8, so that bytes had to be replaced; only there when that is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
    /// Whether an error came before the end of the reply; only there when that is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
}

pub(super) fn run(call: &Call, output: &mut Output) -> Result<Exit, Failure> {
    let until = call.until.or(call.one_message.then_some(Until::Message));
    let reply_end = match (until, call.mode) {
        (Some(Until::Message), Some(Mode::Byte)) => {
            let option = if call.one_message { "--one-message" } else { "--until message" };
            let problem = format!("a byte pipe has no messages: {option} needs --mode message");
            return Err(Failure::new(Exit::Usage, problem));
        }
        (Some(Until::Message), _) | (None, Some(Mode::Message)) => ReplyEnd::Message,
        (Some(Until::Quiet), _) => ReplyEnd::Quiet,
        (Some(Until::End), _) => ReplyEnd::Disconnect,
        (None, _) => ReplyEnd::Usual,
    };
    let request = request(call)?;
    let credentials = call.log_on.read()?;
    let options = CallOptions {
        mode: call.mode.unwrap_or_default(),
        reply_end,
        quiet: call.quiet_time,
        wait_for_pipe: call.timeout,
        reply_timeout: call.timeout,
        ..CallOptions::default()
    };
    let began = Instant::now();
    let mut reply = Vec::new();
    let result = runtime()?.block_on(send(call, &credentials, &request, &options, &mut reply));
    if result.is_ok() || !reply.is_empty() {
        print(call, &reply, result.is_ok(), began.elapsed(), output)?;
    }
    if result.is_err() && !reply.is_empty() {
        let where_to = if call.output.is_some() { "written into the file" } else { "printed" };
        output.note(format_args!(
            "note: {} bytes of the reply came before the error, and are {where_to}",
            reply.len()
        ));
    }
    result?;
    Ok(Exit::Ok)
}

fn print(
    call: &Call,
    reply: &[u8],
    is_whole: bool,
    took: Duration,
    output: &mut Output,
) -> Result<(), Failure> {
    let text = if call.hex { reply } else { without_nul(reply) };
    if call.json {
        let lossy = String::from_utf8_lossy(text);
        return output.json(&Shown {
            lossy: !call.hex && std::str::from_utf8(text).is_err(),
            reply: (!call.hex).then(|| lossy.into_owned()),
            reply_hex: call.hex.then(|| hex::encode(reply)),
            pipe: call.address.to_string(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            incomplete: !is_whole,
        });
    }
    let shown = if call.raw {
        reply.to_vec()
    } else if call.hex {
        hex::encode(reply).into_bytes()
    } else {
        text.to_vec()
    };
    let line_end: &[u8] = if call.raw { b"" } else { b"\n" };
    match &call.output {
        Some(path) => std::fs::write(path, [&shown, line_end].concat())
            .map_err(|error| file_failure(Exit::Temporary, "write the reply into", path, error)),
        None if call.raw => output.bytes(&shown),
        None => output.foreign_text(&shown),
    }
}

async fn send(
    call: &Call,
    credentials: &Credentials,
    request: &[u8],
    options: &CallOptions,
    reply: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let encryption = if call.encrypt { Encryption::Required } else { Encryption::default() };
    let connect =
        ConnectOptions { timeout: call.timeout, encryption, crypto: PROVIDER, ..ConnectOptions::default() };
    let client = Client::connect(&call.address.server, credentials, &connect).await?;
    let result = client.call_into(&call.address.pipe, request, options, reply).await;
    log_off(&client).await;
    result
}

/// The bytes of the request.
fn request(call: &Call) -> Result<Vec<u8>, Failure> {
    let mut request = match (&call.file, call.text.as_deref()) {
        (Some(path), _) => File::open(path)
            .and_then(read)
            .map_err(|error| file_failure(Exit::Usage, "read the request from", path, error))?,
        (None, Some("-") | None) => read(io::stdin().lock()).map_err(|error| {
            Failure::new(
                Exit::Temporary,
                Caused { what: "could not read stdin".into(), source: error.into() },
            )
        })?,
        (None, Some(text)) => text.as_bytes().to_vec(),
    };
    if request.len() as u64 > LONGEST_REQUEST {
        return Err(Failure::new(Exit::Usage, "the request is longer than 16 MiB"));
    }
    if call.hex {
        request.retain(|byte| !byte.is_ascii_whitespace());
        return hex::decode(&request).map_err(|error| {
            let error =
                Caused { what: "the request is not hexadecimal".into(), source: error.to_string().into() };
            Failure::new(Exit::Usage, error)
                .hint("give two digits for each byte, such as `48 65 6c 6c 6f 00`")
        });
    }
    if call.raw {
        return Ok(request);
    }
    to_message(request).map_err(|error| {
        Failure::new(Exit::Usage, error).hint("take it out, or send the bytes as they are with --raw")
    })
}

/// Everything, or so much that it is too long.
fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST_REQUEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn file_failure(otherwise: Exit, action: &str, path: &Path, error: io::Error) -> Failure {
    let exit = if error.kind() == io::ErrorKind::PermissionDenied { Exit::NotPermitted } else { otherwise };
    let what = format!("could not {action} `{}`", path.display()).into();
    Failure::new(exit, Caused { what, source: error.into() })
}
