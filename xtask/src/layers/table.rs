//! The layers: on which floor each crate stands, and what it may depend on.

/// A crate with its floor. Everything that it may depend on stands on a lower one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// The crate's name without `standpipe-`.
    pub(crate) name: &'static str,
    /// 1 is the ground.
    pub(crate) floor: u8,
    /// The crates that it may depend on, by their names without `standpipe-`.
    pub(crate) may_use: &'static [&'static str],
}

const fn room(floor: u8, name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, floor, may_use }
}

/// The crates that make the program.
pub(crate) const ROOMS: &[Room] = &[
    room(1, "backoff", &[]),
    room(1, "metrics", &[]),
    room(1, "security", &[]),
    room(1, "system", &[]),
    room(1, "transport", &[]),
    room(2, "smb", &["security"]),
    room(2, "pipe", &["security", "system", "transport"]),
    room(2, "accounts", &["security", "system"]),
    room(2, "process", &["system"]),
    room(3, "server", &["backoff", "metrics", "security", "system", "transport", "smb", "pipe", "accounts"]),
    room(3, "client", &["backoff", "security", "system", "transport", "smb", "pipe"]),
    room(3, "deployment", &["security", "system", "pipe", "process", "accounts"]),
    room(3, "service", &["backoff", "system", "process"]),
    room(4, "agent", &["backoff", "security", "system", "transport", "pipe", "process", "service"]),
    room(
        5,
        "runtime",
        &[
            "backoff",
            "security",
            "system",
            "pipe",
            "accounts",
            "process",
            "server",
            "client",
            "deployment",
            "service",
            "agent",
            "discovery",
        ],
    ),
    room(4, "discovery", &["backoff", "client", "deployment"]),
    room(4, "export", &["deployment"]),
    room(4, "import", &["system", "deployment"]),
    room(4, "pack", &["system", "deployment"]),
    room(4, "load", &["system", "transport", "smb", "pipe", "client"]),
    room(4, "web", &["metrics", "system", "pipe", "client"]),
    room(
        6,
        "standpipe",
        &[
            "metrics",
            "security",
            "system",
            "pipe",
            "accounts",
            "process",
            "server",
            "client",
            "deployment",
            "service",
            "agent",
            "discovery",
            "runtime",
            "export",
            "import",
            "pack",
            "load",
            "web",
        ],
    ),
];

/// A package beside the house: a tool, an example or a test. No crate of the house depends on it, except that
/// tests may use a package that is made for tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outside {
    /// The package's name without `standpipe-`.
    pub(crate) name: &'static str,
    /// The crates that it may depend on; `None` stands for all.
    pub(crate) may_use: Option<&'static [&'static str]>,
    /// Whether tests of the crates may depend on it.
    pub(crate) for_tests: bool,
}

const fn outside(name: &'static str, may_use: Option<&'static [&'static str]>) -> Outside {
    Outside { name, may_use, for_tests: false }
}

/// The packages that are not part of the program.
pub(crate) const OUTSIDE: &[Outside] = &[
    outside("simple-service", Some(&["pipe", "system"])),
    outside("fuzz", Some(&["security", "smb", "accounts", "deployment", "import", "pack", "web"])),
    outside("bench", None),
    outside("soak", None),
    Outside { for_tests: true, ..outside("pair", Some(&["security", "smb"])) },
    Outside { for_tests: true, ..outside("teller", Some(&[])) },
    Outside { for_tests: true, ..outside("whole-path", None) },
    outside("xtask", Some(&[])),
    outside("generate", Some(&["standpipe", "deployment"])),
];
