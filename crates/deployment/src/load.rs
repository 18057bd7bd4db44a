//! From a path to a deployment, or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use standpipe_system::machine;

use crate::check::{self, Look};
use crate::definition::{Deployment, Role};
use crate::file::{Environment, Field, Problem, Problems, Source, parsed};
use crate::machine::Machine;
use crate::resolve::resolve;

/// No deployment file is this long; what is, is the wrong file.
const LONGEST: u64 = 1024 * 1024;

impl Deployment {
    /// Reads a deployment file, checks it and looks around as far as `look` says. All that is wrong comes in
    /// one go.
    pub fn load(path: &Path, environment: &dyn Environment, look: Look<'_>) -> Result<Self, Problems> {
        Self::load_in(Source::new(path, "").folder(), path, environment, look)
    }

    /// The same for a file that is not in its deployment's folder: paths in it start from `folder`.
    pub fn load_in(
        folder: &Path,
        path: &Path,
        environment: &dyn Environment,
        look: Look<'_>,
    ) -> Result<Self, Problems> {
        let text = read(path)?;
        let folder = std::path::absolute(folder).map_err(|error| {
            Problems::unreadable(
                path,
                Problem::of_file(format!("the folder of the deployment cannot be found: {error}")),
            )
        })?;
        Self::from_source(&Source::new(path, text), &folder, environment, look)
    }

    /// The same as [`load`](Self::load), with other numbers of instances than the file gives to roles.
    pub fn load_scaled(
        path: &Path,
        environment: &dyn Environment,
        look: Look<'_>,
        instances: &BTreeMap<String, u32>,
    ) -> Result<Self, Problems> {
        let deployment = Self::load(path, environment, look)?;
        let roles = deployment.roles.into_iter().map(|role| {
            let instances = instances.get(&role.name).copied().unwrap_or(role.instances);
            Role { instances, ..role }
        });
        let roles = roles.collect();
        let scaled = Self { roles, ..deployment };
        Problems::check(&scaled.source, check::check(&scaled, look))?;
        Ok(scaled)
    }

    /// Reads a deployment file for a machine that may be another one, and looks at nothing on this one.
    pub fn load_for(path: &Path, machine: &Machine, environment: &dyn Environment) -> Result<Self, Problems> {
        let text = read(path)?;
        Self::from_source_for(&Source::new(path, text), machine, environment)
    }

    /// Only the name in a deployment file, whatever else is wrong with it: enough to find a deployment that
    /// runs.
    pub fn name_in(path: &Path, environment: &dyn Environment) -> Result<String, Problems> {
        let text = read(path)?;
        let source = Source::new(path, text);
        let (file, problems) = parsed::parse(&source, environment);
        match file.name {
            Field::Given(name) => Ok(name.as_str().to_owned()),
            Field::Absent if problems.is_empty() => {
                Err(Problems::one(&source, Problem::of_file("the deployment has no `name`")))
            }
            Field::Absent | Field::Bad => Err(Problems::all(&source, problems)),
        }
    }

    /// The same for a text that is in memory; `folder` is where its relative paths start, and is absolute.
    pub fn from_source(
        source: &Source,
        folder: &Path,
        environment: &dyn Environment,
        look: Look<'_>,
    ) -> Result<Self, Problems> {
        Self::resolved(source, &Machine::here(folder), environment, |deployment| {
            check::check(deployment, look)
        })
    }

    /// The same as [`load_for`](Self::load_for) for a text that is in memory.
    pub fn from_source_for(
        source: &Source,
        machine: &Machine,
        environment: &dyn Environment,
    ) -> Result<Self, Problems> {
        Self::resolved(source, machine, environment, |_| Vec::new())
    }

    fn resolved(
        source: &Source,
        machine: &Machine,
        environment: &dyn Environment,
        check: impl FnOnce(&Self) -> Vec<Problem>,
    ) -> Result<Self, Problems> {
        let (file, mut problems) = parsed::parse(source, environment);
        // A text that is no TOML yields an empty form; what that lacks is not worth saying.
        if problems.is_empty() || !file.roles.is_empty() {
            let (deployment, more) = resolve(source, file, machine);
            problems.extend(more);
            problems.extend(check(&deployment));
            Problems::check(source, problems)?;
            return Ok(deployment);
        }
        Err(Problems::all(source, problems))
    }
}

fn read(path: &Path) -> Result<String, Problems> {
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Problems::missing(path),
        _ => Problems::unreadable(path, unreadable(&error)),
    })?;
    text_of(file).map_err(|problem| Problems::unreadable(path, problem))
}

fn unreadable(error: &std::io::Error) -> Problem {
    Problem::of_file(format!("the deployment file cannot be read: {error}"))
        .temporary(machine::is_exhausted(error))
}

fn text_of(file: File) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(
            Problem::of_file("the deployment file is longer than 1 MiB").hint("is it the right file?")
        );
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        Problem::of_file(format!("the deployment file is not UTF-8 text: line {line} holds another encoding"))
            .hint("save it as UTF-8")
    })
}
