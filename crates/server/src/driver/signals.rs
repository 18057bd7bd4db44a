//! What wakes a connection's task beside its client: its alarms, and the services that it reads from. Each
//! leaves a mark, so that the task looks only at what has changed.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;
use standpipe_smb::server::OpenId;

/// The marks of one connection. As a waker, it marks the alarms.
#[derive(Debug, Default)]
pub(super) struct Signals {
    task: AtomicWaker,
    alarm: AtomicBool,
    /// Whether there may be something in [`Self::rung`]: looked at without its lock.
    is_rung: AtomicBool,
    rung: Mutex<VecDeque<OpenId>>,
}

impl Signals {
    /// This task is to be woken. To be called before any mark is looked at: what is marked afterwards wakes
    /// it.
    pub(super) fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Has the alarms looked at, for there is a new one.
    pub(super) fn mark_alarm(&self) {
        self.alarm.store(true, Ordering::Release);
    }

    /// Whether the alarms have to be looked at; leaves the mark.
    pub(super) fn is_alarm_marked(&self) -> bool {
        self.alarm.load(Ordering::Relaxed)
    }

    /// Whether the alarms have to be looked at; takes the mark away.
    pub(super) fn take_alarm(&self) -> bool {
        self.alarm.load(Ordering::Relaxed) && self.alarm.swap(false, Ordering::AcqRel)
    }

    /// Appends the opens whose services may have something to be read, and takes the marks away.
    pub(super) fn take_rung(&self, into: &mut VecDeque<OpenId>) {
        if self.is_rung.load(Ordering::Relaxed) && self.is_rung.swap(false, Ordering::AcqRel) {
            let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            if into.is_empty() {
                mem::swap(&mut *rung, into);
            } else {
                into.append(&mut rung);
            }
        }
    }
}

impl Wake for Signals {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mark_alarm();
        self.task.wake();
    }
}

/// What a service rings that has something to be read.
#[derive(Debug)]
struct Bell {
    open: OpenId,
    /// Whether it has rung since it was last looked: it is in the list once.
    has_rung: AtomicBool,
    signals: Arc<Signals>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            self.signals.rung.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.open);
            self.signals.is_rung.store(true, Ordering::Release);
            self.signals.task.wake();
        }
    }
}

/// The bell of an open, for the task that looks when it rings.
#[derive(Debug)]
pub(super) struct Ringing {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Ringing {
    pub(super) fn new(open: OpenId, signals: &Arc<Signals>) -> Self {
        let bell = Arc::new(Bell { open, has_rung: AtomicBool::new(false), signals: Arc::clone(signals) });
        Self { waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// The waker that rings, for a look that begins now: what comes later rings again.
    pub(super) fn reset(&self) -> &Waker {
        // Not merely a store: what rang for the last time before this must be seen by the look after it.
        self.bell.has_rung.swap(false, Ordering::AcqRel);
        &self.waker
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn open(id: u64) -> OpenId {
        OpenId::from_wire(id)
    }

    #[test]
    fn a_bell_is_heard_once_until_it_is_looked_and_then_again() {
        let (task, signals) = (Arc::<Task>::default(), Arc::<Signals>::default());
        let bells = [1, 2].map(|id| Ringing::new(open(id), &signals));
        let wakers = bells.each_ref().map(|bell| bell.reset().clone());
        signals.register(&Waker::from(Arc::clone(&task)));
        wakers[1].wake_by_ref();
        wakers[0].wake_by_ref();
        wakers[1].wake_by_ref();
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "the task is awake already");
        let mut heard = VecDeque::new();
        signals.take_rung(&mut heard);
        assert_eq!(heard, [open(2), open(1)]);
        signals.take_rung(&mut heard);
        assert_eq!(heard.len(), 2, "nothing twice");
        // While the task looks, before it sleeps again, and after it has.
        bells[1].reset();
        wakers[1].wake_by_ref();
        signals.register(&Waker::from(Arc::clone(&task)));
        bells[0].reset();
        wakers[0].wake_by_ref();
        assert_eq!(task.0.load(Ordering::Relaxed), 2);
        heard.clear();
        signals.take_rung(&mut heard);
        assert_eq!(heard, [open(2), open(1)]);
    }

    #[test]
    fn an_alarm_wakes_the_task_and_stays_until_it_is_looked() {
        let (task, signals) = (Arc::<Task>::default(), Arc::<Signals>::default());
        let alarm = Waker::from(Arc::clone(&signals));
        alarm.wake_by_ref();
        signals.register(&Waker::from(Arc::clone(&task)));
        assert!(signals.take_alarm() && !signals.take_alarm(), "it came before the task was there");
        alarm.wake_by_ref();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert!(signals.take_alarm());
    }

    #[test]
    fn bells_that_ring_while_the_task_looks_are_never_lost() {
        const RINGS: usize = 20_000;
        let (signals, task) = (Arc::<Signals>::default(), Arc::<Task>::default());
        let bell = Ringing::new(open(1), &signals);
        let (rung, waker) = (Arc::<AtomicUsize>::default(), bell.reset().clone());
        let count = Arc::clone(&rung);
        let ringer = std::thread::spawn(move || {
            for _ in 0..RINGS {
                count.fetch_add(1, Ordering::Release);
                waker.wake_by_ref();
            }
        });
        // As the driver does: registers, takes the marks, resets, looks, and sleeps unless it was woken.
        let (mut seen, mut heard) = (0, VecDeque::new());
        while seen < RINGS {
            let before = task.0.load(Ordering::Acquire);
            signals.register(&Waker::from(Arc::clone(&task)));
            signals.take_rung(&mut heard);
            if heard.drain(..).count() > 0 {
                bell.reset();
                seen = rung.load(Ordering::Acquire);
                continue;
            }
            while task.0.load(Ordering::Acquire) == before && !ringer.is_finished() {
                std::thread::yield_now();
            }
            if ringer.is_finished() && task.0.load(Ordering::Acquire) == before {
                break;
            }
        }
        ringer.join().unwrap();
        signals.take_rung(&mut heard);
        if !heard.is_empty() {
            seen = rung.load(Ordering::Acquire);
        }
        assert_eq!(seen, RINGS);
    }
}
