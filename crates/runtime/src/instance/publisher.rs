//! Publishes the state of an instance while it lives.

use standpipe_service::Report;
use standpipe_service::watcher::Phase;
use tracing::warn;

use super::{InstanceOptions, Outcome, RECYCLES_VARIABLE};
use crate::state::{EndpointRecord, InstanceDir, InstanceRecord, Stage, now};

/// Writes an instance's record whenever it changes.
pub(super) struct RecordPublisher {
    dir: InstanceDir,
    record: InstanceRecord,
}

impl RecordPublisher {
    pub(super) fn new(
        dir: InstanceDir,
        options: &InstanceOptions<'_>,
        endpoints: Vec<EndpointRecord>,
    ) -> Self {
        let recycles = std::env::var(RECYCLES_VARIABLE).ok().and_then(|count| count.parse().ok());
        let record = InstanceRecord {
            pid: Some(std::process::id()),
            service: options.role.services.first().map(|_| "Stopped".to_owned()),
            recycles: recycles.unwrap_or(0),
            endpoints,
            ..InstanceRecord::new(&options.role.name, options.number)
        };
        let mut publisher = Self { dir, record };
        publisher.publish();
        publisher
    }

    pub(super) fn serving_without_service(&mut self) {
        self.change(|record| {
            record.stage = Stage::Running;
            record.ready = true;
        });
    }

    pub(super) fn report(&mut self, report: &Report) {
        self.change(|record| {
            record.stage = if report.phase == Phase::Running { Stage::Running } else { Stage::Starting };
            record.ready = report.ready;
            take_service(record, report);
        });
    }

    pub(super) fn draining(&mut self, outcome: &Outcome) {
        self.change(|record| {
            record.stage = Stage::Draining;
            record.ready = false;
            take_error(record, outcome);
        });
    }

    pub(super) fn report_while_ending(&mut self, report: &Report) {
        self.change(|record| take_service(record, report));
    }

    pub(super) fn end(&mut self, outcome: &Outcome) {
        self.change(|record| {
            record.stage = if matches!(outcome, Outcome::Stopped) { Stage::Stopped } else { Stage::Failed };
            record.ready = false;
            record.pid = None;
            record.service_pid = None;
            if let Some(service) = &mut record.service {
                "Stopped".clone_into(service);
            }
            take_error(record, outcome);
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut InstanceRecord)) {
        let before = self.record.clone();
        change(&mut self.record);
        let seen = |record: &InstanceRecord| (record.stage, record.ready, record.service.clone());
        if seen(&before) != seen(&self.record) {
            self.record.since = now();
        }
        if before != self.record {
            self.publish();
        }
    }

    fn publish(&mut self) {
        if let Err(error) = self.dir.write(&self.record) {
            // The instance itself goes on: it only cannot be seen.
            warn!("{error}");
        }
    }
}

fn take_service(record: &mut InstanceRecord, report: &Report) {
    record.service = Some(report.state.to_string());
    record.service_pid = report.pid;
    record.restarts = report.starts.saturating_sub(1);
    record.last_error.clone_from(&report.last_failure);
}

fn take_error(record: &mut InstanceRecord, outcome: &Outcome) {
    if !matches!(outcome, Outcome::Stopped) {
        record.last_error = Some(outcome.to_string());
    }
}
