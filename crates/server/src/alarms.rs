//! What a connection's task has to notice beside its client and its services.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::admission::Place;
use crate::timer::Timer;
use standpipe_transport::deadline::after;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The state machine's time has come.
    Timeout,
    /// The client takes nothing of what it is sent.
    SendTimeout,
    /// The server is about to stop.
    Stop,
    /// The connection has to make room for another one.
    Displaced,
}

/// The alarms of one connection.
#[derive(Debug)]
pub(crate) struct Alarms {
    protocol: Timer,
    send: Timer,
    send_timeout: Duration,
    /// Since when the client takes nothing of what it is sent.
    sending_since: Option<Instant>,
    /// `None` once it was told.
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Alarms {
    pub(crate) fn new(stop: &CancellationToken, send_timeout: Duration) -> Self {
        Self {
            protocol: Timer::new(),
            send: Timer::new(),
            send_timeout,
            sending_since: None,
            // A token of its own, because connections that ask one token all the time wait for its lock.
            stop: Some(Box::pin(stop.child_token().cancelled_owned())),
        }
    }

    /// The client took something, or there is nothing to take.
    pub(crate) fn sent(&mut self) {
        self.sending_since = None;
    }

    /// Whether [`Self::poll`] has to be asked although none of its wakers was: because one has to ring
    /// earlier than before, or does not wait yet. Cheap, unlike that.
    pub(crate) fn must_look(&self, due: Option<Instant>, sending: bool, now: Instant) -> bool {
        due.is_some_and(|due| self.protocol.must_move(due, now))
            || sending
                && self
                    .sending_since
                    .is_none_or(|since| self.send.must_move(after(since, self.send_timeout), now))
    }

    /// What is due for the connection that has `place`; `due` is the state machine's time, `sending` whether
    /// something waits for the client to take it.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        place: &mut Place,
        due: Option<Instant>,
        sending: bool,
    ) -> Poll<Alarm> {
        if let Some(stop) = &mut self.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            self.stop = None;
            return Poll::Ready(Alarm::Stop);
        }
        if place.poll_displaced(cx).is_ready() {
            return Poll::Ready(Alarm::Displaced);
        }
        if sending {
            let since = *self.sending_since.get_or_insert_with(Instant::now);
            if self.send.poll(cx, after(since, self.send_timeout)).is_ready() {
                return Poll::Ready(Alarm::SendTimeout);
            }
        }
        if let Some(due) = due
            && self.protocol.poll(cx, due).is_ready()
        {
            return Poll::Ready(Alarm::Timeout);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::IpAddr;
    use std::sync::Arc;

    use super::*;
    use crate::admission::{Admission, Crowd};

    struct Scene {
        alarms: Alarms,
        place: Place,
        admission: Admission,
        stop: CancellationToken,
    }

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    impl Scene {
        fn new() -> Self {
            let (one, stop) = (Crowd { all: 1, per_address: 1 }, CancellationToken::new());
            let admission = Admission::new(1, one, 1, 1, Arc::default());
            let (place, _) = admission.admit(ADDRESS);
            Self { alarms: Alarms::new(&stop, Duration::from_mins(1)), place, admission, stop }
        }

        async fn next(&mut self, due: Option<Instant>, sending: bool) -> Alarm {
            poll_fn(|cx| self.alarms.poll(cx, &mut self.place, due, sending)).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stop_and_displacement_are_told_once() {
        let mut scene = Scene::new();
        let due = Some(Instant::now() + Duration::from_secs(1));
        scene.stop.cancel();
        let _newer = scene.admission.admit(ADDRESS);
        assert_eq!(scene.next(due, false).await, Alarm::Stop);
        assert_eq!(scene.next(due, false).await, Alarm::Displaced);
        assert_eq!(scene.next(due, false).await, Alarm::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_never_take_a_users_place() {
        let mut scene = Scene::new();
        let account = standpipe_security::Sid::new(5, &[21, 1, 2, 3, 1001]).unwrap();
        scene.place.log_on(account).unwrap();
        let _newer = scene.admission.admit(ADDRESS);
        let due = Some(Instant::now() + Duration::from_secs(1));
        assert_eq!(scene.next(due, false).await, Alarm::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn the_send_timeout_counts_from_the_last_byte_that_the_client_took() {
        let (mut scene, start) = (Scene::new(), Instant::now());
        let half = Some(start + Duration::from_secs(30));
        assert_eq!(scene.next(half, true).await, Alarm::Timeout);
        scene.alarms.sent();
        assert_eq!(scene.next(None, true).await, Alarm::SendTimeout);
        assert_eq!(start.elapsed(), Duration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_new_or_earlier_than_before_has_to_be_looked_at() {
        let (mut scene, start) = (Scene::new(), Instant::now());
        let after = |seconds| Some(start + Duration::from_secs(seconds));
        let pending = async |scene: &mut Scene, due, sending| {
            let Scene { alarms, place, .. } = scene;
            poll_fn(|cx| Poll::Ready(alarms.poll(cx, place, due, sending).is_pending())).await
        };
        assert!(!scene.alarms.must_look(None, false, start));
        assert!(scene.alarms.must_look(after(5), false, start), "nothing waits for it yet");
        assert!(pending(&mut scene, after(5), false).await);
        for (due, must) in [(5, false), (9, false), (4, true)] {
            assert_eq!(scene.alarms.must_look(after(due), false, start), must, "{due}");
        }
        assert!(scene.alarms.must_look(after(5), true, start), "sending has begun");
        assert!(pending(&mut scene, after(5), true).await);
        assert!(!scene.alarms.must_look(after(5), true, start));
        scene.alarms.sent();
        // Both timers go off while nobody looks; what begins then has to be looked at again.
        tokio::time::advance(Duration::from_secs(90)).await;
        let now = Instant::now();
        assert!(scene.alarms.must_look(after(100), false, now));
        assert!(scene.alarms.must_look(None, true, now));
        assert!(pending(&mut scene, after(100), true).await);
        assert!(!scene.alarms.must_look(after(100), true, now));
    }
}
