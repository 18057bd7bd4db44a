//! The watcher: decides when a service is started, waited for, stopped and given up. It does no I/O and reads
//! no clock.

mod failure;
mod policy;
mod table;

#[cfg(test)]
mod tests;

use standpipe_backoff::next_random;
use std::time::Duration;

pub use failure::{Failure, FailureCounts, FailureKind, GiveUp, Verdict};
pub use policy::Policy;
pub use table::{Action, Phase, TRANSITIONS, Transition, Trigger, diagram, transition};

use crate::state::{State, Status};

/// What happens to a service, as the watcher learns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The service was seen like this: by a look that an [`Action::Check`] asked for, or by a notification.
    Observed(Status),
    /// A running service was probed: it answered, or the reason why not.
    Probed(Result<(), String>),
    /// The manager refused the start that an [`Action::Start`] asked for.
    StartRefused {
        /// Whether trying again can help.
        refusal: Refusal,
        /// The manager's words.
        reason: String,
    },
    /// Someone wants the service stopped.
    StopRequested,
    /// Time has passed: due when [`Watcher::next_timeout`] is reached.
    Tick,
}

/// Whether a start that the manager refused can be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The reason may pass by itself.
    ForNow,
    /// Somebody has to put something right first.
    ForGood,
    /// Somebody has to permit it first.
    NotPermitted,
}

/// Watches one service: a state machine over [`TRANSITIONS`].
///
/// The order of calls: carry out everything that [`poll_action`](Self::poll_action) returns; sleep until
/// [`next_timeout`](Self::next_timeout) or until something happens; tell it with [`handle`](Self::handle);
/// again, until there is a [`verdict`](Self::verdict).
///
/// Times are `Duration`s since a fixed moment, on a clock that never goes back; time that the machine spends
/// suspended should not count. After an [`Action::Start`], the next observation must have been made after
/// the start was carried out: an older one would be taken for its outcome.
#[derive(Debug)]
pub struct Watcher {
    policy: Policy,
    /// State of the jitter's sequence.
    seed: u64,
    phase: Phase,
    /// When the phase began.
    since: Duration,
    /// When the phase has taken as long as it may.
    deadline: Option<Duration>,
    /// When the service should next be looked at in this phase, as the net under the notifications.
    next_check: Option<Duration>,
    /// Whether it was killed in this phase.
    killed: bool,
    pending: Option<Action>,
    last: Option<Status>,
    /// Probes missed in a row.
    misses: u32,
    /// What came of the last missed probe.
    last_miss: String,
    /// Since the last stable run, oldest first; at most `max_failures` and one that is fatal.
    failures: Vec<Failure>,
    /// Since the beginning.
    counts: FailureCounts,
    starts: u32,
}

impl Watcher {
    /// A watcher that begins with a look at the service. `seed` fixes the jitter of its waits.
    pub fn new(now: Duration, policy: Policy, seed: u64) -> Self {
        let deadline = Some(now.saturating_add(policy.start_timeout));
        Self {
            policy,
            seed,
            phase: Phase::Looking,
            since: now,
            deadline,
            next_check: None,
            killed: false,
            pending: Some(Action::Check),
            last: None,
            misses: 0,
            last_miss: String::new(),
            failures: Vec::new(),
            counts: FailureCounts::default(),
            starts: 0,
        }
    }

