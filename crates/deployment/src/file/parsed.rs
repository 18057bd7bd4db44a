//! The parsed form: what the file says, each value of the right type and with its place. Nothing is looked up
//! yet.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::keys::{self, Words};
use super::ports::Ports;
use super::probe::probe;
pub(crate) use super::probe::{Probe, ProbeMatch, ProbeType};
use super::problem::{Problem, Source, Span};
use super::reader::{Field, Reader, Table};
use super::text::{Environment, Recorded, Text};

/// A deployment file as written.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) name: Field<Text>,
    pub(crate) update_domains: Field<Spanned<u32>>,
    pub(crate) roles: Vec<Role>,
}

/// `[roles.NAME]`
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: Spanned<String>,
    /// The environment variables that its values are made from.
    pub(crate) variables_read: BTreeSet<String>,
    pub(crate) instances: Field<Spanned<u32>>,
    pub(crate) user: Field<Text>,
    pub(crate) accounts: Field<Text>,
    pub(crate) drain_timeout: Field<Duration>,
    pub(crate) settings: Vec<(Spanned<String>, Text)>,
    pub(crate) secrets: Vec<(Spanned<String>, Text)>,
    pub(crate) on_settings_change: Field<OnSettingsChange>,
    pub(crate) local_storage: Vec<LocalStorage>,
    pub(crate) health: Option<Health>,
    pub(crate) content: Field<Vec<Text>>,
    pub(crate) limits: Option<Limits>,
    pub(crate) startup: Vec<Task>,
    pub(crate) service: Option<Service>,
    pub(crate) services: Vec<Service>,
    pub(crate) wine: Option<Wine>,
    pub(crate) pipes: Vec<Pipe>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) calls: Vec<Call>,
}

/// What happens when settings change while an instance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnSettingsChange {
    /// The role's document changes, and processes that start later get the new values.
    #[default]
    Ignore,
    /// The services get a signal too.
    Signal,
    /// The instance is started again.
    Restart,
}

impl Words for OnSettingsChange {
    const WORDS: &'static [(&'static str, Self)] =
        &[("ignore", Self::Ignore), ("signal", Self::Signal), ("restart", Self::Restart)];
}

/// `[roles.R.local-storage.NAME]`
#[derive(Debug)]
pub(crate) struct LocalStorage {
    pub(crate) name: Spanned<String>,
    pub(crate) size: Field<u64>,
    pub(crate) clean_on_recycle: Field<bool>,
}

/// `[roles.R.limits]`
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) memory: Field<u64>,
    pub(crate) memory_per_account: Field<u64>,
    pub(crate) opens: Field<Spanned<u32>>,
    pub(crate) opens_per_account: Field<Spanned<u32>>,
}

/// `[roles.R.health]`
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) at: Span,
    pub(crate) port: Field<Spanned<Ports>>,
    pub(crate) address: Field<Text>,
}

/// `[[roles.R.startup]]`
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) at: Span,
    pub(crate) command: Field<Vec<Text>>,
    pub(crate) kind: Field<TaskKind>,
    pub(crate) elevated: Field<bool>,
    pub(crate) timeout: Field<Duration>,
    pub(crate) once: Field<Text>,
    pub(crate) environment: Vec<(Spanned<String>, Text)>,
    pub(crate) environment_from: Vec<(Spanned<String>, Text)>,
}

/// How a startup task relates to its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Waited for; a failure stops the role.
    Simple,
    /// Started and left alone.
    Background,
    /// Started and left alone, but the role does not end before it.
    Foreground,
}

impl Words for TaskKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("simple", Self::Simple), ("background", Self::Background), ("foreground", Self::Foreground)];
}

