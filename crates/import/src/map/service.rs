//! The program of a role, and what it runs with.

use standpipe_deployment::facts;

use super::Mapper;
use crate::command_line;
use crate::document::{Element, Id};
use crate::outline::{Table, Value};
use crate::script::may_hold_secret;
use crate::xpath::{self, Wanted};

/// IIS, by its name in the service control manager.
const IIS: &str = "W3SVC";

impl Mapper<'_> {
    /// The table of the role's service, and of Wine where it is needed.
    pub(super) fn service(&mut self, index: usize, role_table: &mut Table) {
        let role = self.roles[index].element;
        let name = self.roles[index].name.clone();
        let key = |rest: &str| format!("roles.{name}.{rest}");
        let mut environment = Variables::default();
        for runtime in role.all("Runtime") {
            self.ledger.read(runtime.id);
            self.rights(runtime, &key("user"), role_table);
            environment.extend(self.variables(index, runtime, &key("service")));
        }
        let program = role.within("Runtime", "EntryPoint").find_map(|entry| entry.child("ProgramEntryPoint"));
        let mut table = Table::new(&["roles", &name, "service"]);
        let has_service = self.has_service(index);
        let is_there = if let Some(program) = program {
            self.program(index, program, &mut table);
            true
        } else if has_service {
            self.service_by_name(index, &mut table);
            true
        } else {
            false
        };
        self.entry_points(index);
        if is_there {
            environment.write(&mut table);
        } else if !environment.names().is_empty() {
            role_table.decide(format!(
                "the role has no program here that could get its variables: {}.",
                environment.names().join(", ")
            ));
        }
        let is_of_manager = is_there && table.keys.iter().all(|key| key.name != "command");
        let is_iis = is_there && is_iis(&table);
        let needs_wine = is_of_manager || self.roles[index].serves() || self.has_windows_tasks(index);
        if is_there {
            self.tables.push(table);
        }
        if self.for_windows() && needs_wine && !is_iis {
            let mut wine = Table::new(&["roles", &name, "wine"]);
            wine.note("On Linux, the role's programs run in Wine. On Windows, this table has no meaning.");
            self.tables.push(wine);
        }
    }

    /// Whether the role has a service. Where Standpipe's own page takes the place of the site, it has none.
    pub(super) fn has_service(&self, index: usize) -> bool {
        let facts = &self.roles[index];
        let has_program = facts
            .element
            .within("Runtime", "EntryPoint")
            .any(|entry| entry.child("ProgramEntryPoint").is_some());
        has_program || facts.calls.is_empty() || self.options.services.contains_key(facts.label)
    }

    fn rights(&mut self, runtime: &Element, user: &str, role_table: &mut Table) {
        let Some(context) = runtime.attribute("executionContext") else { return };
        if context.value.trim().eq_ignore_ascii_case("elevated") {
            self.ledger.mapped_with(
                context.id,
                user,
                "elevated: without `user`, the service has Standpipe's own rights",
            );
            role_table
                .note("Elevated in Azure: the service has Standpipe's own rights, as there is no `user`.");
        } else {
            self.ledger.mapped_with(
                context.id,
                user,
                "limited: run Standpipe itself without rights, or name a `user` without them",
            );
        }
    }

    /// A program that Azure started itself.
    fn program(&mut self, index: usize, program: &Element, table: &mut Table) {
        let name = self.roles[index].name.clone();
        let Some(line) = program.attribute("commandLine") else { return };
        let command = command_line::split(&line.value);
        let to = format!("roles.{name}.service.command");
        let words = self.words(index, &command);
        if let Some(given) =
            self.options.services.get(self.roles[index].label).filter(|_| !self.for_windows())
        {
            self.ledger.mapped_with(line.id, to, "as `--service` says");
            table.set("command", Value::Texts(command_line::split(given).words));
        } else if self.for_windows() && !words.is_empty() {
            self.ledger.decide(line.id, to, "on Linux, the program needs Wine: put \"wine\" before it");
            table.set("command", Value::Texts(words)).decide("on Linux, put \"wine\" before the program.");
        } else {
            self.ledger.decide(line.id, to, "name the program that takes its place");
            let text = format!("name the program that takes the place of {}.", line.value.trim());
            table.set("command", Value::Texts(vec![format!("./{name}/service")])).decide(text);
        }
        if let Some(shell) = command.shell {
            table.note(format!("Left out, as no shell reads the command: {shell}"));
        }
    }

    /// A service whose name the definition does not say, as the role's code starts it.
    fn service_by_name(&mut self, index: usize, table: &mut Table) {
        let facts = &self.roles[index];
        let (name, element) = (facts.name.clone(), facts.element);
        let given = self.options.services.get(facts.label).cloned();
        let guessed = facts.service_of_scripts().map(str::to_owned);
        let is_web = facts.is_web;
        let to = format!("roles.{name}.service");
        match (self.for_windows(), given) {
            (true, Some(given)) => {
                self.ledger.mapped(element.id, to + ".name");
                table.text("name", given);
            }
            (true, None) if is_web => {
                let note = "IIS runs the sites: Standpipe watches its service. They must be set up in the image; on \
                            Linux there is no IIS";
                self.ledger.decide(element.id, to, note);
                table.decide(
                    "IIS runs the sites of the role, and Standpipe watches IIS. Set the sites up in the image. On \
                     Linux there is no IIS: port the site to ASP.NET Core, and import with `--platform linux`.",
                );
                table.text("name", IIS);
            }
            (true, None) => {
                let question = "which Windows service does the role's code start? Its name in the service control \
                                manager belongs here (`--service ROLE=NAME`)";
                self.ledger.decide(element.id, to + ".name", question);
                let value = guessed.unwrap_or_else(|| name.clone());
                table.text("name", value).decide(
                    "the name of the Windows service that the role's code starts, in the service control manager.",
                );
            }
            (false, Some(given)) => {
                self.ledger.mapped(element.id, to + ".command");
                table.text("name", guessed.unwrap_or(name));
                table.set("command", Value::Texts(command_line::split(&given).words));
            }
            (false, None) => {
                let question = "the program for Linux that takes the place of the role's code (`--service ROLE=COMMAND`)";
                self.ledger.decide(element.id, to + ".command", question);
                let question = "the program for Linux that takes the place of the role's code.";
                table.set("command", Value::Texts(vec![format!("./{name}/service")])).decide(question);
            }
        }
    }

    fn entry_points(&mut self, index: usize) {
        let role = self.roles[index].element;
        for entry in role.within("Runtime", "EntryPoint") {
            self.ledger.read(entry.id);
            for host in entry.all("NetFxEntryPoint") {
                let assembly = host.value("assemblyName").unwrap_or("the assembly").to_owned();
                self.ledger.left_out_whole(
                    host,
                    format!(
                        "{assembly} is a library that Azure's own host runs, by the methods of RoleEntryPoint. Standpipe \
                         does what most of them do: it starts a service, watches it, and gives up. Make a console program \
                         or a service of other code, and name it in `service`"
                    ),
                );
            }
            for program in entry.all("ProgramEntryPoint") {
                self.ledger.read(program.id);
                if let Some(ready) = program.attribute("setReadyOnProcessStart") {
                    let note = "ready as soon as the process is there, and its pipes accept";
                    self.ledger.mapped_with(ready.id, self.roles[index].key("service.command"), note);
                }
            }
        }
    }

    /// The variables of a task or of the runtime.
    pub(super) fn variables(&mut self, index: usize, element: &Element, to: &str) -> Variables {
        let mut variables = Variables::default();
        for environment in element.all("Environment") {
            self.ledger.read(environment.id);
            for variable in environment.all("Variable") {
                self.ledger.read(variable.id);
                let Some(name) = variable.attribute("name") else { continue };
                self.ledger.read(name.id);
                match self.variable(index, variable) {
                    Some(Given::Value(id, value)) => {
                        self.ledger.mapped(id, format!("{to}.environment.{}", name.value.trim()));
                        variables.set(name.value.trim(), value);
                    }
                    Some(Given::From(id, fact)) => {
                        self.ledger.mapped(id, format!("{to}.environment-from.{}", name.value.trim()));
                        variables.set_from(name.value.trim(), fact);
                    }
                    None => {}
                }
            }
        }
        variables
    }

    /// What a variable gets, if it can be written down.
    fn variable(&mut self, index: usize, variable: &Element) -> Option<Given> {
        if let Some(value) = variable.attribute("value") {
            for other in variable.all("RoleInstanceValue") {
                self.ledger.left_out_whole(other, "the variable has a `value`, which counts");
            }
            let is_secret = may_hold_secret(variable.label()) || may_hold_secret(&value.value);
            if is_secret && !value.value.trim().is_empty() {
                let instead = "it looks like a secret, which is not copied: give it to Standpipe's own environment, \
                               which reaches the service";
                self.ledger.left_out(value.id, instead);
                return None;
            }
            return Some(Given::Value(value.id, value.value.replace('\0', "")));
        }
        let asked = variable.child("RoleInstanceValue")?;
        self.ledger.read(asked.id);
        let path = asked.attribute("xpath")?;
        match self.instance_value(index, &path.value) {
            Ok(Some(fact)) => Some(Given::From(path.id, fact)),
            Ok(None) => Some(Given::Value(path.id, "false".to_owned())),
            Err(instead) => {
                self.ledger.left_out(path.id, instead);
                None
            }
        }
    }

    /// The variable that has what an expression asks for; `None` for whether Azure is emulated, which it is
    /// not.
    fn instance_value(&self, index: usize, path: &str) -> Result<Option<String>, String> {
        let role = &self.roles[index];
        let wanted =
            xpath::parse(path).ok_or("no expression that Azure documents; set the variable by hand")?;
        let found = |list: &[(String, String)], name: &str| {
            list.iter().find(|(azure, _)| azure == name).map(|(_, here)| here.clone())
        };
        Ok(Some(match wanted {
            Wanted::Emulated => return Ok(None),
            Wanted::RoleName => facts::ROLE.to_owned(),
            Wanted::InstanceId => facts::INSTANCE_ID.to_owned(),
            Wanted::DeploymentId => facts::DEPLOYMENT_ID.to_owned(),
            // Instances of one update domain are what may fail together here.
            Wanted::UpdateDomain | Wanted::FaultDomain => facts::UPDATE_DOMAIN.to_owned(),
            Wanted::Setting(name) if role.settings.contains(&name) => facts::setting(&name),
            Wanted::Setting(_) => {
                return Err("the role has no such setting here; set the variable by hand".into());
            }
            Wanted::LocalResource(name, attribute) => {
                let name = found(&role.storage, &name).ok_or("the role has no such local storage")?;
                facts::local_storage(&name) + if attribute == "sizeInMB" { "_MIB" } else { "" }
            }
            Wanted::Endpoint(name, attribute) => {
                let name = found(&role.endpoint_names, &name).ok_or("the role has no such endpoint here")?;
                format!("{}_{}", facts::endpoint(&name), attribute.to_uppercase())
            }
        }))
    }
}

