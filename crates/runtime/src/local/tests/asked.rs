//! What other commands ask of a running deployment.

use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::control::{Ask, ControlError, ask};
use super::*;

/// An instance that is ready at once, and says when it starts.
const READY: &str = "d=$3/A.$1; mkdir -p -m 700 $d; cp marker $d/.standpipe-instance\n\
                     test -e broken.$1 && exit 69\n\
                     sed s/NUMBER/$1/ ready > $d/new; mv $d/new $d/state.json\n\
                     echo $1 >> starts\n\
                     trap 'echo stop $1 >> starts; rm -rf $d; exit 0' TERM; sleep 1000 & wait";

fn place() -> TestFolder {
    let place = TestFolder::new();
    place.script("instance.sh", READY);
    place.script("marker", MARKER);
    let record =
        InstanceRecord { stage: Stage::Running, ready: true, pid: Some(1), ..InstanceRecord::new("A", 0) };
    let text = serde_json::to_string(&record).unwrap().replace("\"instance\":0", "\"instance\":NUMBER");
    place.script("ready", &text);
    place
}

fn starts(place: &TestFolder) -> Vec<String> {
    let text = fs::read_to_string(place.path().join("starts")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Runs a deployment of role `A` with so many instances, and `then` once they are ready.
async fn with_running<F: Future<Output = ()>>(
    place: &TestFolder,
    instances: u32,
    host: &Script,
    then: impl FnOnce(PathBuf) -> F,
) -> LocalOutcome {
    let count = format!("instances = {instances}");
    let (deployment, state) = (deployment(place, &TWO.replace("instances = 2", &count)), place.state());
    let runtime = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap();
    let (stop, views) = (Stop::default(), watch::Sender::new(Vec::new()));
    let mut seen = views.subscribe();
    let asked = stop.clone();
    let (outcome, ()) = tokio::join!(soon(runtime.run(host, stop, &views)), async {
        let all_ready = |records: &Vec<InstanceRecord>| {
            records.len() == instances as usize && records.iter().all(|record| record.ready)
        };
        soon(seen.wait_for(all_ready)).await.unwrap();
        fs::remove_file(place.path().join("starts")).unwrap();
        then(state.clone()).await;
        asked.asked.cancel();
    });
    assert!(!state.exists());
    outcome
}

fn scale(count: u32) -> Ask {
    Ask::Scale { roles: [("A".to_owned(), count)].into(), ready_timeout_s: 20 }
}

fn refusal(answer: Result<String, ControlError>) -> Refusal {
    match answer {
        Err(ControlError::Refused { refusal }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_role_gets_more_instances_and_fewer_again() {
    let place = place();
    with_running(&place, 2, &SCRIPT, |state| async move {
        let listed = || {
            let targets = Targets::read(&state.join("targets.json")).unwrap();
            targets.roles["A"].iter().map(|target| target.instance).collect::<Vec<_>>()
        };
        let mut said = Vec::new();
        let done = ask(&state, scale(4), |text| said.push(text.to_owned())).await.unwrap();
        assert_eq!(done, "A has 4 now");
        assert_eq!(said[0], "starting A/2 and A/3");
        assert_eq!(listed(), [0, 1, 2, 3]);
        assert_eq!(ask(&state, scale(4), |_| {}).await.unwrap(), "nothing to do: there are so many already");
        ask(&state, scale(1), |_| {}).await.unwrap();
        assert_eq!(listed(), [0]);
        assert!(!state.join("A.3").exists() && state.join("A.0").exists());
        let zero = refusal(ask(&state, scale(0), |_| {}).await);
        assert_eq!(
            (zero.exit_code(), zero.error.as_str()),
            (ExitCode::Usage, "A cannot have 0 instances: expected 1 to 1000")
        );
        assert_eq!(refusal(ask(&state, scale(9), |_| {}).await).error, "too many");
        let unknown = Ask::Scale { roles: [("B".to_owned(), 1)].into(), ready_timeout_s: 20 };
        assert_eq!(refusal(ask(&state, unknown, |_| {}).await).hint.unwrap(), "its roles are A");
    })
    .await;
}

#[tokio::test]
async fn a_restart_stops_one_update_domain_after_the_other() {
    let place = place();
    with_running(&place, 3, &SCRIPT, |state| {
        let place = &place;
        async move {
            let restart = |role: Option<&str>, instance| Ask::Restart {
                role: role.map(str::to_owned),
                instance,
                ready_timeout_s: 20,
            };
            let done = ask(&state, restart(None, None), |_| {}).await.unwrap();
            assert_eq!(done, "3 instances were started again");
            assert_eq!(starts(place), ["stop 0", "0", "stop 1", "1", "stop 2", "2"]);
            fs::remove_file(place.path().join("starts")).unwrap();
            ask(&state, restart(Some("A"), Some(1)), |_| {}).await.unwrap();
            assert_eq!(starts(place), ["stop 1", "1"]);
            let none = refusal(ask(&state, restart(Some("A"), Some(7)), |_| {}).await);
            assert_eq!(none.error, "there is no instance A/7");
        }
    })
    .await;
}

#[tokio::test]
async fn an_update_stops_at_the_first_instance_that_fails() {
    let place = place();
    let roles = TWO.replace("instances = 2", "instances = 4");
    let host = Script { new: Some((place.path().to_path_buf(), roles)) };
    with_running(&place, 3, &host, |state| {
        let place = &place;
        async move {
            let update = || Ask::Update { roles: Vec::new(), ready_timeout_s: 20 };
            fs::write(place.path().join("broken.1"), "").unwrap();
            let failed = refusal(ask(&state, update(), |_| {}).await);
            assert_eq!(failed.exit_code(), ExitCode::Unavailable);
            let expected = "the update stopped at update domain 1: A/1 is not ready: its process ended with exit \
                            code 69; what comes after it was left as it is";
            assert_eq!(failed.error, expected);
            assert_eq!(starts(place), ["stop 0", "0", "stop 1"]);
            // It goes on once the reason is gone.
            fs::remove_file(place.path().join("broken.1")).unwrap();
            assert_eq!(ask(&state, update(), |_| {}).await.unwrap(), "4 instances were updated");
            assert!(starts(place).contains(&"3".to_owned()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_one_request_at_a_time_is_done() {
    let place = place();
    let outcome = with_running(&place, 2, &SCRIPT, |state| {
        let place = &place;
        async move {
            let update = Ask::Update { roles: Vec::new(), ready_timeout_s: 20 };
            let broken = refusal(ask(&state, update, |_| {}).await);
            assert_eq!((broken.exit_code(), broken.error.as_str()), (ExitCode::Config, "broken"));
            assert_eq!(starts(place), [""; 0]);
            // An instance that takes its time.
            let slow = READY.replace("sed s", "sleep 0.5; sed s");
            place.script("instance.sh", &slow);
            let (first, second) = tokio::join!(ask(&state, scale(3), |_| {}), async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                ask(&state, scale(4), |_| {}).await
            });
            assert_eq!(first.unwrap(), "A has 3 now");
            let busy = refusal(second);
            assert_eq!(busy.error, "the change of scale of Demo is under way");
            assert_eq!(busy.exit_code(), ExitCode::Temporary);
            let stopped = ask(&state, Ask::Stop { now: false }, |_| {}).await.unwrap();
            assert_eq!(stopped, "Demo is stopped");
        }
    })
    .await;
    assert_eq!(outcome.exit_code(), ExitCode::Ok);
    let gone = ask(&place.state(), scale(3), |_| {}).await.unwrap_err();
    assert_eq!(gone.exit_code(), ExitCode::Unavailable, "{gone}");
}

#[tokio::test]
async fn strangers_lines_are_refused_and_block_nobody() {
    let place = place();
    with_running(&place, 1, &SCRIPT, |state| async move {
        let socket = state.join("control");
        // Somebody who says nothing.
        let _silent = tokio::net::UnixStream::connect(&socket).await.unwrap();
        for (line, expected) in [
            ("nonsense\n".to_owned(), "cannot be read"),
            ("{\"version\":1,\"ask\":\"stop\"}\n".to_owned(), "now"),
            (format!("{}\n", "x".repeat(70_000)), "65536 bytes"),
        ] {
            let mut stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
            let _ = stream.write_all(line.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.contains(expected) && answer.contains("\"failed\""), "{answer}");
        }
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        ask(&state, scale(2), |_| {}).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_fails_again_and_again_begins_with_an_empty_folder() {
    let place = TestFolder::new();
    // What its service left there is there until it has failed three times.
    place.script(
        "instance.sh",
        "d=$3/A.$1; mkdir -p -m 700 $d; cp marker $d/.standpipe-instance\n\
         echo $STANDPIPE_RECYCLES $STANDPIPE_REIMAGES $(ls $d/wine) >> runs; mkdir -p $d/wine/prefix\n\
         test $STANDPIPE_RECYCLES = 4 && exit 0; exit 69",
    );
    place.script("marker", MARKER);
    let one = TWO.replace("instances = 2", "instances = 1");
    let (deployment, state) = (deployment(&place, &one), place.state());
    let mut options = options(&deployment, &state);
    options.recycle.reimage_after = 3;
    let runtime = LocalRuntime::prepare(options).await.unwrap();
    soon(runtime.run(&SCRIPT, Stop::default(), &watch::Sender::new(Vec::new()))).await;
    let runs = fs::read_to_string(place.path().join("runs")).unwrap();
    assert_eq!(runs, "0 0\n1 0 prefix\n2 0 prefix\n3 1\n4 1 prefix\n");
}

#[tokio::test]
async fn what_a_runtime_that_was_killed_left_is_ended_by_the_next() {
    let mut place = TestFolder::new();
    let (deployment, state) = (deployment(&place, TWO), place.state());
    let dir = StateDir::open(&state).unwrap();
    fs::write(dir.targets(), "").unwrap();
    // An instance that stops when it is asked to, and one that does not: a process of another test holds it.
    let lock = dir.instance("A", 0).lock(None).unwrap();
    let stops = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(lock);
    };
    let (runtime, ()) = tokio::join!(LocalRuntime::prepare(options(&deployment, &state)), stops);
    runtime.unwrap().abandon().unwrap();
    // The folder is new, and so is what runs there.
    place.script("instance.sh", "echo $$ > teller; exec sleep 1000");
    let runtime = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap();
    let (stop, views) = (Stop::default(), watch::Sender::new(Vec::new()));
    let asked = stop.clone();
    tokio::join!(soon(runtime.run(&SCRIPT, stop, &views)), async {
        place.told_pid().await;
        place.told_pid().await;
        asked.asked.cancel();
    });
}
