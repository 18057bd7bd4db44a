//! Whether a service can be called: its process lives, and its pipes answer what the file has them asked.

use std::time::Duration;

use standpipe_deployment::{ExpectedReply, Question};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::{Backend, BackendError};
use standpipe_pipe::listener::PipeConnection;
use standpipe_service::{BoxFuture, NotReady, Probe};
use standpipe_system::error::with_causes;
use standpipe_system::time::Shown;
use tracing::warn;

/// The longest part of a reply that is shown, in bytes.
const SHOWN: usize = 60;

/// The most of a reply that is read, in bytes.
const LONGEST_REPLY: usize = 1024 * 1024;

/// What a service is asked, and where.
pub(super) struct ServiceProbe {
    /// The pipes that it makes.
    pub(super) pipes: Vec<(String, Backend)>,
    pub(super) question: Question,
}

impl Probe for ServiceProbe {
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async move {
            match &self.question {
                Question::Nothing => Ok(()),
                Question::Listening => self.listen(None).await,
                Question::Open { pipe, timeout } => {
                    self.listen(Some(pipe)).await?;
                    self.within(*timeout, pipe, "was not opened", self.open(pipe)).await?;
                    Ok(())
                }
                Question::Request { pipe, timeout, request, reply } => {
                    self.listen(Some(pipe)).await?;
                    let asked = async {
                        let connection = self.open(pipe).await?;
                        let answer = ask(&connection, request, reply).await;
                        answer.map_err(|wrong| NotReady::new(format!("its pipe `{pipe}` {wrong}")))
                    };
                    self.within(*timeout, pipe, "did not reply", asked).await
                }
            }
        })
    }

    fn clear(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for (pipe, backend) in &self.pipes {
                if let Err(error) = backend.remove_remains() {
                    warn!(pipe, "the socket that the service has left cannot be removed: {error}");
                }
            }
        })
    }
}

impl ServiceProbe {
    /// Whether somebody listens at every pipe but one. Asking does not disturb the service.
    async fn listen(&self, but: Option<&str>) -> Result<(), NotReady> {
        for (name, backend) in &self.pipes {
            if but != Some(name) {
                backend.check().await.map_err(|error| cannot_be_opened(name, &error))?;
            }
        }
        Ok(())
    }

    async fn open(&self, pipe: &str) -> Result<PipeConnection, NotReady> {
        let Some((name, backend)) = self.pipes.iter().find(|(name, _)| name == pipe) else {
            return Err(NotReady::new(format!("it makes no pipe `{pipe}`")));
        };
        backend.connect_to_probe(name).await.map_err(|error| cannot_be_opened(name, &error))
    }

    async fn within<T>(
        &self,
        timeout: Duration,
        pipe: &str,
        what: &str,
        asked: impl Future<Output = Result<T, NotReady>>,
    ) -> Result<T, NotReady> {
        tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| {
            Err(NotReady::new(format!("its pipe `{pipe}` {what} within {}", Shown(timeout))))
        })
    }
}

fn cannot_be_opened(pipe: &str, error: &BackendError) -> NotReady {
    NotReady::new(match error {
        BackendError::NotListening { .. } => format!("nobody listens at its pipe `{pipe}`"),
        error => format!("its pipe `{pipe}` cannot be opened: {}", with_causes(error)),
    })
}

