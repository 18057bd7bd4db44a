//! Opens and waits (`FSCTL_PIPE_WAIT`) at one pipe, over all connections of a server: [`Turns`] with a lock
//! around it, and one look at the service for all clients that wait for it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use standpipe_pipe::backend::Slot;
use standpipe_transport::deadline::sleep_until;

use crate::turns::{Ticket, Turns, Waiter, Wanted};

/// How often to look whether somebody listens while clients wait for a pipe.
const PAUSE: Duration = Duration::from_millis(20);

/// The slots of a pipe and the clients that wait for one.
#[derive(Debug)]
pub(crate) struct Queue {
    is_limited: bool,
    /// Locked for a few instructions.
    line: Mutex<Line>,
    /// A client waits, or there is a slot for one that does.
    changed: Notify,
}

/// The turns, and a way to tell each waiter that its turn has come.
#[derive(Debug)]
struct Line {
    turns: Turns,
    tell: BTreeMap<Ticket, oneshot::Sender<()>>,
}

/// What a limited pipe's [`Slot`] gives back when it is dropped.
struct Share(Arc<Queue>);

impl Drop for Share {
    fn drop(&mut self) {
        if self.0.line().turns.give_back() {
            self.0.changed.notify_one();
        }
    }
}

impl Line {
    fn wait(&mut self, waiter: &Waiter) -> (Ticket, oneshot::Receiver<()>) {
        let ticket = self.turns.wait(waiter);
        let (tell, told) = oneshot::channel();
        self.tell.insert(ticket, tell);
        (ticket, told)
    }

    fn serve(&mut self) {
        let Self { turns, tell } = self;
        turns.serve(Instant::now().into_std(), |ticket| {
            tell.remove(&ticket).is_some_and(|waiter| waiter.send(()).is_ok())
        });
    }
}

/// A place in the queue, left when it is dropped.
struct Waiting<'a>(&'a Queue, Ticket, &'a Waiter);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.turns.leave(self.1, self.2);
        line.tell.remove(&self.1);
    }
}

impl Queue {
    pub(crate) fn new(max_instances: Option<u32>) -> Self {
        Self {
            is_limited: max_instances.is_some(),
            line: Mutex::new(Line { turns: Turns::new(max_instances), tell: BTreeMap::new() }),
            changed: Notify::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for an open on this connection, if there is one for it. Where there is no limit, there is no
    /// lock.
    pub(crate) fn slot(self: &Arc<Self>, connection: u64) -> Option<Slot> {
        if !self.is_limited {
            return Some(Slot::unlimited());
        }
        self.line()
            .turns
            .take(connection, Instant::now().into_std())
            .then(|| Slot::of(Share(Arc::clone(self))))
    }

    /// Whether a slot is free that no client waits for.
    pub(crate) fn is_free(&self) -> bool {
        self.line().turns.is_free_for_newcomers()
    }

    /// Waits until it is this client's turn: until [`Self::attend`] has found the service listening and a
    /// slot free.
    pub(crate) async fn wait(&self, waiter: &Waiter) {
        let (ticket, told) = self.line().wait(waiter);
        let _waiting = Waiting(self, ticket, waiter);
        self.changed.notify_one();
        if told.await.is_err() {
            pending::<()>().await;
        }
    }

    /// Looks with `is_listening` whether the service listens while a client waits for it, and tells the
    /// clients whose turn it is; never ends.
    pub(crate) async fn attend<F: Future<Output = bool>>(&self, is_listening: impl Fn() -> F) {
        loop {
            let lapse = self.line().turns.next_lapse().map(Instant::from_std);
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(lapse) => self.line().turns.lapse(Instant::now().into_std()),
            }
            while self.wanted() == Wanted::Look {
                if is_listening().await {
                    self.line().serve();
                } else {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn wanted(&self) -> Wanted {
        self.line().turns.wanted()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tokio::task::{JoinHandle, JoinSet};

    use super::*;
    use crate::turns::GRACE;

    fn waiter(connection: u64) -> Waiter {
        Waiter { connection, account: "user".into(), may_open: true }
    }

    /// A queue and the task that attends it; the service listens while the flag says so.
    fn attended(
        max_instances: Option<u32>,
    ) -> (Arc<Queue>, Arc<AtomicBool>, Arc<AtomicUsize>, JoinHandle<()>) {
        let queue = Arc::new(Queue::new(max_instances));
        let (up, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let attending = tokio::spawn({
            let (queue, up, looks) = (Arc::clone(&queue), Arc::clone(&up), Arc::clone(&looks));
            async move {
                queue
                    .attend(|| async {
                        looks.fetch_add(1, Ordering::Relaxed);
                        up.load(Ordering::Relaxed)
                    })
                    .await;
            }
        });
        (queue, up, looks, attending)
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_clients_that_wait_cause_one_look_at_a_time() {
        let (queue, up, looks, attending) = attended(None);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(looks.load(Ordering::Relaxed), 0, "nobody waits");

        let mut waiters = JoinSet::new();
        for connection in 0..1000 {
            let queue = Arc::clone(&queue);
            waiters.spawn(async move { queue.wait(&waiter(connection)).await });
        }
        tokio::time::sleep(PAUSE * 100).await;
        let looked = looks.load(Ordering::Relaxed);
        assert!((99..=102).contains(&looked), "{looked}");
        assert!(waiters.try_join_next().is_none(), "the pipe is not up");

        up.store(true, Ordering::Relaxed);
        assert_eq!(waiters.join_all().await.len(), 1000);
        // A client that comes later does not hear of an earlier look.
        up.store(false, Ordering::Relaxed);
        assert!(tokio::time::timeout(PAUSE * 10, queue.wait(&waiter(1))).await.is_err());
        let looked = looks.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(looks.load(Ordering::Relaxed) <= looked + 1, "nobody waits any more");
        attending.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_is_given_back_wakes_the_client_whose_turn_it_is() {
        let (queue, up, _, attending) = attended(Some(1));
        up.store(true, Ordering::Relaxed);
        let busy = queue.slot(1).unwrap();
        let waits = |connection| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.wait(&waiter(connection)).await })
        };
        let (second, third) = (waits(2), waits(3));
        tokio::time::sleep(PAUSE).await;
        assert!(!second.is_finished() && !third.is_finished());

        drop(busy);
        assert!(queue.slot(1).is_none(), "not for a client that comes by, not even at once");
        second.await.unwrap();
        assert!(queue.slot(1).is_none() && queue.slot(3).is_none());
        // The second one never comes.
        let told = Instant::now();
        third.await.unwrap();
        assert_eq!(told.elapsed().as_millis(), GRACE.as_millis());
        assert!(queue.slot(2).is_none());
        let _slot = queue.slot(3).unwrap();
        attending.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_waiting_leaves_nothing_behind() {
        let (queue, up, _, attending) = attended(Some(1));
        let busy = queue.slot(1).unwrap();
        assert!(tokio::time::timeout(PAUSE, queue.wait(&waiter(2))).await.is_err());
        up.store(true, Ordering::Relaxed);
        drop(busy);
        assert!(queue.is_free());
        assert!(queue.slot(3).is_some());
        attending.abort();
    }
}
