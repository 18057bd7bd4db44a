//! One run: the servers and their services, the clients, and the verdict.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use standpipe_client::{Client as Smb, ClientError, ConnectOptions};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::act::{Caller, PATIENCE, name};
use crate::client::{self, World};
use crate::findings::Findings;
use crate::flood;
use crate::measure::Measured;
use crate::random::Random;
use crate::services::{Services, kill_program_of, until};
use crate::site::{self, FEW, Server, Site};
use crate::stranger;
use crate::wire::Wire;

/// Start a server, soak it, and say what came of it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder with `standpipe` and `simple-service`
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// How long, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many clients at once
    #[arg(long, default_value_t = 1000)]
    clients: u64,
    /// What everything random follows from; without it, another each time
    #[arg(long)]
    seed: Option<u64>,
    /// The longest pause of a client between two acts, in milliseconds
    #[arg(long, default_value_t = 1000)]
    pause: u64,
}

/// How often memory and descriptors are looked at.
const SAMPLE: Duration = Duration::from_millis(500);
/// How often it says how far it is.
const PROGRESS: u32 = 20;
/// As many lines has the curve at the end.
const CURVE: usize = 13;
/// Descriptors that a server may hold more than before the clients came: what its own service was started
/// with.
const FEW_DESCRIPTORS: usize = 4;

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()) ^ now_in_seconds());
    let Arguments { clients, seconds, pause, .. } = *arguments;
    println!("soak: {clients} clients for {seconds} s; again with --seed {seed}");
    take_all_descriptors();
    let site = Site::prepare(&arguments.programs).await?;
    let mut services = Services::start(&site.services()).await?;
    let servers = [site.start("Pipes").await?, site.start("Watched").await?];
    let measured =
        [Measured::new("Pipes", servers[0].process()?), Measured::new("Watched", servers[1].process()?)];
    let world = Arc::new(World {
        seed,
        pipes: site.pipes,
        watched: site.watched,
        credentials: site::credentials(),
        findings: Findings::default(),
        pause: Duration::from_millis(pause),
        over: CancellationToken::new(),
    });
    // What a server makes once, at its first call, is no leak.
    check_afresh(&world, &mut Random::of(seed, u64::MAX)).await;
    let before = descriptors(&measured)?;

    let began = Instant::now();
    let mut people = JoinSet::new();
    for number in 0..clients {
        people.spawn(client::live(Arc::clone(&world), number));
    }
    for number in 0..=clients / 50 {
        people.spawn(stranger::live(Arc::clone(&world), number));
    }
    let mut fate = Random::of(seed, u64::MAX - 1);
    // In a short run as many services are killed as it takes to see that it works.
    let often = Duration::from_secs((seconds / 40).clamp(2, 6));
    let seldom = Duration::from_secs((seconds / 8).clamp(5, 60));
    let mut fate_of_watched = Random::of(seed, u64::MAX - 2);
    let suffering = services.suffer(&mut fate, often, &world.over, &world.findings);
    let killing = kill_watched(&site, &mut fate_of_watched, seldom, &world);
    let flooding = flood::come_and_go(&world, Random::of(seed, u64::MAX - 3), clients);
    let looking = look(&world, &measured, began, Duration::from_secs(seconds));
    let (suffered, (), (), looked) = tokio::join!(suffering, killing, flooding, looking);
    suffered?;
    looked?;

    let left = async { while people.join_next().await.is_some() {} };
    if tokio::time::timeout(PATIENCE * 3, left).await.is_err() {
        world.findings.wrong(format!("{} clients do not come to an end", people.len()));
        people.shutdown().await;
    }
    settle(&world, &measured, &before).await;
    check_afresh(&world, &mut Random::of(seed, u64::MAX)).await;
    settle(&world, &measured, &before).await;
    for server in servers {
        stop(server, &world.findings).await?;
    }
    Ok(verdict(&world.findings, &measured, clients, began.elapsed()))
}

/// Kills the service that its server watches and starts again.
async fn kill_watched(site: &Site, random: &mut Random, every: Duration, world: &World) {
    while world.over.run_until_cancelled(tokio::time::sleep(random.up_to(every * 2))).await.is_some() {
        if kill_program_of(&site.state(), "simple-service") {
            world.findings.count("services killed: simple");
        }
    }
}

/// Looks at the servers until the time is over, and ends the run.
async fn look(world: &World, measured: &[Measured], began: Instant, length: Duration) -> Result<(), Failure> {
    let mut looks = 0u32;
    while began.elapsed() < length {
        tokio::time::sleep(SAMPLE).await;
        let mut now = Vec::new();
        for each in measured {
            let gone = || Failure(format!("the server {} died", each.name));
            let sample = each.sample().ok_or_else(gone)?;
            now.push(format!("{} {} KiB, {} descriptors", each.name, sample.resident, sample.descriptors));
        }
        if looks.is_multiple_of(PROGRESS) {
            let (calls, replies) = (world.findings.counted("calls"), world.findings.counted("right replies"));
            let at = began.elapsed().as_secs();
            println!("{at:>5} s: {calls} calls, {replies} right replies; {}", now.join("; "));
        }
        looks += 1;
    }
    world.over.cancel();
    Ok(())
}

