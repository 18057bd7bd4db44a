//! A timer that is moved for nearly every request and seldom goes off.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Waits for a time that may be another one each time it is asked for.
///
/// A later time than before does not touch the runtime's clock: the timer goes off early, looks again and is
/// set anew, once for many requests.
#[derive(Debug)]
pub(crate) struct Timer {
    sleep: Pin<Box<Sleep>>,
    armed: Option<Instant>,
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), armed: None }
    }

    /// Whether it does not wait for `due`, or an earlier time, yet. `now` may be a moment ago.
    pub(crate) fn must_move(&self, due: Instant, now: Instant) -> bool {
        // One that has gone off and was not looked at waits for nothing any more.
        self.armed.is_none_or(|armed| due < armed || armed <= now)
    }

    /// Ready when `due` has come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        loop {
            // Without the runtime's clock, which only ticks: what is due already need not wait for that.
            if Instant::now() >= due {
                self.armed = None;
                return Poll::Ready(());
            }
            if self.armed.is_none_or(|armed| due < armed) {
                self.sleep.as_mut().reset(due);
                self.armed = Some(due);
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.armed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    async fn wait(timer: &mut Timer, due: Instant) -> Instant {
        poll_fn(|cx| timer.poll(cx, due)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn goes_off_when_it_is_due() {
        let (mut timer, start) = (Timer::new(), Instant::now());
        let due = start + Duration::from_secs(3);
        assert_eq!(wait(&mut timer, due).await, due);
        assert_eq!(wait(&mut timer, start).await, due, "the past is due at once");
    }

    #[tokio::test(start_paused = true)]
    async fn can_be_moved_both_ways() {
        let (mut timer, start) = (Timer::new(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for (first, then) in [(5, 9), (20, 12)] {
            let pending = poll_fn(|cx| Poll::Ready(timer.poll(cx, after(first)).is_pending())).await;
            assert!(pending);
            assert_eq!(wait(&mut timer, after(then)).await, after(then));
        }
    }
}
