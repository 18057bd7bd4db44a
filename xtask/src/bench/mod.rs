//! `cargo xtask bench`: Standpipe beside Samba's smbd and beside the least that any server can do, on this
//! machine and in one run, so that the ratios mean something wherever it runs.
//!
//! All servers have the same service behind them and the same load before them: `standpipe bench` for the two
//! that speak SMB, the same generator with frames of the same length for the proxy. What each costs is CPU
//! time of its process, which other work on the machine disturbs less than the clock.

mod instructions;
mod machine;
mod recovery;
mod results;
mod servers;
mod wine;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io};

use serde_json::Value;

use crate::install::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;
pub(crate) use instructions::Counts;
use recovery::Pace;
use results::{Results, Row};
use servers::{Programs, Proxy, Samba, Server, Service, Standpipe};
use workloads::Workload;

/// Measure Standpipe beside Samba's smbd and a minimal proxy, and print the ratios
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only workloads whose name contains one of these words
    workloads: Vec<String>,
    /// Write all figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A moment for each workload, with binaries of the dev profile: shows that it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// How often each workload is measured, all servers in turn; of ratios within a round, the median counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Measure a service inside Wine instead, beside programs inside Wine that call its pipe directly
    #[arg(long, conflicts_with_all = ["workloads", "list"])]
    wine: bool,
    /// Measure how long a killed service is away, beside systemd and runit, and what resting instances cost
    #[arg(long, conflicts_with_all = ["workloads", "list", "wine"])]
    recovery: bool,
    /// With --recovery, how often each service is killed; the median counts
    #[arg(long, default_value_t = 20, requires = "recovery", value_parser = clap::value_parser!(u32).range(1..=1000))]
    kills: u32,
    /// With --recovery, for how many seconds instances rest
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "recovery")]
    idle: u32,
    /// Measure the programs in this folder: with --wine standpipe, standpipe.exe and standpipe-bench, with
    /// --recovery standpipe and simple-service
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["workloads", "list"])]
    programs: Option<PathBuf>,
    /// Count the instructions that a call takes, and write them to docs/performance.json, which a test
    /// compares
    #[arg(long, conflicts_with_all = ["workloads", "json", "quick", "wine", "recovery", "list"])]
    instructions: bool,
    /// List the workloads and stop
    #[arg(long)]
    list: bool,
}

const QUICK_RECOVERY: Pace = Pace { kills: 1, idle: Duration::from_secs(1) };

/// What there was nobody to compare with, and why.
struct Missing(Failure);

