//! `standpipe check`

use std::path::PathBuf;

use clap::Args;
use standpipe_deployment::{Deployment, Look, ProcessEnvironment};
use standpipe_runtime::state;

use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe check\n  \
    standpipe check -f deploy/standpipe.toml\n  \
    standpipe check --here        # also whether it can run here: passwords, ports";

/// Check a deployment file: every mistake, with its line
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// The deployment file
    #[arg(short, long, value_name = "PATH", default_value = "standpipe.toml")]
    file: PathBuf,

    /// Also look at this machine: whether passwords can be read, ports are free
    #[arg(long)]
    here: bool,
}

pub(super) fn run(check: &Check, output: &mut Output) -> Result<Exit, Failure> {
    super::packed::refuse(&check.file)?;
    let look = if check.here { Look::Machine } else { Look::Files };
    let deployment = Deployment::load(&check.file, &ProcessEnvironment, look)?;
    if check.here {
        let instances = deployment.roles().iter();
        let instances = instances.flat_map(|role| (0..role.instances).map(move |number| (role, number)));
        let dir = state::locate(deployment.name(), None, |name| std::env::var_os(name));
        state::check_sockets(&dir, instances)?;
    }
    let instances: u32 = deployment.roles().iter().map(|role| role.instances).sum();
    if check.here
        && let Err(doubts) = deployment.doubts(None)
    {
        for doubt in doubts.iter() {
            let line = doubts.line_of(doubt).map(|line| format!(":{line}")).unwrap_or_default();
            output.note(format_args!("note: {}{line}: {}", doubts.path().display(), doubt.explained()));
            if let Some(remedy) = doubt.remedy() {
                output.note(format_args!("  to do: {remedy}"));
            }
        }
    }
    output.line(format_args!(
        "{}: no mistakes: deployment `{}` with {} and {}",
        check.file.display(),
        deployment.name(),
        count(deployment.roles().len() as u64, "role"),
        count(u64::from(instances), "instance"),
    ))?;
    Ok(Exit::Ok)
}

fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
