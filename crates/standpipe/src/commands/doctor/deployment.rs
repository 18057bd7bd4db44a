//! What would go wrong with one deployment.

use std::path::Path;

use standpipe_agent::host::find_wine;
use standpipe_deployment::{Deployment, Look, ProcessEnvironment, Role, local_address};
use standpipe_runtime::state;

use super::machine::{self, Granted};
use super::{Doctor, Finding};

/// What is found about the deployment in `file`.
pub(super) fn look(doctor: &Doctor, file: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = machine::clock_beside(file).into_iter().collect();
    let deployment = match Deployment::load(file, &ProcessEnvironment, Look::Files) {
        Ok(deployment) => deployment,
        Err(found) => {
            // All in one go, with what only this machine shows.
            let problems = Deployment::load(file, &ProcessEnvironment, wanted(doctor)).err().unwrap_or(found);
            findings.extend(Finding::all_of(&problems.hint_if_missing("give its path with `-f PATH`")));
            return findings;
        }
    };
    let state_dir =
        state::locate(deployment.name(), doctor.state_dir.as_deref(), |name| std::env::var_os(name));
    // One that runs holds its own ports.
    if state::is_run(&state_dir) {
        findings.push(Finding::note(
            format!("the deployment `{}` runs now, so that its ports were not tried", deployment.name()),
            "look again when it does not run: standpipe down",
        ));
    } else if let Err(problems) = Deployment::load(file, &ProcessEnvironment, wanted(doctor)) {
        findings.extend(Finding::all_of(&problems));
    }
    let granted = doctor
        .stop_limit
        .map(|time| Granted { time, source: "--stop-limit".to_owned() })
        .or_else(machine::granted);
    findings.push(match &granted {
        Some(Granted { time, source }) => Finding::fine(format!(
            "the platform waits {} for a stop, says {source}",
            humantime::format_duration(*time)
        )),
        None => how_long_stops_take(&deployment),
    });
    if let Err(problems) = deployment.doubts(granted.map(|granted| granted.time)) {
        findings.extend(Finding::all_of(&problems));
    }
    findings.extend(deployment.roles().iter().filter_map(|role| wine(role, deployment.folder())));
    findings.push(machine::state(&state_dir));
    let instances = deployment.roles().iter();
    let instances = instances.flat_map(|role| (0..role.instances).map(move |number| (role, number)));
    if let Err(error) = state::check_sockets(&state_dir, instances) {
        findings.push(Finding::wrong(error.to_string(), "choose a shorter --state-dir"));
    }
    findings
}

/// What an `up` of all instances, or a `run` of one, would look at.
fn wanted(doctor: &Doctor) -> Look<'_> {
    if doctor.role.is_none() && doctor.address.is_none() {
        return Look::Machine;
    }
    let address = doctor.address.unwrap_or_else(|| local_address(doctor.instance));
    Look::Instance { role: doctor.role.as_deref(), number: doctor.instance, address }
}

fn how_long_stops_take(deployment: &Deployment) -> Finding {
    let stops = deployment.roles().iter().map(|role| {
        format!("{} at most for role `{}`", humantime::format_duration(role.stop_limit()), role.name)
    });
    let stops: Vec<String> = stops.collect();
    Finding::note(
        format!("a stop takes {}", stops.join(", ")),
        "let the platform wait that long; with --stop-limit TIME this command compares it",
    )
}

fn wine(role: &Role, folder: &Path) -> Option<Finding> {
    let wine = role.wine.as_ref()?;
    let program = wine.program.as_ref().map(standpipe_deployment::Program::as_os_str);
    if find_wine(program, folder).is_some() {
        return Some(Finding::fine(format!("Wine is there for role `{}`", role.name)));
    }
    Some(Finding::wrong(
        format!("role `{}` needs Wine, which is not installed", role.name),
        "install Wine 8 or newer (package `wine64` of Debian), or name its program: wine = { program = \"…\" }",
    ))
}
