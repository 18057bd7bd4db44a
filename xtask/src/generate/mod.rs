//! `cargo xtask generate`: writes the files that follow from others, or says which of them are stale.

mod section;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::shell::{Failure, Result};
use crate::workspace::Workspace;
use crate::{layers, packages};

/// Write the generated files: manual pages, completions, references, schemas, the picture of the layers
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a file is not as it would be written
    #[arg(long)]
    check: bool,
}

/// A file as it should be.
struct Generated {
    /// From the workspace's root, with `/` between folders.
    path: String,
    content: String,
}

pub(crate) fn run(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    if arguments.check {
        check(workspace)?;
        return Ok(ExitCode::SUCCESS);
    }
    for file in all(workspace)? {
        let path = workspace.root().join(&file.path);
        if is_current(&path, &file.content) {
            continue;
        }
        let cannot = |error| Failure(format!("cannot write {}: {error}", file.path));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(cannot)?;
        }
        fs::write(&path, &file.content).map_err(cannot)?;
        println!("wrote {}", file.path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails with the name of every generated file that is missing or not as it would be written.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let files = all(workspace)?;
    let stale = files.iter().filter(|file| !is_current(&workspace.root().join(&file.path), &file.content));
    let stale: Vec<_> = stale.map(|file| file.path.as_str()).collect();
    if stale.is_empty() {
        println!("{} generated files are current", files.len());
        return Ok(());
    }
    Err(Failure(format!("stale: {}; `cargo xtask generate` writes what is missing", stale.join(", "))))
}

/// Whether a file has this content; line ends that a checkout changed do not count.
fn is_current(path: &Path, content: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.replace("\r\n", "\n") == content)
}

/// All generated files.
fn all(workspace: &Workspace) -> Result<Vec<Generated>> {
    let picture = layers::draw(&packages::all(workspace)?);
    Ok(vec![section::replace(workspace, "docs/ARCHITECTURE.md", "layers", &picture)?])
}
