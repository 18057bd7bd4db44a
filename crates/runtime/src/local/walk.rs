//! How a restart, an update or a change of scale goes from step to step. It knows no clock and no process:
//! the time and what is seen of the instances are handed in, and what is to be done comes out.
//!
//! A step first takes its instances out of the file of targets and waits until callers have noticed
//! ([`Pace::notice`]). Then it stops them, starts what takes their place, waits until that is ready, and
//! until callers have noticed that too ([`Pace::settle`]). Only then does the next step begin; so callers
//! always find the instances of all other steps. The first instance that fails ends the walk.

use standpipe_system::time::Shown;
use std::fmt;
use std::time::Duration;

/// An instance of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InstanceId {
    pub(super) role: String,
    pub(super) number: u32,
}

impl InstanceId {
    pub(super) fn new(role: &str, number: u32) -> Self {
        Self { role: role.to_owned(), number }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.role, self.number)
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Step {
    /// What people call it, such as `update domain 0`.
    pub(super) name: String,
    /// The instances that stop.
    pub(super) stop: Vec<InstanceId>,
    /// The instances that start once those have stopped.
    pub(super) start: Vec<InstanceId>,
}

/// How long each part of a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// From an instance's being taken out to its stop.
    pub(super) notice: Duration,
    /// From the moment at which the new instances are ready to the next step.
    pub(super) settle: Duration,
    /// How long a new instance may take to be ready.
    pub(super) ready: Duration,
}

/// What is seen of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nobody keeps it.
    Gone,
    /// It is not ready, and has not failed.
    Coming,
    /// It can be called.
    Ready,
    /// It ended, or gave up, for this reason.
    Failed(String),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Have callers call these instances no more.
    TakeOut(Vec<InstanceId>),
    /// Stop these instances.
    Stop(Vec<InstanceId>),
    /// Start these instances, and let callers call them.
    Start(Vec<InstanceId>),
    /// Nothing: the step of this name is over.
    Over(String),
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WalkEnd {
    /// Every step is over.
    Done,
    /// An instance did not become ready. The steps after this one were not begun.
    Failed {
        /// The step's name.
        step: String,
        instance: InstanceId,
        reason: String,
        /// How many steps were not begun.
        left: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Noticing { until: Duration },
    Stopping,
    Starting { limit: Duration },
    Settling { until: Duration, limit: Duration },
}

/// A walk over some steps.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<Step>,
    at: usize,
    phase: Phase,
    pace: Pace,
    end: Option<WalkEnd>,
}

impl Walk {
    pub(super) fn new(steps: Vec<Step>, pace: Pace) -> Self {
        Self { steps, at: 0, phase: Phase::Before, pace, end: None }
    }

    /// How it ended, once it has.
    pub(super) fn end(&self) -> Option<&WalkEnd> {
        self.end.as_ref()
    }

    /// Whether the walk starts the instance in a step that is not over.
    pub(super) fn starts(&self, id: &InstanceId) -> bool {
        self.steps.iter().skip(self.at).any(|step| step.start.contains(id))
    }

