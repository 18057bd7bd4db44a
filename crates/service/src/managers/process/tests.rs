//! The manager, alone and under the watcher, with real processes.

use std::num::NonZeroU32;
use std::path::Path;

use standpipe_process::Exit;
use standpipe_teller::{Teller, soon};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::probe::Alive;
use crate::supervisor::{Report, supervise};
use crate::watcher::{Phase, Policy, Verdict};

fn shell(script: &str, folder: &Path) -> ProcessSpec {
    ProcessSpec::new("test", ["sh", "-c", script], folder)
}

/// Ready when the test says so.
struct Switch(watch::Receiver<bool>);

impl Probe for Switch {
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        let ready = *self.0.borrow();
        Box::pin(async move { if ready { Ok(()) } else { Err(NotReady::new("switched off")) } })
    }
}

async fn reach(changes: &mut watch::Receiver<Status>, state: State) -> Status {
    soon(changes.wait_for(|status| status.state == state)).await.unwrap().clone()
}

async fn report(reports: &mut watch::Receiver<Report>, wanted: impl FnMut(&Report) -> bool) -> Report {
    soon(reports.wait_for(wanted)).await.unwrap().clone()
}

fn quick() -> Policy {
    Policy { backoff_first: Duration::from_millis(1), ..Policy::default() }
}

#[tokio::test]
async fn runs_only_once_the_probe_succeeds() {
    let folder = TempDir::new().unwrap();
    let (switch, switched) = watch::channel(false);
    let manager = ProcessManager::new(shell("exec sleep 1000", folder.path()), Switch(switched));
    let mut changes = manager.changes();
    assert_eq!(manager.query().await.state, State::Stopped);
    manager.start().await.unwrap();
    let status = soon(changes.wait_for(|status| status.detail.is_some())).await.unwrap().clone();
    assert_eq!(status.state, State::StartPending);
    assert_eq!(status.detail.as_deref(), Some("switched off"));
    assert!(matches!(manager.start().await, Err(StartError::NotStopped)));
    switch.send_replace(true);
    assert!(reach(&mut changes, State::Running).await.pid.is_some());
    manager.stop().await;
    assert_eq!(reach(&mut changes, State::Stopped).await.exit, Some(Exit::Signal(15)));
}

#[tokio::test]
async fn an_end_is_noticed_and_takes_the_rest_along() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let script = "setsid sleep 1000 & echo $! > teller; read line < go; exit 4";
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("go"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o600),
        0,
    )
    .unwrap();
    let manager = ProcessManager::new(shell(script, folder.path()), Alive);
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    let left = teller.pid().await;
    std::fs::write(folder.path().join("go"), "\n").unwrap();
    assert_eq!(reach(&mut changes, State::Stopped).await.exit, Some(Exit::Code(4)));
    let stat = std::fs::read_to_string(format!("/proc/{left}/stat"));
    assert!(stat.is_err() || stat.unwrap().contains(") Z "));
}

#[tokio::test]
async fn a_kill_overtakes_a_stop() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let script = "trap '' TERM; echo ready > teller; while :; do sleep 1000; done";
    let manager = ProcessManager::new(shell(script, folder.path()), Alive);
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    teller.line().await;
    manager.stop().await;
    reach(&mut changes, State::StopPending).await;
    manager.kill().await;
    assert_eq!(reach(&mut changes, State::Stopped).await.exit, Some(Exit::Signal(9)));
    manager.stop().await;
    assert_eq!(manager.query().await.state, State::Stopped);
}

#[tokio::test]
async fn a_killed_service_is_started_again_until_a_stop_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let manager = ProcessManager::new(shell("exec sleep 1000", folder.path()), Alive);
    let (reports, mut seen) = watch::channel(Report::initial());
    let (stop, stopped) = oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        supervise("S", &manager, quick(), 1, async { drop(stopped.await) }, &reports).await
    });
    let first = report(&mut seen, |report| report.ready).await;
    let pid = rustix::process::Pid::from_raw(first.pid.unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let second = report(&mut seen, |report| report.ready && report.pid != first.pid).await;
    assert_eq!((second.starts, second.failures), (2, 1));
    assert!(second.last_failure.unwrap().starts_with("ended with signal 9 (SIGKILL)"));
    stop.send(()).unwrap();
    assert_eq!(soon(watching).await.unwrap(), Verdict::Stopped { killed: false, gone: true });
    assert_eq!(seen.borrow().phase, Phase::Stopped);
}

#[tokio::test]
async fn a_service_that_keeps_ending_is_given_up() {
    let folder = TempDir::new().unwrap();
    let manager = ProcessManager::new(shell("exit 3", folder.path()), Switch(watch::channel(false).1));
    let policy = Policy { max_failures: NonZeroU32::new(3).unwrap(), ..quick() };
    let reports = watch::Sender::new(Report::initial());
    let verdict = soon(supervise("S", &manager, policy, 1, std::future::pending(), &reports)).await;
    let Verdict::GaveUp(why) = verdict else { panic!("{verdict:?}") };
    assert_eq!(why.failures.len(), 3);
    assert!(
        why.to_string().contains("failed 3 times: it ended with exit code 3 before it was running each time"),
        "{why}"
    );
    assert_eq!(reports.borrow().starts, 3);
}

