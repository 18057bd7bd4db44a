//! The keys of the deployment file: one table, from which the reader knows what is right, and from which the
//! file's reference and its JSON schema are made.

mod network;

/// The most instances that one role may have.
pub(crate) const MOST_INSTANCES: u32 = 1000;
/// The most update domains, as in Azure.
const MOST_UPDATE_DOMAINS: u32 = 20;

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
    /// A port: a number from 0 to 65535, where 0 stands for any, or a text: `20000-20010`, `dynamic`, or a
    /// number with `${NAME}`.
    Port,
    /// A number of bytes: a text with a number and its unit.
    Size,
    /// `true` or `false`.
    Flag,
    /// A length of time: a text with a number and its unit.
    Duration,
    /// One of a few words.
    Choice(fn() -> Vec<&'static str>),
    /// A program and its arguments: an array of texts.
    Command,
    /// Several texts: an array.
    Texts,
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
    /// The file is wrong on Unix. On Windows, and in a role with `wine`, the service control manager or the
    /// pipe itself has the value.
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

use Absent::{Means, Wrong, WrongOnUnix};
use Holds::{Choice, Command, Duration, Flag, List, Named, Number, Table, Text, Texts, Variables};

use super::parsed::{
    OnSettingsChange, PipeEncryption, PipeMode, ProbeMatch, ProbeType, Recovery, TaskKind, WhenPaused,
};
use network::{CALL, ENDPOINT, HEALTH, LIMITS, LOCAL_STORAGE};

/// The keys at the top of the file. All others are reached from here.
pub static DEPLOYMENT: Keys = Keys {
    name: "deployment",
    keys: &[
        key("name", Text, Wrong, "the deployment's name; its state is kept under it"),
        key(
            "update-domains",
            Number { least: 1, most: MOST_UPDATE_DOMAINS },
            Means("`5`"),
            "into how many parts the instances of each role are divided for an update. Instance 0 is in the first, \
             instance 1 in the second, and so on, round and round",
        ),
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
        key(
            "drain-timeout",
            Duration,
            Means("`\"5s\"`"),
            "how long clients may take to finish what they have in flight when an instance stops. An open on which no \
             request is under way is not waited for",
        ),
        key(
            "settings",
            Variables,
            Means("none"),
            "values for the service, by name: in its environment and in the role's document. Nothing secret",
        ),
        key(
            "secrets",
            Variables,
            Means("none"),
            "the paths of files with secrets for the service, by name. It gets the path, never the content",
        ),
        key(
            "on-settings-change",
            Choice(OnSettingsChange::names),
            Means("`\"ignore\"`"),
            "when `settings` change in the file while an instance runs, the role's document changes. `\"signal\"`: also, \
             the services get SIGHUP; `\"restart\"`: also, the instance ends with 75 and is started again, one update \
             domain after the other; `\"ignore\"`: nothing else happens",
        ),
        key("local-storage", Named(&LOCAL_STORAGE), Means("none"), "folders of the instance's own, by name"),
        key(
            "health",
            Table(&HEALTH),
            Means("none"),
            "a port for `/livez`, `/readyz`, `/startz`, `/metrics` and the role's document at `/role`",
        ),
        key(
            "content",
            Texts,
            Means("none"),
            "the files and folders, below the folder of this file, that `standpipe pack` puts into a pack for the role, \
             besides the programs that the role names by a path",
        ),
        key(
            "limits",
            Table(&LIMITS),
            Means("what suits the machine"),
            "how much an instance's endpoints may use, over all clients",
        ),
        key("startup", List(&STARTUP), Means("none"), "commands that run before the role starts"),
        key("service", Table(&SERVICE), Means("none"), "the service to run and watch"),
        key(
            "services",
            Named(&SERVICE),
            Means("none"),
            "instead of `service`: several of them, by name. The instance is ready when all are that are `essential`",
        ),
        key(
            "wine",
            Table(&WINE),
            Means("none"),
            "on Linux: where the services without `command` are installed, and where the pipes without `backend` \
             are. On Windows it has no meaning",
        ),
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
            "whether it runs with Standpipe's own rights instead of those of the role's `user`, or on Windows of \
             a user who is no administrator. Without a `user`, on Unix, its rights are Standpipe's, and where that \
             is root `check --here` says so",
        ),
        key("timeout", Duration, Means("no limit"), "how long a simple task may take"),
        key(
            "once",
            Text,
            Means("it runs each time the instance starts"),
            "for a simple task: a word for the version of what it does, such as `\"1\"`. Once it has succeeded, the \
             instance does not run it again before this word or its command changes. The marker is in the state folder",
        ),
        key("environment", Variables, Means("none"), "environment variables for it"),
        key(
            "environment-from",
            Variables,
            Means("none"),
            "environment variables that get the value of another one that Standpipe sets: \
             `{ MY_ID = \"STANDPIPE_INSTANCE_ID\" }`",
        ),
    ],
};

