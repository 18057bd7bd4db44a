//! How long an instance may take to stop: what a platform has to wait before it kills what is left.

use std::time::Duration;

use crate::definition::Role;
use crate::file::TaskKind;

/// How long clients may take to finish what they have in flight when the file does not say it: with the stop
/// of a service that ends soon, it fits into the ten seconds that Docker grants.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a startup task that is stopped may take before it is killed.
pub const TASK_GRACE: Duration = Duration::from_secs(5);

/// How long foreground tasks may take to end when there is no service whose time they could share.
pub const FOREGROUND_GRACE: Duration = Duration::from_secs(10);

/// How long the agent inside Wine and then Wine itself may take to end after the services.
const WINE_GRACE: Duration = Duration::from_secs(45);

/// What is left for killing, for the last words, and for a slow machine.
const SLACK: Duration = Duration::from_secs(5);

impl Role {
    /// How long startup tasks may take to end once the services have.
    pub fn task_grace(&self) -> Duration {
        if !self.startup.iter().any(|task| task.kind == TaskKind::Foreground) {
            return TASK_GRACE;
        }
        let slowest = self.services.iter().map(|service| service.stop_timeout).max();
        slowest.unwrap_or(FOREGROUND_GRACE)
    }

    /// How long an instance may take from the request to stop to its end: its clients, its services one after
    /// the other, its tasks, Wine.
    pub fn stop_limit(&self) -> Duration {
        let services: Duration = self.services.iter().map(|service| service.stop_timeout_limit).sum();
        let tasks = if self.startup.is_empty() { Duration::ZERO } else { self.task_grace() };
        let wine = if self.wine.is_some() { WINE_GRACE } else { Duration::ZERO };
        self.drain_timeout + services + tasks + wine + SLACK
    }

    /// The parts of [`Role::stop_limit`], for a person: `5s for clients, 10s for SimpleService`.
    pub fn stop_parts(&self) -> String {
        let part = |time: Duration, who: &str| format!("{} for {who}", humantime::format_duration(time));
        let mut parts = vec![part(self.drain_timeout, "clients")];
        parts.extend(self.services.iter().map(|service| part(service.stop_timeout_limit, &service.name)));
        if !self.startup.is_empty() {
            parts.push(part(self.task_grace(), "startup tasks"));
        }
        if self.wine.is_some() {
            parts.push(part(WINE_GRACE, "Wine"));
        }
        parts.push(part(SLACK, "what is left"));
        parts.join(", ")
    }
}
