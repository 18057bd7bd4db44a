//! TCP ports.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::{Attempt, BackendError, Connected, Opening};
use crate::connection::PipeConnection;

/// A port of a host.
#[derive(Clone, Debug)]
pub(super) struct TcpPort {
    /// A name or an address, the latter of IPv6 without brackets.
    pub(super) host: Arc<str>,
    pub(super) port: u16,
}

impl TcpPort {
    pub(super) async fn is_available(&self, timeout: Duration) -> bool {
        self.stream(timeout).await.is_ok()
    }

    pub(super) fn connect(&self, opening: Opening, timeout: Duration) -> Attempt {
        let port = self.clone();
        Attempt::Later(Box::pin(async move {
            let stream = port.stream(timeout).await?;
            let failed = |source| BackendError::Io { backend: port.to_string(), source };
            let connection = PipeConnection::of_tcp(stream).map_err(failed)?;
            Ok(Connected { connection, instance: Some(opening.instance) })
        }))
    }

    async fn stream(&self, timeout: Duration) -> Result<TcpStream, BackendError> {
        let connecting = TcpStream::connect((&*self.host, self.port));
        match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) if source.kind() == io::ErrorKind::ConnectionRefused => {
                Err(BackendError::NotListening { backend: self.to_string() })
            }
            Ok(Err(source)) => Err(BackendError::Io { backend: self.to_string(), source }),
            Err(_) => Err(BackendError::TimedOut { backend: self.to_string(), after: timeout }),
        }
    }
}

impl fmt::Display for TcpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "tcp://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "tcp://{}:{}", self.host, self.port)
        }
    }
}
