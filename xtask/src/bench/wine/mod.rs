//! `cargo xtask bench --wine`: a Windows service inside Wine, called through the network and the agent,
//! beside programs in the same prefix that call its pipe directly.

mod node;
mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::servers::{Programs, Server, is_answered};
use super::workloads::{Kind, Protection, Workload};
use super::{Folder, build, machine};
use crate::install::cross::CrossCompiler;
use crate::install::windows_programs;
use crate::install::wine::{self, Wine};
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;
use node::{Node, Usage};
pub(super) use results::Results;

const TARGET: &str = "x86_64-pc-windows-gnu";
const PARTS: &str = "std,panic_abort,panic_unwind,proc_macro,test";
/// How many bytes a message has.
const SIZE: u32 = 64;
/// How often a service is killed: more often, and it would be given up.
const KILLS: u32 = 3;
/// How long a killed service may take to serve again.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long everything takes.
struct Pace {
    load: Duration,
    idle_clients: u32,
    /// What a pause between two looks at idle clients is.
    idle: Duration,
}

/// Measures all of it.
pub(super) fn measure(
    workspace: &Workspace,
    programs: Option<&Path>,
    quick: bool,
    rounds: u32,
) -> Result<Results> {
    let pace = if quick {
        Pace { load: Duration::from_millis(500), idle_clients: 10, idle: Duration::from_secs(1) }
    } else {
        Pace { load: Duration::from_secs(4), idle_clients: 1000, idle: Duration::from_secs(10) }
    };
    let (programs, agent) = match programs {
        Some(folder) => (Programs { folder: folder.to_path_buf() }, folder.join("standpipe.exe")),
        None => (build(workspace, quick)?, build_agent(workspace, quick)?),
    };
    let wine = Wine::install(workspace)?;
    let folder = Folder::create()?;
    let echo = folder.path.join("echo.exe");
    windows_programs::compile_c(&workspace.root().join("bench/wine/echo.c"), &echo)?;
    let node = Node::start(&programs, &wine, &folder.path, &echo, &agent)?;
    let mut results = Results::new(machine::describe(false), quick, rounds);
    for (kind, connections) in
        [(Kind::Transceive, 1), (Kind::Transceive, 16), (Kind::Call, 1), (Kind::Call, 16)]
    {
        let workload = Workload {
            kind,
            protection: Protection::Gmac,
            size: SIZE,
            connections,
            duration: pace.load,
            warm_up: Duration::from_secs(1),
        };
        let (mut direct, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            direct.push(node.direct(&workload)?);
            ours.push(node.measure(&programs, &workload)?);
        }
        results.add_calls(&workload, direct, ours);
    }
    results.idle = idle(&node, &programs, &pace)?;
    let killed = kills(|| node.kill_service(), || is_answered(&programs, node.address()))?;
    results.add_recovery("a service inside Wine", killed);
    drop(node);
    let native = node::Native::start(&programs, &folder.path)?;
    let killed = kills(|| native.kill_service(), || is_answered(&programs, native.address()))?;
    results.add_recovery("a process on this machine", killed);
    Ok(results)
}

/// The agent, in the profile of everything else.
fn build_agent(workspace: &Workspace, quick: bool) -> Result<PathBuf> {
    wine::linker()?;
    let compiler = CrossCompiler::for_target(workspace, TARGET, PARTS)?;
    let mut cargo = compiler.cargo(workspace, "build");
    cargo.args(["--quiet", "--package", "standpipe"]);
    if !quick {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)?;
    let debug = compiler.binaries(workspace);
    let folder = if quick { debug } else { debug.with_file_name("release") };
    Ok(folder.join("standpipe.exe"))
}

/// What clients with an open pipe that say nothing cost the processes of Wine: CPU time in a while, and
/// memory.
fn idle(node: &Node, programs: &Programs, pace: &Pace) -> Result<Value> {
    let without = node.usage(pace.idle)?;
    let mut clients = node.idle_clients(programs, pace.idle_clients, pace.idle * 4)?;
    let began = Instant::now();
    // Until all of them are there.
    while node.handles()? < pace.idle_clients as usize {
        if began.elapsed() > pace.idle * 2 || !clients.is_running() {
            return Err(Failure("idle clients did not come".to_owned()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    let with = node.usage(pace.idle)?;
    if !clients.is_running() {
        return Err(Failure("idle clients went before they were measured".to_owned()));
    }
    let cost = |part: fn(&Usage) -> (f64, u64)| {
        let ((cpu_without, memory_without), (cpu_with, memory_with)) = (part(&without), part(&with));
        json!({
            "cpu_seconds_without": cpu_without, "cpu_seconds": cpu_with,
            "resident_without": memory_without, "resident": memory_with,
            "resident_per_client": memory_with.saturating_sub(memory_without) / u64::from(pace.idle_clients),
        })
    };
    Ok(json!({
        "clients": pace.idle_clients,
        "seconds": pace.idle.as_secs_f64(),
        "wineserver": cost(|usage| usage.server),
        "agent": cost(|usage| usage.agent),
    }))
}

/// Kills the service a few times, and returns how many seconds it took each time until a client could open
/// its pipe again.
fn kills(kill: impl Fn() -> Result<()>, serves: impl Fn() -> bool) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..KILLS {
        let began = Instant::now();
        kill()?;
        while !serves() {
            if began.elapsed() > PATIENCE {
                return Err(Failure("a killed service did not come back".to_owned()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        took.push(began.elapsed().as_secs_f64());
    }
    Ok(took)
}

/// Writes the figures to a file.
pub(super) fn write(results: &Results, path: &Path) -> Result<()> {
    fs::write(path, results.to_json())
        .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
}
