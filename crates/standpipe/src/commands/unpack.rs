//! `standpipe unpack`

use std::path::PathBuf;

use clap::Args;
use standpipe_pack::{Manifest, Pack, PackError, Sha256Sum, unpack};

use super::pack::Shown;
use super::packed;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe unpack demo.pack -o demo\n  \
    standpipe unpack demo.pack --role ServiceWatcher -o image/deployment\n  \
    standpipe unpack demo.pack --verify --sha256 9f86d0…\n  \
    standpipe unpack demo.pack --list\n\n\
    Everything in the pack is checked before anything is written. The folder is made when all files are in it.";

/// Check a pack, and put its files into a folder
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unpack {
    /// The pack
    #[arg(value_name = "FILE")]
    pack: PathBuf,

    /// The folder to make; without it, the pack's name without its ending, in the current folder
    #[arg(short, long, value_name = "DIR", conflicts_with_all = ["list", "verify"])]
    output: Option<PathBuf>,

    /// Only the files that this role needs. May be given several times
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,

    /// The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it
    #[arg(long, value_name = "HEX")]
    sha256: Option<Sha256Sum>,

    /// Show what is in the pack, and write nothing
    #[arg(long, conflicts_with = "verify")]
    list: bool,

    /// Check everything in the pack, and write nothing
    #[arg(long)]
    verify: bool,

    /// Print what is in the pack as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Unpack, output: &mut Output) -> Result<Exit, Failure> {
    let failed = |error: PackError| packed::failure(&command.pack, &error);
    let mut pack = Pack::open(&command.pack, command.sha256.as_ref()).map_err(failed)?;
    let folder = command.output.clone().unwrap_or_else(|| {
        let stem = command.pack.file_stem().filter(|_| command.pack.extension().is_some());
        stem.map_or_else(|| PathBuf::from("content"), PathBuf::from)
    });
    let said = if command.list {
        pack.manifest().files_of(&command.roles).map_err(failed)?;
        None
    } else if command.verify {
        pack.verify().map_err(failed)?;
        Some(format!("{}: every file is what it was", command.pack.display()))
    } else {
        let count = unpack(&mut pack, &folder, &command.roles).map_err(|error| {
            let is_in_the_way = matches!(error, PackError::InTheWay(_));
            let failure = failed(error);
            if is_in_the_way {
                failure.hint("name a folder with --output that is not there yet")
            } else {
                failure
            }
        })?;
        Some(format!("{}: {count} files", folder.display()))
    };
    if command.json {
        let manifest = chosen(pack.manifest(), &command.roles).map_err(failed)?;
        let (path, sha256) = (command.pack.clone(), pack.sha256());
        output.json(&Shown { pack: path, sha256, left_out: Vec::new(), manifest })?;
    } else if command.list {
        output.table(&rows(&chosen(pack.manifest(), &command.roles).map_err(failed)?))?;
    }
    if let Some(said) = said {
        output.note(said);
    }
    Ok(Exit::Ok)
}

/// The list with the files of some roles only.
fn chosen(manifest: &Manifest, roles: &[String]) -> Result<Manifest, PackError> {
    let files = manifest.files_of(roles)?.into_iter().cloned().collect();
    Ok(Manifest { files, ..manifest.clone() })
}

fn rows(manifest: &Manifest) -> Vec<[String; 4]> {
    let heading = ["SHA-256", "SIZE", "ROLES", "FILE"].map(str::to_owned);
    let rows = manifest.files.iter().map(|file| {
        let roles = file.roles.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let roles = if roles.is_empty() { "all".to_owned() } else { roles };
        let path = if file.executable { format!("{}*", file.path) } else { file.path.clone() };
        [file.sha256.to_string(), file.size.to_string(), roles, path]
    });
    std::iter::once(heading).chain(rows).collect()
}
