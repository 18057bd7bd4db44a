//! How much an instance's endpoints may use: what the file says, and otherwise what suits the machine.

use standpipe_deployment::{Protocol, Role};
use standpipe_server::{Budget, Resources};
use standpipe_system::machine;
use standpipe_web::Memory;
use tracing::{info, warn};

/// About what a connection to a page holds, in bytes.
const PAGE_CONNECTION: usize = 64 * 1024;

/// What the pages and the pipes of a role may use.
pub(super) struct RoleLimits {
    /// For all pipes together.
    pub(super) pipes: Budget,
    /// Bytes for all requests and replies of the page and the bridge.
    pub(super) page_memory: Memory,
    /// Connections to each page.
    pub(super) page_connections: usize,
}

impl RoleLimits {
    /// Raises the limit on descriptors, and divides what there is.
    pub(super) fn of(role: &Role) -> Self {
        let (before, descriptors) = machine::raise_descriptor_limit();
        let given = &role.limits;
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        let serves = |protocol| role.endpoints.iter().filter(|one| one.protocol == protocol).count();
        let (pipes, pages) = (serves(Protocol::Smb), serves(Protocol::Http));
        let memory = given.memory.map_or_else(|| Resources::of_this_machine().memory, bytes);
        // A role seldom has both; then each gets a half.
        let parts = usize::from(pipes > 0) + usize::from(pages > 0);
        let (memory, own) = (memory / parts.max(1), descriptors / parts.max(1));
        let mut resources = Resources::within(memory, own);
        if let Some(opens) = given.opens {
            // Without a descriptor left nothing else works: the health port, the next start of the service.
            let room = own.saturating_sub(resources.descriptors() - resources.opens).max(4);
            if opens as usize > room {
                warn!("{opens} opens do not fit {own} file descriptors: {room} are allowed");
            }
            resources.opens = room.min(opens as usize);
            resources.opens_share = resources.opens.div_ceil(2);
        }
        if let Some(opens) = given.opens_per_account {
            resources.opens_share = opens as usize;
        }
        if let Some(memory) = given.memory_per_account {
            resources.memory_share = bytes(memory);
        }
        // A connection's head, its task and the system's buffers; a descriptor for it, and one for its call.
        let page_connections = (own / 2).min(memory / 4 / PAGE_CONNECTION) / pages.max(1);
        let page_connections = page_connections.clamp(16, 1024);
        if pipes > 0 {
            info!("limits of all pipes: {resources}");
            say_what_does_not_fit(role, &resources, own);
        }
        if pages > 0 {
            info!(
                "limits of the page: {} MiB of memory for requests and replies, {page_connections} connections",
                memory / (1024 * 1024)
            );
        }
        info!("file descriptors: {descriptors}; services and tasks keep a limit of {before}");
        let page_memory = Memory::new(memory - memory / 4);
        Self { pipes: Budget::new(resources), page_memory, page_connections }
    }
}

/// What the file allows has to fit the descriptors that there are.
fn say_what_does_not_fit(role: &Role, resources: &Resources, descriptors: usize) {
    let usual = resources.connections;
    let connections: usize = role
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.protocol == Protocol::Smb)
        .map(|endpoint| endpoint.max_connections.map_or(usual, |most| most as usize) + resources.strangers)
        .sum();
    let needed = resources.descriptors() - resources.connections - resources.strangers + connections;
    if needed > descriptors {
        warn!(
            "connections and opens could need {needed} file descriptors, and this process may have {descriptors}: \
             raise the hard limit (`ulimit -Hn`, `LimitNOFILE=`), or lower `max-connections` and `opens`"
        );
    }
}
