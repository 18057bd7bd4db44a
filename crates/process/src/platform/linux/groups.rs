//! What is known of a tree without /proc: the process groups that its first processes lead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};

/// How often a group is looked at until it is gone.
const LOOK: Duration = Duration::from_millis(10);

/// The process groups of a tree. Each has the number of the process that began it, which no other process is
/// given before the group is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(Arc<Mutex<Vec<Pid>>>);

impl Groups {
    /// Notes the group of a process that was started just now and is not waited for yet.
    pub(super) fn add(&self, leader: i32) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.extend(Pid::from_raw(leader));
    }

    /// Forgets the group of a process that was waited for, if nothing else is in it.
    pub(super) fn settle(&self, leader: i32) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|group| {
            group.as_raw_nonzero().get() != leader || test_kill_process_group(*group) != Err(Errno::SRCH)
        });
    }

    /// Those that have a member. The others are forgotten: their numbers may come to mean something else.
    pub(super) fn alive(&self) -> Vec<Pid> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|group| {
            reap_rest(*group);
            test_kill_process_group(*group) != Err(Errno::SRCH)
        });
        groups.clone()
    }

    pub(super) fn signal(&self, signal: Signal) {
        for group in self.alive() {
            // One that has ended meanwhile does not mind.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits until no group has a member.
    pub(super) async fn gone(&self) {
        while !self.alive().is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills the groups until nothing is left of them but processes that ended and that somebody waits for.
    pub(super) async fn kill(&self) {
        while self.alive().into_iter().any(|group| !has_ended(group)) {
            self.signal(Signal::KILL);
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Takes the exit status of every orphan of a group whose leader was waited for. Until then somebody may
/// still want one of them: that of the leader.
fn reap_rest(group: Pid) {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let take = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    if waitid(WaitId::Pid(group), look).err() == Some(Errno::CHILD) {
        while let Ok(Some(_)) = waitid(WaitId::Pgid(Some(group)), take) {}
    }
}

/// Whether a child of this process has ended. Its exit status is left to whoever waits for it.
pub(super) fn has_ended(child: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(child), options), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    fn sleeper(script: &str) -> (Child, Groups) {
        let child = Command::new("sh").args(["-c", script]).process_group(0).spawn().unwrap();
        let groups = Groups::default();
        groups.add(child.id().cast_signed());
        (child, groups)
    }

    #[tokio::test]
    async fn a_group_is_asked_killed_and_forgotten_without_proc() {
        let (mut asked, groups) = sleeper("exec sleep 1000");
        groups.signal(Signal::TERM);
        asked.wait().unwrap();
        groups.gone().await;

        let (mut killed, groups) = sleeper("sleep 1000 & sleep 1000");
        assert_eq!(groups.alive().len(), 1);
        groups.kill().await;
        assert!(has_ended(groups.alive()[0]), "its status is left to whoever waits for it");
        killed.wait().unwrap();
        groups.gone().await;
        groups.settle(killed.id().cast_signed());
        assert!(groups.alive().is_empty());
    }
}
