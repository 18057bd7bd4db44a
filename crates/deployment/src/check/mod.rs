//! What the file cannot show by itself: the files it names, and this machine.

mod doubts;
mod ports;
mod shared;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use standpipe_accounts::AccountFile;
use standpipe_process::{SpawnError, program};
use standpipe_system::machine;
use standpipe_system::user::User;

use crate::definition::{
    Backend, Command, Deployment, PasswordSource, Program, Role, StartupTask, local_address,
};
use crate::file::{Problem, Span};
use crate::password::{Password, PasswordError};

/// Linux takes no argument of this many bytes: `MAX_ARG_STRLEN`, its final zero included.
const LONGEST_ARGUMENT: usize = 128 * 1024;

/// How far a check looks beyond the deployment file itself.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// At the files that the deployment file names: programs and where passwords are.
    Files,
    /// Also at this machine, for all instances that the local runtime would start: the passwords themselves,
    /// ports.
    Machine,
    /// At this machine for one instance.
    Instance {
        /// Its role; without it, that of the only one in the file.
        role: Option<&'a str>,
        /// Its number.
        number: u32,
        /// The address it will listen on.
        address: IpAddr,
    },
}

/// Everything that `look` finds wrong.
pub(crate) fn check(deployment: &Deployment, look: Look<'_>) -> Vec<Problem> {
    let roles: Vec<(&Role, Vec<(u32, IpAddr)>)> = match look {
        Look::Files => deployment.roles().iter().map(|role| (role, Vec::new())).collect(),
        Look::Machine => {
            let addresses =
                |role: &Role| (0..role.instances).map(|number| (number, local_address(number))).collect();
            deployment.roles().iter().map(|role| (role, addresses(role))).collect()
        }
        Look::Instance { role: Some(name), number, address } => {
            deployment.role(name).map(|role| (role, vec![(number, address)])).into_iter().collect()
        }
        Look::Instance { role: None, number, address } => match deployment.roles() {
            [role] => vec![(role, vec![(number, address)])],
            _ => Vec::new(),
        },
    };
    let mut checker = Checker {
        folder: deployment.folder(),
        here: !matches!(look, Look::Files),
        problems: Vec::new(),
        checked: HashSet::new(),
    };
    for (role, addresses) in roles {
        checker.role(role);
        // One instance alone may be in a container of its own, where nobody else has its addresses.
        if !matches!(look, Look::Instance { .. }) {
            checker.problems.extend(shared::addresses(role));
        }
        checker.ports(role, &addresses);
    }
    if matches!(look, Look::Machine) {
        checker.prefixes(deployment);
    }
    checker.problems
}

struct Checker<'a> {
    /// The folder of the deployment, in which its programs run.
    folder: &'a Path,
    /// Whether this is the machine that will run it.
    here: bool,
    problems: Vec<Problem>,
    /// Sockets tried already; a port used twice is reported by name elsewhere.
    checked: HashSet<(SocketAddr, bool)>,
}

