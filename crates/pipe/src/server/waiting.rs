//! Waiting for pipes to come up (`FSCTL_PIPE_WAIT`): one look at a pipe for all who wait for it.

use std::time::Duration;

use standpipe_smb::server::PipeId;
use tokio::sync::{Notify, watch};

/// How often to look whether somebody listens while clients wait for a pipe.
const PAUSE: Duration = Duration::from_millis(20);

/// Who waits for which pipe, over all connections of a server.
#[derive(Debug)]
pub(super) struct Waiting {
    /// For each pipe: tells that it is up to all who wait for it.
    pipes: Vec<watch::Sender<()>>,
    /// Somebody began to wait.
    arrived: Notify,
}

impl Waiting {
    pub(super) fn new(pipes: usize) -> Waiting {
        Waiting { pipes: (0..pipes).map(|_| watch::Sender::new(())).collect(), arrived: Notify::new() }
    }

    /// Waits until [`Self::look`] finds the pipe up; for ever when there is no such pipe.
    pub(super) async fn wait(&self, pipe: PipeId) {
        let Some(pipe) = self.pipes.get(pipe.0) else {
            return std::future::pending().await;
        };
        let mut up = pipe.subscribe();
        self.arrived.notify_one();
        // Only fails when `self` is gone.
        let _ = up.changed().await;
    }

    /// Looks, with `is_up`, at each pipe that somebody waits for, again and again while there is one; never
    /// ends.
    pub(super) async fn look(&self, is_up: impl Fn(PipeId) -> bool) {
        loop {
            self.arrived.notified().await;
            while self.look_once(&is_up) {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Whether somebody waits.
    fn look_once(&self, is_up: impl Fn(PipeId) -> bool) -> bool {
        let mut somebody = false;
        for (index, pipe) in self.pipes.iter().enumerate().filter(|(_, pipe)| pipe.receiver_count() > 0) {
            somebody = true;
            if is_up(PipeId(index)) {
                pipe.send_replace(());
            }
        }
        somebody
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_who_wait_are_one_look_at_a_time() {
        let waiting = Arc::new(Waiting::new(2));
        let (looks, up) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let looking = {
            let (waiting, looks, up) = (Arc::clone(&waiting), Arc::clone(&looks), Arc::clone(&up));
            tokio::spawn(async move {
                waiting
                    .look(|pipe| {
                        assert_eq!(pipe, PipeId(1), "nobody waits for another pipe");
                        looks.fetch_add(1, Ordering::Relaxed);
                        up.load(Ordering::Relaxed)
                    })
                    .await;
            })
        };
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(looks.load(Ordering::Relaxed), 0, "nobody waits");

        let mut waiters = JoinSet::new();
        for _ in 0..1000 {
            let waiting = Arc::clone(&waiting);
            waiters.spawn(async move { waiting.wait(PipeId(1)).await });
        }
        tokio::time::sleep(PAUSE * 100).await;
        let looked = looks.load(Ordering::Relaxed);
        assert!((99..=102).contains(&looked), "{looked}");
        assert!(waiters.try_join_next().is_none(), "the pipe is not up");

        up.store(true, Ordering::Relaxed);
        assert_eq!(waiters.join_all().await.len(), 1000);
        // Who comes later is not told of what was found before.
        up.store(false, Ordering::Relaxed);
        assert!(tokio::time::timeout(PAUSE * 10, waiting.wait(PipeId(1))).await.is_err());
        let looked = looks.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(looks.load(Ordering::Relaxed) <= looked + 1, "nobody waits any more");
        looking.abort();
    }
}
