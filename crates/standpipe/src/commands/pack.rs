//! `standpipe pack`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use standpipe_deployment::{ProcessEnvironment, System};
use standpipe_pack::{Choice, GatherError, Manifest, Sha256Sum, gather, write};

use super::packed::{self, ENDING};
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe pack -o demo.pack\n  \
    standpipe pack -f deploy/standpipe.toml --role ServiceWatcher\n  \
    standpipe pack -o demo.pack > demo.pack.sha256     # for sha256sum -c\n  \
    standpipe up -f demo.pack\n\n\
    In the pack are the deployment file, what `content` of the roles names, and the programs that the file names\n\
    by a path. Secrets stay out of it: their paths start from the folder that the pack is in. The same files give\n\
    the same bytes.";

/// Put a deployment file and the files of its roles into one file, with checksums
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PackCommand {
    /// The deployment file
    #[arg(short, long, value_name = "PATH", default_value = "standpipe.toml")]
    file: PathBuf,

    /// The pack to write; without it, the deployment's name with `.pack`, in the current folder
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Only the files of this role. May be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,

    /// The system that the deployment is for; without it, this one
    #[arg(long, value_enum, value_name = "SYSTEM")]
    system: Option<SystemName>,

    /// Write over a pack that is there already
    #[arg(long)]
    force: bool,

    /// Print what is in the pack as JSON
    #[arg(long)]
    json: bool,
}

/// The system that a deployment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SystemName {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// What `standpipe pack --json` and `standpipe unpack --json` print.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The pack.
    pub(super) pack: PathBuf,
    /// The sum of the whole pack, as `sha256sum` says it.
    pub(super) sha256: Sha256Sum,
    /// The secrets that `content` covers, which are not in the pack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<PathBuf>,
    /// What is in the pack.
    #[serde(flatten)]
    pub(super) manifest: Manifest,
}

pub(super) fn run(command: &PackCommand, output: &mut Output) -> Result<Exit, Failure> {
    packed::refuse(&command.file)?;
    let text = std::fs::read_to_string(&command.file).unwrap_or_default();
    let secrets = standpipe_export::secret_paths(&text);
    let system = match command.system {
        None => System::HERE,
        Some(SystemName::Linux) => System::Linux,
        Some(SystemName::Windows) => System::Windows,
    };
    let mut choice = Choice {
        system,
        roles: &command.roles,
        secrets: &secrets,
        output: command.output.as_deref().unwrap_or(std::path::Path::new("")),
    };
    let named;
    let gathered = {
        let failed = |error| match error {
            GatherError::Problems(problems) => Failure::from(problems),
            GatherError::Pack(error) => packed::failure(&command.file, &error),
        };
        let mut gathered = gather(&command.file, &choice, &ProcessEnvironment).map_err(failed)?;
        if command.output.is_none() {
            // Only now is the name known; a pack of that name does not belong in itself.
            named = PathBuf::from(format!("{}.{ENDING}", gathered.name));
            choice.output = &named;
            gathered = gather(&command.file, &choice, &ProcessEnvironment).map_err(failed)?;
        }
        gathered
    };
    let path = choice.output.to_path_buf();
    let written = write(&gathered, &path, command.force).map_err(|error| {
        let is_in_the_way = matches!(error, standpipe_pack::PackError::InTheWay(_));
        let failure = packed::failure(&path, &error);
        if is_in_the_way {
            failure.hint("name another file, or say --force to write over it")
        } else {
            failure
        }
    })?;
    if command.json {
        let shown = Shown {
            pack: path,
            sha256: written.sha256,
            left_out: gathered.left_out,
            manifest: written.manifest,
        };
        output.json(&shown)?;
        return Ok(Exit::Ok);
    }
    for secret in &gathered.left_out {
        output.note(format_args!("left out, as a secret: {}", secret.display()));
    }
    let roles: Vec<&str> = gathered.roles.iter().map(String::as_str).collect();
    output.note(format_args!(
        "{} files for {}, {} bytes",
        gathered.files.len(),
        roles.join(", "),
        written.size
    ));
    output.line(format_args!("{}  {}", written.sha256, path.display()))?;
    Ok(Exit::Ok)
}