impl Checker<'_> {
    fn role(&mut self, role: &Role) {
        for task in &role.startup {
            if task.in_wine {
                self.program_for_wine(&task.command);
            } else {
                self.program(&task.command);
            }
            if self.here {
                self.is_limited(role, task);
            }
        }
        for command in role.services.iter().filter_map(|service| service.command.as_ref()) {
            self.program(command);
        }
        if let Some(wine) = &role.wine
            && let Some(program) = &wine.program
        {
            self.program(&Command {
                program: program.clone(),
                arguments: Vec::new(),
                span: wine.span.clone(),
            });
        }
        for pipe in &role.pipes {
            if let Backend::Command(serving) = &pipe.backend {
                self.program(&serving.command);
            }
        }
        if self.here {
            self.accounts(role);
            self.user(role);
            self.secrets(role);
            self.folders(role);
        }
        for call in &role.calls {
            self.password(&call.password, &call.password_span);
        }
    }

    /// On Unix a task has fewer rights than Standpipe by running as another user, and in no other way.
    fn is_limited(&mut self, role: &Role, task: &StartupTask) {
        let is_root = cfg!(unix) && User::own().is_administrator();
        if task.is_said_to_be_limited && role.user.is_none() && is_root {
            let role = &role.name;
            self.problems.push(
                Problem::at(task.command.span.clone(), "this startup task would have the rights of root")
                    .label("said not to be `elevated`, and Standpipe runs as root here")
                    .hint(format!(
                        "say which user it runs as: user = \"NAME\" in [roles.{role}]; or make it elevated = true"
                    )),
            );
        }
    }

    /// An accounts file that cannot be used lets nobody in, which the first client would find out.
    fn accounts(&mut self, role: &Role) {
        let (Some(path), Some(span)) = (&role.accounts, &role.accounts_span) else { return };
        let problem = match AccountFile::open(path) {
            Err(error) => {
                let problem = Problem::at(span.clone(), error.to_string()).temporary(is_exhausted(&error));
                let problem = match error.hint() {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                };
                match std::error::Error::source(&error) {
                    Some(source) => problem.label(source.to_string()),
                    None => problem,
                }
            }
            // A task may make it.
            Ok(_) if role.startup.is_empty() && !path.exists() => {
                Problem::at(span.clone(), format!("there is no accounts file {}", path.display()))
                    .label("nobody could log on")
                    .hint(format!("make it: standpipe account add NAME --file {}", path.display()))
            }
            Ok(_) => return,
        };
        self.problems.push(problem);
    }

    /// A user that the services cannot run as ends the instance when it begins.
    fn user(&mut self, role: &Role) {
        let (Some(user), Some(span)) = (&role.user, &role.user_span) else { return };
        let Err(error) = standpipe_process::user_ids(user) else { return };
        let hint = match error {
            SpawnError::NoSuchUser { .. } => "make it, or name another user",
            SpawnError::NotRoot { .. } => "run standpipe as root, or leave out `user`",
            _ => "leave out `user`",
        };
        self.problems.push(
            Problem::at(span.clone(), format!("role `{}` cannot run as the user `{user}`", role.name))
                .label(error.to_string())
                .hint(hint),
        );
    }

    /// A service that finds no secret fails in words of its own, or starts without.
    fn secrets(&mut self, role: &Role) {
        // A task may make them.
        if !role.startup.is_empty() {
            return;
        }
        for ((name, path), span) in role.secrets.iter().zip(&role.secret_spans) {
            if let Err(error) = std::fs::metadata(path) {
                self.problems.push(
                    Problem::at(span.clone(), format!("the secret `{name}` is not there"))
                        .label(format!("{}: {error}", path.display()))
                        .hint("write it to that file, for this user alone, or mount it there"),
                );
            }
        }
    }

    /// A program cannot be started in a folder that is not there.
    fn folders(&mut self, role: &Role) {
        // A task may make it.
        if !role.startup.is_empty() {
            return;
        }
        for service in &role.services {
            let (Some(folder), Some(span)) = (&service.folder, &service.folder_span) else { continue };
            if !folder.is_dir() {
                self.problems.push(
                    Problem::at(span.clone(), format!("the folder {} is not there", folder.display()))
                        .label(format!("service `{}` could not run in it", service.name))
                        .hint("make it, or have a startup task make it"),
                );
            }
        }
    }

    /// No program is started with an argument that the system does not take.
    fn arguments(&mut self, command: &Command) {
        let longest = command.arguments.iter().map(String::len).max().unwrap_or(0);
        if longest >= LONGEST_ARGUMENT && cfg!(target_os = "linux") {
            self.problems.push(
                Problem::at(command.span.clone(), format!("an argument of {longest} bytes is too long"))
                    .label(format!("the system takes {} at most", LONGEST_ARGUMENT - 1))
                    .hint("hand it over in a file"),
            );
        }
    }

    /// A script is no better than its interpreter. `file` can be executed.
    fn interpreter(&mut self, file: &Path, path: &OsStr, span: Span) {
        let Some(missing) = program::missing_interpreter(file, Some(path)) else { return };
        let hint = if missing.ends_with('\r') {
            format!(
                "its lines end as on Windows; make them end with a line feed alone: sed -i 's/\\r$//' {}",
                file.display()
            )
        } else {
            "install it, or name another one in the first line".to_owned()
        };
        let what =
            format!("the script `{}` needs the interpreter `{}`", file.display(), missing.escape_debug());
        self.problems.push(Problem::at(span, what).label("that interpreter is not there").hint(hint));
    }

    fn program(&mut self, command: &Command) {
        self.arguments(command);
        let span = command.span.clone();
        // Where it will be looked for when it is started.
        let path = program::search_path(std::env::current_exe().ok().as_deref(), std::env::var_os("PATH"));
        match &command.program {
            Program::Path(file) if std::fs::metadata(file).is_ok_and(|file| program::is_executable(&file)) => {
                self.interpreter(file, &path, span);
            }
            Program::Path(path) => match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => self.problems.push(
                    Problem::at(span, format!("the program `{}` is a folder", path.display()))
                        .hint("name the program's file"),
                ),
                Ok(_) => self.problems.push(
                    Problem::at(span, format!("the program `{}` cannot be executed", path.display()))
                        .hint(format!("if it is a program: chmod +x {}", path.display())),
                ),
                Err(error) => self.problems.push(
                    Problem::at(span, format!("the program `{}` is not there", path.display()))
                        .label(error.to_string())
                        .hint("paths start from the folder of the deployment file; build or copy the program first"),
                ),
            },
            Program::Name(name) => {
                match program::find(name.as_ref(), self.folder, Some(&path)) {
                    Ok(file) => self.interpreter(&file, &path, span),
                    Err(_) => self.problems.push(
                        Problem::at(span, format!("no program `{name}` on the search path"))
                            .label("not found on PATH")
                            .hint(format!("install it, add its folder to PATH, or give its path, such as \"./{name}\"")),
                    ),
                }
            }
        }
    }

    /// A program of Windows: it needs no permission to be executed, and one without a path is looked for
    /// inside of the prefix.
    fn program_for_wine(&mut self, command: &Command) {
        let Program::Path(path) = &command.program else { return };
        let Err(error) = std::fs::metadata(path) else { return };
        self.problems.push(
            Problem::at(command.span.clone(), format!("the program `{}` is not there", path.display()))
                .label(error.to_string())
                .hint("paths start from the folder of the deployment file; one inside of the Wine prefix is written as \
                       'C:\\folder\\program.exe'"),
        );
    }

    /// Instances on one machine cannot share a Wine prefix: it has one service of each name.
    fn prefixes(&mut self, deployment: &Deployment) {
        let mut taken: Vec<&Path> = Vec::new();
        for role in deployment.roles() {
            let Some(wine) = &role.wine else { continue };
            let Some(prefix) = &wine.prefix else { continue };
            if role.instances > 1 || taken.contains(&prefix.as_path()) {
                self.problems.push(
                    Problem::at(
                        wine.span.clone(),
                        format!("two instances would use the prefix {}", prefix.display()),
                    )
                    .hint("leave `prefix` out: each instance then has one of its own"),
                );
            }
            taken.push(prefix);
        }
    }

    fn password(&mut self, source: &PasswordSource, span: &Span) {
        let wrong = match source {
            PasswordSource::File(path) if !self.here => {
                let found = std::fs::metadata(path);
                found.err().map(|error| PasswordError::Read { path: path.clone(), error })
            }
            PasswordSource::Environment(_) if !self.here => None,
            source => Password::from_source(source).err(),
        };
        if let Some(error) = wrong {
            let problem = Problem::at(span.clone(), error.to_string())
                .hint(error.hint())
                .temporary(is_exhausted(&error));
            self.problems.push(match std::error::Error::source(&error) {
                Some(source) => problem.label(source.to_string()),
                None => problem,
            });
        }
    }
}

/// Whether an error comes from a lack of descriptors or memory, and not from what was looked at.
fn is_exhausted(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(machine::is_exhausted)
}

#[cfg(test)]
mod tests;
