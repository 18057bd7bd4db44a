//! One client: connects, logs on, acts, leaves in one way or another, and begins again.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use standpipe_client::{Client as Smb, ConnectOptions, Credentials, Encryption};
use tokio_util::sync::CancellationToken;

use crate::act::{Caller, Ended, PATIENCE, is_expected, kind_of, name};
use crate::findings::Findings;
use crate::random::Random;
use crate::wire::Wire;

/// What all clients share.
pub(crate) struct World {
    pub(crate) seed: u64,
    /// The server with the pipes `echo`, `bytes`, `silent` and `few`.
    pub(crate) pipes: SocketAddr,
    /// The server with the pipe `simple`.
    pub(crate) watched: SocketAddr,
    pub(crate) credentials: Credentials,
    pub(crate) findings: Findings,
    /// The longest pause between two acts.
    pub(crate) pause: Duration,
    pub(crate) over: CancellationToken,
}

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Farewell {
    /// It logs off when it is done.
    LogOff,
    /// It logs off with requests under way.
    LogOffBusy,
    /// It lets go of everything, with pipes open; what is left of it logs off.
    Drop,
    /// The wire is cut, with requests under way.
    Cut { by_reset: bool },
    /// The wire is cut in the middle of what it sends.
    CutFrame { by_reset: bool },
    /// It stops reading, with requests under way, and the wire is cut later.
    Deaf,
    /// It comes back over another connection before the server knows that this one is lost, and says so.
    ComeBack,
}

/// Lives until the run is over.
pub(crate) async fn live(world: Arc<World>, number: u64) {
    let mut random = Random::of(world.seed, number);
    // Not all at once.
    tokio::time::sleep(random.up_to(world.pause * 2)).await;
    while !world.over.is_cancelled() {
        if visit(&world, number, &mut random).await.is_err() {
            // Whoever could not get in does not try as fast as it can.
            tokio::time::sleep(random.up_to(world.pause)).await;
        }
    }
}

