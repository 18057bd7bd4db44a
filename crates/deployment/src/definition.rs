//! The resolved form of a deployment file: defaults put in, references followed, paths absolute, descriptors
//! parsed.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use standpipe_security::SecurityDescriptor;

use crate::addresses::AddressSource;
use crate::file::{
    Encryption, OnSettingsChange, PipeEncryption, PipeMode, Ports, Protocol, Recovery, Source, Span,
    TaskKind, Visibility, WhenPaused,
};
use crate::filter::{self, EnvironmentFilter, is_of_the_system};
use crate::machine::Machine;

/// A deployment: its roles and everything they need. Made from a file only, so a value of this
/// type has no mistake that the file alone can show.
#[derive(Debug)]
pub struct Deployment {
    pub(crate) source: Source,
    pub(crate) machine: Machine,
    pub(crate) name: String,
    pub(crate) update_domains: u32,
    pub(crate) roles: Vec<Role>,
}

impl Deployment {
    /// The deployment's name: a letter, then letters, digits, `-`, `_` and `.`, 63 characters at most.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it was read from, as the user gave it.
    pub fn file(&self) -> &Path {
        self.source.path()
    }

    /// The environment variables from which the file makes the values of other roles than this one. They may
    /// be secrets of those, so no process of this role gets them. What every process has, such as `HOME`, is
    /// not among them.
    pub fn variables_of_others(&self, role: &Role) -> BTreeSet<&str> {
        let others = self.roles.iter().flat_map(|other| &other.variables_read);
        others
            .filter(|name| !role.variables_read.contains(*name) && !is_of_the_system(name, false))
            .map(String::as_str)
            .collect()
    }

    /// The file with its text.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The machine that it is for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The absolute path of its folder on that machine, which tasks and services run in.
    pub fn folder(&self) -> &Path {
        &self.machine.folder
    }

    /// Into how many parts the instances of each role are divided for an update; 1 or more.
    pub fn update_domains(&self) -> u32 {
        self.update_domains
    }

    /// The part in which an instance is, from 0: spread evenly, as Azure does it.
    pub fn update_domain(&self, instance: u32) -> u32 {
        instance % self.update_domains.max(1)
    }

    /// The roles in the order of the file; at least one.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// A role by its name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// Where the instances of a call's target listen when the local runtime runs the deployment, with the
    /// instance's number, as far as the file alone says it: nobody knows a port that is chosen when an
    /// instance starts.
    pub fn local_targets(&self, target: &Target) -> Vec<(u32, SocketAddr)> {
        let Some(role) = self.role(&target.role) else { return Vec::new() };
        let Some(endpoint) = role.endpoint(&target.endpoint) else { return Vec::new() };
        (0..role.instances)
            .filter_map(|instance| {
                let address = endpoint.address.unwrap_or_else(|| local_address(instance));
                Some((instance, SocketAddr::new(address, endpoint.port_of(instance)?)))
            })
            .collect()
    }
}

/// The loopback address that the local runtime gives to an instance: 127.0.0.1 for instance 0, 127.0.0.2 for
/// 1, and so on.
pub fn local_address(instance: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits().saturating_add(instance)))
}

/// A role: defined once, run as one or more instances.
#[derive(Debug)]
pub struct Role {
    /// Its name: a letter, then letters, digits, `-` and `_`, 63 characters at most.
    pub name: String,
    /// Where its name stands in the file.
    pub(crate) span: Span,
    /// How many instances run; 1 or more.
    pub instances: u32,
    /// The environment variables that its values in the file are made from.
    pub(crate) variables_read: BTreeSet<String>,
    /// The user that the service and the tasks that are not elevated run as; otherwise Standpipe's own.
    pub user: Option<String>,
    /// Where `user` stands in the file.
    pub(crate) user_span: Option<Span>,
    /// The accounts that may log on; otherwise the instance's own file in the state directory.
    pub accounts: Option<PathBuf>,
    /// Where `accounts` stands in the file.
    pub(crate) accounts_span: Option<Span>,
    /// How long clients may take to finish what they have in flight when an instance stops.
    pub drain_timeout: Duration,
    /// Values for the service, by name; nothing secret.
    pub settings: Vec<(String, String)>,
    /// The absolute paths of files with secrets for the service, by name.
    pub secrets: Vec<(String, PathBuf)>,
    /// Where each of `secrets` stands in the file.
    pub(crate) secret_spans: Vec<Span>,
    /// What happens when `settings` change in the file while an instance runs.
    pub on_settings_change: OnSettingsChange,
    /// The folders that each instance has for itself.
    pub local_storage: Vec<LocalStorage>,
    /// Where each instance says how it is.
    pub health: Option<Health>,
    /// What a pack has for the role, besides its programs.
    pub content: Vec<Content>,
    /// How much an instance's endpoints may use.
    pub limits: Limits,
    /// The commands to run first, in this order.
    pub startup: Vec<StartupTask>,
    /// The services to run and watch. Each comes after those that it depends on.
    pub services: Vec<Service>,
    /// Where Wine keeps the services without a command; never on Windows, which needs no Wine.
    pub wine: Option<Wine>,
    /// The pipes to serve.
    pub pipes: Vec<Pipe>,
    /// The ports to listen on.
    pub endpoints: Vec<Endpoint>,
    /// The pipes of other roles that the web page and the HTTP bridge call.
    pub calls: Vec<Call>,
}

