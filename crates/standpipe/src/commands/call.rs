//! `standpipe call`

use std::io::{self, Read};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use standpipe_pipe::client::{
    CallOptions, Client, ClientError, ConnectOptions, Credentials, Encryption, PipeAddress, ReplyEnd,
};

use super::runtime;
use crate::failure::{Caused, Exit, Failure};
use crate::output::Output;
use crate::password::PasswordArgs;

const EXAMPLES: &str = "Examples:\n  \
    standpipe call //10.0.0.5/pipe/simple 'Hello' -u serviceUser     # asks for the password\n  \
    standpipe call //127.0.0.2:4445/pipe/simple 'Hello' -u serviceUser --password-file secrets/serviceUser\n  \
    standpipe call '\\\\server\\pipe\\simple' --raw -u 'CORP\\anna' <request >reply\n\n\
    Exit codes: 69 the service did not answer, 75 could not connect or busy, 77 log-on failed or access denied.";

/// The longest text taken from stdin: no pipe takes one message of this size.
const LONGEST_REQUEST: u64 = 16 * 1024 * 1024;

/// How long to wait for the server to say good-bye: the reply is here already.
const LOG_OFF_TIMEOUT: Duration = Duration::from_secs(1);

/// Send one request to a pipe and print its reply
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Call {
    /// The pipe: `//host[:port]/pipe/NAME`, or with backslashes
    #[arg(value_name = "PIPE")]
    address: PipeAddress,

    /// The text to send; without it, or with `-`, it is read from stdin
    text: Option<String>,

    /// Who logs in: an account of the server, or DOMAIN\user
    #[arg(short, long, value_name = "NAME")]
    user: String,

    #[command(flatten)]
    password: PasswordArgs,

    /// Send and print bytes as they are: no NUL is added to the request or taken from the reply, and no line end added
    #[arg(long)]
    raw: bool,

    /// Take the first message for the whole reply, for a service that keeps the pipe open
    #[arg(long)]
    one_message: bool,

    /// Encrypt everything after the log-on, and call no server that cannot; without it, only servers that ask for it
    #[arg(long)]
    encrypt: bool,

    /// How long to wait for the connection and the log-on, for a busy pipe, and for the reply, each
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    timeout: Duration,

    /// Print the reply as JSON
    #[arg(long, conflicts_with = "raw")]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown {
    reply: String,
    pipe: String,
    milliseconds: u64,
    /// Only there when the reply is not UTF-8 and bytes had to be replaced.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lossy: bool,
}

pub(super) fn run(call: &Call, output: &mut Output) -> Result<Exit, Failure> {
    let request = request(call)?;
    let password = call.password.read(&call.user)?;
    let credentials = Credentials::with_password(&call.user, password.expose());
    drop(password);
    let options = CallOptions {
        reply_end: if call.one_message { ReplyEnd::Message } else { ReplyEnd::Disconnect },
        wait_for_pipe: call.timeout,
        reply_timeout: call.timeout,
        ..CallOptions::default()
    };
    let began = Instant::now();
    let reply = runtime()?.block_on(send(call, &credentials, &request, &options))?;
    let took = began.elapsed();
    if call.raw {
        output.bytes(&reply)?;
        return Ok(Exit::Ok);
    }
    let text = reply.strip_suffix(&[0]).unwrap_or(&reply);
    if call.json {
        let shown = String::from_utf8_lossy(text);
        output.json(&Shown {
            lossy: std::str::from_utf8(text).is_err(),
            reply: shown.into_owned(),
            pipe: call.address.to_string(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })?;
    } else {
        output.bytes(&[text, b"\n"].concat())?;
    }
    Ok(Exit::Ok)
}

async fn send(
    call: &Call,
    credentials: &Credentials,
    request: &[u8],
    options: &CallOptions,
) -> Result<Vec<u8>, ClientError> {
    let encryption = if call.encrypt { Encryption::Required } else { Encryption::default() };
    let connect = ConnectOptions { timeout: call.timeout, encryption, ..ConnectOptions::default() };
    let client = Client::connect(&call.address.server, credentials, &connect).await?;
    let reply = client.call(&call.address.pipe, request, options).await;
    let _ = tokio::time::timeout(LOG_OFF_TIMEOUT, client.log_off()).await;
    reply
}

/// The bytes of the request.
fn request(call: &Call) -> Result<Vec<u8>, Failure> {
    let mut request = match call.text.as_deref() {
        Some("-") | None => read_stdin()?,
        Some(text) => text.as_bytes().to_vec(),
    };
    if !call.raw {
        if request.contains(&0) {
            return Err(Failure::new(
                Exit::Usage,
                "the text holds a NUL, where the service would stop reading",
            )
            .hint("take it out, or send the bytes as they are with --raw"));
        }
        request.push(0);
    }
    Ok(request)
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(LONGEST_REQUEST + 1).read_to_end(&mut bytes).map_err(|error| {
        Failure::new(Exit::Temporary, Caused { what: "could not read stdin", source: error.into() })
    })?;
    if bytes.len() as u64 > LONGEST_REQUEST {
        return Err(Failure::new(Exit::Usage, "the text on stdin is longer than 16 MiB"));
    }
    Ok(bytes)
}

pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(timeout) if timeout.is_zero() => Err("expected more than zero".to_owned()),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(format!("{error}; expected a number with its unit, such as 500ms or 10s")),
    }
}
