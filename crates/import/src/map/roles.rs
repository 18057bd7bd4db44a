//! One role: what is known of it before it is mapped, and its tables.

use super::{Mapper, Options, Platform, advice};
use crate::command_line::{self, CommandLine};
use crate::document::Element;
use crate::names::{Names, Variables};
use crate::outline::{Table, Value};
use crate::references;
use crate::script::{self, Does, Line};

/// The pipe of a role when nobody says its name.
const PIPE_PLACEHOLDER: &str = "NAME-OF-THE-PIPE";

/// The endpoint of pipes that the definition has not.
pub(super) const ADDED_ENDPOINT: &str = "NamedPipes";

/// How many instances the deployment file allows.
const MOST_INSTANCES: u64 = 1000;

/// What is known of a role before it is mapped.
pub(super) struct RoleFacts<'a> {
    pub(super) element: &'a Element,
    /// Its name in the definition.
    pub(super) label: &'a str,
    /// Its name in the deployment file.
    pub(super) name: String,
    pub(super) is_web: bool,
    /// The endpoint at which its pipe is served.
    pub(super) pipe_endpoint: Option<&'a Element>,
    /// The name of its pipe; `None` when nobody said it.
    pub(super) pipe: Option<String>,
    /// The tasks, with the lines of their batch files where those are at hand.
    pub(super) tasks: Vec<TaskFacts<'a>>,
    /// The settings that are in the deployment file, by name.
    pub(super) settings: Vec<String>,
    /// The local storage, by its name in Azure and in the deployment file.
    pub(super) storage: Vec<(String, String)>,
    /// The endpoints that are in the deployment file, by their names in Azure and there.
    pub(super) endpoint_names: Vec<(String, String)>,
    /// The names of variables that are taken.
    pub(super) variables: Variables,
    /// Which roles it calls, by their places.
    pub(super) calls: Vec<usize>,
}

/// What is known of a startup task.
pub(super) struct TaskFacts<'a> {
    pub(super) element: &'a Element,
    pub(super) command: CommandLine,
    /// The batch file's path below the role's folder, and its lines.
    pub(super) script: Option<(String, Vec<Line>)>,
}

impl<'a> RoleFacts<'a> {
    pub(super) fn of(element: &'a Element, names: &mut Names, options: &Options<'_>) -> Self {
        let label = element.label();
        let pipe = options.pipes.get(label).cloned();
        let is_web = element.name == "WebRole";
        let by_port = || references::endpoints(element).find(|endpoint| is_of_pipes(endpoint));
        let internal = || {
            references::endpoints(element).find(|endpoint| {
                endpoint.name == "InternalEndpoint" && endpoint.value("protocol") != Some("udp")
            })
        };
        let pipe_endpoint = by_port().or_else(|| pipe.as_ref().and_then(|_| internal()));
        let tasks = element.within("Startup", "Task");
        let tasks = tasks.map(|task| TaskFacts::of(task, label, options)).collect();
        Self {
            element,
            label,
            name: names.take(label, "Role"),
            is_web,
            pipe_endpoint,
            pipe,
            tasks,
            settings: Vec::new(),
            storage: Vec::new(),
            endpoint_names: Vec::new(),
            variables: Variables::default(),
            calls: Vec::new(),
        }
    }

    /// Whether it has a pipe to serve.
    pub(super) fn serves(&self) -> bool {
        self.pipe_endpoint.is_some() || self.pipe.is_some()
    }

    /// The name of its endpoint for pipes in the deployment file.
    pub(super) fn pipe_endpoint_name(&self) -> String {
        let label = self.pipe_endpoint.map_or(ADDED_ENDPOINT, Element::label);
        let named = self.endpoint_names.iter().find(|(azure, _)| azure == label);
        named.map_or_else(|| label.to_owned(), |(_, name)| name.clone())
    }

    /// The name of its pipe, or a word in its place.
    pub(super) fn pipe_name(&self) -> &str {
        self.pipe.as_deref().unwrap_or(PIPE_PLACEHOLDER)
    }

    /// A key of the role.
    pub(super) fn key(&self, rest: &str) -> String {
        format!("roles.{}.{rest}", self.name)
    }

    /// The users that its batch files make, each with whether it is an administrator.
    pub(super) fn users(&self) -> Vec<(String, bool)> {
        let lines = self.lines().collect::<Vec<_>>();
        let is_administrator = |wanted: &str| {
            lines.iter().any(|does| {
                matches!(does, Does::JoinGroup { user, group }
                    if user.eq_ignore_ascii_case(wanted) && group.eq_ignore_ascii_case("administrators"))
            })
        };
        let mut users: Vec<(String, bool)> = Vec::new();
        for does in &lines {
            if let Does::MakeUser(user) = does
                && is_account_name(user)
                && !users.iter().any(|(known, _)| known.eq_ignore_ascii_case(user))
            {
                users.push((user.clone(), is_administrator(user)));
            }
        }
        users
    }

    /// Everything that its tasks are known to do.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Does> {
        let scripts = self.tasks.iter().filter_map(|task| task.script.as_ref());
        scripts.flat_map(|(_, lines)| lines.iter().map(|line| &line.does))
    }

    /// The Windows service that its batch files start or make by name, when there is just one.
    pub(super) fn service_of_scripts(&self) -> Option<&str> {
        let names = self.lines().filter_map(|does| match does {
            Does::StartService(name) | Does::InstallService { name: Some(name), .. } => Some(name.as_str()),
            _ => None,
        });
        let mut found = None;
        for name in names.filter(|name| !name.contains(['%', '!'])) {
            if found.is_some_and(|known: &str| !known.eq_ignore_ascii_case(name)) {
                return None;
            }
            found = found.or(Some(name));
        }
        found
    }
}

