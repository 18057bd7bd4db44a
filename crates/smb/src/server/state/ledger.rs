//! What a connection holds, and what it has taken for that from its account's budget.

use alloc::sync::Arc;

use crate::NtStatus;
use crate::server::budget::{AccountBudget, CONNECTION_FLOOR};

/// Bytes are taken and given back in multiples of this, so that most calls touch no counter that others
/// share.
const GRAIN: usize = 64 * 1024;

/// The account of a connection's bytes.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Whose budget it is: of the first account that logged on. Until then the limits for strangers hold.
    budget: Option<Arc<AccountBudget>>,
    /// What the connection held when it was last settled, in bytes.
    held: usize,
    /// What is taken from the budget for it.
    taken: usize,
}

impl Ledger {
    /// Charges an account from now on, if none is charged yet.
    pub(crate) fn charge(&mut self, budget: &Arc<AccountBudget>) {
        self.budget.get_or_insert_with(|| Arc::clone(budget));
    }

    /// The account that is charged.
    pub(crate) fn budget(&self) -> Option<&Arc<AccountBudget>> {
        self.budget.as_ref()
    }

    /// How many bytes more the connection can hold.
    pub(crate) fn room(&self) -> usize {
        match &self.budget {
            None => usize::MAX,
            Some(budget) => (CONNECTION_FLOOR + self.taken).saturating_sub(self.held) + budget.memory.left(),
        }
    }

    /// Checks that the connection can hold this many bytes more.
    pub(crate) fn check_room(&self, bytes: usize) -> Result<(), NtStatus> {
        if bytes > self.room() { Err(NtStatus::INSUFFICIENT_RESOURCES) } else { Ok(()) }
    }

    /// The connection holds this many bytes now.
    pub(crate) fn settle(&mut self, held: usize) {
        self.held = held;
        let Some(budget) = &self.budget else {
            return;
        };
        let exact = held.saturating_sub(CONNECTION_FLOOR);
        let mut needed = exact.next_multiple_of(GRAIN);
        if needed > self.taken {
            // Where little is left, no more is taken than is held.
            if budget.memory.left() < needed - self.taken {
                needed = exact.max(self.taken);
            }
            budget.memory.overdraw(needed - self.taken);
        } else if needed < self.taken {
            budget.memory.give(self.taken - needed);
        }
        self.taken = needed;
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.memory.give(self.taken);
        }
    }
}