/// `[roles.R.service]` or `[roles.R.services.NAME]`
#[derive(Debug)]
pub(crate) struct Service {
    /// The name of its table, where there can be several.
    pub(crate) label: Option<String>,
    pub(crate) at: Span,
    pub(crate) name: Field<Text>,
    pub(crate) command: Field<Vec<Text>>,
    pub(crate) folder: Field<Text>,
    pub(crate) check_interval: Field<Duration>,
    pub(crate) probe: Option<Probe>,
    pub(crate) notify: Field<bool>,
    pub(crate) depends_on: Field<Vec<Text>>,
    pub(crate) essential: Field<bool>,
    pub(crate) start_timeout: Field<Duration>,
    pub(crate) start_timeout_limit: Field<Duration>,
    pub(crate) stop_timeout: Field<Duration>,
    pub(crate) stop_timeout_limit: Field<Duration>,
    pub(crate) max_failures: Field<Spanned<u32>>,
    pub(crate) when_paused: Field<WhenPaused>,
    pub(crate) recovery: Field<Recovery>,
    pub(crate) environment: Vec<(Spanned<String>, Text)>,
    pub(crate) environment_from: Vec<(Spanned<String>, Text)>,
    pub(crate) environment_allow: Field<Vec<Text>>,
    pub(crate) environment_deny: Field<Vec<Text>>,
    pub(crate) logs: Option<Logs>,
}

/// What happens when somebody pauses a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenPaused {
    /// It counts as failed.
    #[default]
    Fail,
    /// It is told to continue.
    Continue,
}

impl Words for WhenPaused {
    const WORDS: &'static [(&'static str, Self)] = &[("fail", Self::Fail), ("continue", Self::Continue)];
}

/// What happens with a service that the service control manager would restart by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recovery {
    /// Standpipe lets the service control manager do it first.
    #[default]
    Defer,
    /// Standpipe does not watch such a service.
    Refuse,
}

impl Words for Recovery {
    const WORDS: &'static [(&'static str, Self)] = &[("defer", Self::Defer), ("refuse", Self::Refuse)];
}

/// `[roles.R.service.logs]`
#[derive(Debug)]
pub(crate) struct Logs {
    pub(crate) event_log: Field<Vec<Text>>,
    pub(crate) files: Field<Vec<Text>>,
}

/// `[roles.R.wine]`
#[derive(Debug)]
pub(crate) struct Wine {
    pub(crate) at: Span,
    pub(crate) prefix: Field<Text>,
    pub(crate) program: Field<Text>,
    pub(crate) startup_timeout: Field<Duration>,
}

/// `[roles.R.pipes.NAME]`
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) name: Spanned<String>,
    pub(crate) sddl: Field<Text>,
    pub(crate) mode: Field<PipeMode>,
    pub(crate) backend: Field<Text>,
    pub(crate) command: Field<Vec<Text>>,
    pub(crate) service: Field<Text>,
    pub(crate) environment: Vec<(Spanned<String>, Text)>,
    pub(crate) stop_timeout: Field<Duration>,
    pub(crate) caller: Field<bool>,
    pub(crate) connect_timeout: Field<Duration>,
    pub(crate) max_instances: Field<Spanned<u32>>,
    pub(crate) encryption: Field<PipeEncryption>,
}

/// Whether a pipe is for encrypted requests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeEncryption {
    /// As its endpoint says.
    Offered,
    /// Only encrypted requests open and use it.
    Required,
}

impl Words for PipeEncryption {
    const WORDS: &'static [(&'static str, Self)] =
        &[("offered", Self::Offered), ("required", Self::Required)];
}

/// What a pipe carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeMode {
    /// Messages with boundaries.
    Message,
    /// A stream of bytes.
    Byte,
}

impl Words for PipeMode {
    const WORDS: &'static [(&'static str, Self)] = &[("message", Self::Message), ("byte", Self::Byte)];
}

