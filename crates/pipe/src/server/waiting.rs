//! Opens and waits (`FSCTL_PIPE_WAIT`) at one pipe, over all connections of a server: [`Turns`] with a lock around
//! it, and one look at the service for all who wait for it.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::turns::{Ticket, Turns, Wanted, Who};

/// How often to look whether somebody listens while clients wait for a pipe.
const PAUSE: Duration = Duration::from_millis(20);

/// The instances of a pipe and who waits for them.
#[derive(Debug)]
pub(super) struct Gate {
    is_limited: bool,
    /// Locked for a few instructions.
    turns: Mutex<Turns>,
    /// Somebody waits, or there is an instance for somebody who does.
    changed: Notify,
}

/// One open's share of a pipe's instances, given back when it is dropped.
#[derive(Debug)]
pub struct Instance(Option<Arc<Gate>>);

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(gate) = &self.0
            && gate.turns().give_back()
        {
            gate.changed.notify_one();
        }
    }
}

/// A place among those who wait, left when it is dropped.
struct Place<'a>(&'a Gate, Ticket, &'a Who);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.turns().leave(self.1, self.2);
    }
}

impl Gate {
    pub(super) fn new(max_instances: Option<u32>) -> Gate {
        Gate {
            is_limited: max_instances.is_some(),
            turns: Mutex::new(Turns::new(max_instances)),
            changed: Notify::new(),
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance for an open on this connection, if there is one for it. Where there is no limit, there is no lock.
    pub(super) fn instance(self: &Arc<Gate>, connection: u64) -> Option<Instance> {
        if !self.is_limited {
            return Some(Instance(None));
        }
        self.turns().take(connection, Instant::now()).then(|| Instance(Some(Arc::clone(self))))
    }

    /// Whether an instance is free that nobody waits for.
    pub(super) fn is_free(&self) -> bool {
        self.turns().is_free_for_newcomers()
    }

    /// Waits until it is this one's turn: until [`Self::attend`] has found the service listening and an instance free.
    pub(super) async fn wait(&self, who: &Who) {
        let (ticket, tells) = self.turns().wait(who);
        let _place = Place(self, ticket, who);
        self.changed.notify_one();
        if tells.await.is_err() {
            pending::<()>().await;
        }
    }

    /// Looks with `is_listening` whether the service listens while somebody waits for it, and tells those whose turn
    /// it is; never ends.
    pub(super) async fn attend<F: Future<Output = bool>>(&self, is_listening: impl Fn() -> F) {
        loop {
            let lapse = self.turns().next_lapse();
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(lapse) => self.turns().lapse(Instant::now()),
            }
            while self.wanted() == Wanted::Look {
                if is_listening().await {
                    self.turns().serve(Instant::now());
                } else {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn wanted(&self) -> Wanted {
        self.turns().wanted()
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::task::{JoinHandle, JoinSet};

    use super::super::turns::GRACE;
    use super::*;

    fn who(connection: u64) -> Who {
        Who { connection, account: "user".into(), may_open: true }
    }

    /// A gate and who attends it; the service listens while the flag says so.
    fn attended(
        max_instances: Option<u32>,
    ) -> (Arc<Gate>, Arc<AtomicBool>, Arc<AtomicUsize>, JoinHandle<()>) {
        let gate = Arc::new(Gate::new(max_instances));
        let (up, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let attending = tokio::spawn({
            let (gate, up, looks) = (Arc::clone(&gate), Arc::clone(&up), Arc::clone(&looks));
            async move {
                gate.attend(|| async {
                    looks.fetch_add(1, Ordering::Relaxed);
                    up.load(Ordering::Relaxed)
                })
                .await;
            }
        });
        (gate, up, looks, attending)
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_who_wait_are_one_look_at_a_time() {
        let (gate, up, looks, attending) = attended(None);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(looks.load(Ordering::Relaxed), 0, "nobody waits");

        let mut waiters = JoinSet::new();
        for connection in 0..1000 {
            let gate = Arc::clone(&gate);
            waiters.spawn(async move { gate.wait(&who(connection)).await });
        }
        tokio::time::sleep(PAUSE * 100).await;
        let looked = looks.load(Ordering::Relaxed);
        assert!((99..=102).contains(&looked), "{looked}");
        assert!(waiters.try_join_next().is_none(), "the pipe is not up");

        up.store(true, Ordering::Relaxed);
        assert_eq!(waiters.join_all().await.len(), 1000);
        // Who comes later is not told of what was found before.
        up.store(false, Ordering::Relaxed);
        assert!(tokio::time::timeout(PAUSE * 10, gate.wait(&who(1))).await.is_err());
        let looked = looks.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(looks.load(Ordering::Relaxed) <= looked + 1, "nobody waits any more");
        attending.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_is_given_back_wakes_the_one_whose_turn_it_is() {
        let (gate, up, _, attending) = attended(Some(1));
        up.store(true, Ordering::Relaxed);
        let busy = gate.instance(1).unwrap();
        let waits = |connection| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.wait(&who(connection)).await })
        };
        let (second, third) = (waits(2), waits(3));
        tokio::time::sleep(PAUSE).await;
        assert!(!second.is_finished() && !third.is_finished());

        drop(busy);
        assert!(gate.instance(1).is_none(), "not for who comes by, not even at once");
        second.await.unwrap();
        assert!(gate.instance(1).is_none() && gate.instance(3).is_none());
        // The second one never comes.
        let told = Instant::now();
        third.await.unwrap();
        assert_eq!(told.elapsed().as_millis(), GRACE.as_millis());
        assert!(gate.instance(2).is_none());
        let _instance = gate.instance(3).unwrap();
        attending.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let (gate, up, _, attending) = attended(Some(1));
        let busy = gate.instance(1).unwrap();
        assert!(tokio::time::timeout(PAUSE, gate.wait(&who(2))).await.is_err());
        up.store(true, Ordering::Relaxed);
        drop(busy);
        assert!(gate.is_free());
        assert!(gate.instance(3).is_some());
        attending.abort();
    }
}
