//! What a server may hold in all, what one account may hold of it, and how much that is on this machine.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use standpipe_metrics::Counter;
use standpipe_security::Sid;
use standpipe_smb::server::budget::{
    AccountBudget, Budgets, CONNECTION_FLOOR, OPEN_FLOOR, Pool, SHORT_MESSAGE, Share,
};
use standpipe_system::machine;

use crate::admission::DEFAULT_STRANGERS;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What a connection without a log-on may hold, in bytes.
const STRANGER: usize = 64 * KIB;

/// Which part of the memory of the machine, or of the group that the process is in, a server takes by itself.
const PART_OF_MACHINE: usize = 4;

/// The least and the most that a server takes by itself, in bytes.
const LEAST_MEMORY: usize = 16 * MIB;
const MOST_MEMORY: usize = 4096 * MIB;

/// What it takes where the system does not say how much there is.
const UNKNOWN_MEMORY: usize = 1024 * MIB;

/// Descriptors that are left for everything but connections and opens: files, the log, services and tasks.
const OTHER_DESCRIPTORS: usize = 96;

/// Connections that are allowed where memory and descriptors do not say otherwise: of users, and without a
/// log-on.
const USUAL_CONNECTIONS: usize = 1024;
const USUAL_STRANGERS: usize = DEFAULT_STRANGERS;

/// How much a server may use. Each share is what one account may use, over all of its connections and
/// addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Bytes of memory in all: of connections, of opens, and of what they hold.
    pub memory: usize,
    /// Bytes that one account may hold beyond what each of its connections and opens may in any case.
    pub memory_share: usize,
    /// Opens.
    pub opens: usize,
    /// Opens of one account.
    pub opens_share: usize,
    /// Connections of users.
    pub connections: usize,
    /// Connections on which one account has logged on first.
    pub connections_share: usize,
    /// Connections without a log-on.
    pub strangers: usize,
}

impl Resources {
    /// What suits this machine, or the group of processes that this one is in: a quarter of the memory, and
    /// of the descriptors what the process needs for nothing else.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let memory = machine::memory_limit().and_then(|bytes| usize::try_from(bytes).ok());
        let memory = memory.map_or(UNKNOWN_MEMORY, |bytes| bytes / PART_OF_MACHINE);
        Self::within(memory.clamp(LEAST_MEMORY, MOST_MEMORY), machine::descriptor_limit())
    }

    /// What fits this much memory, in bytes, and this number of descriptors. Of the memory, an eighth is for
    /// connections without a log-on, a quarter for connections of users and another for opens; the rest is
    /// for what they hold beyond. An account may have half of each.
    #[must_use]
    pub fn within(memory: usize, descriptors: usize) -> Self {
        let descriptors = descriptors.saturating_sub(OTHER_DESCRIPTORS);
        let strangers = (memory / 8 / STRANGER).min(descriptors / 4).clamp(4, USUAL_STRANGERS);
        let connections = (memory / 4 / CONNECTION_FLOOR).min(descriptors / 4).clamp(4, USUAL_CONNECTIONS);
        let opens = (memory / 4 / OPEN_FLOOR).min(descriptors.saturating_sub(strangers + connections)).max(4);
        let mut resources = Self {
            memory,
            memory_share: 0,
            opens,
            opens_share: half(opens),
            connections,
            connections_share: half(connections),
            strangers,
        };
        resources.memory_share = half(resources.beyond_floors());
        resources
    }

    /// What is left of the memory for what connections and opens hold beyond their floors, in bytes.
    #[must_use]
    pub fn beyond_floors(&self) -> usize {
        let floors =
            self.strangers * STRANGER + self.connections * CONNECTION_FLOOR + self.opens * OPEN_FLOOR;
        self.memory.saturating_sub(floors).max(self.memory / 8)
    }

    /// How many descriptors all connections and opens take, those included that are kept for other things.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.strangers + self.connections + self.opens + OTHER_DESCRIPTORS
    }

    /// How large the system's buffers of a connection may be, each way, in bytes: together no more than half
    /// of the memory again. `None` leaves that to the system.
    pub(crate) fn socket_buffer(&self) -> Option<usize> {
        let each = self.memory / 2 / self.connections.max(1) / 4;
        (each < 256 * KIB).then_some(each.max(16 * KIB))
    }
}

fn half(amount: usize) -> usize {
    amount.div_ceil(2)
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, opens, connections, strangers, memory_share, opens_share, connections_share } =
            self;
        write!(
            f,
            "{} of memory, {connections} connections, {opens} opens, and {strangers} connections without a log-on; \
             an account {} of {} beyond what is short, {connections_share} connections and {opens_share} opens",
            Size(*memory),
            Size(*memory_share),
            Size(self.beyond_floors()),
        )
    }
}

/// A number of bytes, for people.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= MIB => write!(f, "{} MiB", bytes / MIB),
            bytes => write!(f, "{} KiB", bytes / KIB),
        }
    }
}