impl Role {
    /// An endpoint by its name.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }
}

/// A program with its arguments; no shell takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: Program,
    /// The arguments, without the program's name.
    pub arguments: Vec<String>,
    /// Where the program stands in the file.
    pub span: Span,
}

/// A file or a folder that belongs to a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its path, as it stands in the file: below the file's folder.
    pub path: String,
    /// Where it stands in the file.
    pub span: Span,
}

/// Where a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// At this absolute path.
    Path(PathBuf),
    /// Looked up on the search path when it is started.
    Name(String),
}

impl Program {
    /// The path or the name, as the operating system takes it.
    pub fn as_os_str(&self) -> &std::ffi::OsStr {
        match self {
            Self::Path(path) => path.as_os_str(),
            Self::Name(name) => name.as_ref(),
        }
    }
}

/// A command that runs before the role starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupTask {
    /// What to run.
    pub command: Command,
    /// How it relates to the role.
    pub kind: TaskKind,
    /// With Standpipe's own rights instead of those of the role's user.
    pub elevated: bool,
    /// Whether the file says that it is not elevated, rather than nothing.
    pub(crate) is_said_to_be_limited: bool,
    /// Inside of the role's Wine prefix: it is a program of Windows, and the machine has another system.
    pub in_wine: bool,
    /// How long it may take; without it, as long as it likes.
    pub timeout: Option<Duration>,
    /// The version of what it does, for which it succeeds once; without it, it runs each time.
    pub once: Option<String>,
    /// Variables added to its environment.
    pub environment: Vec<(String, String)>,
    /// Variables added to its environment, each with the name of the one whose value it gets.
    pub environment_from: Vec<(String, String)>,
}

/// A service to run and watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name: that of the service control manager on Windows and in Wine, and in messages everywhere. No
    /// two services of a role have one name, whatever its case.
    pub name: String,
    /// How to start it; without it, a service that the service control manager of Windows, or of the role's
    /// Wine prefix, knows.
    pub command: Option<Command>,
    /// The absolute path of the folder that the command runs in; without it, the deployment's.
    pub folder: Option<PathBuf>,
    /// Where `folder` stands in the file.
    pub(crate) folder_span: Option<Span>,
    /// Which services must run before it starts: their places in the role's list, all before its own.
    pub depends_on: Vec<usize>,
    /// Whether the instance is ready only while it is, and ends when it cannot be kept running.
    pub essential: bool,
    /// How often its state is asked for.
    pub check_interval: Duration,
    /// How Standpipe finds out whether it works.
    pub probe: Probe,
    /// Whether it tells how it is, as `sd_notify` does; only with a command.
    pub notifies: bool,
    /// How long it may take to be running without a sign of progress.
    pub start_timeout: Duration,
    /// How long it may take to be running in all; not less than `start_timeout`.
    pub start_timeout_limit: Duration,
    /// How long it may take to stop without a sign of progress before it is killed.
    pub stop_timeout: Duration,
    /// How long it may take to stop in all before it is killed; not less than `stop_timeout`.
    pub stop_timeout_limit: Duration,
    /// How many failed starts in a row are too many.
    pub max_failures: u32,
    /// What happens when somebody pauses it.
    pub when_paused: WhenPaused,
    /// What happens when the service control manager would restart it by itself.
    pub recovery: Recovery,
    /// Variables added to its environment.
    pub environment: Vec<(String, String)>,
    /// Variables added to its environment, each with the name of the one whose value it gets.
    pub environment_from: Vec<(String, String)>,
    /// Which variables of Standpipe's own environment reach it.
    pub passed_on: EnvironmentFilter,
    /// What of it becomes log lines, beside its output.
    pub logs: Logs,
}