/// `[roles.R.endpoints.NAME]`
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: Spanned<String>,
    pub(crate) protocol: Field<Protocol>,
    pub(crate) port: Field<Spanned<Ports>>,
    pub(crate) port_choice: Field<PortChoice>,
    pub(crate) address: Field<Text>,
    pub(crate) visibility: Field<Visibility>,
    pub(crate) hosts: Field<Vec<Text>>,
    pub(crate) encryption: Field<Encryption>,
    pub(crate) max_connections: Field<Spanned<u32>>,
    pub(crate) max_connections_per_address: Field<Spanned<u32>>,
    pub(crate) max_connections_per_account: Field<Spanned<u32>>,
    pub(crate) session_lifetime: Field<Duration>,
    pub(crate) filter_administrators: Field<bool>,
}

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Named pipes over SMB.
    Smb,
    /// The web page and the HTTP bridge.
    Http,
    /// What the role's service listens on itself, over TCP.
    Tcp,
    /// What the role's service listens on itself, over UDP.
    Udp,
}

impl Words for Protocol {
    const WORDS: &'static [(&'static str, Self)] =
        &[("smb", Self::Smb), ("http", Self::Http), ("tcp", Self::Tcp), ("udp", Self::Udp)];
}

/// Which port of a range an instance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortChoice {
    /// The first that is free.
    #[default]
    Free,
    /// The first for instance 0, the next for instance 1, and so on.
    Instance,
}

impl Words for PortChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("free", Self::Free), ("instance", Self::Instance)];
}

/// Whom an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Other roles of the deployment.
    Internal,
    /// The world.
    Input,
}

impl Words for Visibility {
    const WORDS: &'static [(&'static str, Self)] = &[("internal", Self::Internal), ("input", Self::Input)];
}

/// Whether what passes an endpoint for pipes is encrypted; it is signed in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    Off,
    /// With the clients that want to.
    Offered,
    /// Always: clients that cannot are refused.
    Required,
}

impl Words for Encryption {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("offered", Self::Offered), ("required", Self::Required)];
}

/// `[roles.R.calls.NAME]`
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: Spanned<String>,
    pub(crate) target: Field<Text>,
    pub(crate) addresses: Field<Vec<Text>>,
    pub(crate) pipe: Field<Text>,
    pub(crate) user: Field<Text>,
    pub(crate) password_file: Field<Text>,
    pub(crate) password_env: Field<Text>,
    pub(crate) connect_timeout: Field<Duration>,
}

/// Reads the file's text. What is wrong is in the second part; the first holds whatever could be read.
pub(crate) fn parse(source: &Source, environment: &dyn Environment) -> (File, Vec<Problem>) {
    let text = source.text();
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let problems = errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            Problem::at(span, format!("not valid TOML: {}", error.message()))
        });
        return (File::default(), problems.collect());
    }
    let environment = Recorded::new(environment);
    let mut reader = Reader { file: text, environment: &environment, problems: Vec::new() };
    let mut table = Table::of(&keys::DEPLOYMENT, root.get_ref(), 0..0, "the deployment file");
    let name = table.text(&mut reader, "name");
    let update_domains = table.number(&mut reader, "update-domains");
    let roles = table.named(&mut reader, "roles", "role");
    let roles = roles.into_iter().map(|(name, table)| {
        environment.forget();
        let role = role(&mut reader, name, table);
        Role { variables_read: environment.names(), ..role }
    });
    let roles = roles.collect();
    table.finish(&mut reader);
    (File { name, update_domains, roles }, reader.problems)
}

