//! The services of an instance: each watched by a watcher of its own, all of them started and stopped in the
//! order in which they depend on each other.

use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use standpipe_service::watcher::{GiveUp, Phase, Policy, Verdict};
use standpipe_service::{Manager, Report, supervise};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::state::ServiceRecord;

/// One of the services.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) essential: bool,
    /// The places of those that must run before it starts.
    pub(super) depends_on: Vec<usize>,
    pub(super) manager: Box<dyn Manager>,
    pub(super) policy: Policy,
    /// Whether its processes are among the instance's own, which are killed at its end anyway.
    pub(super) is_own_process: bool,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What happens to the services.
pub(super) enum Event {
    /// Something that [`Services::records`] shows.
    Changed,
    /// One that is essential cannot be kept running.
    GaveUp {
        /// Its name.
        service: String,
        /// Why.
        why: GiveUp,
    },
    /// One stopped, which happens only when all are asked to.
    Bug(String),
}

/// How the watching of one service ended; `None` when it never began.
type Ended = Option<Verdict>;

/// The services of an instance.
pub(super) struct Services {
    members: Vec<Described>,
    /// The watching of each, until it has ended.
    watching: Vec<Option<Pin<Box<dyn Future<Output = Ended> + Send>>>>,
    reports: watch::Receiver<Vec<Report>>,
    stop: CancellationToken,
    /// Whether one that others manage is still there after it was killed.
    left_behind: bool,
}

/// What is known about a service when its watching has ended too.
struct Described {
    name: String,
    essential: bool,
    is_own_process: bool,
}

/// What the watchings of all services share.
struct Shared {
    /// How each is doing.
    reports: watch::Sender<Vec<Report>>,
    stop: CancellationToken,
    /// Cancelled for each whose watching has ended.
    over: Vec<CancellationToken>,
}

