//! `cargo xtask bench --recovery`: how long a service that was killed is away under Standpipe, under systemd
//! and under runit, and what a watcher costs while nothing happens.

mod keepers;
mod rest;
mod results;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::servers::Programs;
use super::{Folder, build, machine};
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;
use keepers::{Keeper, Runit, Standpipe, Systemd};
use results::Recovery;
pub(super) use results::Results;

/// How long a killed service may be away.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a service has run when it is killed: runit lets one that ran for less than a second wait.
const LIVED: Duration = Duration::from_millis(1200);
/// Between two attempts to connect.
const LOOK_AGAIN: Duration = Duration::from_micros(100);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) kills: u32,
    pub(super) idle: Duration,
}

/// Measures all of it. What cannot run here is left out, with the reason among the results.
pub(super) fn measure(
    workspace: &Workspace,
    programs: Option<&Path>,
    quick: bool,
    pace: Pace,
) -> Result<Results> {
    let programs = if let Some(folder) = programs {
        Programs { folder: std::path::absolute(folder).unwrap_or(folder.to_path_buf()) }
    } else {
        build_service(workspace, quick)?;
        build(workspace, quick)?
    };
    let service = programs.folder.join("simple-service");
    let folder = Folder::create()?;
    let mut results = Results::new(machine::describe(false), quick);
    let mut keepers: Vec<Box<dyn Keeper>> =
        vec![Box::new(Standpipe::new(&programs, &service, &folder.path)?)];
    match Systemd::start(workspace, &service, &folder.path) {
        Ok(both) => keepers.extend(both.map(|one| Box::new(one) as Box<dyn Keeper>)),
        Err(why) => results.missing.push(format!("systemd: {why}")),
    }
    match Runit::start(&service, &folder.path) {
        Ok(runit) => keepers.push(Box::new(runit)),
        Err(why) => results.missing.push(format!("runit: {why}")),
    }
    results.recovery = keepers.iter().map(|keeper| Recovery::new(keeper.name())).collect();
    // In turn, so that what else happens on the machine happens to all of them.
    for kill in 1..=pace.kills {
        for (keeper, recovery) in keepers.iter_mut().zip(&mut results.recovery) {
            recovery.seconds.push(kill_once(keeper.as_mut())?.as_secs_f64());
        }
        println!("[{kill}/{}] {}", pace.kills, results.last_round());
    }
    drop(keepers);
    results.rest = Some(rest::measure(&programs, &service, &folder.path, pace.idle)?);
    Ok(results)
}

/// The service that all of them keep: the example, which is as small as a real one.
fn build_service(workspace: &Workspace, quick: bool) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--quiet", "--package", "simple-service"]);
    if !quick {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)
}

/// How long a service is away that is killed: from the signal to a connection that another process of it
/// takes.
fn kill_once(keeper: &mut dyn Keeper) -> Result<Duration> {
    keeper.begin()?;
    let socket = keeper.socket();
    let killed = serving(&socket, None, keeper.name())?;
    thread::sleep(LIVED);
    let began = Instant::now();
    kill(killed)?;
    serving(&socket, Some(killed), keeper.name())?;
    let took = began.elapsed();
    keeper.end();
    Ok(took)
}

/// The process that takes connections at the socket, once there is one that is not `other`.
fn serving(socket: &Path, other: Option<i32>, keeper: &str) -> Result<i32> {
    let began = Instant::now();
    loop {
        match listener(socket) {
            Some(pid) if Some(pid) != other => return Ok(pid),
            _ if began.elapsed() > PATIENCE => {
                return Err(Failure(format!("under {keeper}, the service does not serve")));
            }
            _ => thread::sleep(LOOK_AGAIN),
        }
    }
}

/// The process that listens at the socket of a pipe of messages, if one does.
#[cfg(target_os = "linux")]
fn listener(socket: &Path) -> Option<i32> {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
    };
    let address = SocketAddrUnix::new(socket).ok()?;
    let connection =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
    connect(&connection, &address).ok()?;
    Some(sockopt::socket_peercred(&connection).ok()?.pid.as_raw_nonzero().get())
}

#[cfg(not(target_os = "linux"))]
fn listener(_socket: &Path) -> Option<i32> {
    None
}

#[cfg(unix)]
fn kill(pid: i32) -> Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = Pid::from_raw(pid).ok_or_else(|| Failure("nobody listens".to_owned()))?;
    kill_process(pid, Signal::KILL).map_err(|error| Failure(format!("cannot kill the service: {error}")))
}

#[cfg(not(unix))]
fn kill(_pid: i32) -> Result<()> {
    Err(Failure("there are no signals here".to_owned()))
}

/// Writes what was measured as JSON.
pub(super) fn write(results: &Results, path: &Path) -> Result<()> {
    fs::write(path, results.to_json())
        .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
}
