//! Publishes the state of an instance while it lives.

use standpipe_deployment::Service;
use standpipe_system::error::with_causes;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::services::Services;
use super::{InstanceOptions, Outcome, RECYCLES_VARIABLE, REIMAGES_VARIABLE};
use crate::notify::{Notifier, Patience};
use crate::renewal::settings_digest;
use crate::state::{EndpointRecord, InstanceDir, InstanceRecord, ServiceRecord, Stage, now};

/// Writes an instance's record whenever it changes.
pub(super) struct RecordPublisher {
    dir: InstanceDir,
    record: InstanceRecord,
    notifier: Notifier,
    /// Why it could not be written last.
    unwritten: Option<String>,
    /// Said once the instance's folder is gone: then it can be called no more.
    lost: Option<String>,
    /// For those in this process.
    here: watch::Sender<InstanceRecord>,
}

impl RecordPublisher {
    pub(super) fn new(
        dir: InstanceDir,
        options: &InstanceOptions<'_>,
        endpoints: Vec<EndpointRecord>,
        here: watch::Sender<InstanceRecord>,
    ) -> Self {
        let count = |name| std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(0);
        let mut record = InstanceRecord {
            pid: Some(std::process::id()),
            services: options.role.services.iter().map(not_started).collect(),
            update_domain: options.deployment.update_domain(options.number),
            recycles: count(RECYCLES_VARIABLE),
            reimages: count(REIMAGES_VARIABLE),
            endpoints,
            settings: Some(settings_digest(&options.role.settings)),
            ..InstanceRecord::new(&options.role.name, options.number)
        };
        record.sum_up_services();
        let mut publisher = Self {
            dir,
            record,
            notifier: Notifier::from_environment(Patience::of(options.role)),
            unwritten: None,
            lost: None,
            here,
        };
        publisher.publish();
        publisher
    }

    /// The instance's folder.
    pub(super) fn dir(&self) -> &InstanceDir {
        &self.dir
    }

    pub(super) fn report(&mut self, services: &Services) {
        self.change(|record| {
            record.stage = if services.are_running() { Stage::Running } else { Stage::Starting };
            record.ready = services.are_ready();
            take_services(record, services);
        });
    }

    pub(super) fn draining(&mut self, outcome: &Outcome) {
        self.change(|record| {
            record.stage = Stage::Draining;
            record.ready = false;
            take_error(record, outcome);
        });
    }

    pub(super) fn report_while_ending(&mut self, services: &Services) {
        self.change(|record| take_services(record, services));
    }

    pub(super) fn end(&mut self, outcome: &Outcome) {
        self.change(|record| {
            record.stage = if matches!(outcome, Outcome::Stopped) { Stage::Stopped } else { Stage::Failed };
            record.ready = false;
            record.pid = None;
            record.services_ended();
            take_error(record, outcome);
        });
    }

    /// The instance's folder is gone, and with it the sockets of its pipes.
    pub(super) fn lost_folder(&mut self) {
        let why = format!(
            "the state folder {} was removed while the instance ran, so that its pipes cannot be opened any more; \
             start it again, in a folder that nothing sweeps (--state-dir)",
            self.dir.path().display()
        );
        error!("{why}");
        self.lost = Some(why);
        self.change(|_| {});
    }

