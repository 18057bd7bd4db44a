//! `standpipe ps`

use std::path::{Path, PathBuf};

use clap::Args;
use standpipe_deployment::{Deployment, ProcessEnvironment};
use standpipe_runtime::state;

use super::instances;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe ps\n  \
    standpipe ps -f deploy/standpipe.toml --json\n  \
    standpipe ps --state-dir /run/standpipe/ServiceDemo";

/// Show the instances of a deployment that runs on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ps {
    /// The deployment file, which says the deployment's name
    #[arg(short, long, value_name = "PATH", default_value = "standpipe.toml")]
    file: PathBuf,

    /// The folder that the deployment keeps its state in; then no deployment file is needed
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(ps: &Ps, output: &mut Output) -> Result<Exit, Failure> {
    let folder = match &ps.state_dir {
        Some(folder) => folder.clone(),
        None => default_folder(&ps.file)?,
    };
    let records = state::read_all(&folder)?;
    if ps.json {
        output.json(&records)?;
        return Ok(Exit::Ok);
    }
    if records.is_empty() {
        output.note(format_args!("nothing runs: there is no instance in {}", folder.display()));
        return Ok(Exit::Ok);
    }
    output.table(&instances::rows(&records))?;
    for error in instances::errors(&records) {
        output.line(format_args!("last error of {error}"))?;
    }
    Ok(Exit::Ok)
}

fn default_folder(file: &Path) -> Result<PathBuf, Failure> {
    let name = Deployment::name_in(file, &ProcessEnvironment)?;
    Ok(state::locate(&name, None, |variable| std::env::var_os(variable)))
}
