//! What closed opens leave behind: what was written to a service that does not read stays with the system
//! until the service has read it or is gone, and counts for the account until then.

use std::sync::Arc;
use std::time::Duration;

use standpipe_smb::server::budget::AccountBudget;
use tokio::runtime::Handle;

use crate::operation::Link;

/// How often it is looked whether the service has read.
const PAUSE: Duration = Duration::from_millis(250);

/// Takes what is left of a closed open, until the service has read it, from the account's budget.
struct Left {
    budget: Arc<AccountBudget>,
    bytes: usize,
}

impl Left {
    fn new(budget: &Arc<AccountBudget>) -> Self {
        budget.opens.overdraw(1);
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.memory.overdraw(bytes - self.bytes);
        } else {
            self.budget.memory.give(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.budget.memory.give(self.bytes);
        self.budget.opens.give(1);
    }
}

/// Counts what the service of a closed open has left unread, for as long as it does.
pub(crate) fn linger(link: &Arc<Link>) {
    let bytes = link.connection.unread();
    let (Some(budget), Ok(runtime)) = (&link.budget, Handle::try_current()) else {
        return;
    };
    if bytes == 0 {
        return;
    }
    let mut left = Left::new(budget);
    left.set(bytes);
    let link = Arc::clone(link);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            match link.connection.unread() {
                0 => break,
                bytes => left.set(bytes),
            }
        }
    });
}