/// One connection.
async fn visit(world: &World, number: u64, random: &mut Random) -> Result<(), Ended> {
    let findings = &world.findings;
    let watched = random.percent(25);
    let server = if watched { world.watched } else { world.pipes };
    let wire = Wire::lay(source(number), server).await.map_err(|failure| {
        findings.wrong(failure.to_string());
        Ended
    })?;
    if random.percent(3) {
        // In the middle of the log-on.
        wire.cut(1 + random.below(900), random.percent(50));
    }
    if random.percent(4) {
        wire.be_slow();
        findings.count("slow clients");
    }
    let encryption = if random.percent(30) { Encryption::Required } else { Encryption::WhenAsked };
    let options = ConnectOptions { timeout: PATIENCE, encryption, ..ConnectOptions::default() };
    let connected = Smb::connect(&wire.place().into(), &world.credentials, &options).await;
    let smb = connected.map_err(|error| {
        if !is_expected(&error, wire.was_cut()) {
            findings.wrong(format!("cannot log on, and nothing was done to it: {error}: {error:?}"));
        }
        findings.count(&format!("error at log-on: {}", kind_of(&error)));
        Ended
    })?;
    findings.count("log-ons");
    let mut caller = Caller { smb: &smb, wire: &wire, findings, watched, logged_off: false };
    for _ in 0..random.within(1..12) {
        tokio::time::sleep(random.up_to(world.pause)).await;
        if world.over.is_cancelled() || smb.is_closed() {
            break;
        }
        // An act that ends early is judged already.
        let _ = act(&caller, random).await;
    }
    if smb.is_closed() && !wire.was_cut() {
        let why = smb.closed().await;
        findings.wrong(format!("the server ended a connection to which nothing was done: {why}"));
    }
    let farewell = farewell(random);
    match farewell {
        Farewell::LogOff => in_time(findings, smb.log_off()).await,
        Farewell::LogOffBusy => {
            caller.logged_off = true;
            let soon = random.up_to(Duration::from_millis(200));
            tokio::join!(caller.be_busy(random), async {
                tokio::time::sleep(soon).await;
                in_time(findings, smb.log_off()).await;
            });
        }
        Farewell::Drop => {
            let _ = caller.open_and_drop(random).await;
        }
        Farewell::Cut { by_reset } => {
            let soon = random.up_to(Duration::from_millis(200));
            tokio::join!(caller.be_busy(random), async {
                tokio::time::sleep(soon).await;
                wire.cut(0, by_reset);
            });
        }
        Farewell::CutFrame { by_reset } => {
            wire.cut(1 + random.below(20_000), by_reset);
            caller.be_busy(random).await;
            // It may have said less than that.
            wire.cut(0, by_reset);
        }
        Farewell::Deaf => {
            wire.be_deaf();
            let later = random.up_to(Duration::from_secs(2));
            tokio::join!(caller.be_busy(random), async {
                tokio::time::sleep(later).await;
                wire.cut(0, true);
            });
        }
        Farewell::ComeBack => {}
    }
    if matches!(farewell, Farewell::ComeBack) {
        come_back(world, number, &mut caller, server, random).await;
    }
    findings.count(&format!("left: {}", farewell.name()));
    drop(smb);
    if matches!(farewell, Farewell::Drop) {
        // What is left of it says goodbye by itself; the wire has to be there until then.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Logs on over another connection in place of this one, which has requests under way: they end, and nothing
/// can be opened in the former session any more.
async fn come_back(
    world: &World,
    number: u64,
    caller: &mut Caller<'_>,
    server: SocketAddr,
    random: &mut Random,
) {
    let findings = caller.findings;
    let Ok(wire) = Wire::lay(source(number), server).await else { return };
    let previous_session = Some(caller.smb.ready().session_id);
    let options = ConnectOptions { timeout: PATIENCE, previous_session, ..ConnectOptions::default() };
    caller.logged_off = true;
    let place = wire.place().into();
    let connecting = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Smb::connect(&place, &world.credentials, &options).await
    };
    let (connected, ()) = tokio::join!(connecting, caller.be_busy(random));
    let smb = match connected {
        Ok(smb) => smb,
        Err(error) => return findings.wrong(format!("a client cannot come back: {error}: {error:?}")),
    };
    let pipe = name(if caller.watched { "simple" } else { "echo" });
    if caller.smb.open(&pipe).await.is_ok() {
        findings.wrong("a session goes on although its client came back over another connection".to_owned());
    }
    in_time(findings, smb.log_off()).await;
}

async fn act(caller: &Caller<'_>, random: &mut Random) -> Result<(), Ended> {
    if caller.watched {
        return caller.tell(random).await;
    }
    match random.below(100) {
        0..40 => caller.converse("echo", random).await,
        40..55 => caller.converse_at_once(random).await,
        55..75 => caller.stream(random).await,
        75..85 => caller.give_up(random).await,
        85..95 => caller.converse("few", random).await,
        _ => caller.open_and_drop(random).await,
    }
}

fn farewell(random: &mut Random) -> Farewell {
    let by_reset = random.percent(50);
    match random.below(100) {
        0..20 => Farewell::LogOff,
        20..40 => Farewell::LogOffBusy,
        40..50 => Farewell::Drop,
        50..70 => Farewell::Cut { by_reset },
        70..80 => Farewell::CutFrame { by_reset },
        80..90 => Farewell::ComeBack,
        _ => Farewell::Deaf,
    }
}

impl Farewell {
    fn name(self) -> &'static str {
        match self {
            Self::LogOff => "logged off",
            Self::LogOffBusy => "logged off with requests under way",
            Self::Drop => "dropped with pipes open",
            Self::Cut { .. } => "cut with requests under way",
            Self::CutFrame { .. } => "cut in the middle of what it sent",
            Self::Deaf => "stopped reading, then cut",
            Self::ComeBack => "came back over another connection",
        }
    }
}

async fn in_time(findings: &Findings, log_off: impl Future<Output = ()>) {
    if tokio::time::timeout(PATIENCE, log_off).await.is_err() {
        findings.wrong(format!("a log-off hangs: no end within {PATIENCE:?}"));
    }
}

/// Each client has a loopback address of its own: a server takes only so many connections from one.
fn source(number: u64) -> Ipv4Addr {
    let [high, low] = (u16::try_from(number % 60_000).unwrap_or_default() + 1).to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}
