//! Whole lives of instances, with real processes and real pipes.

mod several;

use std::io;

use standpipe_pipe::Mode;
use standpipe_pipe::listener::PipeListener;
use standpipe_service::watcher::{Failure, FailureKind, GiveUp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::exit_code::ExitCode;
use crate::state::{Stage, read_all};
use crate::testing::{TestFolder, is_alive, only_role, soon};

const SERVICE: &str = "[roles.R.service]\nname = \"S\"\ncommand = [\"sh\", \"service.sh\"]\n";
const PIPE: &str = "[roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\n\
                    [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n";

/// A running instance and the test's hold on it.
struct Running {
    stop: Stop,
    ready: watch::Receiver<bool>,
    life: JoinHandle<Outcome>,
}

/// Runs instance 0 of the only role; serves until told to stop.
async fn run(place: &TestFolder, roles: &str) -> Running {
    let deployment = place.deployment(roles);
    let state_dir = place.state();
    let stop = Stop::default();
    let (served, serving) = oneshot::channel();
    let inner = stop.clone();
    let life = tokio::spawn(async move {
        let role = only_role(&deployment);
        let options = InstanceOptions {
            deployment: &deployment,
            role,
            number: 0,
            state_dir: &state_dir,
            drain_timeout: Duration::from_secs(10),
        };
        let instance = Instance::prepare(options).unwrap();
        let serve = |serving: Serving| async move {
            let _ = served.send(serving.ready.clone());
            serving.stop.cancelled().await;
            Ok(())
        };
        instance.run(Vec::new(), inner, serve).await
    });
    Running { stop, ready: soon(serving).await.unwrap(), life }
}

impl Running {
    async fn becomes_ready(&mut self, ready: bool) {
        soon(self.ready.wait_for(|now| *now == ready)).await.unwrap();
    }

    async fn end(self) -> Outcome {
        soon(self.life).await.unwrap()
    }
}

/// Runs an instance that never gets to serve.
async fn run_to_the_end(place: &TestFolder, roles: &str) -> Outcome {
    let deployment = place.deployment(roles);
    let state_dir = place.state();
    let options = InstanceOptions {
        deployment: &deployment,
        role: only_role(&deployment),
        number: 0,
        state_dir: &state_dir,
        drain_timeout: Duration::from_secs(10),
    };
    let serve = |serving: Serving| async move {
        serving.stop.cancelled().await;
        Ok(())
    };
    soon(Instance::prepare(options).unwrap().run(Vec::new(), Stop::default(), serve)).await
}

fn record(place: &TestFolder) -> InstanceRecord {
    read_all(&place.state()).unwrap().remove(0)
}

/// Waits for a record that another task writes.
async fn recorded(place: &TestFolder, mut wanted: impl FnMut(&InstanceRecord) -> bool) -> InstanceRecord {
    soon(async {
        loop {
            let record = read_all(&place.state()).unwrap().pop();
            match record.filter(&mut wanted) {
                Some(record) => return record,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn is_ready_only_while_the_service_runs_and_its_pipe_accepts() {
    let mut place = TestFolder::new();
    place.script("service.sh", "echo $$ > teller; exec sleep 1000");
    let mut running = run(&place, &format!("{SERVICE}{PIPE}")).await;
    let service = place.told_pid().await;
    assert!(!*running.ready.borrow());
    assert_eq!(
        recorded(&place, |record| record.service.as_deref() == Some("StartPending")).await.stage,
        Stage::Starting
    );

    let pipes = place.state().join("R.0/pipes");
    let listener = PipeListener::bind_in(&pipes, "simple", Mode::Message).await.unwrap();
    running.becomes_ready(true).await;
    let record = recorded(&place, |record| record.ready).await;
    assert_eq!((record.stage, record.service_pid), (Stage::Running, Some(service)));
    assert_eq!(record.pid, Some(std::process::id()));
    assert_eq!(record.service.as_deref(), Some("Running"));
    drop(listener);

    running.stop.asked.cancel();
    let outcome = running.end().await;
    assert!(matches!(outcome, Outcome::Stopped), "{outcome}");
    assert_eq!(outcome.exit_code(), ExitCode::Ok);
    assert!(!is_alive(service));
    assert!(!place.state().exists());
}

#[tokio::test]
async fn a_service_whose_pipe_nobody_could_open_is_never_ready() {
    let mut place = TestFolder::new();
    place.script("service.sh", "echo $$ > teller; exec sleep 1000");
    let service = format!("{SERVICE}start-timeout = \"300ms\"\nmax-failures = 1\n");
    let running = run(&place, &format!("{service}{PIPE}")).await;
    place.told_pid().await;
    // It listens for bytes, and the pipe carries messages.
    let pipes = place.state().join("R.0/pipes");
    let _listener = PipeListener::bind_in(&pipes, "simple", Mode::Byte).await.unwrap();
    let ready = running.ready.clone();
    let outcome = running.end().await;
    assert!(!*ready.borrow());
    assert_eq!(outcome.exit_code(), ExitCode::Unavailable);
    let text = outcome.to_string();
    assert!(text.contains("its pipe `simple` cannot be opened"), "{text}");
    assert!(text.contains("byte mode, and message mode is set for it"), "{text}");
}

#[tokio::test]
async fn a_socket_that_a_killed_service_left_does_not_keep_it_from_starting() {
    let mut place = TestFolder::new();
    let script = "test -e \"$STANDPIPE_PIPES/simple\" && exit 9; echo $$ > teller; exec sleep 1000";
    place.script("service.sh", script);
    let running = run(&place, &format!("{SERVICE}{PIPE}")).await;
    let first = place.told_pid().await;
    drop(std::os::unix::net::UnixListener::bind(place.state().join("R.0/pipes/simple")).unwrap());
    let pid = rustix::process::Pid::from_raw(first.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_ne!(place.told_pid().await, first);
    running.stop.asked.cancel();
    running.end().await;
}

#[tokio::test]
async fn each_instance_finds_the_sockets_of_its_own_net_service() {
    let mut place = TestFolder::new();
    place.script("service.sh", "echo kept > \"$TMPDIR/file\"; echo \"$TMPDIR\" > teller; exec sleep 1000");
    let pipe = PIPE.replacen("sddl", "backend = \"dotnet\"\nsddl", 1);
    let mut running = run(&place, &format!("{SERVICE}{pipe}")).await;
    let temporary = place.state().join("R.0/tmp");
    assert_eq!(place.told().await, temporary.display().to_string());
    let listener = PipeListener::bind_path(&temporary.join("CoreFxPipe_simple"), Mode::Byte).await.unwrap();
    running.becomes_ready(true).await;
    running.stop.asked.cancel();
    assert!(matches!(running.end().await, Outcome::Stopped));
    drop(listener);
    assert!(!place.state().exists());
}

#[tokio::test]
async fn a_killed_service_makes_it_unready_and_then_ready_again() {
    let mut place = TestFolder::new();
    place.script("service.sh", "echo $$ > teller; exec sleep 1000");
    let mut running = run(&place, SERVICE).await;
    running.becomes_ready(true).await;
    let first = place.told_pid().await;
    let pid = rustix::process::Pid::from_raw(first.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    running.becomes_ready(false).await;
    running.becomes_ready(true).await;
    assert_ne!(place.told_pid().await, first);
    let record = recorded(&place, |record| record.ready && record.restarts == 1).await;
    assert!(record.last_error.unwrap().contains("SIGKILL"));
    running.stop.asked.cancel();
    assert_eq!(running.end().await.exit_code(), ExitCode::Ok);
}

#[tokio::test]
async fn a_service_that_keeps_failing_ends_it_with_the_reason() {
    let place = TestFolder::new();
    place.script("service.sh", "exit 3");
    let outcome = run_to_the_end(&place, &format!("{SERVICE}max-failures = 2\n{PIPE}")).await;
    assert_eq!(outcome.exit_code(), ExitCode::Unavailable);
    let text = outcome.to_string();
    assert!(text.starts_with("S: the service failed 2 times: it ended with exit code 3"), "{text}");
    let record = record(&place);
    assert_eq!((record.stage, record.ready), (Stage::Failed, false));
    assert_eq!(record.last_error, Some(text));
}

#[tokio::test]
async fn a_service_that_cannot_be_started_is_for_a_person_to_mend() {
    let place = TestFolder::new();
    place.unusable_program("service");
    let roles = "[roles.R.service]\nname = \"S\"\ncommand = [\"./service\"]\n";
    let outcome = run_to_the_end(&place, roles).await;
    assert_eq!(outcome.exit_code(), ExitCode::Config, "{outcome}");
    let text = outcome.to_string();
    assert!(text.starts_with("S: the service cannot be started: "), "{text}");
    assert!(text.contains("is not a program that this machine can run"), "{text}");
}

#[test]
fn a_service_given_up_for_want_of_a_permission_has_an_exit_code_of_its_own() {
    let after = |permitted| {
        let kind = FailureKind::Impossible { reason: "because".into(), permitted };
        let why = GiveUp { failures: vec![Failure { at: Duration::ZERO, kind }] };
        Outcome::GaveUp { service: "S".to_owned(), why }.exit_code()
    };
    assert_eq!((after(false), after(true)), (ExitCode::NotPermitted, ExitCode::Config));
}

#[tokio::test]
async fn a_failed_task_keeps_the_service_from_starting() {
    let place = TestFolder::new();
    place.script("service.sh", "touch started; exec sleep 1000");
    let roles = format!("{SERVICE}[[roles.R.startup]]\ncommand = [\"false\"]\n");
    let outcome = run_to_the_end(&place, &roles).await;
    assert_eq!(outcome.exit_code(), ExitCode::Task);
    assert!(!place.path().join("started").exists());
    assert_eq!(record(&place).stage, Stage::Failed);
}

#[tokio::test]
async fn a_stop_during_the_tasks_ends_them_and_is_no_failure() {
    let mut place = TestFolder::new();
    place.script("task.sh", "echo $$ > teller; exec sleep 1000");
    let deployment =
        place.deployment(&format!("{SERVICE}[[roles.R.startup]]\ncommand = [\"sh\", \"task.sh\"]\n"));
    let state_dir = place.state();
    let options = InstanceOptions {
        deployment: &deployment,
        role: only_role(&deployment),
        number: 0,
        state_dir: &state_dir,
        drain_timeout: Duration::ZERO,
    };
    let stop = Stop::default();
    let instance = Instance::prepare(options).unwrap();
    let life = instance.run(Vec::new(), stop.clone(), |_| async { Ok(()) });
    let (outcome, task) = tokio::join!(soon(life), async {
        let task = place.told_pid().await;
        stop.asked.cancel();
        task
    });
    assert!(matches!(outcome, Outcome::Stopped), "{outcome}");
    assert!(!is_alive(task));
}

#[tokio::test]
async fn clients_are_drained_before_the_service_is_stopped() {
    let mut place = TestFolder::new();
    place.script(
        "service.sh",
        "trap 'echo stopped > teller; exit 0' TERM; sh -c 'echo up > teller; exec sleep 1000' & wait",
    );
    let deployment = place.deployment(SERVICE);
    let state_dir = place.state();
    let options = InstanceOptions {
        deployment: &deployment,
        role: only_role(&deployment),
        number: 0,
        state_dir: &state_dir,
        drain_timeout: Duration::from_secs(30),
    };
    let (stop, drain) = (Stop::default(), CancellationToken::new());
    let (asked, inner) = (stop.clone(), drain.clone());
    let (seen, was_ready) = oneshot::channel();
    let serve = |mut serving: Serving| async move {
        serving.ready.wait_for(|ready| *ready).await?;
        asked.asked.cancel();
        serving.stop.cancelled().await;
        let _ = seen.send(*serving.ready.borrow());
        inner.cancelled().await;
        Ok(())
    };
    let life = Instance::prepare(options).unwrap().run(Vec::new(), stop, serve);
    let (outcome, ()) = tokio::join!(soon(life), async {
        assert_eq!(place.told().await, "up");
        let record = recorded(&place, |record| record.stage == Stage::Draining).await;
        assert_eq!(record.service.as_deref(), Some("Running"));
        assert!(!soon(was_ready).await.unwrap());
        drain.cancel();
        assert_eq!(place.told().await, "stopped");
    });
    assert_eq!(outcome.exit_code(), ExitCode::Ok);
}

#[tokio::test]
async fn when_serving_fails_everything_ends() {
    let mut place = TestFolder::new();
    place.script("service.sh", "echo $$ > teller; exec sleep 1000");
    let deployment = place.deployment(SERVICE);
    let state_dir = place.state();
    let options = InstanceOptions {
        deployment: &deployment,
        role: only_role(&deployment),
        number: 0,
        state_dir: &state_dir,
        drain_timeout: Duration::ZERO,
    };
    let serve = |mut serving: Serving| async move {
        serving.ready.wait_for(|ready| *ready).await?;
        Err(io::Error::other("the port is gone").into())
    };
    let outcome = soon(Instance::prepare(options).unwrap().run(Vec::new(), Stop::default(), serve)).await;
    assert_eq!(outcome.exit_code(), ExitCode::Temporary);
    assert_eq!(outcome.to_string(), "cannot serve any longer: the port is gone");
    assert!(!is_alive(place.told_pid().await));
}

/// A role with a task that does not end when it is asked to.
fn stubborn(place: &TestFolder, service: &str) -> String {
    place
        .script("task.sh", "trap 'echo asked > teller' TERM; echo $$ > teller; while :; do sleep 0.01; done");
    format!("{service}[[roles.R.startup]]\ncommand = [\"sh\", \"task.sh\"]\ntype = \"foreground\"\n")
}

#[tokio::test]
async fn a_foreground_task_holds_up_the_end_and_a_forced_stop_does_not_wait() {
    let mut place = TestFolder::new();
    place.script("service.sh", "exec sleep 1000");
    let roles = stubborn(&place, &format!("{SERVICE}stop-timeout = \"10m\"\n"));
    let mut running = run(&place, &roles).await;
    let task = place.told_pid().await;
    running.becomes_ready(true).await;
    running.stop.asked.cancel();
    // The service has ended, the task has not.
    recorded(&place, |record| record.service.as_deref() == Some("Stopped")).await;
    assert_eq!(place.told().await, "asked");
    assert!(is_alive(task) && !running.life.is_finished());
    running.stop.forced.cancel();
    assert_eq!(running.end().await.exit_code(), ExitCode::Ok);
    assert!(!is_alive(task));
}

#[tokio::test]
async fn a_foreground_task_holds_up_the_end_no_longer_than_the_service_could() {
    let mut place = TestFolder::new();
    place.script("service.sh", "exec sleep 1000");
    let roles = stubborn(&place, &format!("{SERVICE}stop-timeout = \"1s\"\n"));
    let mut running = run(&place, &roles).await;
    let task = place.told_pid().await;
    running.becomes_ready(true).await;
    running.stop.asked.cancel();
    assert_eq!(place.told().await, "asked");
    assert_eq!(running.end().await.exit_code(), ExitCode::Ok);
    assert!(!is_alive(task));
}

#[tokio::test]
async fn an_outcome_that_was_decided_stays_however_the_end_comes() {
    for forced in [true, false] {
        let mut place = TestFolder::new();
        place.script("service.sh", "exit 3");
        let roles = stubborn(&place, &format!("{SERVICE}max-failures = 1\nstop-timeout = \"10m\"\n{PIPE}"));
        let running = run(&place, &roles).await;
        let task = place.told_pid().await;
        assert_eq!(place.told().await, "asked");
        running.stop.asked.cancel();
        if forced {
            running.stop.forced.cancel();
        }
        // Not forced, it ends by itself.
        assert_eq!(running.end().await.exit_code(), ExitCode::Unavailable);
        assert!(!is_alive(task));
        assert_eq!(record(&place).stage, Stage::Failed);
    }
}

#[tokio::test]
async fn tasks_may_end_in_good_order() {
    for kind in ["simple", "background", "foreground"] {
        let mut place = TestFolder::new();
        place.script("service.sh", "exec sleep 1000").script(
            "task.sh",
            "trap 'echo bye > teller; exit 0' TERM; echo up > teller; while :; do sleep 0.01; done",
        );
        let deployment = place.deployment(&format!(
            "{SERVICE}[[roles.R.startup]]\ncommand = [\"sh\", \"task.sh\"]\ntype = \"{kind}\"\n\
             [[roles.R.startup]]\ncommand = [\"sh\", \"-c\", \"touch next\"]\n"
        ));
        let state_dir = place.state();
        let options = InstanceOptions {
            deployment: &deployment,
            role: only_role(&deployment),
            number: 0,
            state_dir: &state_dir,
            drain_timeout: Duration::ZERO,
        };
        let stop = Stop::default();
        let instance = Instance::prepare(options).unwrap();
        let life = instance.run(Vec::new(), stop.clone(), |serving| async move {
            serving.stop.cancelled().await;
            Ok(())
        });
        let (outcome, ()) = tokio::join!(soon(life), async {
            assert_eq!(place.told().await, "up");
            stop.asked.cancel();
            assert_eq!(place.told().await, "bye");
        });
        assert_eq!(outcome.exit_code(), ExitCode::Ok, "{kind}");
        if kind == "simple" {
            assert!(!place.path().join("next").exists());
        }
    }
}

#[tokio::test]
async fn a_process_that_a_task_left_running_ends_with_the_instance() {
    let mut place = TestFolder::new();
    place
        .script("service.sh", "exec sleep 1000")
        .script("task.sh", "setsid sh -c 'echo $$ > teller; exec sleep 1000' &");
    let roles = format!("{SERVICE}[[roles.R.startup]]\ncommand = [\"sh\", \"task.sh\"]\n");
    let mut running = run(&place, &roles).await;
    let left = place.told_pid().await;
    running.becomes_ready(true).await;
    assert!(is_alive(left));
    running.stop.asked.cancel();
    running.end().await;
    assert!(!is_alive(left));
}

#[tokio::test]
async fn runs_once_at_a_time_and_with_a_command_only() {
    let place = TestFolder::new();
    let deployment = place.deployment(SERVICE);
    let state_dir = place.state();
    let options = InstanceOptions {
        deployment: &deployment,
        role: only_role(&deployment),
        number: 0,
        state_dir: &state_dir,
        drain_timeout: Duration::ZERO,
    };
    let first = Instance::prepare(options).unwrap();
    let error = Instance::prepare(options).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Temporary);
    assert!(error.to_string().starts_with("the instance R.0 runs already"), "{error}");
    assert_eq!(first.accounts(), state_dir.join("R.0/accounts.toml"));
}
