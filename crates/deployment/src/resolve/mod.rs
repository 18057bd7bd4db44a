//! From the parsed form to the resolved one: what the values mean together. Everything that is wrong is
//! noted.

mod backends;
mod endpoints;
pub(crate) mod names;
mod own;
mod references;
mod services;

use std::path::PathBuf;

use standpipe_pipe::PipeName;
use standpipe_security::SecurityDescriptor;
use toml::Spanned;

use crate::definition::{Backend, Command, Content, Deployment, Pipe, Program, Role, StartupTask};
use crate::file::parsed;
use crate::file::{
    Encryption, Field, PipeEncryption, PortChoice, Ports, Problem, Protocol, Source, Span, TaskKind, Text,
};
use crate::machine::{Machine, System};
use crate::stop::DRAIN_TIMEOUT;

/// Azure's default for `upgradeDomainCount`.
const UPDATE_DOMAINS: u32 = 5;

/// How many processes of a pipe's command run at once unless the file says otherwise.
const MOST_COMMANDS: u32 = 64;

/// Resolves a file for `machine`. The deployment is only good when no problem was noted.
pub(crate) fn resolve(source: &Source, file: parsed::File, machine: &Machine) -> (Deployment, Vec<Problem>) {
    let mut resolver = Resolver { machine, problems: Vec::new() };
    let name = resolver.deployment_name(&file.name);
    if file.roles.is_empty() {
        resolver.report(
            Problem::of_file("the deployment has no roles")
                .hint("add at least one: [roles.NAME] with a service, pipes and endpoints"),
        );
    }
    references::check(&mut resolver, &file);
    let update_domains = file.update_domains.given().map_or(UPDATE_DOMAINS, Spanned::into_inner);
    let roles = file.roles.into_iter().map(|role| resolver.role(role)).collect();
    let deployment =
        Deployment { source: source.clone(), machine: machine.clone(), name, update_domains, roles };
    (deployment, resolver.problems)
}