fn role(reader: &mut Reader<'_>, name: Spanned<String>, mut table: Table<'_, '_>) -> Role {
    let instances = table.number(reader, "instances");
    let user = table.text(reader, "user");
    let accounts = table.text(reader, "accounts");
    let drain_timeout = table.duration(reader, "drain-timeout");
    let settings = table.variables(reader, "settings");
    let secrets = table.variables(reader, "secrets");
    let on_settings_change = table.choice(reader, "on-settings-change");
    let local_storage = table.named(reader, "local-storage", "local storage");
    let local_storage =
        local_storage.into_iter().map(|(name, table)| self::local_storage(reader, name, table)).collect();
    let health = table.one(reader, "health", format!("`health` of role `{}`", name.get_ref()));
    let health = health.map(|table| self::health(reader, table));
    let content = table.texts(reader, "content");
    let limits = table.one(reader, "limits", format!("`limits` of role `{}`", name.get_ref()));
    let limits = limits.map(|table| self::limits(reader, table));
    let startup = table.list(reader, "startup", "startup task");
    let startup = startup.into_iter().map(|table| task(reader, table)).collect();
    let service = table.one(reader, "service", format!("the service of role `{}`", name.get_ref()));
    let service = service.map(|table| self::service(reader, None, table));
    let services = table.named(reader, "services", "service");
    let services = services
        .into_iter()
        .map(|(name, table)| self::service(reader, Some(name.into_inner()), table))
        .collect();
    let wine = table.one(reader, "wine", format!("`wine` of role `{}`", name.get_ref()));
    let wine = wine.map(|table| self::wine(reader, table));
    let pipes = table.named(reader, "pipes", "pipe");
    let pipes = pipes.into_iter().map(|(name, table)| pipe(reader, name, table)).collect();
    let endpoints = table.named(reader, "endpoints", "endpoint");
    let endpoints = endpoints.into_iter().map(|(name, table)| endpoint(reader, name, table)).collect();
    let calls = table.named(reader, "calls", "call");
    let calls = calls.into_iter().map(|(name, table)| call(reader, name, table)).collect();
    table.finish(reader);
    Role {
        name,
        variables_read: BTreeSet::new(),
        instances,
        user,
        accounts,
        drain_timeout,
        settings,
        secrets,
        on_settings_change,
        local_storage,
        health,
        content,
        limits,
        startup,
        service,
        services,
        wine,
        pipes,
        endpoints,
        calls,
    }
}

fn local_storage(reader: &mut Reader<'_>, name: Spanned<String>, mut table: Table<'_, '_>) -> LocalStorage {
    let storage = LocalStorage {
        name,
        size: table.size(reader, "size"),
        clean_on_recycle: table.flag(reader, "clean-on-recycle"),
    };
    table.finish(reader);
    storage
}

fn health(reader: &mut Reader<'_>, mut table: Table<'_, '_>) -> Health {
    let health = Health {
        at: table.at.clone(),
        port: table.port(reader, "port"),
        address: table.text(reader, "address"),
    };
    table.finish(reader);
    health
}

fn limits(reader: &mut Reader<'_>, mut table: Table<'_, '_>) -> Limits {
    let limits = Limits {
        memory: table.size(reader, "memory"),
        memory_per_account: table.size(reader, "memory-per-account"),
        opens: table.number(reader, "opens"),
        opens_per_account: table.number(reader, "opens-per-account"),
    };
    table.finish(reader);
    limits
}

fn task(reader: &mut Reader<'_>, mut table: Table<'_, '_>) -> Task {
    let task = Task {
        at: table.at.clone(),
        command: table.command(reader, "command"),
        kind: table.choice(reader, "type"),
        elevated: table.flag(reader, "elevated"),
        timeout: table.duration(reader, "timeout"),
        once: table.text(reader, "once"),
        environment: table.variables(reader, "environment"),
        environment_from: table.variables(reader, "environment-from"),
    };
    table.finish(reader);
    task
}