/// What a variable gets, with the place that says it.
enum Given {
    Value(Id, String),
    From(Id, String),
}

/// The variables of a process. The last one of a name counts.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: Vec<(String, String)>,
    from: Vec<(String, String)>,
}

impl Variables {
    fn forget(&mut self, name: &str) {
        self.values.retain(|(known, _)| known != name);
        self.from.retain(|(known, _)| known != name);
    }

    fn set(&mut self, name: &str, value: String) {
        self.forget(name);
        self.values.push((name.to_owned(), value));
    }

    fn set_from(&mut self, name: &str, fact: String) {
        self.forget(name);
        self.from.push((name.to_owned(), fact));
    }

    /// Adds those of another list, which count.
    fn extend(&mut self, others: Self) {
        for (name, value) in others.values {
            self.set(&name, value);
        }
        for (name, fact) in others.from {
            self.set_from(&name, fact);
        }
    }

    /// Puts them in a table.
    pub(super) fn write(self, table: &mut Table) {
        if !self.values.is_empty() {
            table.set("environment", Value::Variables(self.values));
        }
        if !self.from.is_empty() {
            table.set("environment-from", Value::Variables(self.from));
        }
    }

    fn names(&self) -> Vec<&str> {
        self.values.iter().chain(&self.from).map(|(name, _)| name.as_str()).collect()
    }
}

fn is_iis(table: &Table) -> bool {
    table.keys.iter().any(|key| matches!(&key.value, Value::Text(name) if name == IIS))
}
