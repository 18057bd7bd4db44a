//! `cargo xtask fuzz`: one target of `fuzz/` under libFuzzer, for as long as one likes.
//!
//! Runs on the stable toolchain: coverage is all that is wanted of the unstable flags (the code has no
//! `unsafe` for an address sanitizer to watch), and `RUSTC_BOOTSTRAP` lets the stable compiler take them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::install::{debian, tools};
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// Fuzz one target, from its seeds; without a target, list them
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target, as `fuzz/fuzz_targets` names it
    target: Option<String>,
    /// How long to run, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Run only this input, such as one that failed before
    #[arg(long, value_name = "FILE", conflicts_with = "seconds")]
    input: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    let known = targets(workspace)?;
    let Some(target) = &arguments.target else {
        println!("{}", known.join("\n"));
        return Ok(ExitCode::SUCCESS);
    };
    if !known.contains(target) {
        return Err(Failure(format!("no fuzz target is named {target:?}; there are {}", known.join(", "))));
    }
    let fuzzer = Fuzzer::install(workspace)?;
    match &arguments.input {
        Some(input) => shell::run(fuzzer.command(workspace, target).arg(input))?,
        None => fuzzer.run(workspace, target, arguments.seconds)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of all targets, in order.
pub(crate) fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root().join("fuzz/fuzz_targets");
    let cannot = |error| Failure(format!("cannot read {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// `cargo fuzz`, installed, with the C++ compiler that libFuzzer needs.
pub(crate) struct Fuzzer {
    program: PathBuf,
}

impl Fuzzer {
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        if !cfg!(target_os = "linux") {
            return Err(Failure("fuzzing is set up for Linux only".to_owned()));
        }
        if !shell::succeeds(Command::new("c++").arg("--version")) {
            debian::install(&["g++"])?;
        }
        Ok(Self { program: tools::install(workspace, &tools::CARGO_FUZZ)? })
    }

    /// Runs a target from its seeds. What it finds on the way is kept under the target directory; an input
    /// that fails is left in `fuzz/artifacts`.
    pub(crate) fn run(&self, workspace: &Workspace, target: &str, seconds: u32) -> Result<()> {
        let corpus = workspace.target().join("fuzz/corpus").join(target);
        fs::create_dir_all(&corpus)
            .map_err(|error| Failure(format!("cannot create {}: {error}", corpus.display())))?;
        let mut command = self.command(workspace, target);
        command.arg(corpus).arg(workspace.root().join("fuzz/seeds").join(target)).arg("--");
        command.args([&format!("-max_total_time={seconds}"), "-timeout=5", "-rss_limit_mb=1024"]);
        command.args(["-max_len=70000", "-verbosity=0", "-print_final_stats=1"]);
        shell::run(&mut command).map_err(|failure| {
            Failure(format!(
                "{failure}; run what failed again with `cargo xtask fuzz {target} --input fuzz/artifacts/{target}/…`"
            ))
        })
    }

    fn command(&self, workspace: &Workspace, target: &str) -> Command {
        let mut command = workspace.command(&self.program);
        // To optimize each target's program as a whole takes longer than its run.
        command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.args(["fuzz", "run", "--sanitizer", "none", "--features", "libfuzzer"]);
        command.arg("--target-dir").arg(workspace.target().join("fuzz/build")).arg(target);
        command
    }
}
