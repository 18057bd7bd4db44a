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
