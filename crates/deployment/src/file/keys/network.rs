//! Where an instance listens, what it calls, and what it has for itself.

use super::super::parsed::{Encryption, PortChoice, Protocol, Visibility};
use super::Absent::{Means, Wrong, WrongWithout};
use super::Holds::{Choice, Duration, Flag, Number, Port, Size, Text, Texts};
use super::{Keys, Words, key};

/// The most connections that the file can let an endpoint take: more than a machine has file descriptors for.
const MOST_CONNECTIONS: u32 = 1_000_000;

/// `[roles.NAME.endpoints.NAME]`
pub(super) static ENDPOINT: Keys = Keys {
    name: "endpoint",
    keys: &[
        key(
            "protocol",
            Choice(Protocol::names),
            Wrong,
            "`\"smb\"` for the role's pipes, `\"http\"` for the page and the bridge; `\"tcp\"` and `\"udp\"` for what \
             the role's service listens on itself",
        ),
        key(
            "port",
            Port,
            Wrong,
            "the port; old clients look for pipes on 445. `\"20000-20010\"`: one of these; `\"dynamic\"`, or 0: one \
             that the system chooses",
        ),
        key(
            "port-choice",
            Choice(PortChoice::names),
            Means("`\"free\"`"),
            "which port of a range: `\"free\"`: the first that is free; `\"instance\"`: the first for instance 0, the \
             next for instance 1",
        ),
        key(
            "address",
            Text,
            Means("that of the instance: `--address`, or the loopback address that `up` gives it"),
            "the IP address to listen on",
        ),
        key(
            "hosts",
            Texts,
            Means("none"),
            "for http: the names, without a port, by which clients and proxies reach the page. It answers to them, to \
             every address and to `localhost`",
        ),
        key(
            "encryption",
            Choice(Encryption::names),
            Means("`\"offered\"`"),
            "for smb: `\"off\"`: never; `\"offered\"`: with clients that want to; `\"required\"`: clients that cannot \
             are refused. Requests are signed in any case",
        ),
        key(
            "session-lifetime",
            Duration,
            Means("no limit"),
            "for smb: how long a log-on counts (`\"8h\"`). After that a client has to log on again before it can go \
             on. Its pipes stay open meanwhile, for as long once more at most. A client whose account was removed, \
             disabled or given another password cannot log on again, and loses its pipes",
        ),
        key(
            "filter-administrators",
            Flag,
            Means("`true`"),
            "for smb: whether members of Administrators are users like others for entries that allow, as Windows has \
             it for local accounts over the network; `false` is its `LocalAccountTokenFilterPolicy` 1. The built-in \
             administrator (S-1-5-21-…-500) stays one",
        ),
        key(
            "max-connections",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("`1024`, or what memory and file descriptors allow"),
            "for smb: how many connections on which a user has logged on there may be at once. For one more, the \
             account that has most gives one up",
        ),
        key(
            "max-connections-per-address",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("half of `max-connections`"),
            "for smb: the same from one address",
        ),
        key(
            "max-connections-per-account",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("half of `max-connections`"),
            "for smb: the same of one account, from all addresses",
        ),
        key(
            "visibility",
            Choice(Visibility::names),
            Means("`\"internal\"`; `\"input\"` for http"),
            "`\"internal\"`: for other roles; `\"input\"`: for the world",
        ),
    ],
};

/// `[roles.NAME.calls.NAME]`
pub(super) static CALL: Keys = Keys {
    name: "call",
    keys: &[
        key("target", Text, Wrong, "whose pipe it is: `\"ROLE/ENDPOINT\"`"),
        key(
            "addresses",
            Texts,
            Means("the instances that the runtime says there are: see [discovery](discovery.md)"),
            "where the target's instances are: `\"HOST:PORT\"`, `\"dns:NAME:PORT\"`, `\"srv:_SERVICE._tcp.NAME\"`, \
             `\"file:PATH\"`",
        ),
        key("pipe", Text, Means("the call's name"), "the pipe's name"),
        key("user", Text, Wrong, "the account that logs on"),
        key(
            "password-file",
            Text,
            WrongWithout("password-env"),
            "the file that holds that account's password",
        ),
        key(
            "password-env",
            Text,
            WrongWithout("password-file"),
            "the environment variable that holds that account's password",
        ),
        key(
            "connect-timeout",
            Duration,
            Means("`\"10s\"`"),
            "how long connecting and logging on may take together",
        ),
    ],
};

/// `[roles.NAME.health]`
pub(super) static HEALTH: Keys = Keys {
    name: "health",
    keys: &[
        key("port", Port, Wrong, "the TCP port, as in an endpoint"),
        key(
            "address",
            Text,
            Means("that of the instance where it is a loopback address, else `127.0.0.1`"),
            "the IP address to listen on. Whoever reaches it reads the settings of the role",
        ),
    ],
};

/// `[roles.NAME.limits]`
pub(super) static LIMITS: Keys = Keys {
    name: "limits",
    keys: &[
        key(
            "memory",
            Size,
            Means(
                "a quarter of the machine's memory, or of the limit of the container or of the process where that is \
                 lower, and at most 4 GiB",
            ),
            "how much memory connections, opens, requests and replies may take in all. What would exceed it waits, or \
             is refused",
        ),
        key(
            "memory-per-account",
            Size,
            Means("half of what `memory` leaves beside what each connection and open may have in any case"),
            "for smb: how much of it one account may take, over all of its connections",
        ),
        key(
            "opens",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("what `memory` and the limit on file descriptors allow"),
            "for smb: how many opens of pipes there may be at once",
        ),
        key(
            "opens-per-account",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("half of `opens`"),
            "for smb: how many of one account, over all of its connections",
        ),
    ],
};

/// `[roles.NAME.local-storage.NAME]`
pub(super) static LOCAL_STORAGE: Keys = Keys {
    name: "local-storage",
    keys: &[
        key(
            "size",
            Size,
            Means("`\"100MiB\"`"),
            "how much it may hold. A folder that holds more is logged; nothing stops the service from writing",
        ),
        key(
            "clean-on-recycle",
            Flag,
            Means("`true`"),
            "whether it is emptied each time the instance starts. Otherwise it is kept, also when the deployment stops",
        ),
    ],
};
