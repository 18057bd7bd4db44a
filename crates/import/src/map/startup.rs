//! Startup tasks.

use super::Mapper;
use crate::command_line::CommandLine;
use crate::document::Element;
use crate::outline::{Table, Value};
use crate::report::Outcome;
use crate::script::{Does, Line, may_hold_secret};

/// The account of the story, for a role whose batch files are not at hand.
pub(super) const USER_PLACEHOLDER: &str = "serviceUser";

/// Programs that Windows itself has.
const OF_SYSTEM: [&str; 24] = [
    "appcmd",
    "cacls",
    "cmd",
    "cscript",
    "dism",
    "icacls",
    "msiexec",
    "net",
    "netsh",
    "pkgmgr",
    "powershell",
    "pwsh",
    "reg",
    "regedit",
    "regsvr32",
    "robocopy",
    "rundll32",
    "sc",
    "schtasks",
    "servermanagercmd",
    "setx",
    "wscript",
    "wusa",
    "xcopy",
];

/// Files that a word of a command names when it ends like one of these.
const OF_FILES: [&str; 10] = [".exe", ".cmd", ".bat", ".msi", ".ps1", ".vbs", ".js", ".reg", ".msu", ".dll"];

impl Mapper<'_> {
    /// The tables of the role's startup tasks.
    pub(super) fn startup(&mut self, index: usize, role_table: &mut Table) {
        let role = self.roles[index].element;
        if self.roles[index].serves() {
            self.accounts(index);
        }
        for startup in role.all("Startup") {
            self.ledger.read(startup.id);
            if let Some(priority) = startup.attribute("priority") {
                self.ledger.left_out(priority.id, "tasks run in the order of the file");
            }
        }
        let mut number = usize::from(self.roles[index].serves()) * self.accounts_of(index).len();
        for task in 0..self.roles[index].tasks.len() {
            if let Some(table) = self.task(index, task, number, role_table) {
                self.tables.push(table);
                number += 1;
            }
        }
    }

    /// The accounts that may call the role's pipe, each with whether it is an administrator's.
    pub(super) fn accounts_of(&self, index: usize) -> Vec<(String, bool)> {
        let users = self.roles[index].users();
        if users.is_empty() { vec![(USER_PLACEHOLDER.to_owned(), false)] } else { users }
    }

    /// The tasks that make the accounts with which the pipe is called.
    fn accounts(&mut self, index: usize) {
        let name = self.roles[index].name.clone();
        let is_known = !self.roles[index].users().is_empty();
        for (user, is_administrator) in self.accounts_of(index) {
            let secret = format!("secrets/{user}");
            let mut table = Table::item(&["roles", &name, "startup"]);
            table.note(
                "The account that callers of the pipe log on with. The task changes nothing the second time.",
            );
            if !is_known {
                table.decide("the name of the account: no batch file was found that makes it.");
            }
            let mut words: Vec<String> = ["standpipe", "account", "add"].map(str::to_owned).to_vec();
            words.extend([user, "--password-file".to_owned(), secret.clone()]);
            if is_administrator {
                words.extend(["--groups".to_owned(), "Administrators".to_owned()]);
            }
            table.set("command", Value::Texts(words));
            table.set("elevated", Value::Flag(true));
            self.tables.push(table);
            if !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
    }

    /// The table of a task, unless nothing of it is left.
    fn task(&mut self, index: usize, task: usize, number: usize, role_table: &mut Table) -> Option<Table> {
        let facts = &self.roles[index];
        let (role, is_web) = (facts.name.clone(), facts.is_web);
        let element = facts.tasks[task].element;
        let command = facts.tasks[task].command.clone();
        let script = facts.tasks[task].script.clone();
        let to = format!("roles.{role}.startup[{number}]");
        let is_of_windows = command.words.first().is_some_and(|word| is_windows_program(word));
        let left = script.as_ref().map(|(_, lines)| self.left_to_do(lines));
        if left.as_ref().is_some_and(Vec::is_empty) {
            self.replaced(index, element, script.as_ref());
            return None;
        }
        if is_of_windows && !self.for_windows() || command.words.is_empty() {
            self.not_for_linux(element, &command, left.as_deref(), role_table);
            return None;
        }
        let mut table = Table::item(&["roles", &role, "startup"]);
        let words = self.words(index, &command);
        let line = element.attribute("commandLine")?;
        if may_hold_secret(&line.value) {
            table.decide(
                "the command may hold a secret: keep this file private, or move the secret to a file.",
            );
            self.ledger.decide(line.id, format!("{to}.command"), "the command may hold a secret");
        }
        if let Some(shell) = &command.shell {
            table.note(format!("Left out, as no shell reads the command; what it writes is logged: {shell}"));
        }
        if line.value.contains('%') {
            table.decide("nothing replaces %VARIABLES% in a command, here as in Azure.");
            self.ledger.decide(
                line.id,
                format!("{to}.command"),
                "nothing replaces %VARIABLES%, here as in Azure",
            );
        }
        if !is_of_windows && !self.for_windows() {
            table.decide("is this a program of Linux?");
            self.ledger.decide(line.id, format!("{to}.command"), "is this a program of Linux?");
        }
        let folder = if is_web { format!("{role}/bin") } else { role.clone() };
        self.ledger.mapped_with(
            line.id,
            format!("{to}.command"),
            format!("it starts in the deployment's folder, where Azure started it in {folder}"),
        );
        self.ledger.mapped(element.id, to.clone());
        table.set("command", Value::Texts(words));
        self.kind(element, &to, &mut table);
        self.variables(index, element, &to).write(&mut table);
        Some(table)
    }

    /// How a task relates to the role, and its rights.
    fn kind(&mut self, element: &Element, to: &str, table: &mut Table) {
        if let Some(kind) = element.attribute("taskType") {
            let word = kind.value.trim().to_lowercase();
            if matches!(word.as_str(), "background" | "foreground") {
                self.ledger.mapped(kind.id, format!("{to}.type"));
                table.text("type", word);
            } else if word == "simple" {
                self.ledger.mapped(kind.id, format!("{to}.type"));
            } else {
                self.ledger.left_out(kind.id, "no type of a task; the task is a simple one");
            }
        }
        if let Some(context) = element.attribute("executionContext") {
            self.ledger.mapped(context.id, format!("{to}.elevated"));
            if context.value.trim().eq_ignore_ascii_case("elevated") {
                table.set("elevated", Value::Flag(true));
            }
        }
    }

    /// The lines of a batch file that nothing here takes the place of.
    fn left_to_do<'l>(&self, lines: &'l [Line]) -> Vec<&'l Line> {
        let needed = |line: &&Line| match &line.does {
            Does::MakeUser(_) | Does::JoinGroup { .. } | Does::OpenFirewall => false,
            Does::InstallRuntime(_) | Does::InstallService { .. } | Does::StartService(_) => {
                self.for_windows()
            }
            Does::Other(_) => true,
        };
        lines.iter().filter(needed).collect()
    }

    /// A task of which everything is done in another way.
    fn replaced(&mut self, index: usize, element: &Element, script: Option<&(String, Vec<Line>)>) {
        let lines = script.map_or(&[][..], |(_, lines)| lines);
        let serves = self.roles[index].serves();
        let done: Vec<String> = lines.iter().map(|line| replacement(line, serves)).collect();
        let note = if done.is_empty() { "it does nothing".to_owned() } else { done.join("; ") };
        let to = if serves { self.roles[index].key("startup[0]") } else { self.roles[index].key("calls") };
        self.ledger.mapped_with(element.id, to, note);
        self.ledger.within(element, Outcome::Mapped);
    }

    /// A task that only Windows can run.
    fn not_for_linux(
        &mut self,
        element: &Element,
        command: &CommandLine,
        left: Option<&[&Line]>,
        role_table: &mut Table,
    ) {
        let line = element.value("commandLine").unwrap_or_default();
        let shown = if may_hold_secret(line) { "a command that may hold a secret" } else { line };
        let mut note = format!("only Windows can run it: {shown}");
        match left {
            Some(lines) => {
                let lines: Vec<String> = lines.iter().map(|line| describe(line)).collect();
                note = format!("{note}. What nothing here does yet: {}", lines.join("; "));
            }
            None if command.words.iter().any(|word| super::roles::is_batch(word)) => {
                note.push_str(". The batch file was not found beside the definition; `--package` takes it from the package");
            }
            None => {}
        }
        let element_note = format!("{note}; write a task for Linux, or import for Windows");
        self.ledger.left_out_whole(element, element_note);
        let kind = element.value("taskType").unwrap_or("simple");
        let context = element.value("executionContext").unwrap_or("limited");
        role_table.decide(format!("a startup task ({kind}, {context}) was left out, as {note}."));
    }

    /// Whether the role has startup tasks that only Windows can run, and that are kept.
    pub(super) fn has_windows_tasks(&self, index: usize) -> bool {
        let tasks = &self.roles[index].tasks;
        tasks.iter().any(|task| {
            let is_done = task.script.as_ref().is_some_and(|(_, lines)| self.left_to_do(lines).is_empty());
            !is_done && task.command.words.first().is_some_and(|word| is_windows_program(word))
        })
    }

    /// The words of a command with paths as they are beside the deployment file.
    pub(super) fn words(&mut self, index: usize, command: &CommandLine) -> Vec<String> {
        let mut words = Vec::new();
        for (place, word) in command.words.iter().enumerate() {
            let lower = word.to_lowercase();
            let stem = lower.strip_suffix(".exe").unwrap_or(&lower);
            let word = if place == 0 && OF_SYSTEM.contains(&stem) {
                format!("{}.exe", word.strip_suffix(".exe").unwrap_or(word))
            } else if place == 0 || is_relative_file(&lower) {
                self.path_of(index, word)
            } else {
                word.clone()
            };
            words.push(word);
        }
        words
    }

    /// Where a file of the role is, seen from the deployment file.
    fn path_of(&mut self, index: usize, word: &str) -> String {
        if is_absolute(word) {
            return word.to_owned();
        }
        let facts = &self.roles[index];
        let (label, name) = (facts.label.to_owned(), facts.name.clone());
        let below = word.replace('\\', "/");
        if !self.folders.iter().any(|(_, folder)| *folder == name) {
            self.folders.push((label.clone(), name.clone()));
        }
        let start = if facts.is_web { format!("{name}/bin") } else { name };
        if let Some((found, _)) = self.options.content.find(&label, &below) {
            return format!("{start}/{found}");
        }
        let mut parts: Vec<&str> = start.split('/').collect();
        for part in below.split('/') {
            match part {
                "" | "." => {}
                ".." if parts.len() > 1 => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}

/// Whether a word of a command names a file of the role.
fn is_relative_file(lower: &str) -> bool {
    OF_FILES.iter().any(|ending| lower.ends_with(ending))
        && !is_absolute(lower)
        && !lower.starts_with(['-', '/'])
        && !lower.contains(['%', '$', '=', ' '])
}

/// Whether a path begins at a drive, at a root or with a variable.
fn is_absolute(path: &str) -> bool {
    path.starts_with(['\\', '/', '%', '$']) || path.get(1..2) == Some(":")
}

fn is_windows_program(word: &str) -> bool {
    let lower = word.to_lowercase();
    let name = lower.rsplit(['\\', '/']).next().unwrap_or_default();
    let stem = name.strip_suffix(".exe").unwrap_or(name);
    OF_SYSTEM.contains(&stem)
        || word.contains('\\')
        || [".exe", ".cmd", ".bat", ".msi", ".ps1", ".vbs"].iter().any(|ending| name.ends_with(ending))
}

/// What takes the place of a line of a batch file.
fn replacement(line: &Line, serves: bool) -> String {
    let number = line.number;
    match &line.does {
        Does::MakeUser(user) if serves => {
            format!("line {number} makes {user}: a startup task makes the account")
        }
        Does::MakeUser(user) => format!("line {number} makes {user}: callers log on with the password alone"),
        Does::JoinGroup { user, group } => {
            format!("line {number} adds {user} to {group}: see `--groups` of the account")
        }
        Does::InstallRuntime(name) => {
            format!("line {number} runs {name}: a program of Linux needs no runtime of Windows")
        }
        Does::InstallService { .. } => {
            format!("line {number} installs the service: Standpipe starts `service` itself")
        }
        Does::StartService(name) => format!("line {number} starts {name}: Standpipe starts `service` itself"),
        Does::OpenFirewall => format!("line {number} opens the firewall: a container has none of its own"),
        Does::Other(_) => describe(line),
    }
}

fn describe(line: &Line) -> String {
    match &line.does {
        Does::Other(text) if text.is_empty() => format!("line {}, which may hold a secret", line.number),
        Does::Other(text) => format!("line {}: {text}", line.number),
        _ => format!("line {}", line.number),
    }
}