    fn change(&mut self, change: impl FnOnce(&mut InstanceRecord)) {
        let before = self.record.clone();
        change(&mut self.record);
        if let Some(why) = &self.lost {
            self.record.ready = false;
            self.record.last_error.get_or_insert_with(|| why.clone());
        }
        let seen = |record: &InstanceRecord| {
            let states: Vec<String> = record.services.iter().map(|service| service.state.clone()).collect();
            (record.stage, record.ready, states)
        };
        if seen(&before) != seen(&self.record) {
            self.record.since = now();
        }
        if before != self.record {
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.here.send_replace(self.record.clone());
        if self.lost.is_none() {
            self.write();
        }
        // Whoever hears it may look.
        self.notifier.tell(&self.record);
    }
}

impl RecordPublisher {
    /// The instance itself goes on when it cannot be written: it only cannot be seen as it is.
    fn write(&mut self) {
        let why = match self.dir.write(&self.record) {
            Ok(()) => {
                if self.unwritten.take().is_some() {
                    info!("the state of the instance can be written again");
                }
                return;
            }
            Err(error) => with_causes(&error).to_string(),
        };
        let mut shown = self.record.clone();
        shown.last_error = Some(match shown.last_error.take() {
            Some(error) => format!("{error}; and the state of the instance cannot be kept: {why}"),
            None => why.clone(),
        });
        let is_shown = shown.overwrite(&self.dir.record()).is_ok();
        if self.unwritten.as_ref() != Some(&why) {
            let result = if is_shown { "which `ps` shows" } else { "so that `ps` shows an old one" };
            warn!("the state of the instance cannot be kept, {result}: {why}");
            self.unwritten = Some(why);
        }
    }
}

fn not_started(service: &Service) -> ServiceRecord {
    ServiceRecord::new(&service.name, service.essential)
}

fn take_services(record: &mut InstanceRecord, services: &Services) {
    record.services = services.records();
    record.sum_up_services();
}

fn take_error(record: &mut InstanceRecord, outcome: &Outcome) {
    if !matches!(outcome, Outcome::Stopped) {
        record.last_error = Some(outcome.to_string());
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::state::StateDir;
    use crate::testing::{TestFolder, only_role};

    #[tokio::test]
    async fn a_state_that_cannot_be_written_is_shown_with_the_reason_and_said_once() {
        let folder = TestFolder::new();
        let deployment = folder.deployment("[roles.R.service]\ncommand = [\"true\"]\n");
        let role = only_role(&deployment);
        let state_dir = folder.path().join("state");
        let state = StateDir::open(&state_dir).unwrap();
        let lock = state.instance("R", 0).lock(None).unwrap();
        let options = InstanceOptions {
            deployment: &deployment,
            role,
            number: 0,
            state_dir: &state_dir,
            drain_timeout: Duration::ZERO,
        };
        let (here, seen) = watch::channel(InstanceRecord::new("R", 0));
        let mut publisher = RecordPublisher::new(lock.dir().clone(), &options, Vec::new(), here);
        assert_eq!(lock.dir().read().unwrap().unwrap().last_error, None);
        // There is no room for a second file.
        let second = lock.dir().path().join("state.json.new");
        fs::create_dir(&second).unwrap();
        publisher.change(|record| record.stage = Stage::Running);
        let record = lock.dir().read().unwrap().unwrap();
        let why = record.last_error.unwrap();
        assert!(why.contains("cannot write") && why.contains("directory"), "{why}");
        assert_eq!((record.stage, publisher.unwritten.as_ref()), (Stage::Running, Some(&why)));
        // Nor does what went wrong otherwise hide it.
        publisher.change(|record| record.last_error = Some("it fell over".to_owned()));
        let both = lock.dir().read().unwrap().unwrap().last_error.unwrap();
        assert!(both.starts_with("it fell over; and") && both.ends_with(&why), "{both}");
        publisher.change(|record| record.last_error = None);
        fs::remove_dir(&second).unwrap();
        publisher.change(|record| record.stage = Stage::Draining);
        let record = lock.dir().read().unwrap().unwrap();
        assert_eq!(
            (record.stage, record.last_error, publisher.unwritten.is_none()),
            (Stage::Draining, None, true)
        );

        publisher.change(|record| record.ready = true);
        fs::remove_dir_all(&state_dir).unwrap();
        assert!(!lock.is_in_place());
        publisher.lost_folder();
        publisher.change(|record| record.ready = true);
        let seen = seen.borrow();
        assert!(!seen.ready && seen.last_error.as_ref().unwrap().contains("was removed"), "{seen:?}");
        assert!(!state_dir.exists(), "nothing is written any more");
    }
}
