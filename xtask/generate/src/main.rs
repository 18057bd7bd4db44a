//! Writes into a folder what follows from the program itself: manual pages, completions, references and
//! schemas.
//!
//! A package of its own, as `xtask` would otherwise have to be compiled with the whole program. `cargo xtask
//! generate` runs it and moves what it wrote to where it belongs: below `files/` stands a whole file under
//! its path in the workspace; below `sections/` a part of a file that is otherwise written by hand.

mod command_line;
mod deployment_file;
mod output;
mod shells;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::output::Output;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("expected the folder to write into"))?;
    let output = Output::new(&folder);
    shells::write(&output)?;
    command_line::write(&output)?;
    deployment_file::write(&output)?;
    for printed in standpipe::schema::printed() {
        let path = format!("docs/schemas/{}.schema.json", printed.command.replace(' ', "-"));
        let mut schema = printed.schema;
        schema.insert("title".to_owned(), format!("standpipe {} --json", printed.command).into());
        output.json(&path, schema.as_value())?;
    }
    Ok(())
}

/// The files of a folder that something else has written.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}