struct Resolver<'a> {
    machine: &'a Machine,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    /// What a path in the file means on the machine.
    fn path(&self, path: &str) -> PathBuf {
        self.machine.system.join(&self.machine.folder, path)
    }

    /// Whether the machine has native pipes and the service control manager.
    fn for_windows(&self) -> bool {
        self.machine.system == System::Windows
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn missing(&mut self, at: &Span, key: &str, what: &str, hint: &str) {
        self.report(Problem::at(at.clone(), format!("{what} has no `{key}`")).label("here").hint(hint));
    }

    fn deployment_name(&mut self, name: &Field<Text>) -> String {
        match name {
            Field::Given(text) => {
                self.name(text.as_str(), text.span(), "the deployment's name", names::DEPLOYMENT);
                text.as_str().to_owned()
            }
            Field::Absent => {
                self.report(
                    Problem::of_file("the deployment has no `name`")
                        .hint("add a line at the top, such as: name = \"ServiceDemo\""),
                );
                String::new()
            }
            Field::Bad => String::new(),
        }
    }

    fn name(&mut self, name: &str, span: Span, what: &str, rule: names::Rule) {
        if let Err(wrong) = rule.check(name) {
            self.report(Problem::at(span, format!("{what} {wrong}")).label("not a name").hint(rule.hint()));
        }
    }

    fn role(&mut self, mut role: parsed::Role) -> Role {
        self.name(role.name.get_ref(), role.name.span(), "a role's name", names::ROLE);
        self.does_something(&role);
        self.can_be_encrypted(&role);
        self.facts_differ(&role);
        self.ports_suffice(&role);
        let wanted = wanted_facts(&role);
        let (services, labels) = self.services(&mut role);
        // On Windows, the machine itself has what Wine stands in for.
        let in_wine = role.wine.is_some() && !self.for_windows();
        let role = Role {
            drain_timeout: role.drain_timeout.given().unwrap_or(DRAIN_TIMEOUT),
            settings: self.settings(role.settings),
            secret_spans: role.secrets.iter().map(|(_, path)| path.span()).collect(),
            secrets: self.secrets(role.secrets),
            on_settings_change: role.on_settings_change.given().unwrap_or_default(),
            local_storage: role.local_storage.into_iter().map(|each| self.local_storage(each)).collect(),
            health: role.health.and_then(|health| self.health(health)),
            content: self.content(role.content),
            limits: role.limits.map(own::limits).unwrap_or_default(),
            instances: role.instances.given().map_or(1, Spanned::into_inner),
            user_span: role.user.as_given().map(Text::span),
            variables_read: role.variables_read,
            user: self.nonempty(role.user, "user"),
            accounts_span: role.accounts.as_given().map(Text::span),
            accounts: self.nonempty(role.accounts, "accounts").map(|path| self.path(&path)),
            startup: role.startup.into_iter().filter_map(|task| self.task(task, in_wine)).collect(),
            services,
            wine: role.wine.filter(|_| in_wine).map(|wine| self.wine(wine)),
            pipes: role.pipes.into_iter().map(|pipe| self.pipe(pipe, &labels, in_wine)).collect(),
            endpoints: role.endpoints.into_iter().filter_map(|endpoint| self.endpoint(endpoint)).collect(),
            calls: role.calls.into_iter().filter_map(|call| self.call(call)).collect(),
            span: role.name.span(),
            name: role.name.into_inner(),
        };
        self.facts_are_there(&role, &wanted);
        role
    }

    /// Where each instance has the port of its number, there is one for each.
    fn ports_suffice(&mut self, role: &parsed::Role) {
        let instances = role.instances.as_given().map_or(1, |instances| *instances.get_ref());
        for endpoint in &role.endpoints {
            let Field::Given(ports) = &endpoint.port else { continue };
            let Ports::Range(first, last) = *ports.get_ref() else { continue };
            let count = u32::from(last - first) + 1;
            if endpoint.port_choice.as_given() == Some(&PortChoice::Instance) && count < instances {
                self.report(
                    Problem::at(
                        ports.span(),
                        format!("{instances} instances need as many ports, and these are {count}"),
                    )
                    .hint(format!(
                        "make the range longer: port = \"{first}-{}\"",
                        u32::from(first) + instances - 1
                    )),
                );
            }
        }
    }

    /// A pipe for encrypted requests only on an endpoint that encrypts nothing can be opened by nobody.
    fn can_be_encrypted(&mut self, role: &parsed::Role) {
        let off =
            role.endpoints.iter().find(|endpoint| endpoint.encryption.as_given() == Some(&Encryption::Off));
        let required =
            role.pipes.iter().find(|pipe| pipe.encryption.as_given() == Some(&PipeEncryption::Required));
        if let (Some(endpoint), Some(pipe)) = (off, required) {
            let (endpoint, name) = (endpoint.name.get_ref(), pipe.name.get_ref());
            self.report(
                Problem::at(
                    pipe.name.span(),
                    format!(
                        "nobody could open pipe `{name}` on endpoint `{endpoint}`, which encrypts nothing"
                    ),
                )
                .label("takes encrypted requests only")
                .hint(format!("take `encryption = \"off\"` from endpoint `{endpoint}`")),
            );
        }
    }

    /// A role whose parts do not lead anywhere is a mistake that is cheap to find here and dear to find
    /// later.
    fn does_something(&mut self, role: &parsed::Role) {
        let speaks = |wanted: Protocol| {
            role.endpoints.iter().any(|endpoint| match endpoint.protocol {
                Field::Given(protocol) => protocol == wanted,
                Field::Bad | Field::Absent => true,
            })
        };
        let name = role.name.get_ref();
        let at = role.name.span();
        if role.service.is_none()
            && role.services.is_empty()
            && role.pipes.is_empty()
            && role.endpoints.is_empty()
            && role.calls.is_empty()
        {
            self.report(
                Problem::at(at, format!("role `{name}` does nothing"))
                    .label("no service, pipe, endpoint or call")
                    .hint(
                        "give it a service or a pipe to serve, or calls and an http endpoint for a web role",
                    ),
            );
            return;
        }
        let mut lack = |here: Option<Span>, message: String, hint: &str| {
            if let Some(here) = here {
                self.report(Problem::at(here, message).hint(hint));
            }
        };
        if !speaks(Protocol::Smb) {
            lack(
                role.pipes.first().map(|pipe| pipe.name.span()),
                format!("role `{name}` has a pipe but no endpoint to serve it on"),
                "add an endpoint with protocol = \"smb\" and a port",
            );
        }
        if !speaks(Protocol::Http) {
            lack(
                role.calls.first().map(|call| call.name.span()),
                format!("role `{name}` has a call but no page to make it from"),
                "add an endpoint with protocol = \"http\" and a port",
            );
        }
        let first = |wanted: Protocol| {
            let given = |endpoint: &&parsed::Endpoint| endpoint.protocol.as_given() == Some(&wanted);
            role.endpoints.iter().find(given).map(|endpoint| endpoint.name.span())
        };
        if role.service.is_none() && role.services.is_empty() {
            lack(
                first(Protocol::Tcp).or_else(|| first(Protocol::Udp)),
                format!("role `{name}` has an endpoint of its service, and no service"),
                "add [roles.….service] with a command",
            );
        }
        if role.pipes.is_empty() {
            lack(
                first(Protocol::Smb),
                format!("role `{name}` has an smb endpoint but no pipe to serve there"),
                "add [roles.….pipes.NAME] with the pipe's sddl",
            );
        }
        if role.calls.is_empty() {
            lack(
                first(Protocol::Http),
                format!("role `{name}` has an http endpoint but nothing to call"),
                "add [roles.….calls.NAME] with target = \"Role/Endpoint\"",
            );
        }
    }

    fn nonempty(&mut self, field: Field<Text>, key: &str) -> Option<String> {
        let text = field.given()?;
        if text.as_str().trim().is_empty() || text.as_str().contains('\0') {
            self.report(Problem::at(text.span(), format!("`{key}` is empty or holds a NUL")));
            return None;
        }
        Some(text.as_str().to_owned())
    }

    fn content(&mut self, paths: Field<Vec<Text>>) -> Vec<Content> {
        let mut content = Vec::new();
        for text in paths.given().unwrap_or_default() {
            let path = text.as_str();
            if path.trim().is_empty() || path.contains('\0') {
                self.report(Problem::at(text.span(), "`content` has an empty path, or one with a NUL"));
                continue;
            }
            content.push(Content { path: path.to_owned(), span: text.span() });
        }
        content
    }

    fn command(&self, words: &[Text]) -> Option<Command> {
        let (program, arguments) = words.split_first()?;
        let name = program.as_str();
        let is_path = self.machine.system.is_path(name);
        Some(Command {
            program: if is_path { Program::Path(self.path(name)) } else { Program::Name(name.to_owned()) },
            arguments: arguments.iter().map(|word| word.as_str().to_owned()).collect(),
            span: program.span(),
        })
    }

    fn task(&mut self, task: parsed::Task, in_wine: bool) -> Option<StartupTask> {
        if task.command.is_absent() {
            self.missing(
                &task.at,
                "command",
                "this startup task",
                "add one, such as: command = [\"program\", \"argument\"]",
            );
        }
        let kind = task.kind.given().unwrap_or(TaskKind::Simple);
        if kind != TaskKind::Simple && !task.timeout.is_absent() {
            self.report(
                Problem::at(task.at.clone(), "only a simple startup task can have a `timeout`")
                    .hint("take the timeout out, or make the task type = \"simple\""),
            );
        }
        if kind != TaskKind::Simple && !task.once.is_absent() {
            self.report(
                Problem::at(task.at.clone(), "only a simple startup task can have `once`")
                    .hint("take it out, or make the task type = \"simple\""),
            );
        }
        let command = self.command(&task.command.given()?)?;
        Some(StartupTask {
            in_wine: in_wine && is_of_windows(&command.program),
            command,
            kind,
            is_said_to_be_limited: task.elevated.as_given() == Some(&false),
            elevated: task.elevated.given().unwrap_or(false),
            timeout: task.timeout.given(),
            once: self.nonempty(task.once, "once"),
            environment: variables(task.environment),
            environment_from: variables(task.environment_from),
        })
    }

    fn pipe(&mut self, pipe: parsed::Pipe, services: &[Option<String>], in_wine: bool) -> Pipe {
        let name = pipe.name.get_ref();
        if let Err(error) = name.parse::<PipeName>() {
            let problem =
                Problem::at(pipe.name.span(), "a pipe's name cannot be used").label(error.to_string());
            self.report(problem.hint("use letters, digits and punctuation, as in \"simple\""));
        }
        let is_native = self.is_native(&pipe, in_wine);
        if pipe.sddl.is_absent() && !is_native {
            self.missing(
                &pipe.name.span(),
                "sddl",
                &format!("pipe `{name}`"),
                "say who may open it, such as: sddl = \"D:(A;;GRGW;;;AU)\" for every account that can log on",
            );
        }
        let descriptor = pipe.sddl.as_given().and_then(|text| self.descriptor(text));
        let (backend, mode) = self.backend(&pipe, in_wine);
        let service = self.service_of(&pipe, services);
        let limit = pipe.max_instances.given().map(Spanned::into_inner);
        Pipe {
            descriptor,
            mode,
            max_instances: match &backend {
                Backend::Command(_) => Some(limit.unwrap_or(MOST_COMMANDS)),
                _ => limit,
            },
            backend,
            service,
            encryption: pipe.encryption.given().unwrap_or(PipeEncryption::Offered),
            tells_caller: pipe.caller.given().unwrap_or(false),
            connect_timeout: pipe.connect_timeout.given(),
            descriptor_span: pipe.sddl.as_given().map_or_else(|| pipe.name.span(), Text::span),
            backend_span: pipe.backend.as_given().map_or_else(|| pipe.name.span(), Text::span),
            name: pipe.name.into_inner(),
        }
    }

    fn descriptor(&mut self, text: &Text) -> Option<SecurityDescriptor> {
        match text.as_str().parse::<SecurityDescriptor>() {
            Ok(descriptor) if descriptor.dacl().is_none() => {
                self.report(
                    Problem::at(text.span(), "`sddl` has no DACL, which would let everybody in")
                        .label("no `D:` part")
                        .hint("say who may open the pipe; D:(A;;GA;;;WD) if you do mean everybody who can log on"),
                );
                None
            }
            Ok(descriptor) => Some(descriptor),
            Err(error) => {
                let start = error.offset().min(text.as_str().len());
                let rest = text.as_str().get(start..).unwrap_or_default();
                let length = rest.find([';', '(', ')']).filter(|length| *length > 0);
                let end = start + length.unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8));
                self.report(
                    Problem::at(text.part(start..end), "`sddl` is not a security descriptor")
                        .label(error.to_string())
                        .hint("`standpipe sddl explain` says what a descriptor means"),
                );
                None
            }
        }
    }
}

/// Whether a program is one that only Windows, or Wine, can run.
fn is_of_windows(program: &Program) -> bool {
    let name = program.as_os_str().to_string_lossy().to_lowercase();
    [".exe", ".cmd", ".bat", ".msi"].iter().any(|ending| name.ends_with(ending))
}

/// The variables that processes of the role get from others.
fn wanted_facts(role: &parsed::Role) -> Vec<own::Wanted> {
    let of_tasks = role.startup.iter().flat_map(|task| &task.environment_from);
    let of_services = role.service.iter().chain(&role.services).flat_map(|service| &service.environment_from);
    of_tasks.chain(of_services).cloned().collect()
}

fn variables(variables: Vec<(Spanned<String>, Text)>) -> Vec<(String, String)> {
    variables.into_iter().map(|(name, value)| (name.into_inner(), value.as_str().to_owned())).collect()
}

#[cfg(test)]
mod tests;
