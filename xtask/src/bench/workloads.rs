//! What is measured.

use std::time::Duration;

/// The most bytes that smbd passes on to a service as one message: its length has two bytes.
const LONGEST_FOR_SAMBA: u32 = 65_535;
/// smbd has a process for each connection; so many are enough to know what one costs.
const IDLE_FOR_SAMBA: u32 = 200;
/// File descriptors of a server that are not for connections.
const SPARE_FILES: u64 = 100;

/// What one call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request and its reply on a pipe that stays open.
    Transceive,
    /// Open, write, read, close.
    Call,
    /// Connect, log on, log off.
    LogOn,
    /// Nothing; connections with an open pipe are there.
    Idle,
}

impl Kind {
    /// As the load generators call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Transceive => "transceive",
            Self::Call => "call",
            Self::LogOn => "log-on",
            Self::Idle => "idle",
        }
    }
}

/// How messages are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    Gmac,
    Cmac,
    Encrypted,
}

impl Protection {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gmac => "gmac",
            Self::Cmac => "cmac",
            Self::Encrypted => "encrypted",
        }
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    pub(super) protection: Protection,
    pub(super) size: u32,
    pub(super) connections: u32,
    pub(super) duration: Duration,
    pub(super) warm_up: Duration,
}

impl Workload {
    /// A name without spaces that says all of it.
    pub(super) fn name(&self) -> String {
        let Self { kind, protection, size, connections, .. } = self;
        let (kind, protection) = (kind.name(), protection.name());
        match self.kind {
            Kind::Transceive | Kind::Call => format!("{kind}-{protection}-{size}B-x{connections}"),
            Kind::LogOn | Kind::Idle => format!("{kind}-x{connections}"),
        }
    }

    /// Whether the proxy can do something like it.
    pub(super) fn has_limit(&self) -> bool {
        self.kind != Kind::LogOn
    }

    /// The same as far as smbd can do it.
    pub(super) fn for_samba(&self) -> Self {
        let mut workload = *self;
        workload.size = self.size.min(LONGEST_FOR_SAMBA);
        if self.kind == Kind::Idle {
            workload.connections = self.connections.min(IDLE_FOR_SAMBA);
        }
        workload
    }
}

/// What the figures in the documentation come from. Not every combination: the sizes and numbers of
/// connections are crossed for the usual signing, the other ways to protect messages are compared with it at
/// 16 connections.
pub(super) fn full() -> Vec<Workload> {
    // Short, for all servers of a round should see the machine in the same state.
    let new = lasting(Duration::from_millis(1500), Duration::from_millis(500));
    let mut all = Vec::new();
    for size in [64, 4096, 65_536] {
        for connections in [1, 16, 256] {
            all.push(new(Kind::Transceive, Protection::Gmac, size, connections));
        }
    }
    for protection in [Protection::Cmac, Protection::Encrypted] {
        for size in [64, 4096, 65_536] {
            all.push(new(Kind::Transceive, protection, size, 16));
        }
    }
    all.push(new(Kind::Transceive, Protection::Encrypted, 64, 1));
    for connections in [1, 16, 256] {
        all.push(new(Kind::Call, Protection::Gmac, 64, connections));
    }
    for connections in [1, 16] {
        all.push(new(Kind::LogOn, Protection::Gmac, 64, connections));
    }
    all.push(new(Kind::Idle, Protection::Gmac, 64, most_idle()));
    all
}

/// Everything once, for a moment.
pub(super) fn quick() -> Vec<Workload> {
    let new = lasting(Duration::from_millis(500), Duration::ZERO);
    vec![
        new(Kind::Transceive, Protection::Gmac, 64, 1),
        new(Kind::Transceive, Protection::Cmac, 4096, 4),
        new(Kind::Transceive, Protection::Encrypted, 65_536, 4),
        new(Kind::Call, Protection::Gmac, 64, 4),
        new(Kind::LogOn, Protection::Gmac, 64, 2),
        new(Kind::Idle, Protection::Gmac, 64, 10),
    ]
}

/// Makes workloads that last so long.
fn lasting(duration: Duration, warm_up: Duration) -> impl Fn(Kind, Protection, u32, u32) -> Workload {
    move |kind, protection, size, connections| Workload {
        kind,
        protection,
        size,
        connections,
        duration,
        warm_up,
    }
}

/// 10,000 idle connections, or as many as this machine lets one process have: each is two files of a server.
fn most_idle() -> u32 {
    let files = open_files().saturating_sub(SPARE_FILES) / 2;
    u32::try_from(files).unwrap_or(u32::MAX).clamp(1, 10_000)
}

#[cfg(unix)]
fn open_files() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn open_files() -> u64 {
    1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_workloads_apart() {
        for all in [full(), quick()] {
            let mut names: Vec<_> = all.iter().map(Workload::name).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count);
        }
        assert_eq!(full()[0].name(), "transceive-gmac-64B-x1");
    }

    #[test]
    fn samba_gets_what_it_can_do() {
        let all = full();
        assert!(all.iter().all(|workload| workload.for_samba().size < 65_536));
        let idle = all.last().unwrap();
        assert!(idle.for_samba().connections <= 200 && idle.for_samba().kind == Kind::Idle);
    }
}
