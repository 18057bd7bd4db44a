//! Runs the instances of a deployment and does what is asked of it, one thing at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use standpipe_deployment::{Deployment, Role, local_address};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{info, warn};

use super::control::{Ask, Asked, Back, Refusal, Reply};
use super::instances::{End, Keeper, KeeperOptions};
use super::members::{Kept, Member};
use super::plan::{self, Plan};
use super::published::Published;
use super::walk::{Action, InstanceId, Walk, WalkEnd};
use super::{FailedInstance, Host, LocalInstance, LocalOptions, REST_INTERVAL, SETTLED, VIEW_INTERVAL};
use crate::exit_code::ExitCode;
use crate::state::{InstanceRecord, StateDir};
use crate::stop::Stop;

/// A walk under way, and who asked for it.
struct Walking {
    walk: Walk,
    plan: Plan,
    back: Back,
}

pub(super) struct Director<'a, H> {
    options: &'a LocalOptions<'a>,
    state: &'a StateDir,
    host: &'a H,
    stop: Stop,
    deployment: Arc<Deployment>,
    /// How many instances each role has.
    counts: BTreeMap<String, u32>,
    /// In the order of the deployment.
    members: Vec<Member>,
    keeping: JoinSet<End>,
    published: Published<'a>,
    walking: Option<Walking>,
    /// Those who asked for the end.
    waiting_for_end: Vec<Back>,
    began: Instant,
}

impl<'a, H: Host> Director<'a, H> {
    pub(super) fn new(options: &'a LocalOptions<'a>, state: &'a StateDir, host: &'a H, stop: Stop) -> Self {
        let deployment = Arc::clone(&options.deployment);
        let counts = plan::counts(&deployment);
        let mut director = Self {
            options,
            state,
            host,
            stop,
            deployment,
            counts,
            members: Vec::new(),
            keeping: JoinSet::new(),
            published: Published::new(state),
            walking: None,
            waiting_for_end: Vec::new(),
            began: Instant::now(),
        };
        for id in plan::instances(&director.counts) {
            director.start(&id);
        }
        director
    }

    /// Runs until a stop is asked for and everything has ended, or nothing is left.
    pub(super) async fn run(
        &mut self,
        asked: &mut mpsc::Receiver<Asked>,
        views: &watch::Sender<Vec<InstanceRecord>>,
    ) {
        self.look(views);
        let mut changed = Instant::now();
        while !self.keeping.is_empty() || self.walking.is_some() {
            let (stop, pause) = (self.stop.asked.clone(), self.pause(changed));
            tokio::select! {
                Some(ended) = self.keeping.join_next_with_id() => self.ended(ended),
                Some(asked) = asked.recv() => self.take(asked).await,
                () = stop.cancelled(), if self.walking.is_some() => self.give_up_walking().await,
                () = tokio::time::sleep(pause) => {}
            }
            if self.look(views) {
                changed = Instant::now();
            }
            self.walk_on().await;
        }
    }

    /// How long until the next look: what has not changed for a while costs next to nothing.
    fn pause(&self, changed: Instant) -> Duration {
        let is_at_rest = self.walking.is_none() && changed.elapsed() >= SETTLED;
        if is_at_rest { REST_INTERVAL } else { VIEW_INTERVAL }
    }

    /// The end: those who waited for it hear of it, and the instances that could not be kept are returned.
    pub(super) async fn end(self) -> Vec<FailedInstance> {
        for back in self.waiting_for_end {
            back.end(Reply::Done { text: format!("{} is stopped", self.deployment.name()) }).await;
        }
        let failed = |member: Member| match member.kept {
            Kept::Failed(failed) => Some(failed),
            Kept::Running { .. } | Kept::Gone => None,
        };
        self.members.into_iter().filter_map(failed).collect()
    }