/// What servers may use together. Several servers of one process can have the same.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    resources: Resources,
    memory: Arc<Pool>,
    opens: Arc<Pool>,
    /// Bounded by the number of accounts that there are.
    accounts: Mutex<HashMap<Sid, Arc<AccountBudget>>>,
    /// Opens, requests and reads that were put off or refused because there was no room.
    pub(crate) postponed: Counter,
}

/// What servers use of their budget at one moment: gauges, and what they can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSnapshot {
    /// What the servers may use.
    pub resources: Resources,
    /// Bytes that connections and opens hold now beyond their floors; at most
    /// [`Resources::beyond_floors`].
    pub memory_used: usize,
    /// Bytes of the account that holds most.
    pub memory_of_first_account: usize,
    /// Opens there are now.
    pub opens_used: usize,
    /// Opens of the account that has most.
    pub opens_of_first_account: usize,
    /// How often a message of a service had to wait because nothing had room for it.
    pub postponed: u64,
}

impl Budget {
    /// A budget of which nothing is used.
    #[must_use]
    pub fn new(resources: Resources) -> Self {
        Self(Arc::new(Inner {
            memory: Arc::new(Pool::new(resources.beyond_floors())),
            opens: Arc::new(Pool::new(resources.opens)),
            accounts: Mutex::default(),
            postponed: Counter::default(),
            resources,
        }))
    }

    /// How much it is.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.0.resources
    }

    /// What is used now. Each number is right by itself; together they may be a moment apart.
    #[must_use]
    pub fn snapshot(&self) -> BudgetSnapshot {
        let Inner { resources, memory, opens, accounts, postponed } = &*self.0;
        let accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let most = |of: fn(&AccountBudget) -> usize| accounts.values().map(|account| of(account)).max();
        BudgetSnapshot {
            resources: *resources,
            memory_used: memory.used(),
            memory_of_first_account: most(|account| account.memory.used()).unwrap_or(0),
            opens_used: opens.used(),
            opens_of_first_account: most(|account| account.opens.used()).unwrap_or(0),
            postponed: postponed.get(),
        }
    }

    /// Counts that a message had to wait.
    pub(crate) fn postponed(&self) {
        self.0.postponed.add();
    }
}

impl Budgets for Budget {
    fn of(&self, account: Sid) -> Arc<AccountBudget> {
        let Inner { resources, memory, opens, accounts, .. } = &*self.0;
        let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(AccountBudget {
                memory: Share::new(resources.memory_share, Arc::clone(memory)),
                opens: Share::new(resources.opens_share, Arc::clone(opens)),
            })
        };
        Arc::clone(accounts.entry(account).or_insert_with(new))
    }
}

/// Whether the next message of a service can be fetched: it is short, or the account's budget has room.
pub(crate) fn has_room(budget: &AccountBudget, length: usize) -> bool {
    length <= SHORT_MESSAGE || length <= budget.memory.left()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_container_gets_a_server_that_fits() {
        let resources = Resources::within(64 * MIB, 20_000);
        let floors = resources.strangers * STRANGER
            + resources.connections * CONNECTION_FLOOR
            + resources.opens * OPEN_FLOOR;
        assert_eq!((resources.strangers, resources.connections, resources.opens), (128, 256, 512));
        assert_eq!(floors + resources.beyond_floors(), 64 * MIB);
        assert_eq!(resources.memory_share, 12 * MIB);
        assert_eq!(resources.socket_buffer(), Some(32 * KIB));
        let buffers = 4 * 32 * KIB * resources.connections;
        assert!(buffers <= 32 * MIB);
    }

    #[test]
    fn few_descriptors_leave_room_for_accepting_and_for_others() {
        for descriptors in [256, 1024, 4096, 1_000_000] {
            let resources = Resources::within(MOST_MEMORY, descriptors);
            assert!(resources.descriptors() <= descriptors, "{descriptors}: {resources:?}");
            assert!(
                resources.opens_share < resources.opens
                    && resources.connections_share < resources.connections
            );
        }
    }

    #[test]
    fn a_large_machine_limits_nobody_who_was_not_limited_before() {
        let resources = Resources::within(MOST_MEMORY, 1_000_000);
        assert_eq!((resources.strangers, resources.connections), (DEFAULT_STRANGERS, 1024));
        assert!(resources.opens_share >= 16_384 && resources.socket_buffer().is_none(), "{resources:?}");
    }

    #[test]
    fn what_is_used_can_be_seen() {
        let budget = Budget::new(Resources::within(64 * MIB, 20_000));
        let account = budget.of(Sid::new(5, &[21, 1, 2, 3, 1001]).unwrap());
        assert!(account.memory.take(MIB) && account.opens.take(3));
        assert!(budget.of(Sid::new(5, &[21, 1, 2, 3, 1002]).unwrap()).opens.take(1));
        budget.postponed();
        let seen = budget.snapshot();
        assert_eq!((seen.memory_used, seen.memory_of_first_account), (MIB, MIB));
        assert_eq!((seen.opens_used, seen.opens_of_first_account, seen.postponed), (4, 3, 1));
    }
}
