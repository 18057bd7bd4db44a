//! The keys of the deployment file: one table, from which the reader knows what is right, and from which the
//! file's reference and its JSON schema are made.

/// The most instances that one role may have.
pub(crate) const MOST_INSTANCES: u32 = 1000;
/// The most connections that the file can let an endpoint take: more than a machine has file descriptors for.
const MOST_CONNECTIONS: u32 = 1_000_000;

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// A text, in which `${NAME}` stands for a variable of the environment.
    Text,
    /// A whole number within these limits; also as a text with `${NAME}`.
    Number {
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// `true` or `false`.
    Flag,
    /// A length of time: a text with a number and its unit.
    Duration,
    /// One of a few words.
    Choice(fn() -> Vec<&'static str>),
    /// A program and its arguments: an array of texts.
    Command,
    /// Environment variables: a table of texts.
    Variables,
    /// A table with these keys.
    Table(&'static Keys),
    /// A table of tables with these keys, each under a name of its own.
    Named(&'static Keys),
    /// An array of tables with these keys.
    List(&'static Keys),
}

/// What it means that a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The file is wrong.
    Wrong,
    /// The file is wrong on Unix; on Windows the service control manager or the pipe itself has the value.
    WrongOnUnix,
    /// The file is wrong, unless the key of this name is there instead.
    WrongWithout(&'static str),
    /// This value is taken, or this happens, in Markdown.
    Means(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key as it is written.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// What it means that it is not there.
    pub absent: Absent,
    /// What it is for, in Markdown.
    pub meaning: &'static str,
}

/// The keys of one table of the file.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// A word for the table, which no other table has.
    pub name: &'static str,
    /// The keys, in the order in which the reference lists them.
    pub keys: &'static [Key],
}

impl Keys {
    /// The key of this name.
    pub fn get(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all keys.
    pub fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

/// The words that a key of the kind [`Holds::Choice`] can hold, each with what it stands for.
pub(super) trait Words: Copy + 'static {
    /// The words, in the order in which messages list them.
    const WORDS: &'static [(&'static str, Self)];

    /// The words without their meanings.
    fn names() -> Vec<&'static str> {
        Self::WORDS.iter().map(|(word, _)| *word).collect()
    }
}

const fn key(name: &'static str, holds: Holds, absent: Absent, meaning: &'static str) -> Key {
    Key { name, holds, absent, meaning }
}

use Absent::{Means, Wrong, WrongOnUnix, WrongWithout};
use Holds::{Choice, Command, Duration, Flag, List, Named, Number, Table, Text, Variables};

use super::parsed::{Encryption, PipeEncryption, PipeMode, Protocol, TaskKind, Visibility};

/// The keys at the top of the file. All others are reached from here.
pub static DEPLOYMENT: Keys = Keys {
    name: "deployment",
    keys: &[
        key("name", Text, Wrong, "the deployment's name; its state is kept under it"),
        key("roles", Named(&ROLE), Wrong, "the roles, by name; at least one"),
    ],
};

/// `[roles.NAME]`
static ROLE: Keys = Keys {
    name: "role",
    keys: &[
        key("instances", Number { least: 1, most: MOST_INSTANCES }, Means("`1`"), "how many instances run"),
        key(
            "user",
            Text,
            Means("Standpipe's own"),
            "the user that the service and the tasks that are not elevated run as",
        ),
        key(
            "accounts",
            Text,
            Means("each instance has its own, in its state folder"),
            "a file of accounts for all instances, as `standpipe account` keeps it",
        ),
        key("startup", List(&STARTUP), Means("none"), "commands that run before the role starts"),
        key("service", Table(&SERVICE), Means("none"), "the service to run and watch"),
        key("pipes", Named(&PIPE), Means("none"), "the pipes to serve, by name"),
        key("endpoints", Named(&ENDPOINT), Means("none"), "the ports to listen on, by name"),
        key(
            "calls",
            Named(&CALL),
            Means("none"),
            "the pipes of other roles that the page and the bridge call, by name",
        ),
    ],
};

/// `[[roles.NAME.startup]]`
static STARTUP: Keys = Keys {
    name: "startup",
    keys: &[
        key("command", Command, Wrong, "the program and its arguments"),
        key(
            "type",
            Choice(TaskKind::names),
            Means("`\"simple\"`"),
            "`\"simple\"`: waited for, and its failure stops the instance (exit code 76); `\"background\"`: not \
             waited for; `\"foreground\"`: not waited for, and given longer to end when the instance does",
        ),
        key(
            "elevated",
            Flag,
            Means("`false`"),
            "whether it runs with Standpipe's own rights instead of those of the role's `user`",
        ),
        key("timeout", Duration, Means("no limit"), "how long a simple task may take"),
        key("environment", Variables, Means("none"), "environment variables for it"),
    ],
};

/// `[roles.NAME.service]`
static SERVICE: Keys = Keys {
    name: "service",
    keys: &[
        key("name", Text, Means("the role's name"), "its name in messages"),
        key("command", Command, WrongOnUnix, "how to start it"),
        key(
            "check-interval",
            Duration,
            Means("`\"10s\"`"),
            "how often its state is asked for; that it died is noticed at once",
        ),
        key(
            "start-timeout",
            Duration,
            Means("`\"10s\"`"),
            "how long it may take until it runs and its pipes accept",
        ),
        key(
            "stop-timeout",
            Duration,
            Means("`\"10s\"`"),
            "how long it may take to stop before it and all its children are killed",
        ),
        key(
            "max-failures",
            Number { least: 1, most: 1000 },
            Means("`5`"),
            "how many failed starts in a row are too many (exit code 69). A service that cannot be started at all, \
             such as a script without its interpreter, is given up at once, with 78, or with 77 for want of a \
             permission",
        ),
        key("environment", Variables, Means("none"), "environment variables for it"),
    ],
};

/// `[roles.NAME.pipes.NAME]`
static PIPE: Keys = Keys {
    name: "pipe",
    keys: &[
        key(
            "sddl",
            Text,
            WrongOnUnix,
            "the pipe's security descriptor, which says who may open it. One without a DACL, which would let \
             everybody in, is refused",
        ),
        key(
            "mode",
            Choice(PipeMode::names),
            Means("`\"message\"`; `\"byte\"` for a TCP port and for .NET"),
            "`\"message\"`: each write is a message; `\"byte\"`: a stream of bytes",
        ),
        key(
            "backend",
            Text,
            Means("the socket of the pipe's name in `STANDPIPE_PIPES`"),
            "where the service listens: `unix:PATH`, `tcp://HOST:PORT`, `dotnet`, `dotnet:NAME` or `dotnet:/PATH`",
        ),
        key(
            "command",
            Command,
            Means("none"),
            "instead of `backend`: a program that is started for each open",
        ),
        key("environment", Variables, Means("none"), "with `command`: environment variables for it"),
        key(
            "stop-timeout",
            Duration,
            Means("`\"5s\"`"),
            "with `command`: how long it may go on once its client has closed the pipe",
        ),
        key(
            "caller",
            Flag,
            Means("`false`"),
            "with a socket or a port: whether the service learns which account opened the pipe",
        ),
        key(
            "connect-timeout",
            Duration,
            Means("`\"5s\"`"),
            "with a socket or a port: how long connecting may take, and how long the service's queue of new clients \
             may be full",
        ),
        key(
            "max-instances",
            Number { least: 1, most: 65_535 },
            Means("64 with `command`, else as many as the server allows"),
            "how many may be open at once",
        ),
        key(
            "encryption",
            Choice(PipeEncryption::names),
            Means("`\"offered\"`"),
            "`\"required\"`: only encrypted requests open and use the pipe, and others are told that access is \
             denied; `\"offered\"`: as the endpoint says. An endpoint with `encryption = \"off\"` cannot serve a pipe \
             that requires it",
        ),
    ],
};

/// `[roles.NAME.endpoints.NAME]`
static ENDPOINT: Keys = Keys {
    name: "endpoint",
    keys: &[
        key(
            "protocol",
            Choice(Protocol::names),
            Wrong,
            "`\"smb\"` for the role's pipes, `\"http\"` for the page and the bridge",
        ),
        key(
            "port",
            Number { least: 1, most: 65_535 },
            Wrong,
            "the TCP port; old clients look for pipes on 445",
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
            "max-connections",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("`1024`"),
            "for smb: how many connections on which a user has logged on there may be at once",
        ),
        key(
            "max-connections-per-address",
            Number { least: 1, most: MOST_CONNECTIONS },
            Means("`512`"),
            "for smb: the same from one address",
        ),
        key(
            "visibility",
            Choice(Visibility::names),
            Means("`\"internal\"` for smb, `\"input\"` for http"),
            "`\"internal\"`: for other roles; `\"input\"`: for the world",
        ),
    ],
};

/// `[roles.NAME.calls.NAME]`
static CALL: Keys = Keys {
    name: "call",
    keys: &[
        key("target", Text, Wrong, "whose pipe it is: `\"ROLE/ENDPOINT\"`"),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<&'static Keys> {
        let mut found: Vec<&'static Keys> = vec![&DEPLOYMENT];
        let mut next = 0;
        while let Some(keys) = found.get(next).copied() {
            next += 1;
            found.extend(keys.keys.iter().filter_map(|key| match key.holds {
                Table(keys) | Named(keys) | List(keys) => Some(keys),
                _ => None,
            }));
        }
        found
    }

    #[test]
    fn every_table_and_every_key_in_it_has_a_name_of_its_own() {
        let mut tables: Vec<_> = all().iter().map(|keys| keys.name).collect();
        tables.sort_unstable();
        assert_eq!(tables, ["call", "deployment", "endpoint", "pipe", "role", "service", "startup"]);
        for keys in all() {
            let mut names = keys.names();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), keys.keys.len(), "{}", keys.name);
        }
    }

    #[test]
    fn a_key_that_may_stand_instead_of_another_one_says_so_on_both_sides() {
        for keys in all() {
            for key in keys.keys {
                let WrongWithout(other) = key.absent else { continue };
                let other = keys.get(other).unwrap();
                assert_eq!(other.absent, WrongWithout(key.name), "{}", key.name);
            }
        }
    }

    /// A value that the table promises when the key is not there, as the text of the deployment file.
    fn promised(table: &str, key: &str) -> &'static str {
        let keys = all().into_iter().find(|keys| keys.name == table).unwrap();
        let Means(default) = keys.get(key).unwrap().absent else { panic!("{key} has no default") };
        default.trim_matches('`').trim_matches('"')
    }

    #[test]
    fn the_defaults_are_those_that_the_table_promises() {
        use crate::{Backend, Deployment, Machine, ProcessEnvironment, Source, System};
        let text = r#"
            name = "Demo"
            [roles.R.service]
            command = ["true"]
            [roles.R.pipes.each]
            sddl = "D:(A;;GRGW;;;AU)"
            command = ["true"]
            [roles.R.endpoints.E]
            protocol = "smb"
            port = 4445
            [roles.R.calls.each]
            target = "R/E"
            user = "u"
            password-env = "P"
            [roles.R.endpoints.W]
            protocol = "http"
            port = 8080
        "#;
        let source = Source::new("standpipe.toml", text);
        let linux = Machine { system: System::Linux, folder: "/".into() };
        let deployment = Deployment::from_source_for(&source, &linux, &ProcessEnvironment);
        let deployment = deployment.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let role = &deployment.roles()[0];
        let service = role.service.as_ref().unwrap();
        let Backend::Command(command) = &role.pipes[0].backend else { panic!("no command") };
        let durations = [
            ("service", "check-interval", service.check_interval),
            ("service", "start-timeout", service.start_timeout),
            ("service", "stop-timeout", service.stop_timeout),
            ("pipe", "stop-timeout", command.stop_timeout),
            ("call", "connect-timeout", role.calls[0].connect_timeout),
        ];
        for (table, key, used) in durations {
            assert_eq!(humantime::parse_duration(promised(table, key)).unwrap(), used, "{table}: {key}");
        }
        assert_eq!(promised("role", "instances"), role.instances.to_string());
        assert_eq!(promised("service", "max-failures"), service.max_failures.to_string());
        assert_eq!((role.pipes[0].max_instances, role.pipes[0].tells_caller), (Some(64), false));
    }
}