/// Sends the request and compares the reply; what is wrong with it comes as words that follow the pipe's
/// name.
async fn ask(connection: &PipeConnection, request: &[u8], expected: &ExpectedReply) -> Result<(), String> {
    let failed = |error| format!("failed: {}", with_causes(&error));
    match connection.mode() {
        Mode::Message => {
            connection.write_message(request).await.map_err(failed)?;
            match connection.read_message().await.map_err(failed)? {
                Some(reply) if expected.accepts(&reply) => Ok(()),
                Some(reply) => Err(unexpected(&reply)),
                None => Err("was closed without a reply".to_owned()),
            }
        }
        Mode::Byte => {
            connection.write_all(request).await.map_err(failed)?;
            let (mut reply, mut piece) = (Vec::new(), [0; 4096]);
            loop {
                let length = connection.read(&mut piece).await.map_err(failed)?;
                reply.extend_from_slice(piece.get(..length).unwrap_or_default());
                if !reply.is_empty() && expected.accepts(&reply) {
                    return Ok(());
                }
                match length {
                    0 if reply.is_empty() => return Err("was closed without a reply".to_owned()),
                    0 => return Err(unexpected(&reply)),
                    _ if reply.len() > LONGEST_REPLY || !expected.can_become(&reply) => {
                        return Err(unexpected(&reply));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn unexpected(reply: &[u8]) -> String {
    let (begin, more) = match reply.get(..SHOWN) {
        Some(begin) if reply.len() > SHOWN => (begin, "…"),
        _ => (reply, ""),
    };
    format!("replied `{}{more}`, which is not what was expected", begin.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of asking a service that answers each request in these pieces and closes the pipe.
    async fn asked(mode: Mode, pieces: &'static [&'static [u8]], expected: ExpectedReply) -> String {
        let backend = Backend::handler(mode, move |pipe| async move {
            let request = match mode {
                Mode::Message => pipe.read_message().await.unwrap().unwrap(),
                Mode::Byte => {
                    let mut request = vec![0; 4];
                    assert_eq!(pipe.read(&mut request).await.unwrap(), 4);
                    request
                }
            };
            assert_eq!(request, b"ping");
            for piece in pieces {
                match mode {
                    Mode::Message => pipe.write_message(piece).await.unwrap(),
                    Mode::Byte => pipe.write_all(piece).await.unwrap(),
                }
            }
        });
        let question = Question::Request {
            pipe: "p".to_owned(),
            timeout: Duration::from_secs(5),
            request: b"ping".to_vec(),
            reply: expected,
        };
        let probe = ServiceProbe { pipes: vec![("p".to_owned(), backend)], question };
        probe.check().await.map_or_else(|missed| missed.reason, |()| "ready".to_owned())
    }

    #[tokio::test]
    async fn a_reply_is_compared_as_the_file_says() {
        let exact = || ExpectedReply::Exact(b"pong 7".to_vec());
        let prefix = || ExpectedReply::Prefix(b"pong".to_vec());
        let pattern = || ExpectedReply::Pattern("p*g ?".to_owned());
        for expected in [exact(), prefix(), pattern(), ExpectedReply::Any] {
            let described = format!("{expected:?}");
            assert_eq!(asked(Mode::Message, &[b"pong 7"], expected.clone()).await, "ready", "{described}");
            assert_eq!(asked(Mode::Byte, &[b"po", b"ng 7"], expected).await, "ready", "{described}");
        }
        for expected in [exact(), prefix(), pattern()] {
            for mode in [Mode::Message, Mode::Byte] {
                let said = asked(mode, &[b"error\n"], expected.clone()).await;
                assert_eq!(said, "its pipe `p` replied `error\\n`, which is not what was expected");
                let said = asked(mode, &[], expected.clone()).await;
                assert_eq!(said, "its pipe `p` was closed without a reply");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_takes_the_request_and_is_silent_has_missed_its_deadline() {
        let backend = Backend::handler(Mode::Message, |pipe| async move {
            let _request = pipe.read_message().await;
            std::future::pending::<()>().await;
        });
        let question = Question::Request {
            pipe: "p".to_owned(),
            timeout: Duration::from_millis(1500),
            request: Vec::new(),
            reply: ExpectedReply::Any,
        };
        let probe = ServiceProbe { pipes: vec![("p".to_owned(), backend)], question };
        let missed = probe.check().await.unwrap_err();
        assert_eq!(missed.reason, "its pipe `p` did not reply within 1.5s");
    }
}