    /// Starts an instance that nobody keeps.
    fn start(&mut self, id: &InstanceId) {
        let Some(role) = self.deployment.role(&id.role) else { return };
        let dir = self.state.instance(&id.role, id.number);
        if let Err(error) = dir.clear() {
            // The instance itself says what it cannot use.
            warn!("{error}");
        }
        let record = InstanceRecord {
            update_domain: self.deployment.update_domain(id.number),
            ..InstanceRecord::new(&id.role, id.number)
        };
        let command = self.host.command(LocalInstance {
            role,
            number: id.number,
            address: local_address(id.number),
            state_dir: self.state.path(),
        });
        let keeper = Keeper::new(KeeperOptions {
            unknown: record.clone(),
            command,
            folder: self.options.folder.to_path_buf(),
            output: self.options.output,
            dir: dir.clone(),
            targets: self.state.targets(),
            stop_timeout: stop_timeout(role).saturating_add(self.options.stop_slack),
            policy: self.options.recycle,
        });
        let stop = Stop { asked: self.stop.asked.child_token(), forced: self.stop.forced.child_token() };
        let task = self.keeping.spawn(keeper.keep(stop.clone())).id();
        let member = Member::new(id.clone(), dir, record, Kept::Running { stop, task });
        if let Some(known) = self.members.iter_mut().find(|known| known.id == *id) {
            *known = member;
        } else {
            self.members.push(member);
            let place = |name: &str| self.deployment.roles().iter().position(|role| role.name == name);
            self.members.sort_by_key(|member| (place(&member.id.role), member.id.number));
        }
        self.published.changed();
    }

    fn ended(&mut self, ended: Result<(Id, End), JoinError>) {
        let (task, kept) = match ended {
            Ok((task, End::Stopped)) => (task, Kept::Gone),
            Ok((task, End::Failed(failed))) => (task, Kept::Failed(failed)),
            Err(panic) => {
                warn!("an instance is no longer looked after: {panic}");
                (panic.id(), Kept::Gone)
            }
        };
        let is_it = |member: &Member| matches!(member.kept, Kept::Running { task: its, .. } if its == task);
        let Some(place) = self.members.iter().position(is_it) else { return };
        self.members[place].kept = kept;
        if self.members[place].leaving {
            self.forget(place);
        }
    }

    /// Removes an instance that is not to come back.
    fn forget(&mut self, place: usize) {
        let member = self.members.remove(place);
        if let Err(error) = member.dir.clear() {
            warn!("{error}");
        }
        self.published.changed();
    }

    /// Reads what instances say of themselves, and tells everybody. Returns whether something changed.
    fn look(&mut self, views: &watch::Sender<Vec<InstanceRecord>>) -> bool {
        for member in &mut self.members {
            if member.look() {
                self.published.changed();
            }
        }
        let listed = self.members.iter().filter(|member| !member.out).map(|member| &member.record);
        self.published.publish(&self.deployment, listed);
        views.send_if_modified(|current| {
            let is_same = current.len() == self.members.len()
                && current.iter().zip(&self.members).all(|(one, member)| *one == member.record);
            if !is_same {
                *current = self.members.iter().map(|member| member.record.clone()).collect();
            }
            !is_same
        })
    }

    async fn take(&mut self, Asked { ask, back }: Asked) {
        if let Ask::Stop { now } = ask {
            info!("asked to stop by another command");
            self.stop.asked.cancel();
            if now {
                self.stop.forced.cancel();
            }
            self.waiting_for_end.push(back);
            return;
        }
        match self.plan(ask) {
            Ok((plan, limit)) => {
                info!("{} begins", plan.what);
                if let Some(deployment) = &plan.deployment {
                    self.deployment = Arc::clone(deployment);
                    self.published.changed();
                }
                self.counts.clone_from(&plan.counts);
                let walk = Walk::new(plan.steps.clone(), self.options.pace.with_limit(limit));
                self.walking = Some(Walking { walk, plan, back });
            }
            Err(refusal) => back.end(Reply::Failed(refusal)).await,
        }
    }

