//! Publishes the state of an instance while it lives.

use standpipe_deployment::Service;
use tokio::sync::watch;
use tracing::warn;

use super::services::Services;
use super::{InstanceOptions, Outcome, RECYCLES_VARIABLE, REIMAGES_VARIABLE};
use crate::notify::{Notifier, Patience};
use crate::state::{EndpointRecord, InstanceDir, InstanceRecord, ServiceRecord, Stage, now};

/// Writes an instance's record whenever it changes.
pub(super) struct RecordPublisher {
    dir: InstanceDir,
    record: InstanceRecord,
    notifier: Notifier,
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
            ..InstanceRecord::new(&options.role.name, options.number)
        };
        record.sum_up_services();
        let mut publisher =
            Self { dir, record, notifier: Notifier::from_environment(Patience::of(options.role)), here };
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

    fn change(&mut self, change: impl FnOnce(&mut InstanceRecord)) {
        let before = self.record.clone();
        change(&mut self.record);
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
        if let Err(error) = self.dir.write(&self.record) {
            // The instance itself goes on: it only cannot be seen.
            warn!("{error}");
        }
        // Whoever hears it may look.
        self.notifier.tell(&self.record);
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