    /// What the watcher is about.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the service runs and answered the last time it was asked.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Running && self.misses == 0
    }

    /// The service as it was last seen.
    pub fn last_seen(&self) -> Option<&Status> {
        self.last.as_ref()
    }

    /// The failures since the last stable run, oldest first.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// How often it failed since the beginning, by kind.
    pub fn failure_counts(&self) -> FailureCounts {
        self.counts
    }

    /// How long it rests in all before the next start; zero unless it rests.
    pub fn rest(&self) -> Duration {
        let until = self.deadline.filter(|_| self.phase == Phase::Resting);
        until.map_or(Duration::ZERO, |until| until.saturating_sub(self.since))
    }

    /// How often a start was asked for.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// The end, once it is reached. Nothing changes after it.
    pub fn verdict(&self) -> Option<Verdict> {
        match self.phase {
            Phase::Stopped => Some(Verdict::Stopped {
                killed: self.killed,
                gone: self.last.as_ref().is_some_and(|status| status.state == State::Stopped),
            }),
            Phase::GaveUp => Some(Verdict::GaveUp(GiveUp { failures: self.failures.clone() })),
            _ => None,
        }
    }

    /// The next thing to ask of the manager. It is asked for once.
    #[must_use = "an action that is not carried out leaves the watcher waiting for its outcome"]
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.pending.take();
        if action == Some(Action::Start) {
            self.starts = self.starts.saturating_add(1);
        }
        action
    }

    /// When [`Input::Tick`] is due, if nothing else happens before.
    #[must_use = "without the tick, nothing times out"]
    pub fn next_timeout(&self) -> Option<Duration> {
        let stable = (self.phase == Phase::Running && !self.failures.is_empty())
            .then(|| self.since.saturating_add(self.policy.stable_after));
        [self.deadline, self.next_check, stable].into_iter().flatten().min()
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: Duration, input: Input) {
        if self.phase.is_end() {
            return;
        }
        self.forget_if_stable(now);
        match input {
            Input::Observed(status) => self.observed(now, status),
            Input::Probed(Ok(())) => self.misses = 0,
            Input::Probed(Err(reason)) => self.missed(now, reason),
            Input::StartRefused { refusal: Refusal::ForNow, reason } => {
                self.trigger(now, Trigger::StartRefused, Some(FailureKind::Refused { reason }));
            }
            Input::StartRefused { refusal, reason } => {
                let permitted = refusal != Refusal::NotPermitted;
                let kind = FailureKind::Impossible { reason, permitted };
                self.trigger(now, Trigger::StartImpossible, Some(kind));
            }
            Input::StopRequested => self.trigger(now, Trigger::StopRequested, None),
            Input::Tick => self.tick(now),
        }
    }

    fn observed(&mut self, now: Duration, status: Status) {
        let state = status.state;
        let before = self.last.replace(status);
        match self.phase {
            Phase::Starting => {
                self.extend(now, before.as_ref(), (self.policy.start_timeout, self.policy.start_cap));
            }
            // Seen stopping before it was seen stopped: now it is known how it ended.
            Phase::Clearing if state == State::Stopped => self.complete_last_failure(),
            Phase::Clearing | Phase::Stopping if !self.killed => {
                self.extend(now, before.as_ref(), (self.policy.stop_grace, self.policy.stop_cap));
            }
            _ => {}
        }
        let kind = match state {
            State::Stopped | State::StopPending => Some(FailureKind::Ended {
                exit: self.last.as_ref().and_then(|status| status.exit),
                ran: (self.phase == Phase::Running).then(|| now.saturating_sub(self.since)),
                detail: self.last_words(),
            }),
            State::Paused => Some(FailureKind::Paused),
            _ => None,
        };
        self.trigger(now, Trigger::Saw(state), kind);
    }

    /// A rising checkpoint or a change of state restarts the clock of a start or a stop, for as long as the
    /// service itself estimates but at least the policy's time, up to the cap. Progress that comes after the
    /// deadline is too late.
    fn extend(&mut self, now: Duration, before: Option<&Status>, (usual, cap): (Duration, Duration)) {
        let (Some(status), Some(deadline)) = (&self.last, self.deadline) else { return };
        let progress = match before {
            Some(before) if before.state == status.state => {
                status.checkpoint > before.checkpoint || status.wait_hint > before.wait_hint
            }
            // The first report says no more than that it began: without an estimate it wins no time.
            _ => !status.wait_hint.is_zero(),
        };
        if progress && status.state.is_pending() && now < deadline {
            let cap = self.since.saturating_add(cap.max(usual));
            let more = now.saturating_add(status.wait_hint.max(usual));
            self.deadline = Some(more.min(cap).max(deadline));
        }
    }

    /// What is known about the end of a service beside how it ended.
    fn last_words(&self) -> Option<String> {
        self.last.as_ref().filter(|status| status.exit.is_some()).and_then(|status| status.detail.clone())
    }

    fn complete_last_failure(&mut self) {
        let (exit_now, words) = (self.last.as_ref().and_then(|status| status.exit), self.last_words());
        if let Some(Failure { kind: FailureKind::Ended { exit: exit @ None, detail, .. }, .. }) =
            self.failures.last_mut()
        {
            (*exit, *detail) = (exit_now, words);
        }
    }

    fn missed(&mut self, now: Duration, reason: String) {
        if self.phase != Phase::Running {
            return;
        }
        self.misses = self.misses.saturating_add(1);
        self.last_miss = reason;
        if self.misses >= self.policy.hung_after.get() {
            let kind = FailureKind::Hung { misses: self.misses, last: self.last_miss.clone() };
            self.trigger(now, Trigger::Hung, Some(kind));
        }
    }

    fn tick(&mut self, now: Duration) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let waited = now.saturating_sub(self.since);
            let (trigger, kind) = match (self.phase, &self.last) {
                (Phase::Clearing | Phase::Stopping, _) if self.killed => {
                    (Trigger::KillTimedOut, FailureKind::Unstoppable)
                }
                (Phase::Starting, Some(status)) => (
                    Trigger::TimedOut,
                    FailureKind::TimedOut {
                        waited,
                        state: status.state,
                        checkpoint: status.checkpoint,
                        wait_hint: status.wait_hint,
                        detail: status.detail.clone(),
                    },
                ),
                _ => (Trigger::TimedOut, FailureKind::NoAnswer { waited }),
            };
            self.trigger(now, trigger, Some(kind));
        }
        if self.next_check.is_some_and(|due| now >= due) {
            self.next_check = self.check_after(now);
            self.pending.get_or_insert(Action::Check);
        }
    }

    /// Applies the rule for this trigger, if there is one. `kind` is the failure, for a rule that counts one.
    fn trigger(&mut self, now: Duration, on: Trigger, kind: Option<FailureKind>) {
        let Some(row) = transition(self.phase, on) else { return };
        if row.counts
            && let Some(kind) = kind
        {
            self.counts.add(&kind);
            self.failures.push(Failure { at: now, kind });
        }
        let exhausted = self.failures.len() >= self.policy.max_failures.get() as usize;
        let to = if row.to == Phase::Resting && exhausted { Phase::GaveUp } else { row.to };
        if to != self.phase {
            self.enter(now, to);
        }
        if let Some(action) = row.does.filter(|_| !to.is_end()) {
            self.pending = Some(action);
            if action == Action::Kill {
                self.killed = true;
                self.deadline = Some(now.saturating_add(self.policy.kill_timeout));
            }
        }
    }

    fn enter(&mut self, now: Duration, to: Phase) {
        let after = |wait| Some(now.saturating_add(wait));
        let under_way = (self.phase == Phase::Clearing).then_some(self.deadline).flatten();
        // What was asked of the manager for the old phase no longer holds, save that it must be stopped.
        if matches!(self.pending, Some(Action::Check | Action::Start)) || to.is_end() {
            self.pending = None;
        }
        self.deadline = match to {
            Phase::Looking | Phase::Starting => after(self.policy.start_timeout),
            Phase::Clearing => after(self.policy.stop_grace),
            Phase::Resting => after(self.rest_after_failures()),
            // A stop that is under way does not get its time anew because someone asks for it too.
            Phase::Stopping => [after(self.policy.stop_grace), under_way].into_iter().flatten().min(),
            Phase::Running | Phase::Stopped | Phase::GaveUp => None,
        };
        self.killed &= (self.phase == Phase::Clearing && to == Phase::Stopping) || to.is_end();
        self.misses = 0;
        self.since = now;
        self.phase = to;
        self.next_check = self.check_after(now);
    }

    /// How long to wait before the next start. The first death is not waited for: the service was right, and
    /// its clients wait. What fails again, or could not even be started, gets longer and longer waits.
    fn rest_after_failures(&mut self) -> Duration {
        let random = next_random(&mut self.seed);
        match &self.failures[..] {
            [only] if only.kind.is_death() => Duration::ZERO,
            failures => {
                let count = u32::try_from(failures.len()).unwrap_or(u32::MAX);
                self.policy.backoff().jittered(count, random)
            }
        }
    }

    /// When to look again in this phase: as often as the policy says while it runs; while it is on its way, a
    /// tenth of the wait hint, between 1 and 10 seconds, as the SCM's documentation advises.
    fn check_after(&self, now: Duration) -> Option<Duration> {
        let wait = match self.phase {
            Phase::Running => self.policy.check_interval,
            Phase::Starting | Phase::Clearing | Phase::Stopping => {
                let hint = self.last.as_ref().map_or(Duration::ZERO, |status| status.wait_hint);
                (hint / 10).clamp(Duration::from_secs(1), Duration::from_secs(10))
            }
            Phase::Looking | Phase::Resting | Phase::Stopped | Phase::GaveUp => return None,
        };
        Some(now.saturating_add(wait))
    }

    fn forget_if_stable(&mut self, now: Duration) {
        if self.phase == Phase::Running && now.saturating_sub(self.since) >= self.policy.stable_after {
            self.failures.clear();
        }
    }
}