/// How Standpipe finds out whether a service works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What it is asked.
    pub question: Question,
    /// How many answers in a row may fail before it counts as hung; 1 or more.
    pub misses: u32,
}

/// What a service is asked, to find out whether it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Nothing.
    Nothing,
    /// Whether somebody listens at each of its pipes.
    Listening,
    /// Whether one of its pipes can be opened.
    Open {
        /// The pipe's name.
        pipe: String,
        /// How long that may take.
        timeout: Duration,
    },
    /// For a reply.
    Request {
        /// The pipe's name.
        pipe: String,
        /// How long opening the pipe and the reply may take.
        timeout: Duration,
        /// What is written.
        request: Vec<u8>,
        /// What has to come back.
        reply: ExpectedReply,
    },
}

/// What a service has to reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedReply {
    /// Anything.
    Any,
    /// These bytes and no others.
    Exact(Vec<u8>),
    /// What begins with these bytes.
    Prefix(Vec<u8>),
    /// Text that fits this, in which `*` stands for any characters and `?` for one.
    Pattern(String),
}

impl ExpectedReply {
    /// Whether a whole reply is what was expected.
    pub fn accepts(&self, reply: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(bytes) => reply == bytes,
            Self::Prefix(bytes) => reply.starts_with(bytes),
            Self::Pattern(pattern) => filter::matches(pattern, &String::from_utf8_lossy(reply), false),
        }
    }

    /// Whether what has come so far of a reply can become what is expected.
    pub fn can_become(&self, begun: &[u8]) -> bool {
        match self {
            Self::Any | Self::Pattern(_) => true,
            Self::Exact(bytes) => bytes.starts_with(begun),
            Self::Prefix(bytes) => bytes.starts_with(begun) || begun.starts_with(bytes),
        }
    }
}

/// What of a service becomes log lines, beside its output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logs {
    /// Records of the Windows event log.
    pub event_log: Vec<EventSource>,
    /// Files, absolute by the rules of the machine or with a drive of Windows; the last part of a path may be
    /// a pattern with `*` and `?`.
    pub files: Vec<PathBuf>,
}

/// Records of the Windows event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    /// Their channel, such as `Application`.
    pub channel: String,
    /// The source that wrote them, or `*` for any; without it, the one that has the service's name.
    pub provider: Option<String>,
}

/// Where Wine keeps the Windows services of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wine {
    /// The absolute path of the prefix; otherwise each instance has one in its state folder.
    pub prefix: Option<PathBuf>,
    /// The program of Wine; otherwise it is looked for.
    pub program: Option<Program>,
    /// How long it may take until the prefix is made and Wine runs.
    pub startup_timeout: Duration,
    pub(crate) span: Span,
}

/// A pipe to serve.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// Its name, compared without regard to case.
    pub name: String,
    /// The users who may open it; `None` for a pipe of Windows only: what the pipe itself carries.
    pub descriptor: Option<SecurityDescriptor>,
    /// What it carries; `None` for a pipe of Windows only: what the pipe itself carries.
    pub mode: Option<PipeMode>,
    /// Where it leads on this machine.
    pub backend: Backend,
    /// Which service of the role makes it: its place in the role's list. `None` when none of them does.
    pub service: Option<usize>,
    /// Whether the service learns who its caller is before it reads anything else.
    pub tells_caller: bool,
    /// How long connecting to the service may take; without it, the server's own default.
    pub connect_timeout: Option<Duration>,
    /// How many may be open at once; without it, as many as the server allows.
    pub max_instances: Option<u32>,
    /// Whether only encrypted requests open and use it.
    pub encryption: PipeEncryption,
    pub(crate) backend_span: Span,
    /// Where `sddl` stands in the file; the pipe's name without one.
    pub(crate) descriptor_span: Span,
}

