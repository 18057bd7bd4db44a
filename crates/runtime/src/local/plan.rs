//! From what is asked for to the steps of a walk. Nothing is done here.

use std::collections::BTreeMap;
use std::sync::Arc;

use standpipe_deployment::Deployment;

use super::control::Refusal;
use super::walk::{Action, InstanceId, Step};
use crate::exit_code::ExitCode;

/// The most instances of one role, as in the deployment file.
const MOST_INSTANCES: u32 = 1000;

/// How many instances a message names before it only counts the rest.
const MOST_NAMES: usize = 6;

/// What is to be done.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What people call it, such as `the update`.
    pub(super) what: &'static str,
    pub(super) steps: Vec<Step>,
    /// What is to be said once it is done.
    pub(super) done: String,
    /// The deployment from now on, where that is another one.
    pub(super) deployment: Option<Arc<Deployment>>,
    /// Whether all instances begin again from what the file says.
    pub(super) renews_all: bool,
    /// How many instances each role has in the end.
    pub(super) counts: BTreeMap<String, u32>,
}

impl Plan {
    /// Says that it stopped in the middle.
    pub(super) fn failure(&self, step: &str, instance: &InstanceId, reason: &str, left: usize) -> Refusal {
        let error = format!("{} stopped at {step}: {instance} is not ready: {reason}", self.what);
        let rest = if left > 0 { "; what comes after it was left as it is" } else { "" };
        Refusal::new(ExitCode::Unavailable, format!("{error}{rest}"))
            .hint(format!("`standpipe logs {instance}` shows what it said, and `standpipe ps` how all are"))
    }
}

/// How many instances the file gives to each role.
pub(super) fn counts(deployment: &Deployment) -> BTreeMap<String, u32> {
    deployment.roles().iter().map(|role| (role.name.clone(), role.instances)).collect()
}

/// Every instance.
pub(super) fn instances(counts: &BTreeMap<String, u32>) -> Vec<InstanceId> {
    let of =
        |(role, count): (&String, &u32)| (0..*count).map(|n| InstanceId::new(role, n)).collect::<Vec<_>>();
    counts.iter().flat_map(of).collect()
}

/// One step for each update domain in which something stops or starts.
fn by_domain(deployment: &Deployment, stop: &[InstanceId], start: &[InstanceId]) -> Vec<Step> {
    let of = |domain, ids: &[InstanceId]| {
        let is_in = |id: &&InstanceId| deployment.update_domain(id.number) == domain;
        ids.iter().filter(is_in).cloned().collect::<Vec<_>>()
    };
    let step = |domain| Step {
        name: format!("update domain {domain}"),
        stop: of(domain, stop),
        start: of(domain, start),
    };
    let steps = (0..deployment.update_domains()).map(step);
    steps.filter(|step| !step.stop.is_empty() || !step.start.is_empty()).collect()
}

/// Other numbers of instances for some roles.
pub(super) fn scale(
    deployment: &Deployment,
    counts: &BTreeMap<String, u32>,
    roles: BTreeMap<String, u32>,
) -> Result<Plan, Refusal> {
    let mut wanted = counts.clone();
    for (role, count) in roles {
        known_role(deployment, &role)?;
        if !(1..=MOST_INSTANCES).contains(&count) {
            let error = format!("{role} cannot have {count} instances: expected 1 to {MOST_INSTANCES}");
            return Err(Refusal::new(ExitCode::Usage, error));
        }
        wanted.insert(role, count);
    }
    let (before, after) = (instances(counts), instances(&wanted));
    let only_in = |one: &[InstanceId], other: &[InstanceId]| {
        one.iter().filter(|id| !other.contains(id)).cloned().collect::<Vec<_>>()
    };
    let more = Step { name: "more instances".to_owned(), stop: Vec::new(), start: only_in(&after, &before) };
    let fewer =
        Step { name: "fewer instances".to_owned(), stop: only_in(&before, &after), start: Vec::new() };
    let steps = [more, fewer].into_iter().filter(|step| !step.stop.is_empty() || !step.start.is_empty());
    let changed = wanted.iter().filter(|(role, count)| counts.get(*role) != Some(count));
    let changed: Vec<String> = changed.map(|(role, count)| format!("{role} has {count} now")).collect();
    let done = if changed.is_empty() {
        "nothing to do: there are so many already".into()
    } else {
        changed.join(", ")
    };
    let steps = steps.collect();
    let what = "the change of scale";
    Ok(Plan { what, steps, done, deployment: None, renews_all: false, counts: wanted })
}