/// `[roles.NAME.service]` and `[roles.NAME.services.NAME]`
static SERVICE: Keys = Keys {
    name: "service",
    keys: &[
        key(
            "name",
            Text,
            Means("the name of its table; with `service`, the role's"),
            "its name in messages; without `command`, its name in the service control manager",
        ),
        key(
            "command",
            Command,
            WrongOnUnix,
            "how to start it. Without it, the service is one that the service control manager knows",
        ),
        key(
            "folder",
            Text,
            Means("the folder of the deployment file"),
            "the folder that a service with a `command` runs in. The path of its program does not start from here",
        ),
        key(
            "depends-on",
            Texts,
            Means("none"),
            "with `services`: the names of the tables of those that must run before it starts. It stops before them",
        ),
        key(
            "essential",
            Flag,
            Means("`true`"),
            "with `services`: whether the instance is ready only while it is, and ends when it cannot be kept running",
        ),
        key(
            "check-interval",
            Duration,
            Means("`\"10s\"`"),
            "how often its state is asked for; that it died is noticed at once",
        ),
        key(
            "probe",
            Table(&PROBE),
            Means("somebody listens at each of its pipes"),
            "how Standpipe finds out whether it works, beside that its process lives",
        ),
        key(
            "notify",
            Flag,
            Means("`false`"),
            "with `command`: whether it tells how it is, as `sd_notify` does: it gets a socket of Standpipe's in \
             `NOTIFY_SOCKET`, runs once it has said `READY=1` there, and `EXTEND_TIMEOUT_USEC=` extends its start. On \
             Windows it has no meaning",
        ),
        key(
            "start-timeout",
            Duration,
            Means("`\"10s\"`"),
            "how long it may take until it runs and its pipes accept. Progress that the service reports extends it",
        ),
        key(
            "start-timeout-limit",
            Duration,
            Means("`\"5m\"`"),
            "how long it may take in all, however much progress it reports",
        ),
        key(
            "stop-timeout",
            Duration,
            Means("`\"10s\"`"),
            "how long it may take to stop before it and all its children are killed. Progress that the service \
             reports extends it, up to `stop-timeout-limit`",
        ),
        key(
            "stop-timeout-limit",
            Duration,
            Means("the value of `stop-timeout`"),
            "how long it may take to stop in all, however much progress it reports: more than `stop-timeout` lets \
             it ask for more time. The platform has to wait as long",
        ),
        key(
            "max-failures",
            Number { least: 1, most: 1000 },
            Means("`5`"),
            "how many failed starts in a row are too many (exit code 69). A service that dies for the first time, or \
             after five minutes, is started again at once; what fails again waits 1 s, 2 s, 4 s, up to 30 s, less a \
             random part of up to half. A service that cannot be started at all, \
             such as a script without its interpreter, is given up at once, with 78, or with 77 for want of a \
             permission",
        ),
        key(
            "when-paused",
            Choice(WhenPaused::names),
            Means("`\"fail\"`"),
            "when somebody pauses it: `\"fail\"`: it counts as failed and is started again; `\"continue\"`: it is told \
             to continue",
        ),
        key(
            "recovery",
            Choice(Recovery::names),
            Means("`\"defer\"`"),
            "when the service control manager would restart it by itself: `\"defer\"`: that is left to it, and \
             Standpipe starts what is still stopped after that; `\"refuse\"`: the instance ends with 78",
        ),
        key("environment", Variables, Means("none"), "environment variables for it"),
        key(
            "environment-from",
            Variables,
            Means("none"),
            "environment variables that get the value of another one that Standpipe sets: \
             `{ MY_ID = \"STANDPIPE_INSTANCE_ID\" }`",
        ),
        key(
            "environment-allow",
            Texts,
            Means("all"),
            "patterns of the variables of Standpipe's own environment that reach it (`\"APP_*\"`)",
        ),
        key(
            "environment-deny",
            Texts,
            Means("none"),
            "patterns of the variables that do not reach it, although `environment-allow` has them",
        ),
        key(
            "logs",
            Table(&LOGS),
            Means("the records under its own name in the event log `Application`, without `command`"),
            "what else of it becomes log lines; what it writes to its standard output always does",
        ),
    ],
};

