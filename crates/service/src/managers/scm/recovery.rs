//! The recovery actions that a service has in the service control manager, and what they mean for a manager.
//!
//! The service control manager starts a service with a restart action again by itself when its process dies.
//! Two that restart the same service would get into each other's way.

use std::time::Duration;

/// What is done about a service that the service control manager restarts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Recovery {
    /// After a failure, wait for the restart of the service control manager, and start the service only when
    /// that does not come.
    #[default]
    Defer,
    /// Refuse to start the service, with a message that says how to remove its recovery action.
    Refuse,
}

/// What the service control manager does about one failure of a service (`SC_ACTION_TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecoveryKind {
    /// Nothing.
    Nothing,
    /// It starts the service again.
    Restart,
    /// It starts the machine again.
    Reboot,
    /// It runs a command.
    Command,
}

impl RecoveryKind {
    /// The kind with this number. A number that is not known does nothing.
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Restart,
            2 => Self::Reboot,
            3 => Self::Command,
            _ => Self::Nothing,
        }
    }
}

/// One recovery action: what is done, and how long after the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecoveryAction {
    /// What is done.
    pub kind: RecoveryKind,
    /// How long after the failure.
    pub delay: Duration,
}

/// The recovery actions of a service: the first is for its first failure since the system started, the last
/// for every one that has no action of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveryActions {
    /// The actions.
    pub actions: Vec<RecoveryAction>,
    /// Whether a service that reports `Stopped` with an error counts as failed too, and not only one whose
    /// process dies.
    pub on_reported_errors: bool,
}

impl RecoveryActions {
    /// How long after a failure the service control manager restarts the service, at the latest; `None` when
    /// it never does. Which of the actions comes next depends on failures that nobody but the service control
    /// manager has counted.
    pub fn restart_within(&self) -> Option<Duration> {
        let restarts = self.actions.iter().filter(|action| action.kind == RecoveryKind::Restart);
        restarts.map(|action| action.delay).max()
    }

    /// How long to wait for the service control manager's restart after the service ended; `None` when none
    /// is due. `died` is true when its process died before it reported `Stopped`, `failed` when it reported
    /// an error.
    pub fn wait_after(&self, died: bool, failed: bool) -> Option<Duration> {
        let counts = died || (failed && self.on_reported_errors);
        self.restart_within().filter(|_| counts)
    }
}

/// The command that removes the recovery actions of a service.
pub fn removal_command(name: &str) -> String {
    format!("sc failure \"{name}\" reset= 0 actions= \"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(actions: &[(i32, u64)]) -> RecoveryActions {
        let action = |(kind, seconds): &(i32, u64)| RecoveryAction {
            kind: RecoveryKind::from_number(*kind),
            delay: Duration::from_secs(*seconds),
        };
        RecoveryActions { actions: actions.iter().map(action).collect(), on_reported_errors: false }
    }

    #[test]
    fn a_service_without_a_restart_action_is_never_waited_for() {
        assert_eq!(RecoveryActions::default().wait_after(true, true), None);
        assert_eq!(actions(&[(0, 5), (2, 60), (3, 1), (77, 1)]).wait_after(true, true), None);
    }

    #[test]
    fn the_longest_restart_delay_is_waited_for() {
        let actions = actions(&[(1, 5), (1, 60), (0, 900)]);
        assert_eq!(actions.wait_after(true, false), Some(Duration::from_mins(1)));
    }

    #[test]
    fn a_reported_error_is_a_failure_only_where_the_service_says_so() {
        let mut actions = actions(&[(1, 5)]);
        assert_eq!(actions.wait_after(false, true), None);
        actions.on_reported_errors = true;
        assert_eq!(actions.wait_after(false, true), Some(Duration::from_secs(5)));
        assert_eq!(actions.wait_after(false, false), None);
    }

    #[test]
    fn the_removal_command_holds_the_name() {
        assert_eq!(removal_command("My Service"), r#"sc failure "My Service" reset= 0 actions= """#);
    }
}