/// Where a pipe leads on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// The socket of the pipe's name in the instance's directory of pipes (on Windows, the native pipe of
    /// that name).
    Instance,
    /// The native pipe of the pipe's name in the role's Wine prefix.
    Wine,
    /// The Unix socket at this absolute path.
    UnixSocket(PathBuf),
    /// A TCP port; it carries bytes.
    Tcp {
        /// The host's name or address, the latter of IPv6 without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The socket of a .NET service's `NamedPipeServerStream` of this name, or at this absolute path; it
    /// carries bytes.
    Dotnet(String),
    /// A command that is started for each open.
    Command(PipeCommand),
}

/// A command that serves one open of a pipe on its standard input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeCommand {
    /// What to run.
    pub command: Command,
    /// Variables added to its environment.
    pub environment: Vec<(String, String)>,
    /// How long it may go on once its client has closed the pipe.
    pub stop_timeout: Duration,
}

/// A port to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name, by the rules of a role's.
    pub name: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Its ports.
    pub ports: Ports,
    /// Whether each instance has the port of its number in a range; otherwise it takes the first that is
    /// free.
    pub by_instance: bool,
    /// The address to listen on; without it, the instance's own.
    pub address: Option<IpAddr>,
    /// Which clients it is for.
    pub visibility: Visibility,
    /// The names, without a port, that the page answers to beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Whether what passes is encrypted; of no meaning for the page.
    pub encryption: Encryption,
    /// Connections at once on which a user has logged on; without it, as many as the server allows by itself.
    pub max_connections: Option<u32>,
    /// The same from one address.
    pub max_connections_per_address: Option<u32>,
    /// The same of one account.
    pub max_connections_per_account: Option<u32>,
    /// How long a log-on counts before the client has to log on again; of no meaning for the page.
    pub session_lifetime: Option<Duration>,
    /// Whether administrators are filtered as Windows filters them over the network; of no meaning for the
    /// page.
    pub filter_administrators: bool,
    pub(crate) port_span: Span,
}

impl Endpoint {
    /// The port of an instance, as far as it is known before the instance starts.
    pub fn port_of(&self, instance: u32) -> Option<u16> {
        match self.ports {
            Ports::Range(first, last) if self.by_instance => {
                u16::try_from(instance).ok()?.checked_add(first).filter(|port| *port <= last)
            }
            ports => ports.fixed(),
        }
    }
}

/// A folder that an instance has for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStorage {
    /// Its name, by the rules of a role's.
    pub name: String,
    /// How many bytes it may hold; 1 or more.
    pub size: u64,
    /// Whether it is emptied each time the instance starts.
    pub clean_on_recycle: bool,
}

/// How much an instance's endpoints may use, over all clients. Without a number, what suits the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of memory in all.
    pub memory: Option<u64>,
    /// Bytes of memory that one account may take.
    pub memory_per_account: Option<u64>,
    /// Opens of pipes at once.
    pub opens: Option<u32>,
    /// The same of one account.
    pub opens_per_account: Option<u32>,
}

/// Where an instance says how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The TCP ports, the first free one of which it takes.
    pub ports: Ports,
    /// The address to listen on; without it, the instance's own where that is a loopback address, else
    /// 127.0.0.1.
    pub address: Option<IpAddr>,
    pub(crate) port_span: Span,
}

impl Health {
    /// The address to listen on for an instance that listens on `own`.
    pub fn address_beside(&self, own: IpAddr) -> IpAddr {
        let beside = if own.is_loopback() { own } else { Ipv4Addr::LOCALHOST.into() };
        self.address.unwrap_or(beside)
    }
}

/// A pipe of another role that this role calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name, by the rules of a role's; part of the bridge's path.
    pub name: String,
    /// Whose pipe it is.
    pub target: Target,
    /// Where the target's instances are, as far as the file says it: `None` leaves it to whoever runs the
    /// deployment.
    pub addresses: Option<Vec<AddressSource>>,
    /// The pipe's name.
    pub pipe: String,
    /// The account that logs on.
    pub user: String,
    /// Where that account's password is.
    pub password: PasswordSource,
    /// How long connecting and logging on may take together.
    pub connect_timeout: Duration,
    pub(crate) password_span: Span,
}

/// The endpoint of another role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The role's name.
    pub role: String,
    /// The endpoint's name.
    pub endpoint: String,
}

/// Where a password is; never the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// In a file at this absolute path.
    File(PathBuf),
    /// In this environment variable.
    Environment(String),
}