/// Why a service that runs this script once is given up.
async fn given_up(script: &str) -> String {
    let folder = TempDir::new().unwrap();
    let manager = ProcessManager::new(shell(script, folder.path()), Switch(watch::channel(false).1));
    let policy = Policy { max_failures: NonZeroU32::MIN, ..quick() };
    let reports = watch::Sender::new(Report::initial());
    let verdict = soon(supervise("S", &manager, policy, 1, std::future::pending(), &reports)).await;
    let Verdict::GaveUp(why) = verdict else { panic!("{verdict:?}") };
    why.to_string()
}

#[tokio::test]
async fn the_last_line_that_a_service_wrote_is_in_its_failure() {
    let why = given_up("echo begin; echo 'the reason' >&2; echo; exit 3").await;
    assert_eq!(why, "the service ended with exit code 3 before it was running (it wrote last: the reason)");
}

#[tokio::test]
async fn a_launcher_that_goes_into_the_background_is_named() {
    let why = given_up("echo started; setsid sleep 1000 & exit 0").await;
    assert!(
        why.contains("ended with exit code 0 before it was running (it went into the background"),
        "{why}"
    );
}

#[tokio::test]
async fn a_missing_program_is_given_up_at_once() {
    let folder = TempDir::new().unwrap();
    let mut spec = shell("", folder.path());
    spec.command = vec!["no-such-service".into()];
    let manager = ProcessManager::new(spec, Alive);
    let reports = watch::Sender::new(Report::initial());
    let verdict =
        soon(supervise("S", &manager, Policy::default(), 1, std::future::pending(), &reports)).await;
    let Verdict::GaveUp(why) = verdict else { panic!("{verdict:?}") };
    assert!(why.is_fatal());
    assert!(why.to_string().contains("no program `no-such-service`"), "{why}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_rest_after_a_failure() {
    let folder = TempDir::new().unwrap();
    let manager = ProcessManager::new(shell("exit 1", folder.path()), Alive);
    let hours = Duration::from_hours(2);
    let policy = Policy { backoff_first: hours, backoff_cap: hours, ..quick() };
    let (reports, mut seen) = watch::channel(Report::initial());
    let (stop, stopped) = oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        supervise("S", &manager, policy, 1, async { drop(stopped.await) }, &reports).await
    });
    report(&mut seen, |report| report.phase == Phase::Resting && report.failures == 2).await;
    stop.send(()).unwrap();
    assert_eq!(soon(watching).await.unwrap(), Verdict::Stopped { killed: false, gone: true });
}

/// A manager whose service can tell how it is at the path, and a way to say so.
fn notifying(folder: &TempDir) -> (ProcessManager, impl Fn(&str)) {
    let path = folder.path().join("notify");
    let manager = ProcessManager::new(shell("exec sleep 1000", folder.path()), Alive).notifying_at(&path);
    let sender = std::os::unix::net::UnixDatagram::unbound().unwrap();
    (manager, move |message| assert!(sender.send_to(message.as_bytes(), &path).unwrap() > 0))
}

#[tokio::test]
async fn a_service_that_notifies_runs_once_it_says_that_it_is_ready() {
    let folder = TempDir::new().unwrap();
    let (manager, say) = notifying(&folder);
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    say("STATUS=reading the index");
    let status = soon(changes.wait_for(|status| status.detail.is_some())).await.unwrap().clone();
    assert_eq!(status.state, State::StartPending);
    assert_eq!(status.detail.as_deref(), Some("reading the index"));
    say("READY=1");
    reach(&mut changes, State::Running).await;
    manager.stop().await;
    reach(&mut changes, State::Stopped).await;
    soon(async {
        while folder.path().join("notify").exists() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn progress_that_a_service_tells_of_extends_its_start_up_to_the_cap() {
    let folder = TempDir::new().unwrap();
    let (manager, say) = notifying(&folder);
    let policy = Policy {
        start_timeout: Duration::from_millis(300),
        start_cap: Duration::from_millis(1500),
        max_failures: NonZeroU32::MIN,
        ..quick()
    };
    let (reports, mut seen) = watch::channel(Report::initial());
    let watching = tokio::spawn(async move {
        let began = tokio::time::Instant::now();
        (supervise("S", &manager, policy, 1, std::future::pending(), &reports).await, began.elapsed())
    });
    report(&mut seen, |report| report.phase == Phase::Starting && report.pid.is_some()).await;
    // Each message asks for 10 s more: the first ones are granted, and the cap ends it.
    for _ in 0..10 {
        say("EXTEND_TIMEOUT_USEC=10000000\nSTATUS=still busy");
        sleep(Duration::from_millis(100)).await;
    }
    let (verdict, took) = soon(watching).await.unwrap();
    let Verdict::GaveUp(why) = verdict else { panic!("{verdict:?}") };
    let text = why.to_string();
    assert!(text.contains("still StartPending after 1.") && text.contains("still busy"), "{text}");
    assert!(took >= Duration::from_millis(1500), "{took:?}");
}