    /// What has to be done for a request, and how long an instance may take to be ready.
    fn plan(&self, ask: Ask) -> Result<(Plan, Duration), Refusal> {
        let name = self.deployment.name();
        if self.stop.asked.is_cancelled() {
            return Err(Refusal::new(ExitCode::Temporary, format!("{name} is stopping")));
        }
        if let Some(walking) = &self.walking {
            let error = format!("{} of {name} is under way", walking.plan.what);
            return Err(Refusal::new(ExitCode::Temporary, error).hint("wait until it is over"));
        }
        let running: Vec<InstanceId> = self.members.iter().map(|member| member.id.clone()).collect();
        let seconds = |seconds: u64| Duration::from_secs(seconds);
        match ask {
            Ask::Scale { roles, ready_timeout_s } => {
                let plan = plan::scale(&self.deployment, &self.counts, roles)?;
                self.host.check(&plan.counts)?;
                Ok((plan, seconds(ready_timeout_s)))
            }
            Ask::Restart { role, instance, ready_timeout_s } => {
                let plan = plan::restart(&self.deployment, &self.counts, role.as_deref(), instance)?;
                Ok((plan, seconds(ready_timeout_s)))
            }
            Ask::Update { roles, ready_timeout_s } => {
                let new = Arc::new(self.host.reload()?);
                let plan = plan::update(&self.deployment, &running, new, &self.counts, &roles)?;
                Ok((plan, seconds(ready_timeout_s)))
            }
            Ask::Stop { .. } => Err(Refusal::new(ExitCode::Bug, "a stop needs no plan")),
        }
    }

    async fn walk_on(&mut self) {
        while let Some(mut walking) = self.walking.take() {
            let members = &self.members;
            let seen = |id: &InstanceId| super::members::seen(members, id);
            let Some(action) = walking.walk.advance(self.began.elapsed(), seen) else {
                match walking.walk.end() {
                    Some(_) => self.end_walk(walking).await,
                    None => self.walking = Some(walking),
                }
                return;
            };
            let text = plan::describe(&action);
            info!("{}: {text}", walking.plan.what);
            walking.back.progress(text);
            match action {
                Action::TakeOut(ids) => {
                    for id in &ids {
                        self.change(id, |member| member.out = true);
                    }
                    self.published.changed();
                }
                Action::Stop(ids) => self.stop_instances(&ids, &walking.walk),
                Action::Start(ids) => ids.iter().for_each(|id| self.start(id)),
                Action::Over(_) => {}
            }
            self.walking = Some(walking);
        }
    }

    fn stop_instances(&mut self, ids: &[InstanceId], walk: &Walk) {
        for id in ids {
            let leaving = !walk.starts(id);
            self.change(id, |member| {
                member.leaving = leaving;
                if let Kept::Running { stop, .. } = &member.kept {
                    stop.asked.cancel();
                }
            });
            let is_over =
                |member: &Member| member.id == *id && leaving && !matches!(member.kept, Kept::Running { .. });
            if let Some(place) = self.members.iter().position(is_over) {
                self.forget(place);
            }
        }
    }

    fn change(&mut self, id: &InstanceId, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.iter_mut().find(|member| member.id == *id) {
            change(member);
        }
    }

    async fn end_walk(&mut self, Walking { walk, plan, back }: Walking) {
        let reply = match walk.end() {
            Some(WalkEnd::Failed { step, instance, reason, left }) => {
                Reply::Failed(plan.failure(step, instance, reason, *left))
            }
            Some(WalkEnd::Done) | None => {
                if plan.renews_all {
                    self.host.updated();
                }
                Reply::Done { text: plan.done.clone() }
            }
        };
        match &reply {
            Reply::Failed(refusal) => warn!("{}", refusal.error),
            Reply::Done { text } | Reply::Progress { text } => info!("{text}"),
        }
        back.end(reply).await;
    }

    async fn give_up_walking(&mut self) {
        let Some(Walking { plan, back, .. }) = self.walking.take() else { return };
        let error = format!("{} was not finished: the deployment is stopping", plan.what);
        back.end(Reply::Failed(Refusal::new(ExitCode::Temporary, error))).await;
    }
}

/// How long the services of an instance may take to stop: those that depend on each other stop one after the
/// other.
pub(super) fn stop_timeout(role: &Role) -> Duration {
    role.services.iter().map(|service| service.stop_timeout_limit).sum()
}
