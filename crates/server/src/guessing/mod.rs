//! The memory of failed log-ons that all connections share, and the gate through which each asks it.

mod failures;
mod known;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use standpipe_smb::server::LogonGate;
use tokio::time::Instant;

pub use failures::GatePolicy;
pub(crate) use failures::network_of;

use failures::Failures;

/// Who failed how often, by this machine's clock.
pub(crate) struct Guessing {
    failures: Mutex<Failures>,
    started: Instant,
}

impl Guessing {
    pub(crate) fn new(policy: GatePolicy) -> Arc<Self> {
        Arc::new(Self { failures: Mutex::new(Failures::new(policy)), started: Instant::now() })
    }

    /// The gate of a connection from this address.
    pub(crate) fn gate(self: &Arc<Self>, address: IpAddr) -> Box<dyn LogonGate> {
        Box::new(Gate { guessing: Arc::clone(self), address, users: Vec::new() })
    }

    /// Held for a look-up or two, once for each attempt to log on.
    fn with<T>(&self, look: impl FnOnce(&mut Failures, Duration) -> T) -> T {
        let now = self.started.elapsed();
        look(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

struct Gate {
    guessing: Arc<Guessing>,
    address: IpAddr,
    /// Who has logged on here.
    users: Vec<String>,
}

impl LogonGate for Gate {
    fn admits(&mut self, user: &str) -> bool {
        self.guessing.with(|failures, now| failures.admits(now, self.address, user))
    }

    fn failed(&mut self, account: Option<&str>) {
        self.guessing.with(|failures, now| failures.failed(now, self.address, account));
    }

    fn succeeded(&mut self, user: &str) {
        if self.users.iter().all(|known| known != user) {
            self.users.push(user.to_owned());
            self.guessing.with(|failures, now| failures.succeeded(now, self.address, user));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        for user in &self.users {
            self.guessing.with(|failures, now| failures.ended(now, self.address, user));
        }
    }
}
