//! What the shell makes of answers that are late.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::*;
use crate::manager::StartError;

/// A manager whose first query answers with what it saw, but only once the service was started.
struct Late {
    status: watch::Sender<Status>,
    first: Mutex<bool>,
    started: Notify,
    /// What becomes of the service while it is probed.
    after_probe: State,
}

impl Late {
    fn new(state: State, is_late: bool, after_probe: State) -> Self {
        let status = watch::Sender::new(Status::of(state));
        Self { status, first: Mutex::new(is_late), started: Notify::new(), after_probe }
    }
}

impl Manager for Late {
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async {
            self.status.send_replace(Status::of(State::Running));
            self.started.notify_one();
            Ok(())
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { drop(self.status.send_replace(Status::of(State::Stopped))) })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        self.stop()
    }

    fn query(&self) -> BoxFuture<'_, Status> {
        Box::pin(async {
            let seen = self.status.borrow().clone();
            let is_late = std::mem::replace(&mut *self.first.lock().unwrap(), false);
            if is_late {
                self.status.send_modify(|_| {});
                self.started.notified().await;
            }
            seen
        })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async {
            self.status.send_replace(Status::of(self.after_probe));
            Ok(())
        })
    }

    fn changes(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}

#[tokio::test]
async fn a_state_seen_before_a_start_is_not_its_outcome() {
    let manager = Late::new(State::Stopped, true, State::Running);
    let (reports, latest) = watch::channel(Report::initial());
    // Late enough for everything that is there to be seen to have been seen.
    let stop = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    let verdict = supervise("S", &manager, Policy::default(), 1, stop, &reports).await;
    assert_eq!(verdict, Verdict::Stopped { killed: false, gone: true });
    let report = latest.borrow().clone();
    assert_eq!((report.starts, report.failures), (1, 0), "{:?}", report.last_failure);
}

#[tokio::test]
async fn a_look_says_what_is_after_the_probe() {
    let manager = Late::new(State::Running, false, State::Stopped);
    let (status, probed) = look_at(&manager).await;
    assert_eq!(status.state, State::Stopped);
    assert!(probed.is_some());
    let manager = Late::new(State::Stopped, false, State::Running);
    assert!(look_at(&manager).await.1.is_none());
}

/// What a manager whose start takes its time was asked for, and when.
#[derive(Default)]
struct Asked(Mutex<Vec<(&'static str, Instant)>>);

impl Asked {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push((what, Instant::now()));
    }

    fn order(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|(what, _)| *what).collect()
    }

    fn first(&self, wanted: &str) -> Instant {
        self.0.lock().unwrap().iter().find(|(what, _)| *what == wanted).unwrap().1
    }
}

/// A manager whose start takes its time, or for ever. What is asked of it before that changes nothing, as
/// with a service that is not there yet.
struct Slow {
    status: watch::Sender<Status>,
    start_takes: Option<Duration>,
    asked: Asked,
}

impl Slow {
    fn new(start_takes: Option<Duration>) -> Self {
        let status = watch::Sender::new(Status::of(State::Stopped));
        Self { status, start_takes, asked: Asked::default() }
    }

    async fn supervised(&self, stop_after: Duration) -> Verdict {
        let (reports, _latest) = watch::channel(Report::initial());
        let stop = tokio::time::sleep(stop_after);
        supervise("S", self, Policy::default(), 1, stop, &reports).await
    }
}

impl Manager for Slow {
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(async {
            self.asked.note("start");
            match self.start_takes {
                Some(takes) => tokio::time::sleep(takes).await,
                None => std::future::pending().await,
            }
            self.status.send_replace(Status::of(State::Running));
            Ok(())
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.asked.note("stop");
            self.status.send_replace(Status::of(State::Stopped));
        })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.asked.note("kill") })
    }

    fn query(&self) -> BoxFuture<'_, Status> {
        Box::pin(async { self.status.borrow().clone() })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async { Ok(()) })
    }

    fn changes(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_start_that_never_returns() {
    let manager = Slow::new(None);
    let began = Instant::now();
    let verdict = manager.supervised(Duration::from_secs(1)).await;
    assert_eq!(verdict, Verdict::Stopped { killed: true, gone: true });
    assert_eq!(manager.asked.order(), ["start", "stop", "kill"]);
    assert!(manager.asked.first("stop") - began <= Duration::from_millis(1200), "it reacts at once");
    assert!(
        manager.asked.first("kill") - began <= Duration::from_secs(12),
        "the start is left after the grace"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_starts_after_it_was_asked_to_stop_is_stopped() {
    let manager = Slow::new(Some(Duration::from_secs(5)));
    let began = Instant::now();
    let verdict = manager.supervised(Duration::from_secs(1)).await;
    assert_eq!(verdict, Verdict::Stopped { killed: false, gone: true });
    assert_eq!(manager.asked.order(), ["start", "stop", "stop"]);
    assert!(began.elapsed() <= Duration::from_millis(5200));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_longer_than_its_time_is_no_failure_before_its_outcome_is_known() {
    let manager = Slow::new(Some(Duration::from_mins(1)));
    let verdict = manager.supervised(Duration::from_mins(2)).await;
    assert_eq!(verdict, Verdict::Stopped { killed: false, gone: true });
    assert_eq!(manager.asked.order(), ["start", "stop"]);
}