pub(crate) fn run(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    let rounds = if arguments.quick { 1 } else { arguments.rounds };
    if arguments.wine {
        let results = wine::measure(workspace, arguments.programs.as_deref(), arguments.quick, rounds)?;
        print!("{results}");
        if let Some(path) = &arguments.json {
            wine::write(&results, path)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.recovery {
        return measure_recovery(arguments, workspace);
    }
    if arguments.instructions {
        let counts = Counts::count(workspace)?;
        print!("{counts}");
        counts.record(workspace)?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = if arguments.quick { workloads::quick() } else { workloads::full() };
    let words = &arguments.workloads;
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|workload| {
            words.is_empty() || words.iter().any(|word| workload.name().contains(word.as_str()))
        })
        .collect();
    if arguments.list {
        for workload in &chosen {
            println!("{}", workload.name());
        }
        return Ok(ExitCode::SUCCESS);
    }
    if chosen.is_empty() {
        return Err(Failure(format!("no workload has {} in its name; see --list", words.join(" or "))));
    }
    let (results, missing) = measure(workspace, &chosen, arguments.quick, rounds)?;
    print!("{results}");
    if let Some(Missing(why)) = missing {
        println!("\nNOT COMPARED with Samba's smbd: {why}");
    }
    if let Some(path) = &arguments.json {
        // As the user gave it, not from the workspace's root.
        let cannot = |error: io::Error| Failure(format!("cannot write {}: {error}", path.display()));
        let counts = Counts::recorded(workspace).map_or(Value::Null, |counts| counts.to_json());
        fs::write(path, results.with_counts(counts).to_json()).map_err(cannot)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_recovery(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    let pace = if arguments.quick {
        QUICK_RECOVERY
    } else {
        Pace { kills: arguments.kills, idle: Duration::from_secs(arguments.idle.into()) }
    };
    let results = recovery::measure(workspace, arguments.programs.as_deref(), arguments.quick, pace)?;
    print!("{results}");
    if let Some(path) = &arguments.json {
        recovery::write(&results, path)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The short form for `cargo xtask test`: everything runs, no figure is judged. Returns what was left out.
pub(crate) fn smoke(workspace: &Workspace) -> Result<Vec<String>> {
    let (results, missing) = measure(workspace, &workloads::quick(), true, 1)?;
    print!("{results}");
    let recovered = recovery::measure(workspace, None, true, QUICK_RECOVERY)?;
    print!("{recovered}");
    let smbd = missing.map(|Missing(why)| format!("smbd: {why}"));
    Ok(smbd.into_iter().chain(recovered.missing).collect())
}

fn measure(
    workspace: &Workspace,
    workloads: &[Workload],
    quick: bool,
    rounds: u32,
) -> Result<(Results, Option<Missing>)> {
    if !cfg!(target_os = "linux") {
        return Err(Failure("what servers use is measured only on Linux so far".to_owned()));
    }
    let programs = build(workspace, quick)?;
    let folder = Folder::create()?;
    // In this order, so that they end in the other: nobody misses who is behind it.
    let service = Service::start(&programs, &folder.path)?;
    let proxy = Proxy::start(&programs, &service)?;
    let standpipe = Standpipe::start(&programs, &service, &folder.path)?;
    let samba = Samba::start(&programs, &service);
    let mut results = Results::new(machine::describe(samba.is_ok()), quick, rounds);
    for (number, workload) in workloads.iter().enumerate() {
        println!("[{}/{}] {}", number + 1, workloads.len(), workload.name());
        let mut row = Row::new(*workload);
        for _ in 0..rounds {
            row.standpipe.push(standpipe.measure(&programs, workload)?);
            if workload.has_limit() {
                row.limit.push(proxy.measure(&programs, workload)?);
            }
            if let Ok(samba) = &samba {
                row.samba.push(samba.measure(&programs, &workload.for_samba())?);
            }
        }
        println!("{}", row.summary());
        results.rows.push(row);
    }
    Ok((results, samba.err().map(Missing)))
}

fn build(workspace: &Workspace, quick: bool) -> Result<Programs> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--quiet", "--package", "standpipe", "--package", "standpipe-bench"]);
    if !quick {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)?;
    Ok(Programs { folder: if quick { workspace.binaries() } else { workspace.target().join("release") } })
}

/// Builds the peers, and Standpipe's server in them, for callgrind to count.
fn build_peers(workspace: &Workspace) -> Result<Programs> {
    let mut cargo = workspace.cargo();
    shell::run(cargo.args(["build", "--quiet", "--package", "standpipe-bench", "--profile", "counted"]))?;
    Ok(Programs { folder: workspace.target().join("counted") })
}

/// A folder for sockets and settings that goes when this does. Not under the target directory: a socket's
/// path must be short.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> Result<Self> {
        let path = env::temp_dir().join(format!("standpipe-bench-{}", std::process::id()));
        let cannot = |error: io::Error| Failure(format!("cannot create {}: {error}", path.display()));
        fs::create_dir(&path).map_err(cannot)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Makes sure that smbd is here.
fn install_samba() -> Result<()> {
    if !debian::is_root()? {
        return Err(Failure("only root can run smbd".to_owned()));
    }
    debian::install(&["samba"])
}
