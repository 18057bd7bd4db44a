//! Which of the deployments that run on this machine a command is about.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use standpipe_deployment::{Deployment, ProcessEnvironment};
use standpipe_runtime::local::control::{self, Ask, ControlError};
use standpipe_runtime::state;

use super::{packed, runtime};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Options that choose a deployment which runs.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The deployment file or the pack, which says the deployment's name; without it, the only deployment
    /// that runs here
    #[arg(short, long, value_name = "PATH", conflicts_with = "deployment")]
    file: Option<PathBuf>,

    /// The deployment's name
    #[arg(short, long, value_name = "NAME")]
    deployment: Option<String>,

    /// The folder that the deployment keeps its state in, where it is not the usual one
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl Which {
    /// The same options, read by a command that has another meaning for one of their letters.
    pub(super) fn new(file: Option<PathBuf>, deployment: Option<String>, state_dir: Option<PathBuf>) -> Self {
        Self { file, deployment, state_dir }
    }

    /// The state folder of the deployment. `None` when nothing is named and nothing runs.
    pub(super) fn find(&self) -> Result<Option<PathBuf>, Failure> {
        let usual = |name: &str| state::locate(name, None, |variable| std::env::var_os(variable));
        if let Some(folder) = &self.state_dir {
            return Ok(Some(folder.clone()));
        }
        if let Some(name) = &self.deployment {
            if !is_file_name(name) {
                return Err(Failure::new(Exit::Usage, format!("`{name}` is not a deployment's name")));
            }
            return Ok(Some(usual(name)));
        }
        if let Some(file) = &self.file {
            let name = if packed::names_pack(file) {
                packed::name_in(file)?
            } else {
                Deployment::name_in(file, &ProcessEnvironment)?
            };
            return Ok(Some(usual(&name)));
        }
        let mut running = state::running()?;
        if running.len() > 1 {
            let names: Vec<String> = running.into_iter().map(|one| one.name).collect();
            let error = format!("several deployments run on this machine: {}", names.join(", "));
            return Err(Failure::new(Exit::Usage, error)
                .hint("choose one with --deployment NAME, or with its file: --file PATH"));
        }
        Ok(running.pop().map(|only| only.folder))
    }

    /// The state folder of the deployment, which must be named or run.
    pub(super) fn folder(&self) -> Result<PathBuf, Failure> {
        self.find()?.ok_or_else(|| {
            Failure::new(Exit::Unavailable, "no deployment runs on this machine").hint(
                "`standpipe up` starts one; one with a --state-dir of its own is found with that option only",
            )
        })
    }

    /// Asks the deployment to do something, shows what happens, and waits until it is done.
    pub(super) fn ask(&self, ask: Ask, output: &mut Output) -> Result<Exit, Failure> {
        let folder = self.folder()?;
        let asking = control::ask(&folder, ask, |text| output.note(text));
        let done = runtime()?.block_on(asking)?;
        output.note(done);
        Ok(Exit::Ok)
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != ".."
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let (exit, hint) = (error.exit_code(), error.hint());
        Self::new(exit, error).maybe_hint(hint)
    }
}

/// An instance or a role, as in `ServiceWatcher` and `ServiceWatcher/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) role: String,
    pub(super) instance: Option<u32>,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance {
            Some(number) => write!(f, "{}/{number}", self.role),
            None => f.write_str(&self.role),
        }
    }
}

impl std::str::FromStr for Selection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, number) = match text.split_once('/') {
            Some((role, number)) => (role, Some(number)),
            None => (text, None),
        };
        let wrong =
            || "expected a role, such as `ServiceWatcher`, or an instance, such as `ServiceWatcher/1`";
        if role.is_empty() {
            return Err(wrong().to_owned());
        }
        let instance = number.map(str::parse).transpose().map_err(|_| wrong().to_owned())?;
        Ok(Self { role: role.to_owned(), instance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_a_role_or_one_of_its_instances() {
        let instance = Selection { role: "A".to_owned(), instance: Some(1) };
        assert_eq!("A/1".parse(), Ok(instance));
        assert_eq!("A".parse(), Ok(Selection { role: "A".to_owned(), instance: None }));
        for wrong in ["", "/1", "A/", "A/x", "A/1/2", "A/-1"] {
            assert!(wrong.parse::<Selection>().is_err(), "{wrong}");
        }
    }
}