impl Services {
    /// Begins to watch services. Each stands after those that it depends on.
    pub(super) fn begin(members: Vec<Member>) -> Self {
        let (sender, reports) = watch::channel(vec![Report::initial(); members.len()]);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            reports: sender,
            stop: stop.clone(),
            over: members.iter().map(|_| CancellationToken::new()).collect(),
        });
        let dependents: Vec<Vec<usize>> = (0..members.len())
            .map(|index| {
                let needs_it =
                    |(place, member): (usize, &Member)| member.depends_on.contains(&index).then_some(place);
                members.iter().enumerate().filter_map(needs_it).collect()
            })
            .collect();
        let described = members
            .iter()
            .map(|member| Described {
                name: member.name.clone(),
                essential: member.essential,
                is_own_process: member.is_own_process,
            })
            .collect();
        let watching = members
            .into_iter()
            .zip(dependents)
            .enumerate()
            .map(|(index, (member, dependents))| {
                let shared = Arc::clone(&shared);
                let watching = async move {
                    let ended = shared.watch(index, &member, &dependents).await;
                    if let Some(over) = shared.over.get(index) {
                        over.cancel();
                    }
                    ended
                };
                let watching: Pin<Box<dyn Future<Output = Ended> + Send>> = Box::pin(watching);
                Some(watching)
            })
            .collect();
        Self { members: described, watching, reports, stop, left_behind: false }
    }

    /// Whether nothing of them is watched any more.
    pub(super) fn are_over(&self) -> bool {
        self.watching.iter().all(Option::is_none)
    }

    /// Whether one is still there although it was killed, and nothing else ends it.
    pub(super) fn are_left_behind(&self) -> bool {
        self.left_behind
    }

    /// Stops them all: each after those that depend on it.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether all essential ones can be used.
    pub(super) fn are_ready(&self) -> bool {
        self.all_essential(|report| report.ready)
    }

    /// Whether all essential ones run.
    pub(super) fn are_running(&self) -> bool {
        self.all_essential(|report| report.phase == Phase::Running)
    }

    fn all_essential(&self, is: impl Fn(&Report) -> bool) -> bool {
        let reports = self.reports.borrow();
        self.members.iter().zip(reports.iter()).all(|(member, report)| !member.essential || is(report))
    }

    /// How each is doing.
    pub(super) fn records(&self) -> Vec<ServiceRecord> {
        let reports = self.reports.borrow();
        let record = |(member, report): (&Described, &Report)| ServiceRecord {
            name: member.name.clone(),
            essential: member.essential,
            state: report.state.to_string(),
            pid: report.pid,
            ready: report.ready,
            restarts: report.starts.saturating_sub(1),
            failures: report
                .failure_counts
                .by_name()
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            rest: u64::try_from(report.rest.as_millis()).unwrap_or(u64::MAX),
            last_error: report.last_failure.clone(),
        };
        self.members.iter().zip(reports.iter()).map(record).collect()
    }

    /// What happens next; nothing ever, when there is no service. Dropped before it is done, it loses
    /// nothing.
    pub(super) async fn next(&mut self) -> Event {
        let watching = &mut self.watching;
        let first_end = poll_fn(|context| {
            for (index, slot) in watching.iter_mut().enumerate() {
                let Some(one) = slot else { continue };
                if let Poll::Ready(ended) = one.as_mut().poll(context) {
                    *slot = None;
                    return Poll::Ready((index, ended));
                }
            }
            Poll::Pending
        });
        tokio::select! {
            biased;
            (index, ended) = first_end => self.ended(index, ended),
            Ok(()) = self.reports.changed() => Event::Changed,
            else => std::future::pending().await,
        }
    }

    fn ended(&mut self, index: usize, ended: Ended) -> Event {
        let Some(member) = self.members.get(index) else { return Event::Changed };
        let service = member.name.clone();
        match ended {
            Some(Verdict::GaveUp(why)) if member.essential => return Event::GaveUp { service, why },
            Some(Verdict::GaveUp(why)) => error!(service, "{why}; the instance goes on without it"),
            Some(Verdict::Stopped { .. }) if !self.stop.is_cancelled() => {
                return Event::Bug(format!("the service {service} was stopped without being asked"));
            }
            Some(Verdict::Stopped { gone: false, .. }) => {
                warn!(service, "the service is still there, although it was killed");
                self.left_behind |= !member.is_own_process;
            }
            Some(Verdict::Stopped { .. }) | None => {}
        }
        Event::Changed
    }
}

impl Shared {
    /// Watches one service from when those run that it depends on, until all are to stop and its `dependents`
    /// have.
    async fn watch(&self, index: usize, member: &Member, dependents: &[usize]) -> Ended {
        let mut all = self.reports.subscribe();
        let run = |reports: &Vec<Report>| {
            let runs = |need: &usize| reports.get(*need).is_some_and(|one| one.phase == Phase::Running);
            member.depends_on.iter().all(runs)
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            () = async { drop(all.wait_for(run).await) } => {}
        }
        let stop = async {
            self.stop.cancelled().await;
            for over in dependents.iter().filter_map(|dependent| self.over.get(*dependent)) {
                over.cancelled().await;
            }
        };
        let (reports, mut own) = watch::channel(Report::initial());
        // Any number will do, as long as no two watchers have the same.
        let seed = RandomState::new().hash_one((std::process::id(), index));
        let policy = member.policy.clone();
        let mut supervised = pin!(supervise(&member.name, &*member.manager, policy, seed, stop, &reports));
        loop {
            tokio::select! {
                biased;
                verdict = &mut supervised => {
                    self.publish(index, &own.borrow());
                    return Some(verdict);
                }
                Ok(()) = own.changed() => self.publish(index, &own.borrow_and_update()),
            }
        }
    }

    fn publish(&self, index: usize, report: &Report) {
        self.reports.send_if_modified(|reports| {
            let Some(known) = reports.get_mut(index).filter(|known| *known != report) else { return false };
            known.clone_from(report);
            true
        });
    }
}
