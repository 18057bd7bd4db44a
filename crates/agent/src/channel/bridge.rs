//! Between a stream of the channel and the pipe at its end.

use std::future::poll_fn;
use std::time::Duration;

use standpipe_pipe::Mode;
use standpipe_pipe::connection::{PipeConnection, PipeError, Received};

use super::stream::{Finish, Stream};
use crate::wire::{Assembler, Failure, FailureKind, Frame};

/// How long a service may take to read what its client wrote before it closed the pipe.
const LINGER: Duration = Duration::from_secs(10);

/// Moves data between a stream and the end of a pipe whose other end a client holds, until both are done. For
/// the host.
pub(crate) async fn for_client(stream: &Stream, client: PipeConnection) {
    let up = async {
        match read_all(stream, &client).await {
            Ok(()) => stream.send(&Frame::End { stream: stream.id() }),
            Err(error) => {
                stream.send(&Frame::Reset { stream: stream.id(), failure: failure_of(&error) });
            }
        }
    };
    let gone = async {
        // Whatever the client wrote has its time to reach the service.
        let _ = client.hung_up().await;
        tokio::time::sleep(LINGER).await;
    };
    let down = async {
        match write_all(stream, &client).await {
            // The client is gone. What it wrote before is still on its way to the service.
            Err(PipeError::Closed) => Ok(discard_all(stream).await),
            written => written,
        }
    };
    let finish = {
        tokio::pin!(up, down, gone);
        let mut reads = true;
        loop {
            tokio::select! {
                finish = &mut down => break finish,
                () = &mut up, if reads => reads = false,
                () = &mut gone => break Err(PipeError::Closed),
            }
        }
    };
    match finish {
        Ok(Finish::End | Finish::Close) => {}
        Ok(Finish::Reset(failure)) => client.lose(failure.text),
        Err(_) => stream.send(&Frame::Close { stream: stream.id() }),
    }
}

/// Moves data between a stream and a service's pipe, until both are done. For the agent.
pub(crate) async fn for_service(stream: &Stream, service: PipeConnection) {
    let id = stream.id();
    let outcome = {
        let up = read_all(stream, &service);
        let down = write_all(stream, &service);
        let late = async {
            if stream.finished().await == Finish::End {
                tokio::time::sleep(LINGER).await;
            }
        };
        tokio::pin!(up, down, late);
        let mut writes = true;
        loop {
            tokio::select! {
                ended = &mut up => break ended,
                written = &mut down, if writes => match written {
                    Ok(_) => break Ok(()),
                    // The service is gone; what it wrote before is still to be read.
                    Err(PipeError::Closed) => writes = false,
                    Err(error) if is_end(&error) => writes = false,
                    Err(error) => break Err(error),
                },
                () = &mut late => break Ok(()),
            }
        }
    };
    // Closed before the client learns of it: it may open the pipe again at once.
    drop(service);
    match outcome {
        Ok(()) => stream.send(&Frame::End { stream: id }),
        Err(error) => stream.send(&Frame::Reset { stream: id, failure: failure_of(&error) }),
    }
}

/// Whether a write failed because there is nobody any more.
fn is_end(error: &PipeError) -> bool {
    matches!(error, PipeError::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Sends what comes from the pipe, up to its end.
async fn read_all(stream: &Stream, pipe: &PipeConnection) -> Result<(), PipeError> {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match poll_fn(|cx| pipe.poll_receive(cx, &mut buffer)).await? {
            Received::Data => stream.send_message(&buffer).await,
            Received::End => return Ok(()),
        }
    }
}

/// Writes what comes from the stream to the pipe, up to its end.
async fn write_all(stream: &Stream, pipe: &PipeConnection) -> Result<Finish, PipeError> {
    let mut assembler = Assembler::default();
    loop {
        let (bytes, last) = match stream.next().await {
            Ok(piece) => piece,
            Err(finish) => return Ok(finish),
        };
        let whole = match pipe.mode() {
            Mode::Byte => Some(bytes),
            Mode::Message => assembler.add(bytes, last).map_err(|_| PipeError::TooLong {
                length: crate::wire::MAX_MESSAGE + 1,
                limit: crate::wire::MAX_MESSAGE,
            })?,
        };
        if let Some(mut whole) = whole {
            let mut sent = 0;
            if !pipe.try_send(&mut whole, &mut sent)? {
                poll_fn(|cx| pipe.poll_send(cx, &whole, &mut sent)).await?;
            }
        }
    }
}

/// Takes what comes from the stream, up to its end.
async fn discard_all(stream: &Stream) -> Finish {
    loop {
        if let Err(finish) = stream.next().await {
            return finish;
        }
    }
}

fn failure_of(error: &PipeError) -> Failure {
    let code = match error {
        PipeError::Io { source, .. } => source.raw_os_error().map_or(0, i32::cast_unsigned),
        _ => 0,
    };
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    Failure { kind: FailureKind::ForNow, code, text }
}