fn service(reader: &mut Reader<'_>, label: Option<String>, mut table: Table<'_, '_>) -> Service {
    let of = match &label {
        Some(label) => format!("service `{label}`"),
        None => "the service".to_owned(),
    };
    let (what, probed) = (format!("the logs of {of}"), format!("the probe of {of}"));
    let service = Service {
        label,
        at: table.at.clone(),
        name: table.text(reader, "name"),
        command: table.command(reader, "command"),
        folder: table.text(reader, "folder"),
        depends_on: table.texts(reader, "depends-on"),
        essential: table.flag(reader, "essential"),
        check_interval: table.duration(reader, "check-interval"),
        probe: table.one(reader, "probe", probed).map(|table| probe(reader, table)),
        notify: table.flag(reader, "notify"),
        start_timeout: table.duration(reader, "start-timeout"),
        start_timeout_limit: table.duration(reader, "start-timeout-limit"),
        stop_timeout: table.duration(reader, "stop-timeout"),
        stop_timeout_limit: table.duration(reader, "stop-timeout-limit"),
        max_failures: table.number(reader, "max-failures"),
        when_paused: table.choice(reader, "when-paused"),
        recovery: table.choice(reader, "recovery"),
        environment: table.variables(reader, "environment"),
        environment_from: table.variables(reader, "environment-from"),
        environment_allow: table.texts(reader, "environment-allow"),
        environment_deny: table.texts(reader, "environment-deny"),
        logs: table.one(reader, "logs", what).map(|table| logs(reader, table)),
    };
    table.finish(reader);
    service
}

fn logs(reader: &mut Reader<'_>, mut table: Table<'_, '_>) -> Logs {
    let logs = Logs { event_log: table.texts(reader, "event-log"), files: table.texts(reader, "files") };
    table.finish(reader);
    logs
}

fn wine(reader: &mut Reader<'_>, mut table: Table<'_, '_>) -> Wine {
    let wine = Wine {
        at: table.at.clone(),
        prefix: table.text(reader, "prefix"),
        program: table.text(reader, "program"),
        startup_timeout: table.duration(reader, "startup-timeout"),
    };
    table.finish(reader);
    wine
}

fn pipe(reader: &mut Reader<'_>, name: Spanned<String>, mut table: Table<'_, '_>) -> Pipe {
    let pipe = Pipe {
        name,
        sddl: table.text(reader, "sddl"),
        mode: table.choice(reader, "mode"),
        backend: table.text(reader, "backend"),
        command: table.command(reader, "command"),
        service: table.text(reader, "service"),
        environment: table.variables(reader, "environment"),
        stop_timeout: table.duration(reader, "stop-timeout"),
        caller: table.flag(reader, "caller"),
        connect_timeout: table.duration(reader, "connect-timeout"),
        max_instances: table.number(reader, "max-instances"),
        encryption: table.choice(reader, "encryption"),
    };
    table.finish(reader);
    pipe
}

fn endpoint(reader: &mut Reader<'_>, name: Spanned<String>, mut table: Table<'_, '_>) -> Endpoint {
    let endpoint = Endpoint {
        name,
        protocol: table.choice(reader, "protocol"),
        port: table.port(reader, "port"),
        port_choice: table.choice(reader, "port-choice"),
        address: table.text(reader, "address"),
        visibility: table.choice(reader, "visibility"),
        hosts: table.texts(reader, "hosts"),
        encryption: table.choice(reader, "encryption"),
        max_connections: table.number(reader, "max-connections"),
        max_connections_per_address: table.number(reader, "max-connections-per-address"),
        max_connections_per_account: table.number(reader, "max-connections-per-account"),
        session_lifetime: table.duration(reader, "session-lifetime"),
        filter_administrators: table.flag(reader, "filter-administrators"),
    };
    table.finish(reader);
    endpoint
}

fn call(reader: &mut Reader<'_>, name: Spanned<String>, mut table: Table<'_, '_>) -> Call {
    let mut call = Call {
        name,
        target: table.text(reader, "target"),
        addresses: table.texts(reader, "addresses"),
        pipe: table.text(reader, "pipe"),
        user: table.text(reader, "user"),
        password_file: table.text(reader, "password-file"),
        password_env: table.text(reader, "password-env"),
        connect_timeout: table.duration(reader, "connect-timeout"),
    };
    if table.refuse_secret(reader, "password") && call.password_file.is_absent() {
        call.password_file = Field::Bad;
    }
    table.finish(reader);
    call
}
