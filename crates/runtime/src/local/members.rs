//! The instances that there are, as the local runtime knows them.

use standpipe_system::Found;
use standpipe_system::private_file::FileIdentity;
use tokio::task::Id;

use super::FailedInstance;
use super::walk::{InstanceId, Seen};
use crate::state::{InstanceDir, InstanceRecord, Stage, now};
use crate::stop::Stop;

/// Whether an instance is looked after.
#[derive(Debug)]
pub(super) enum Kept {
    /// By this task, until it is asked to stop.
    Running { stop: Stop, task: Id },
    /// No more: it was asked to stop, or stopped without being asked.
    Gone,
    /// No more: it cannot be helped.
    Failed(FailedInstance),
}

/// One instance.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: InstanceId,
    pub(super) dir: InstanceDir,
    pub(super) record: InstanceRecord,
    pub(super) kept: Kept,
    /// Whether callers are not to call it any more.
    pub(super) out: bool,
    /// Whether it is not to come back once it has stopped.
    pub(super) leaving: bool,
    /// Which version of its file was read last.
    version: Option<FileIdentity>,
}

impl Member {
    pub(super) fn new(id: InstanceId, dir: InstanceDir, record: InstanceRecord, kept: Kept) -> Self {
        Self { id, dir, record, kept, out: false, leaving: false, version: None }
    }

    /// Reads what the instance says of itself, if that is news. Returns whether something changed.
    pub(super) fn look(&mut self) -> bool {
        let version = Found::at_itself(&self.dir.record()).ok().map(|found| FileIdentity::of(&found));
        if version.is_some() && version == self.version {
            return false;
        }
        match self.dir.read() {
            Ok(Some(latest)) => {
                self.version = version;
                let is_news = latest != self.record;
                self.record = latest;
                is_news
            }
            // It had a record and took it away: it stopped, and cleaned up behind itself.
            Ok(None) if self.record.pid.is_some() => {
                self.record.stage = Stage::Stopped;
                self.record.ready = false;
                self.record.pid = None;
                self.record.services_ended();
                self.record.since = now();
                true
            }
            // Nothing yet, or being replaced.
            Ok(None) | Err(_) => false,
        }
    }
}

/// How the instance is, for a walk.
pub(super) fn seen(members: &[Member], id: &InstanceId) -> Seen {
    let Some(member) = members.iter().find(|member| member.id == *id) else { return Seen::Gone };
    let record = &member.record;
    let reason = || record.last_error.clone().unwrap_or_else(|| "it ended, and was started again".to_owned());
    match &member.kept {
        Kept::Gone => Seen::Gone,
        Kept::Failed(failed) => Seen::Failed(failed.reason.clone()),
        Kept::Running { stop, .. } if stop.asked.is_cancelled() => Seen::Coming,
        Kept::Running { .. }
            if record.recycles > 0 || matches!(record.stage, Stage::Waiting | Stage::Failed) =>
        {
            Seen::Failed(reason())
        }
        Kept::Running { .. } if record.ready => Seen::Ready,
        Kept::Running { .. } => Seen::Coming,
    }
}
