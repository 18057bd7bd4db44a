//! Reading the bodies of requests: no faster than there is room, and no slower than a sender can be.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use hyper::body::Body as _;
use tokio::time::Instant;

use crate::memory::Room;

/// What a request costs before any of its body has arrived, in bytes: its head, its task, and the call.
const REQUEST: usize = 16 * 1024;

/// How often a body is held at the same time: as it came, as text, and on its way to the pipe.
const COPIES: usize = 3;

/// How long a body may take in any case, and how many bytes of it must come in each second after that.
const TIME: Duration = Duration::from_secs(10);
const RATE: usize = 4 * 1024;

/// Reads the body of a request, at most `longest` bytes.
///
/// The status of a refusal is 413 for one that is longer, 503 where the site has no room, 408 for a sender
/// that is too slow, and 400 for a body that is broken off.
pub(crate) async fn read(mut body: Body, longest: usize, room: &Room) -> Result<Vec<u8>, StatusCode> {
    if !room.take(REQUEST) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let started = Instant::now();
    let mut all = Vec::new();
    loop {
        let until = started + TIME + Duration::from_secs((all.len() / RATE) as u64);
        let next = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let frame = match tokio::time::timeout_at(until, next).await {
            Ok(Some(frame)) => frame.map_err(|_| StatusCode::BAD_REQUEST)?,
            Ok(None) => return Ok(all),
            Err(_) => return Err(StatusCode::REQUEST_TIMEOUT),
        };
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() > longest {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if !room.take(data.len() * COPIES) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        all.extend_from_slice(&data);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use axum::body::Bytes;
    use hyper::body::Frame;
    use tokio::time::{Sleep, sleep};

    use super::*;
    use crate::memory::Memory;

    /// So many bytes at a time, after a pause each.
    struct Slow(usize, Duration, Pin<Box<Sleep>>);

    impl Slow {
        fn body(bytes: usize, pause: Duration) -> Body {
            Body::new(Self(bytes, pause, Box::pin(sleep(pause))))
        }
    }

    impl hyper::body::Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.2.as_mut().poll(cx));
            let next = Instant::now() + self.1;
            self.2.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(vec![b'x'; self.0].into()))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_is_given_up_and_a_modest_one_is_not() {
        let memory = Memory::new(64 * 1024 * 1024);
        let started = Instant::now();
        let slow = read(Slow::body(1, Duration::from_secs(1)), 1 << 20, &memory.room()).await;
        assert_eq!(slow, Err(StatusCode::REQUEST_TIMEOUT));
        assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
        // A modem's speed is enough: this one ends by its length.
        let modest = read(Slow::body(5000, Duration::from_secs(1)), 1 << 18, &memory.room()).await;
        assert_eq!(modest, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn a_body_takes_its_room_before_it_is_held() {
        let memory = Memory::new(200_000);
        let (first, second) = (memory.room(), memory.room());
        let text = vec![b'x'; 50_000];
        assert_eq!(read(Body::from(text.clone()), 1 << 20, &first).await.unwrap(), text);
        assert_eq!(read(Body::from(text), 1 << 20, &second).await, Err(StatusCode::SERVICE_UNAVAILABLE));
        assert!(memory.used() <= 200_000);
    }
}
