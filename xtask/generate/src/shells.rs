//! Manual pages, and completions for shells.

use std::{fs, io};

use clap_complete::Shell;

use crate::files_in;
use crate::output::Output;

const PROGRAM: &str = "standpipe";
const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell];

pub(crate) fn write(output: &Output) -> io::Result<()> {
    let manual = output.folder("packaging/man")?;
    clap_mangen::generate_to(standpipe::command_line(), &manual)?;
    for page in files_in(&manual)? {
        let text = fs::read_to_string(&page)?;
        fs::write(&page, without_trailing_space(&text))?;
    }
    let completions = output.folder("packaging/completions")?;
    for shell in SHELLS {
        let path = clap_complete::generate_to(shell, &mut standpipe::command_line(), PROGRAM, &completions)?;
        let text = fs::read_to_string(&path)?;
        fs::write(&path, without_trailing_space(&text))?;
    }
    Ok(())
}

/// Lines without spaces at their end, of which no meaning hangs here, and which git complains about.
fn without_trailing_space(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines.join("\n") + "\n"
}
