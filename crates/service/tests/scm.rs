//! The manager of Windows services, with real services of the service control manager (of Wine, where the
//! tests run under Wine).
#![cfg(windows)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use standpipe_service::scm::{
    self, Installation, Installed, LOCAL_SYSTEM, ScmManager, ScmOptions, StartType, WhenPaused,
};
use standpipe_service::watcher::{Policy, Refusal, Verdict};
use standpipe_service::{
    Alive, BoxFuture, Exit, Manager, NotReady, Probe, Report, StartError, State, Status, supervise,
};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

/// One test at a time: several in one process that start, stop and kill services at once mostly hang under
/// Wine. It is this process that hangs: the service control manager answers others meanwhile, and three
/// processes with all of these tests get along. Why is not known.
static TURN: Mutex<()> = Mutex::new(());

/// An installed service, removed at its end.
struct Fixture {
    installation: Installation,
    turn: Option<MutexGuard<'static, ()>>,
}

impl Fixture {
    fn new(behaviour: &[&str]) -> Self {
        Self::with(behaviour, |_| {})
    }

    fn with(behaviour: &[&str], change: impl FnOnce(&mut Installation)) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fixture = Self::beside(behaviour, change);
        fixture.turn = Some(turn);
        fixture
    }

    /// Another service for the same test.
    fn beside(behaviour: &[&str], change: impl FnOnce(&mut Installation)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("standpipe-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let mut arguments = vec![name.as_str()];
        arguments.extend(behaviour);
        let mut installation = Installation {
            display_name: name.clone(),
            command: standpipe_process::command_line(&program(), arguments),
            account: LOCAL_SYSTEM.into(),
            password: None,
            start_type: StartType::Manual,
            dependencies: Vec::new(),
            description: String::new(),
            name,
        };
        change(&mut installation);
        // One that an earlier test run has left behind.
        let _ = scm::remove(&installation.name, Duration::ZERO);
        assert_eq!(scm::install(&installation, PATIENCE).unwrap(), Installed::New);
        Self { installation, turn: None }
    }

    fn manager(&self) -> ScmManager {
        self.manager_with(ScmOptions::default(), Alive)
    }

    fn manager_with(&self, options: ScmOptions, probe: impl Probe) -> ScmManager {
        ScmManager::new(&self.installation.name, options, probe)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = scm::remove(&self.installation.name, Duration::ZERO);
        drop(self.turn.take());
    }
}

/// The path of the service's program, as Windows writes it.
fn program() -> String {
    let path = env!("CARGO_BIN_EXE_standpipe-scm-service");
    if path.starts_with('/') { format!("Z:{}", path.replace('/', "\\")) } else { path.to_owned() }
}

async fn reach(changes: &mut watch::Receiver<Status>, state: State) -> Status {
    let reached = timeout(PATIENCE, changes.wait_for(|status| status.state == state)).await;
    if let Ok(status) = reached {
        return status.unwrap().clone();
    }
    drop(reached);
    panic!("still {:?}, not {state}", changes.borrow())
}

fn kill(pid: u32) {
    let killed =
        std::process::Command::new("taskkill").args(["/f", "/pid", &pid.to_string()]).output().unwrap();
    assert!(killed.status.success(), "{killed:?}");
}

fn refusal(result: Result<(), StartError>) -> (Refusal, String) {
    let error = result.unwrap_err();
    (error.refusal(), error.to_string())
}

async fn stop(manager: &ScmManager) -> Status {
    let mut changes = manager.changes();
    manager.stop().await;
    reach(&mut changes, State::Stopped).await
}

/// Wine starts one service at a time, and refuses another start after three seconds.
#[tokio::test]
async fn a_start_waits_while_another_service_is_being_started() {
    let (late, other) = (Fixture::new(&["late", "5000"]), Fixture::beside(&["run"], |_| {}));
    let (late, other) = (late.manager(), other.manager());
    let begun_later = async {
        sleep(Duration::from_millis(500)).await;
        other.start().await
    };
    let (first, second) = tokio::join!(late.start(), begun_later);
    first.unwrap();
    second.unwrap();
    stop(&late).await;
    stop(&other).await;
}

