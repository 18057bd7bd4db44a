//! TCP ports.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Attempt, BackendError, Connected, Opening};
use crate::connection::PipeConnection;

/// How long it counts what a look at the port has found. The service notices each, and anybody who has logged
/// on can cause any number of them by waiting for the pipe, so they must not become as many connections.
const LOOK_COUNTS: Duration = Duration::from_millis(20);

/// A port of a host.
#[derive(Debug, Clone)]
pub(super) struct TcpPort {
    /// A name or an address, the latter of IPv6 without brackets.
    host: Arc<str>,
    port: u16,
    /// When the last look was, and whether somebody listened. Locked during one: who asks meanwhile is told
    /// the same.
    last_look: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl TcpPort {
    pub(super) fn new(host: Arc<str>, port: u16) -> Self {
        Self { host, port, last_look: Arc::default() }
    }

    pub(super) async fn is_available(&self, timeout: Duration) -> bool {
        let mut last = Arc::clone(&self.last_look).lock_owned().await;
        if let Some((when, listens)) = *last
            && when.elapsed() < LOOK_COUNTS
        {
            return listens;
        }
        let port = self.clone();
        // In a task, which goes on when nobody asks any more: otherwise who asks and gives up at once, again
        // and again, has as many looks begun.
        let look = tokio::spawn(async move {
            let listens = port.stream(timeout).await.is_ok();
            *last = Some((Instant::now(), listens));
            listens
        });
        look.await.unwrap_or(false)
    }

    pub(super) fn connect(&self, opening: Opening, timeout: Duration) -> Attempt {
        let port = self.clone();
        Attempt::Later(Box::pin(async move {
            let stream = port.stream(timeout).await?;
            let failed = |source| BackendError::Io { backend: port.to_string(), source };
            let connection = PipeConnection::of_tcp(stream).map_err(failed)?;
            Ok(Connected::new(connection, Some(opening.slot)))
        }))
    }

    async fn stream(&self, timeout: Duration) -> Result<TcpStream, BackendError> {
        let connecting = TcpStream::connect((&*self.host, self.port));
        match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok(stream)) if is_itself(&stream) => {
                Err(BackendError::NotListening { backend: self.to_string() })
            }
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) if source.kind() == io::ErrorKind::ConnectionRefused => {
                Err(BackendError::NotListening { backend: self.to_string() })
            }
            Ok(Err(source)) => Err(BackendError::Io { backend: self.to_string(), source }),
            Err(_) => Err(BackendError::TimedOut { backend: self.to_string(), after: timeout }),
        }
    }
}

/// Whether a connection leads to its own beginning. At a port from which connections may begin, and at which
/// nobody listens, TCP makes such ones now and then; what is written comes back.
fn is_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(from), Ok(to)) if from == to)
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::TcpListener;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::net::TcpSocket;
    use tokio::task::JoinSet;

    use super::*;
    use crate::backend::CONNECT_TIMEOUT;

    /// How many were made to it.
    fn connections(service: &TcpListener) -> usize {
        service.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| service.accept().ok()).count()
    }

    // The clock stands still, so one look counts for all.
    #[tokio::test(start_paused = true)]
    async fn many_callers_that_ask_whether_it_listens_make_one_connection() {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = TcpPort::new("127.0.0.1".into(), service.local_addr().unwrap().port());
        let mut asking = JoinSet::new();
        for _ in 0..100 {
            let port = port.clone();
            asking.spawn(async move { port.is_available(CONNECT_TIMEOUT).await });
        }
        assert!(asking.join_all().await.into_iter().all(|listens| listens));
        assert_eq!(connections(&service), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_callers_that_ask_and_give_up_make_one_connection() {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = TcpPort::new("127.0.0.1".into(), service.local_addr().unwrap().port());
        for _ in 0..100 {
            let mut asking = pin!(port.is_available(CONNECT_TIMEOUT));
            let _ = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_ready())).await;
            tokio::task::yield_now().await;
        }
        assert!(port.is_available(CONNECT_TIMEOUT).await);
        assert_eq!(connections(&service), 1);
    }

    #[tokio::test]
    async fn that_nobody_listens_any_more_is_noticed() {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = TcpPort::new("127.0.0.1".into(), service.local_addr().unwrap().port());
        assert!(port.is_available(CONNECT_TIMEOUT).await);
        drop(service);
        while port.is_available(CONNECT_TIMEOUT).await {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_connection_to_its_own_beginning_is_no_service() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let stream = socket.connect(address).await.unwrap();
        assert!(is_itself(&stream));

        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(service.local_addr().unwrap()).await.unwrap();
        assert!(!is_itself(&stream));
    }
}