fn descriptors(measured: &[Measured]) -> Result<Vec<usize>, Failure> {
    let count = |each: &Measured| {
        each.look().map(|now| now.descriptors).ok_or_else(|| Failure(format!("{} is gone", each.name)))
    };
    measured.iter().map(count).collect()
}

/// Nobody is there any more: the servers hold no more than before anybody came.
async fn settle(world: &World, measured: &[Measured], before: &[usize]) {
    for (each, before) in measured.iter().zip(before) {
        let given_back = || each.look().is_some_and(|now| now.descriptors <= before + FEW_DESCRIPTORS);
        if until("descriptors are given back", given_back).await.is_err() {
            let now = each.look().map(|now| now.descriptors);
            world.findings.wrong(format!("{} had {before} descriptors, and keeps {now:?}", each.name));
        }
    }
}

/// A fresh client can do everything: every pipe answers, and every instance of the pipe that has few is free.
async fn check_afresh(world: &World, random: &mut Random) {
    for server in [world.pipes, world.watched] {
        if let Err(what) = try_everything(world, random, server).await {
            world.findings.wrong(format!("a client that comes when nobody else is there: {what}"));
        }
    }
}

async fn try_everything(
    world: &World,
    random: &mut Random,
    server: std::net::SocketAddr,
) -> Result<(), String> {
    let wire = Wire::lay([127, 0, 0, 1].into(), server).await.map_err(|failure| failure.to_string())?;
    let options = ConnectOptions { timeout: PATIENCE, ..ConnectOptions::default() };
    let smb = Smb::connect(&wire.place().into(), &world.credentials, &options).await;
    let smb = smb.map_err(|error| format!("{error}: {error:?}"))?;
    let quiet = Findings::default();
    let caller = Caller {
        smb: &smb,
        wire: &wire,
        findings: &quiet,
        watched: server == world.watched,
        logged_off: false,
    };
    let ended = |_| format!("an act ended early: {:?}, {:?}", quiet.counts(), quiet.found());
    if server == world.watched {
        // Its service may be on its way back.
        let free = smb.open_when_free(&name("simple"), PATIENCE).await;
        drop(free.map_err(|error| error.to_string())?);
        caller.tell(random).await.map_err(ended)?;
    } else {
        caller.converse("echo", random).await.map_err(ended)?;
        caller.stream(random).await.map_err(ended)?;
        caller.give_up(random).await.map_err(ended)?;
        let few = name("few");
        let mut held = Vec::new();
        for number in 0..FEW {
            let opened = smb.open_when_free(&few, Duration::from_secs(10)).await;
            let stuck = |error: ClientError| format!("instance {number} of {FEW} is not free: {error}");
            held.push(opened.map_err(stuck)?);
        }
        match smb.open(&few).await {
            Err(ClientError::PipeBusy { .. }) => {}
            other => return Err(format!("one open more than there are instances: {other:?}")),
        }
        for pipe in held {
            pipe.close().await.map_err(|error| error.to_string())?;
        }
    }
    smb.log_off().await;
    if quiet.found().0 > 0 { Err(format!("{:?}", quiet.found())) } else { Ok(()) }
}

async fn stop(server: Server, findings: &Findings) -> Result<(), Failure> {
    for error in server.errors() {
        findings.wrong(format!("a server logged an error: {error}"));
    }
    let words = server.stop().await?;
    if (words.connections, words.opens) != (0, 0) {
        findings.wrong(format!("nobody was there any more, and a server counted {words:?}"));
    }
    Ok(())
}

/// Says what came of it.
fn verdict(findings: &Findings, measured: &[Measured], clients: u64, took: Duration) -> ExitCode {
    println!("\nafter {} s, {clients} clients:", took.as_secs());
    for (what, count) in findings.counts() {
        println!("{count:>12}  {what}");
    }
    for each in measured {
        println!("\n{}: resident memory and descriptors over time", each.name);
        for sample in each.curve(CURVE) {
            println!("{:>6} s {:>9} KiB {:>6}", sample.at.as_secs(), sample.resident, sample.descriptors);
        }
        match (each.thirds(), each.rise()) {
            (Some(thirds), Some(rise)) => {
                println!(
                    "medians of its thirds after the warm-up: {} KiB, {} KiB, {} KiB; the line rises by {rise} KiB",
                    thirds.first, thirds.middle, thirds.last
                );
                if !thirds.is_flat(rise, took) {
                    findings.wrong(format!("the memory of {} grows by {rise} KiB: {thirds:?}", each.name));
                }
            }
            _ => findings.wrong(format!("{} was not looked at", each.name)),
        }
    }
    // A run in which nothing happens finds nothing.
    for needed in [
        "right replies",
        "calls given up",
        "services killed: echo",
        "guesses refused",
        "floods",
        "slow clients",
    ] {
        if findings.counted(needed) == 0 {
            findings.wrong(format!("nothing was tested: no {needed}"));
        }
    }
    let (found, kept) = findings.found();
    if found == 0 {
        println!("\nsoak: nothing found");
        return ExitCode::SUCCESS;
    }
    println!("\nsoak: {found} FINDINGS, the first of them:");
    for what in kept {
        println!("  - {what}");
    }
    ExitCode::FAILURE
}

/// The clients and their wires are all in this process.
fn take_all_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it cannot be raised, a run with few clients needs no more.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn now_in_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