/// `[roles.NAME.service.probe]`
static PROBE: Keys = Keys {
    name: "probe",
    keys: &[
        key(
            "type",
            Choice(ProbeType::names),
            Means("`\"request\"` with `send` or `send-hex`, else `\"listening\"`"),
            "`\"none\"`: nothing is asked; `\"listening\"`: whether somebody listens at each of its pipes, which it \
             does not notice; `\"open\"`: its pipe is opened and closed; `\"request\"`: it is sent a request, and has to \
             reply. For a service that takes one client at a time, the last two fail while it has one",
        ),
        key(
            "pipe",
            Text,
            Means("the only pipe of the service"),
            "the pipe to open; the others only have to be listened at",
        ),
        key("send", Text, Means("nothing is sent"), "the request, as text"),
        key("send-hex", Text, Means("nothing is sent"), "the request, as pairs of hexadecimal digits"),
        key("expect", Text, Means("any reply will do"), "the reply, as text"),
        key("expect-hex", Text, Means("any reply will do"), "the reply, as pairs of hexadecimal digits"),
        key(
            "match",
            Choice(ProbeMatch::names),
            Means("`\"exact\"`"),
            "how the reply has to fit: `\"exact\"`; `\"prefix\"`: it begins with it; `\"pattern\"`: `*` in `expect` \
             stands for any characters and `?` for one",
        ),
        key("timeout", Duration, Means("`\"2s\"`"), "how long the pipe and the reply may take"),
        key("interval", Duration, Means("that of `check-interval`"), "how often it is asked"),
        key(
            "misses",
            Number { least: 1, most: 100 },
            Means("`3`"),
            "how many answers in a row may fail, once one has not, before the service counts as hung and is started \
             again. It is not ready from the first one on. Until the first success only `start-timeout` counts",
        ),
    ],
};

/// `[roles.NAME.service.logs]`
static LOGS: Keys = Keys {
    name: "logs",
    keys: &[
        key(
            "event-log",
            Texts,
            Means("`[\"Application\"]` without `command`, else none"),
            "channels of the Windows event log: `\"CHANNEL\"` for the records under the service's own name, \
             `\"CHANNEL:SOURCE\"` for those of another source, `\"CHANNEL:*\"` for all",
        ),
        key(
            "files",
            Texts,
            Means("none"),
            "files that it writes lines to. `*` and `?` in the last part of a path stand for any characters: \
             `\"logs/*.log\"`",
        ),
    ],
};

/// `[roles.NAME.wine]`
static WINE: Keys = Keys {
    name: "wine",
    keys: &[
        key(
            "prefix",
            Text,
            Means("a folder `wine` in each instance's state folder"),
            "the folder of the Wine prefix. It is made when it is not there, and kept",
        ),
        key("program", Text, Means("the first of `wine64` and `wine` that is there"), "the program of Wine"),
        key(
            "startup-timeout",
            Duration,
            Means("`\"2m\"`"),
            "how long it may take until the prefix is made and Wine runs",
        ),
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
             everybody in, is refused. The pipe of a Windows service has one of its own, which this can only narrow",
        ),
        key(
            "mode",
            Choice(PipeMode::names),
            Means(
                "`\"message\"`; `\"byte\"` for a TCP port and for .NET; for the pipe of a Windows service its own",
            ),
            "`\"message\"`: each write is a message; `\"byte\"`: a stream of bytes",
        ),
        key(
            "backend",
            Text,
            Means(
                "the socket of the pipe's name in `STANDPIPE_PIPES`; on Windows and in a role with `wine`, the native \
                 pipe of that name",
            ),
            "where the service listens: `unix:PATH`, `tcp://HOST:PORT`, `dotnet`, `dotnet:NAME` or `dotnet:/PATH`",
        ),
        key(
            "command",
            Command,
            Means("none"),
            "instead of `backend`: a program that is started for each open",
        ),
        key(
            "service",
            Text,
            Means("the only one"),
            "with `services`: the name of the table of the one that makes the pipe. That service is ready when its \
             pipes accept",
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

#[cfg(test)]
mod tests;