/// The instances of all roles, of one, or one alone, started again.
pub(super) fn restart(
    deployment: &Deployment,
    counts: &BTreeMap<String, u32>,
    role: Option<&str>,
    instance: Option<u32>,
) -> Result<Plan, Refusal> {
    if let Some(role) = role {
        known_role(deployment, role)?;
    }
    let is_meant = |id: &InstanceId| {
        role.is_none_or(|role| id.role == role) && instance.is_none_or(|number| id.number == number)
    };
    let meant: Vec<InstanceId> = instances(counts).into_iter().filter(is_meant).collect();
    if meant.is_empty() {
        let (role, number) = (role.unwrap_or_default(), instance.unwrap_or_default());
        let error = format!("there is no instance {role}/{number}");
        let count = counts.get(role).copied().unwrap_or_default();
        return Err(Refusal::new(ExitCode::Usage, error)
            .hint(format!("{role} has {count} instances, the first of which is {role}/0")));
    }
    let done = format!("{} started again", count_of(meant.len()));
    let steps = by_domain(deployment, &meant, &meant);
    let counts = counts.clone();
    Ok(Plan { what: "the restart", steps, done, deployment: None, renews_all: false, counts })
}

/// From what runs to what the file says, for these roles or for all.
pub(super) fn update(
    old: &Deployment,
    running: &[InstanceId],
    new: Arc<Deployment>,
    counts: &BTreeMap<String, u32>,
    roles: &[String],
) -> Result<Plan, Refusal> {
    if old.name() != new.name() {
        let error = format!("the file is of the deployment `{}`, and `{}` runs", new.name(), old.name());
        return Err(Refusal::new(ExitCode::Config, error)
            .hint("a deployment keeps its name; stop it, and start the other one"));
    }
    for role in roles {
        if new.role(role).is_none() {
            known_role(old, role)?;
        }
    }
    let is_meant = |role: &String| roles.is_empty() || roles.contains(role);
    let mut wanted: BTreeMap<String, u32> = counts
        .iter()
        .filter(|(role, _)| !is_meant(role))
        .map(|(role, count)| (role.clone(), *count))
        .collect();
    wanted.extend(self::counts(&new).into_iter().filter(|(role, _)| is_meant(role)));
    let stop: Vec<InstanceId> = running.iter().filter(|id| is_meant(&id.role)).cloned().collect();
    let start: Vec<InstanceId> = instances(&wanted).into_iter().filter(|id| is_meant(&id.role)).collect();
    let steps = by_domain(&new, &stop, &start);
    let done = format!("{} updated", count_of(start.len()));
    let renews_all = roles.is_empty();
    Ok(Plan { what: "the update", steps, done, deployment: Some(new), renews_all, counts: wanted })
}

fn known_role(deployment: &Deployment, role: &str) -> Result<(), Refusal> {
    if deployment.role(role).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = deployment.roles().iter().map(|role| role.name.as_str()).collect();
    Err(Refusal::new(ExitCode::Usage, format!("{} has no role `{role}`", deployment.name()))
        .hint(format!("its roles are {}", names.join(", "))))
}

/// What an action is, in words.
pub(super) fn describe(action: &Action) -> String {
    match action {
        Action::TakeOut(ids) => format!("{} get no new calls", names(ids)),
        Action::Stop(ids) => format!("stopping {}", names(ids)),
        Action::Start(ids) => format!("starting {}", names(ids)),
        Action::Over(name) => format!("{name} is done"),
    }
}

fn names(ids: &[InstanceId]) -> String {
    let mut shown: Vec<String> = ids.iter().take(MOST_NAMES).map(ToString::to_string).collect();
    if let Some(more @ 1..) = ids.len().checked_sub(shown.len()) {
        shown.push(format!("{more} more"));
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "nothing".to_owned(),
    }
}

fn count_of(instances: usize) -> String {
    match instances {
        1 => "1 instance was".to_owned(),
        more => format!("{more} instances were"),
    }
}
