//! `cargo xtask generate`: writes the files that follow from others, or says which of them are stale.

mod sections;

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;
use crate::{layers, packages};
use sections::Sections;

/// Folders in which everything is generated.
const FOLDERS: [&str; 3] = ["docs/schemas", "packaging/completions", "packaging/man"];
const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

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
    let files = all(workspace)?;
    for path in leftovers(workspace, &files)? {
        fs::remove_file(workspace.root().join(&path))
            .map_err(|error| Failure(format!("cannot remove {path}: {error}")))?;
        println!("removed {path}");
    }
    for file in files {
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
    let mut stale: Vec<_> = stale.map(|file| file.path.clone()).collect();
    stale.extend(leftovers(workspace, &files)?);
    if stale.is_empty() {
        println!("{} generated files are current", files.len());
        return Ok(());
    }
    Err(Failure(format!("stale: {}; `cargo xtask generate` puts that right", stale.join(", "))))
}

/// Files in folders of generated files that nothing generates any more, such as the manual page of a former
/// command.
fn leftovers(workspace: &Workspace, files: &[Generated]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let entries = match fs::read_dir(workspace.root().join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Failure(format!("cannot read {folder}: {error}"))),
        };
        for entry in entries.flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if files.iter().all(|file| file.path != path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file has this content; line ends that a checkout changed do not count.
fn is_current(path: &Path, content: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.replace("\r\n", "\n") == content)
}

/// All generated files.
fn all(workspace: &Workspace) -> Result<Vec<Generated>> {
    let picture = layers::draw(&packages::all(workspace)?);
    let mut sections = Sections::default();
    sections.add(ARCHITECTURE, "layers", picture);
    let mut files = from_program(workspace, &mut sections)?;
    files.extend(sections.files(workspace)?);
    Ok(files)
}

/// What follows from the program: whole files, and sections of others.
fn from_program(workspace: &Workspace, sections: &mut Sections) -> Result<Vec<Generated>> {
    let folder = workspace.target().join("generated");
    let cannot = |error: io::Error| Failure(format!("cannot use {}: {error}", folder.display()));
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--package", "standpipe-generate", "--"]).arg(&folder);
    shell::run(&mut command)?;
    for (path, content) in read_all(&folder.join("sections")).map_err(cannot)? {
        if let Some((file, name)) = path.rsplit_once('/') {
            sections.add(file, name, content);
        }
    }
    let files = read_all(&folder.join("files")).map_err(cannot)?;
    Ok(files.into_iter().map(|(path, content)| Generated { path, content }).collect())
}

/// All files below a folder, with their paths from there.
fn read_all(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(read_all(&path)?.into_iter().map(|(below, text)| (format!("{name}/{below}"), text)));
        } else {
            files.push((name, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}