#[tokio::test]
async fn a_service_has_its_variables_in_its_registry_key_and_is_started_again_when_they_change() {
    let service = Fixture::new(&["run"]);
    let name = &service.installation.name;
    let key = format!(r"HKLM\SYSTEM\CurrentControlSet\Services\{name}");
    let reg = |arguments: &[&str]| {
        let done = std::process::Command::new("reg").args(arguments).output().unwrap();
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    reg(&["add", &key, "/v", "Environment", "/t", "REG_MULTI_SZ", "/d", "LEVEL=3", "/f"]);
    let manager = |value: &str| {
        let environment = vec![("MODE".to_owned(), value.to_owned())];
        ScmManager::with_environment(name, ScmOptions::default(), environment, Alive)
    };
    let first = manager("fast");
    let mut changes = first.changes();
    first.start().await.unwrap();
    let pid = reach(&mut changes, State::Running).await.pid;
    let shown = reg(&["query", &key]);
    assert!(shown.contains(r"Environment    REG_MULTI_SZ    LEVEL=3\0MODE=fast"), "{shown}");
    // The same again leaves it alone.
    assert_eq!(manager("fast").query().await.pid, pid);
    let second = manager("slow");
    let (reports, mut latest) = watch::channel(Report::initial());
    let (end, ended) = oneshot::channel::<()>();
    let supervised = async {
        let stop = async { drop(ended.await) };
        supervise(name, &second, Policy::default(), 1, stop, &reports).await
    };
    let restarted = async {
        // The new process may have the old one's id: Wine gives ids again soon.
        let runs = latest.wait_for(|report| report.ready && report.starts == 1);
        let reached = timeout(PATIENCE, runs).await.map(|report| report.unwrap().clone());
        let report = reached.unwrap_or_else(|_| panic!("still {:?}", latest.borrow()));
        drop(end);
        report
    };
    let (verdict, report) = tokio::join!(supervised, restarted);
    assert!(matches!(verdict, Verdict::Stopped { killed: false, gone: true }), "{verdict:?}");
    assert_eq!((report.starts, report.failures), (1, 0), "{report:?}");
    assert!(reg(&["query", &key]).contains("MODE=slow"));
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_service_stopped_and_not_on_its_way() {
    let service = Fixture::new(&["die-at-once"]);
    let manager = service.manager();
    for _ in 0..3 {
        let (refusal, reason) = refusal(manager.start().await);
        assert_eq!(refusal, Refusal::ForNow, "{reason}");
        // Whoever looks at the changes now must not take it for a start by somebody else.
        assert_eq!(manager.changes().borrow().state, State::Stopped);
    }
}

#[tokio::test]
async fn a_service_is_started_and_stopped_by_a_control() {
    let service = Fixture::new(&["run"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    assert_eq!(manager.query().await, Status::of(State::Stopped));
    manager.start().await.unwrap();
    assert!(reach(&mut changes, State::Running).await.pid.is_some());
    assert_eq!(stop(&manager).await.exit, Some(Exit::WindowsError(0)));
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    stop(&manager).await;
}

#[tokio::test]
async fn a_dead_process_is_noticed_within_two_seconds_and_can_be_started_again() {
    let service = Fixture::new(&["run"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    for _ in 0..3 {
        manager.start().await.unwrap();
        let running = reach(&mut changes, State::Running).await;
        let killed = Instant::now();
        kill(running.pid.unwrap());
        let status = reach(&mut changes, State::Stopped).await;
        assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
        assert!(status.exit.is_some_and(|exit| !exit.is_success()), "{status:?}");
        assert_eq!(manager.query().await.state, State::Stopped);
        // There is nothing to stop, and that is no error.
        manager.stop().await;
    }
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    stop(&manager).await;
}

#[tokio::test]
async fn a_dead_process_is_dead_to_a_manager_that_did_not_start_it() {
    let service = Fixture::new(&["run"]);
    let first = service.manager();
    let mut changes = first.changes();
    first.start().await.unwrap();
    let pid = reach(&mut changes, State::Running).await.pid.unwrap();
    let second = service.manager();
    let mut seen = second.changes();
    second.query().await;
    assert_eq!(reach(&mut seen, State::Running).await.pid, Some(pid));
    drop(second);
    kill(pid);
    assert_eq!(service.manager().query().await.state, State::Stopped);
}

#[tokio::test]
async fn a_service_that_reports_stopped_at_once_is_refused_with_its_own_code() {
    let service = Fixture::new(&["stop-at-once", "256"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    // Windows takes the start and Wine refuses it.
    if let Err(error) = manager.start().await {
        assert_eq!(error.refusal(), Refusal::ForNow);
        assert!(error.to_string().contains("it ended with service-specific code 256"), "{error}");
    }
    assert_eq!(reach(&mut changes, State::Stopped).await.exit, Some(Exit::ServiceCode(256)));
}

#[tokio::test]
async fn a_program_that_is_no_service_is_refused_for_now() {
    let service = Fixture::new(&["die-at-once"]);
    let (refusal, message) = refusal(service.manager().start().await);
    assert_eq!(refusal, Refusal::ForNow);
    assert!(message.contains("Windows error 10"), "{message}");
}

#[tokio::test]
async fn a_missing_program_is_refused_for_good() {
    let service = Fixture::with(&[], |service| service.command = r#""C:\no\such.exe""#.into());
    let (refusal, message) = refusal(service.manager().start().await);
    assert_eq!(refusal, Refusal::ForGood, "{message}");
    assert!(message.contains("does not exist"), "{message}");
    assert!(message.contains("correct the path"), "{message}");
}

#[tokio::test]
async fn a_service_that_is_not_installed_is_refused_for_good() {
    let manager = ScmManager::new("no-such-service", ScmOptions::default(), Alive);
    assert!(manager.query().await.detail.unwrap().contains("1060"));
    let (refusal, message) = refusal(manager.start().await);
    assert_eq!(refusal, Refusal::ForGood, "{message}");
    assert!(message.contains("1060 (no such service is installed)"), "{message}");
}

#[tokio::test]
async fn a_disabled_service_is_refused_for_good() {
    let service = Fixture::with(&["run"], |service| service.start_type = StartType::Disabled);
    let (refusal, message) = refusal(service.manager().start().await);
    assert_eq!(refusal, Refusal::ForGood, "{message}");
    assert!(message.contains("1058"), "{message}");
}

#[tokio::test]
async fn a_dependency_that_cannot_start_is_named() {
    let broken = Fixture::with(&[], |service| service.command = r#""C:\no\such.exe""#.into());
    let name = broken.installation.name.clone();
    let service = Fixture::beside(&["run"], |service| service.dependencies = vec![name.clone()]);
    // Wine starts it all the same.
    if let Err(error) = service.manager().start().await {
        let message = error.to_string();
        assert!(message.contains("1068") && message.contains(&name), "{message}");
    }
}

#[tokio::test]
async fn a_slow_start_shows_its_checkpoints() {
    let service = Fixture::new(&["slow-start", "6"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    let mut checkpoints = Vec::new();
    loop {
        let status = manager.query().await;
        match status.state {
            State::StartPending => checkpoints.push(status.checkpoint),
            State::Running => break,
            other => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    checkpoints.dedup();
    assert!(checkpoints.is_sorted() && checkpoints.len() >= 4, "{checkpoints:?}");
    reach(&mut changes, State::Running).await;
    stop(&manager).await;
}

#[tokio::test]
async fn a_service_that_never_leaves_start_pending_is_killed_and_given_up() {
    let service = Fixture::new(&["hang-in-start-pending"]);
    let manager = service.manager();
    let policy = Policy {
        start_timeout: Duration::from_secs(1),
        stop_grace: Duration::from_secs(1),
        max_failures: std::num::NonZeroU32::new(1).unwrap(),
        ..Policy::default()
    };
    let reports = watch::Sender::new(Report::initial());
    let verdict =
        timeout(PATIENCE, supervise("test", &manager, policy, 1, std::future::pending(), &reports)).await;
    let Ok(Verdict::GaveUp(why)) = verdict else { panic!("{verdict:?}") };
    assert!(why.to_string().contains("still StartPending"), "{why}");
    assert_eq!(manager.query().await.state, State::Stopped);
}

#[tokio::test]
async fn a_service_that_ignores_its_stop_is_killed_with_what_it_started() {
    let service = Fixture::new(&["ignore-stop"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    manager.stop().await;
    reach(&mut changes, State::StopPending).await;
    manager.kill().await;
    let status = reach(&mut changes, State::Stopped).await;
    assert!(status.exit.is_some_and(|exit| !exit.is_success()), "{status:?}");
}

#[tokio::test]
async fn a_kill_takes_the_children_along() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("held");
    let service = Fixture::new(&["child", file.to_str().unwrap()]);
    let manager = service.manager();
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    let held = std::fs::remove_file(&file).unwrap_err();
    assert_eq!(held.raw_os_error(), Some(32), "the child has it open: {held}");
    manager.kill().await;
    reach(&mut changes, State::Stopped).await;
    let since = Instant::now();
    while std::fs::remove_file(&file).is_err() {
        assert!(since.elapsed() < PATIENCE, "the child still has the file open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_service_that_takes_no_controls_yet_is_stopped_once_it_does() {
    let service = Fixture::new(&["late-controls", "700"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    assert_eq!(stop(&manager).await.exit, Some(Exit::WindowsError(0)));
}

#[tokio::test]
async fn a_paused_service_is_asked_to_continue_where_that_is_wanted() {
    let service = Fixture::new(&["pause", "300"]);
    let options = ScmOptions { when_paused: WhenPaused::Continue, ..ScmOptions::default() };
    let manager = service.manager_with(options, Alive);
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    reach(&mut changes, State::Running).await;
    reach(&mut changes, State::ContinuePending).await;
    reach(&mut changes, State::Running).await;
    stop(&manager).await;
}

#[tokio::test]
async fn a_paused_service_is_paused_otherwise() {
    let service = Fixture::new(&["pause", "0"]);
    let manager = service.manager();
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    assert!(reach(&mut changes, State::Paused).await.pid.is_some());
    stop_paused(&manager).await;
}

/// The test's service takes no STOP while it is paused.
async fn stop_paused(manager: &ScmManager) {
    let mut changes = manager.changes();
    manager.kill().await;
    reach(&mut changes, State::Stopped).await;
}

/// Ready when the test says so.
struct Switch(watch::Receiver<bool>);

impl Probe for Switch {
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        let ready = *self.0.borrow();
        Box::pin(async move { if ready { Ok(()) } else { Err(NotReady::new("switched off")) } })
    }
}

#[tokio::test]
async fn a_service_is_running_only_once_its_probe_succeeds() {
    let service = Fixture::new(&["run"]);
    let (switch, switched) = watch::channel(false);
    let manager = service.manager_with(ScmOptions::default(), Switch(switched));
    let mut changes = manager.changes();
    manager.start().await.unwrap();
    let status =
        timeout(PATIENCE, changes.wait_for(|status| status.detail.is_some())).await.unwrap().unwrap().clone();
    assert_eq!((status.state, status.detail.as_deref()), (State::StartPending, Some("switched off")));
    switch.send_replace(true);
    reach(&mut changes, State::Running).await;
    stop(&manager).await;
}

#[tokio::test]
async fn a_killed_service_is_back_within_three_seconds_and_stops_when_asked() {
    let service = Fixture::new(&["run"]);
    let manager = service.manager();
    let (reports, mut seen) = watch::channel(Report::initial());
    let (stop, stopped) = oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        supervise("test", &manager, Policy::default(), 1, async { drop(stopped.await) }, &reports).await
    });
    let first = timeout(PATIENCE, seen.wait_for(|report| report.ready)).await.unwrap().unwrap().clone();
    let killed = Instant::now();
    kill(first.pid.unwrap());
    timeout(PATIENCE, seen.wait_for(|report| report.failures == 1)).await.unwrap().unwrap();
    let second = timeout(PATIENCE, seen.wait_for(|report| report.ready)).await.unwrap().unwrap().clone();
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    assert_eq!((second.starts, second.failures), (2, 1));
    stop.send(()).unwrap();
    let verdict = timeout(PATIENCE, watching).await.unwrap().unwrap();
    assert_eq!(verdict, Verdict::Stopped { killed: false, gone: true });
}

#[tokio::test]
async fn an_installation_is_idempotent_and_a_removal_too() {
    let service = Fixture::with(&["run"], |service| service.description = "A test".into());
    let mut installation = service.installation.clone();
    assert_eq!(scm::install(&installation, PATIENCE).unwrap(), Installed::Unchanged);
    installation.start_type = StartType::Automatic;
    assert_eq!(scm::install(&installation, PATIENCE).unwrap(), Installed::Changed);
    let description = scm::describe(&installation.name).unwrap().unwrap();
    assert_eq!(description.start_type, Some(StartType::Automatic));
    assert_eq!(description.command, installation.command);
    assert!(scm::remove(&installation.name, PATIENCE).unwrap());
    assert!(!scm::remove(&installation.name, PATIENCE).unwrap());
    assert_eq!(scm::describe(&installation.name).unwrap(), None);
    assert!(Path::new(&program()).exists());
}