    /// Goes as far as it can at the time `now`, which never goes back. `seen` says how an instance is; after
    /// a [`Action::Start`], it must not say what the former one was.
    pub(super) fn advance(&mut self, now: Duration, seen: impl Fn(&InstanceId) -> Seen) -> Option<Action> {
        loop {
            if self.end.is_some() {
                return None;
            }
            let Some(step) = self.steps.get(self.at) else {
                self.end = Some(WalkEnd::Done);
                return None;
            };
            match self.phase {
                Phase::Before if step.stop.is_empty() => self.phase = Phase::Stopping,
                Phase::Before => {
                    self.phase = Phase::Noticing { until: now.saturating_add(self.pace.notice) };
                    return Some(Action::TakeOut(step.stop.clone()));
                }
                Phase::Noticing { until } if now < until => return None,
                Phase::Noticing { .. } => {
                    self.phase = Phase::Stopping;
                    return Some(Action::Stop(step.stop.clone()));
                }
                Phase::Stopping => {
                    let is_over = |id| matches!(seen(id), Seen::Gone | Seen::Failed(_));
                    if !step.stop.iter().all(is_over) {
                        return None;
                    }
                    if step.start.is_empty() {
                        return Some(self.next());
                    }
                    self.phase = Phase::Starting { limit: now.saturating_add(self.pace.ready) };
                    return Some(Action::Start(step.start.clone()));
                }
                Phase::Starting { limit } => {
                    if let Some((instance, reason)) = self.failure(step, now, limit, &seen) {
                        self.fail(instance, reason);
                    } else if step.start.iter().all(|id| seen(id) == Seen::Ready) {
                        self.phase = Phase::Settling { until: now.saturating_add(self.pace.settle), limit };
                    } else {
                        return None;
                    }
                }
                Phase::Settling { until, limit } => {
                    if !step.start.iter().all(|id| seen(id) == Seen::Ready) {
                        self.phase = Phase::Starting { limit };
                    } else if now < until {
                        return None;
                    } else {
                        return Some(self.next());
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Action {
        let name = self.steps.get(self.at).map(|step| step.name.clone()).unwrap_or_default();
        self.at += 1;
        self.phase = Phase::Before;
        Action::Over(name)
    }

    fn fail(&mut self, instance: InstanceId, reason: String) {
        let step = self.steps.get(self.at).map(|step| step.name.clone()).unwrap_or_default();
        let left = self.steps.len().saturating_sub(self.at + 1);
        self.end = Some(WalkEnd::Failed { step, instance, reason, left });
    }

    /// The first instance of the step that will not be ready, and why.
    fn failure(
        &self,
        step: &Step,
        now: Duration,
        limit: Duration,
        seen: impl Fn(&InstanceId) -> Seen,
    ) -> Option<(InstanceId, String)> {
        step.start.iter().find_map(|id| match seen(id) {
            Seen::Failed(reason) => Some((id.clone(), reason)),
            Seen::Gone => Some((id.clone(), "it ended by itself".to_owned())),
            Seen::Coming if now >= limit => {
                Some((id.clone(), format!("it is not ready after {}", Shown(self.pace.ready))))
            }
            Seen::Coming | Seen::Ready => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const PACE: Pace = Pace {
        notice: Duration::from_secs(2),
        settle: Duration::from_secs(3),
        ready: Duration::from_mins(1),
    };

    /// Instances that take time to stop and to be ready, some of which fail.
    #[derive(Debug, Clone, Copy)]
    struct Nature {
        stops_in: u64,
        ready_in: Option<u64>,
    }

    #[derive(Debug)]
    struct Simulated {
        now: Duration,
        /// When it was started, or when it was asked to stop.
        started: BTreeMap<InstanceId, Duration>,
        stopping: BTreeMap<InstanceId, Duration>,
        out: BTreeMap<InstanceId, Duration>,
        nature: BTreeMap<InstanceId, Nature>,
    }

    impl Simulated {
        fn seen(&self, id: &InstanceId) -> Seen {
            let nature = self.nature.get(id).copied().unwrap_or(Nature { stops_in: 0, ready_in: Some(0) });
            if let Some(asked) = self.stopping.get(id) {
                let is_gone = self.now >= *asked + Duration::from_millis(nature.stops_in);
                return if is_gone { Seen::Gone } else { Seen::Coming };
            }
            match (self.started.get(id), nature.ready_in) {
                (None, _) => Seen::Gone,
                (Some(_), None) => Seen::Failed("broken".to_owned()),
                (Some(at), Some(after)) if self.now >= *at + Duration::from_millis(after) => Seen::Ready,
                _ => Seen::Coming,
            }
        }

        /// Whether a caller that follows the file finds it ready.
        fn can_be_called(&self, id: &InstanceId) -> bool {
            !self.out.contains_key(id) && self.seen(id) == Seen::Ready
        }
    }

    fn ids(numbers: &[u32]) -> Vec<InstanceId> {
        numbers.iter().map(|number| InstanceId::new("A", *number)).collect()
    }

    /// The instances of one role by their update domains, each stopped and started.
    fn by_domain(instances: u32, domains: u32) -> Vec<Step> {
        let of = |domain| (0..instances).filter(|number| number % domains == domain).collect::<Vec<u32>>();
        let step = |domain: u32| Step {
            name: format!("update domain {domain}"),
            stop: ids(&of(domain)),
            start: ids(&of(domain)),
        };
        (0..domains).map(step).filter(|step| !step.stop.is_empty()).collect()
    }

    /// Walks to the end in steps of 100 ms, and looks after each whether what must hold holds.
    fn walk(
        steps: Vec<Step>,
        running: &[InstanceId],
        nature: BTreeMap<InstanceId, Nature>,
    ) -> (WalkEnd, Simulated) {
        let zero = Duration::ZERO;
        let mut world = Simulated {
            now: Duration::from_secs(1000),
            started: running.iter().map(|id| (id.clone(), zero)).collect(),
            stopping: BTreeMap::new(),
            out: BTreeMap::new(),
            nature,
        };
        let mut ready_since: BTreeMap<InstanceId, Duration> = BTreeMap::new();
        let steps_of = steps.clone();
        let mut walk = Walk::new(steps, PACE);
        for _ in 0..100_000 {
            while let Some(action) = walk.advance(world.now, |id| world.seen(id)) {
                match action {
                    Action::TakeOut(ids) => {
                        // Whoever else was started before has been ready for long enough.
                        for id in steps_of.iter().flat_map(|step| &step.start).filter(|id| !ids.contains(id))
                        {
                            if let Some(since) =
                                ready_since.get(id).filter(|_| world.started.get(id) > Some(&zero))
                            {
                                assert!(world.now >= *since + PACE.settle, "{id} was not settled");
                            }
                        }
                        world.out.extend(ids.into_iter().map(|id| (id, world.now)));
                    }
                    Action::Stop(ids) => {
                        for id in ids {
                            assert!(world.now >= world.out[&id] + PACE.notice, "{id} stopped too early");
                            world.stopping.insert(id, world.now);
                        }
                    }
                    Action::Start(ids) => {
                        for id in ids {
                            assert_eq!(world.seen(&id), Seen::Gone, "{id} runs twice");
                            world.stopping.remove(&id);
                            world.out.remove(&id);
                            ready_since.remove(&id);
                            world.started.insert(id, world.now);
                        }
                    }
                    Action::Over(_) => {}
                }
            }
            if let Some(end) = walk.end() {
                return (end.clone(), world);
            }
            for id in world.started.keys() {
                if world.can_be_called(id) {
                    ready_since.entry(id.clone()).or_insert(world.now);
                }
            }
            world.now += Duration::from_millis(100);
            if steps_of.len() > 1 && !running.is_empty() {
                let callable = running.iter().filter(|id| world.can_be_called(id)).count();
                assert!(callable > 0, "nobody could be called");
            }
        }
        panic!("it goes on and on");
    }

    #[test]
    fn every_instance_is_started_again_in_its_own_domain() {
        let (end, world) = walk(by_domain(7, 5), &ids(&[0, 1, 2, 3, 4, 5, 6]), BTreeMap::new());
        assert_eq!(end, WalkEnd::Done);
        assert!(world.out.is_empty() && world.started.values().all(|at| !at.is_zero()));
    }

    #[test]
    fn the_first_failure_ends_the_walk_and_the_rest_is_left_as_it_was() {
        let nature = [(InstanceId::new("A", 1), Nature { stops_in: 300, ready_in: None })];
        let (end, world) = walk(by_domain(4, 4), &ids(&[0, 1, 2, 3]), nature.into());
        let WalkEnd::Failed { step, instance, reason, left } = end else { panic!("{end:?}") };
        assert_eq!(
            (step.as_str(), instance.number, reason.as_str(), left),
            ("update domain 1", 1, "broken", 2)
        );
        let untouched: BTreeSet<u32> =
            world.started.iter().filter(|(_, at)| at.is_zero()).map(|(id, _)| id.number).collect();
        assert_eq!(untouched, [2, 3].into());
    }

    #[test]
    fn an_instance_that_is_never_ready_is_waited_for_as_long_as_the_limit_says() {
        let nature = [(InstanceId::new("A", 0), Nature { stops_in: 0, ready_in: Some(3_600_000) })];
        let (end, world) = walk(by_domain(2, 2), &ids(&[0, 1]), nature.into());
        assert!(matches!(end, WalkEnd::Failed { reason, .. } if reason == "it is not ready after 1m"));
        assert_eq!(world.now, Duration::from_secs(1000 + 2 + 60));
    }

    #[test]
    fn instances_are_added_at_once_and_removed_after_a_notice() {
        let step = Step { name: "more".to_owned(), stop: Vec::new(), start: ids(&[2, 3]) };
        assert_eq!(walk(vec![step], &ids(&[0, 1]), BTreeMap::new()).0, WalkEnd::Done);
        let step = Step { name: "fewer".to_owned(), stop: ids(&[2, 3]), start: Vec::new() };
        let (end, world) = walk(vec![step], &ids(&[0, 1, 2, 3]), BTreeMap::new());
        assert_eq!((end, world.stopping.len()), (WalkEnd::Done, 2));
    }

    proptest! {
        /// [`walk`] asserts that somebody can be called at every moment, that nothing stops without notice,
        /// and that no step begins before the one before it has settled.
        #[test]
        fn a_walk_ends_and_somebody_can_always_be_called(
            instances in 2u32..12,
            domains in 2u32..6,
            times in proptest::collection::vec((0u64..5000, 0u64..20_000, 0u8..20), 12),
        ) {
            let nature = |(number, (stops_in, ready_in, luck)): (usize, &(u64, u64, u8))| {
                let ready_in = (*luck > 0).then_some(*ready_in);
                (InstanceId::new("A", number as u32), Nature { stops_in: *stops_in, ready_in })
            };
            // Those that run are as they should be; what starts in their place may be broken.
            let all: Vec<u32> = (0..instances).collect();
            let natures: BTreeMap<InstanceId, Nature> = times.iter().enumerate().map(nature).collect();
            let broken = natures.iter().any(|(id, one)| id.number < instances && one.ready_in.is_none());
            if !broken {
                let (end, _) = walk(by_domain(instances, domains), &ids(&all), natures);
                prop_assert_eq!(end, WalkEnd::Done);
            }
        }
    }
}
