//! The program of a role, and what it runs with.

use super::Mapper;
use crate::command_line;
use crate::document::Element;
use crate::outline::{Table, Value};
use crate::xpath::{self, Wanted};

/// IIS, by its name in the service control manager.
const IIS: &str = "W3SVC";

impl Mapper<'_> {
    /// The table of the role's service, and of Wine where it is needed.
    pub(super) fn service(&mut self, index: usize, role_table: &mut Table) {
        let role = self.roles[index].element;
        let name = self.roles[index].name.clone();
        let key = |rest: &str| format!("roles.{name}.{rest}");
        let mut environment = Vec::new();
        for runtime in role.all("Runtime") {
            self.ledger.read(runtime.id);
            self.rights(runtime, &key("user"), role_table);
            environment.extend(self.variables(index, runtime, &key("service.environment")));
        }
        let program = role.within("Runtime", "EntryPoint").find_map(|entry| entry.child("ProgramEntryPoint"));
        let mut table = Table::new(&["roles", &name, "service"]);
        let has_page = !self.roles[index].calls.is_empty();
        let is_there = if let Some(program) = program {
            self.program(index, program, &mut table);
            true
        } else if has_page && !self.options.services.contains_key(self.roles[index].label) {
            // Standpipe's own page takes the place of the site.
            false
        } else {
            self.service_by_name(index, &mut table);
            true
        };
        self.entry_points(index);
        let environment = without_doubles(environment);
        if !environment.is_empty() {
            if is_there {
                table.set("environment", Value::Variables(environment));
            } else {
                role_table.decide(format!(
                    "the role has no program here that could get its variables: {}.",
                    environment.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
                ));
            }
        }
        let needs_wine = is_there && table.keys.iter().all(|key| key.name != "command") && !is_iis(&table);
        if is_there {
            self.tables.push(table);
        }
        if self.for_windows() && (needs_wine || self.has_windows_tasks(index) && !self.is_iis_role(index)) {
            let mut wine = Table::new(&["roles", &name, "wine"]);
            wine.note("On Linux, the role's programs run in Wine. On Windows, this table has no meaning.");
            self.tables.push(wine);
        }
    }

    /// Whether the role is one whose sites IIS runs.
    fn is_iis_role(&self, index: usize) -> bool {
        let facts = &self.roles[index];
        facts.is_web && facts.calls.is_empty() && !self.options.services.contains_key(facts.label)
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
        } else if self.for_windows() {
            self.ledger.decide(line.id, to, "on Linux, the program needs Wine: put \"wine\" before it");
            table.set("command", Value::Texts(words)).decide("on Linux, put \"wine\" before the program.");
        } else {
            self.ledger.decide(line.id, to, "name the program for Linux that takes its place");
            let text = format!("name the program for Linux that takes the place of {}.", line.value.trim());
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
    pub(super) fn variables(&mut self, index: usize, element: &Element, to: &str) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for environment in element.all("Environment") {
            self.ledger.read(environment.id);
            for variable in environment.all("Variable") {
                self.ledger.read(variable.id);
                let Some(name) = variable.attribute("name") else { continue };
                let key = format!("{to}.{}", name.value.trim());
                if let Some(value) = self.variable(index, variable, &key) {
                    self.ledger.mapped(name.id, key);
                    variables.push((name.value.trim().to_owned(), value));
                } else {
                    self.ledger.read(name.id);
                }
            }
        }
        variables
    }

    /// The value of a variable, if it can be written down.
    fn variable(&mut self, index: usize, variable: &Element, key: &str) -> Option<String> {
        if let Some(value) = variable.attribute("value") {
            for other in variable.all("RoleInstanceValue") {
                self.ledger.left_out_whole(other, "the variable has a `value`, which counts");
            }
            if crate::script::may_hold_secret(variable.label()) && !value.value.trim().is_empty() {
                let instead = "its name says that it is a secret, which is not copied: give it to Standpipe's own \
                               environment, which reaches the service";
                self.ledger.left_out(value.id, instead);
                return None;
            }
            self.ledger.mapped(value.id, key);
            return Some(value.value.clone());
        }
        let asked = variable.child("RoleInstanceValue")?;
        self.ledger.read(asked.id);
        let path = asked.attribute("xpath")?;
        match self.instance_value(index, &path.value) {
            Ok(value) => {
                self.ledger.mapped_with(
                    path.id,
                    key,
                    "as the configuration says; Azure found it at run time",
                );
                Some(value)
            }
            Err(instead) => {
                self.ledger.left_out(path.id, instead);
                None
            }
        }
    }

    /// What an expression stands for, where that is the same for all instances; otherwise what to do instead.
    fn instance_value(&self, index: usize, path: &str) -> Result<String, String> {
        let facts = &self.roles[index];
        let wanted =
            xpath::parse(path).ok_or("no expression that Azure documents; set the variable by hand")?;
        match wanted {
            Wanted::Emulated => Ok("false".to_owned()),
            Wanted::RoleName => Ok(facts.name.clone()),
            Wanted::Setting(name) => {
                let setting = self.chosen.as_ref().and_then(|chosen| chosen.setting(facts.label, &name));
                let value =
                    setting.and_then(|setting| setting.attribute("value")).map(|value| value.value.clone());
                let value = value.ok_or("no configuration has this setting; set the variable by hand")?;
                if crate::script::may_hold_secret(&name) || crate::script::may_hold_secret(&value) {
                    return Err("the setting looks like a secret, which is not copied".to_owned());
                }
                Ok(value)
            }
            Wanted::InstanceId => {
                Err("STANDPIPE_INSTANCE has the instance's number, STANDPIPE_ROLE its role".into())
            }
            Wanted::DeploymentId => Err("STANDPIPE_DEPLOYMENT has the deployment's name".into()),
            Wanted::UpdateDomain | Wanted::FaultDomain => {
                Err("there are no such domains; STANDPIPE_INSTANCE has the instance's number".into())
            }
            Wanted::LocalResource(..) => Err("name a folder by hand".into()),
            Wanted::Endpoint(name, attribute) => self.endpoint_value(index, &name, &attribute),
        }
    }
}

fn is_iis(table: &Table) -> bool {
    table.keys.iter().any(|key| matches!(&key.value, Value::Text(name) if name == IIS))
}

/// The last value of each name; Windows compares names without regard to case, the file does not.
pub(super) fn without_doubles(variables: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = Vec::new();
    for (name, value) in variables {
        match kept.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => kept.push((name, value)),
        }
    }
    kept
}