/// A name that an account can have, and a file too.
fn is_account_name(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 64 && name.chars().all(fits) && !name.starts_with(['-', '.'])
}

impl<'a> TaskFacts<'a> {
    fn of(element: &'a Element, role: &str, options: &Options<'_>) -> Self {
        let line = element.value("commandLine").unwrap_or_default();
        let command = command_line::split(line);
        let batch = command.words.iter().find(|word| is_batch(word));
        let script = batch.and_then(|path| {
            let (path, bytes) = options.content.find(role, &path.replace('\\', "/"))?;
            Some((path, script::read(&bytes)))
        });
        // A command such as `net user …` is a batch file of one line.
        let script = script.or_else(|| {
            let does = script::does(line)?;
            let is_known = matches!(does, Does::MakeUser(_) | Does::JoinGroup { .. } | Does::OpenFirewall);
            is_known.then(|| (String::new(), vec![Line { number: 1, does }]))
        });
        Self { element, command, script }
    }
}

pub(super) fn is_batch(word: &str) -> bool {
    let word = word.to_lowercase();
    [".cmd", ".bat"].iter().any(|ending| word.ends_with(ending))
}

/// Whether an endpoint is at the port of SMB.
fn is_of_pipes(endpoint: &Element) -> bool {
    let is_tcp = !matches!(endpoint.value("protocol"), Some("udp" | "http" | "https"));
    let fixed = endpoint.child("FixedPort").and_then(|fixed| fixed.value("port"));
    let local = endpoint.value("localPort").filter(|port| *port != "*");
    is_tcp && [endpoint.value("port"), fixed, local].into_iter().flatten().any(|port| port == "445")
}

impl Mapper<'_> {
    /// The tables of one role.
    pub(super) fn role(&mut self, index: usize) {
        let role = self.roles[index].element;
        let name = self.roles[index].name.clone();
        self.ledger.mapped(role.id, format!("roles.{name}"));
        let mut table = Table::new(&["roles", &name]);
        if let Some(attribute) = role.attribute("name") {
            if name == attribute.value.trim() {
                self.ledger.mapped(attribute.id, format!("roles.{name}"));
            } else {
                let note = format!("names have fewer characters here: `{name}`");
                self.ledger.mapped_with(attribute.id, format!("roles.{name}"), note);
            }
        }
        self.instances(index, &mut table);
        self.machine(role);
        let at = self.tables.len();
        self.own(index, &mut table);
        self.startup(index, &mut table);
        self.service(index, &mut table);
        self.endpoints(index);
        self.calls(index);
        self.content(index);
        self.certificates_and_imports(index);
        self.tables.insert(at, table);
    }

    fn instances(&mut self, index: usize, table: &mut Table) {
        let label = self.roles[index].label;
        let found = self.chosen.as_ref().and_then(|chosen| chosen.instances(label));
        let count = found.unwrap_or(1).clamp(1, MOST_INSTANCES);
        let others: Vec<String> = self
            .others
            .iter()
            .filter_map(|other| Some((other.name.clone(), other.instances(label)?)))
            .filter(|(_, other)| Some(*other) != found)
            .map(|(name, other)| format!("{name}: {other}"))
            .collect();
        let key = table.set("instances", Value::Number(count));
        if !others.is_empty() {
            key.note(format!("In other configurations: {}.", others.join(", ")));
        }
        if found.is_some_and(|found| found != count) {
            key.decide("the configuration has a number that is not possible here.");
        }
        if self.chosen.is_none() {
            key.decide("no configuration said how many instances there are.");
        }
    }

    /// What the role says of its machine.
    fn machine(&mut self, role: &crate::document::Element) {
        if let Some(size) = role.attribute("vmsize") {
            self.ledger.left_out(size.id, advice::size(size.value.trim()));
        }
        if let Some(native) = role.attribute("enableNativeCodeExecution") {
            // Programs here are native.
            self.ledger.read(native.id);
        }
    }

    /// Files that the package gets from elsewhere.
    fn content(&mut self, index: usize) {
        let role = self.roles[index].element;
        for contents in role.all("Contents") {
            self.ledger.read(contents.id);
            for content in contents.all("Content") {
                let folder = content.value("destination").unwrap_or_default().replace('\\', "/");
                let folder = folder.trim_matches('/');
                let source = content.child("SourceDirectory").and_then(|source| source.value("path"));
                self.ledger.left_out_whole(
                    content,
                    format!(
                        "copy {} to {}/{folder} beside the deployment file, or into the image",
                        source.unwrap_or("the files"),
                        self.roles[index].name
                    ),
                );
            }
        }
    }

    fn certificates_and_imports(&mut self, index: usize) {
        let role = self.roles[index].element;
        for certificates in role.all("Certificates") {
            self.ledger.read(certificates.id);
            for certificate in certificates.all("Certificate") {
                self.ledger.left_out_whole(certificate, advice::certificate(certificate));
            }
        }
        for imports in role.all("Imports") {
            self.ledger.read(imports.id);
            for import in imports.all("Import") {
                let module = import.value("moduleName").unwrap_or_default();
                self.ledger.left_out_whole(import, advice::module(module));
            }
        }
    }

    /// Whether programs of Windows run as they are.
    pub(super) fn for_windows(&self) -> bool {
        self.options.platform == Platform::Windows
    }
}
