//! Instances with several services.

use super::*;

/// A service that says when it starts and when it is asked to stop.
fn telling(place: &TestFolder, name: &str) {
    let text = format!(
        "trap 'echo \"{name} stops\" > teller; exit 0' TERM\necho \"{name} starts\" > teller\n\
         while :; do sleep 0.01; done"
    );
    place.script(&format!("{name}.sh"), &text);
}

fn service(name: &str, more: &str) -> String {
    format!("[roles.R.services.{name}]\ncommand = [\"sh\", \"{name}.sh\"]\n{more}\n")
}

fn states(record: &InstanceRecord) -> Vec<String> {
    record.services.iter().map(|service| format!("{} {}", service.name, service.state)).collect()
}

#[tokio::test]
async fn a_service_starts_when_the_one_that_it_depends_on_runs_and_stops_before_it() {
    let mut place = TestFolder::new();
    for name in ["web", "store"] {
        telling(&place, name);
    }
    let roles = format!(
        "{}{}[roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\nservice = \"store\"\n\
         [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n",
        service("web", "depends-on = [\"store\"]"),
        service("store", "start-timeout = \"1m\""),
    );
    let mut running = run(&place, &roles).await;
    assert_eq!(place.told().await, "store starts");
    let record = recorded(&place, |record| states(record) == ["store StartPending", "web Stopped"]).await;
    assert_eq!((record.stage, record.ready), (Stage::Starting, false));

    let pipes = place.state().join("R.0/pipes");
    let _listener = PipeListener::bind_in(&pipes, "simple", Mode::Message).await.unwrap();
    assert_eq!(place.told().await, "web starts");
    running.becomes_ready(true).await;
    let record = recorded(&place, |record| record.ready).await;
    assert_eq!(states(&record), ["store Running", "web Running"]);
    assert_eq!((record.service.as_deref(), record.service_pid), (Some("Running"), None));
    assert!(record.services.iter().all(|service| service.pid.is_some() && service.ready));

    running.stop.asked.cancel();
    assert_eq!(place.told().await, "web stops");
    assert_eq!(place.told().await, "store stops");
    assert_eq!(running.end().await.exit_code(), ExitCode::Ok);
}

#[tokio::test]
async fn an_essential_service_that_gives_up_ends_the_others_too() {
    let mut place = TestFolder::new();
    place.script("bad.sh", "sleep 0.1; exit 3").script("good.sh", "echo $$ > teller; exec sleep 1000");
    let roles = format!("{}{}", service("good", ""), service("bad", "max-failures = 1"));
    let outcome = run_to_the_end(&place, &roles).await;
    assert_eq!(outcome.exit_code(), ExitCode::Unavailable);
    let text = outcome.to_string();
    assert!(text.starts_with("bad: the service ended with exit code 3"), "{text}");
    assert!(!is_alive(place.told_pid().await));
    let record = record(&place);
    assert_eq!(states(&record), ["good Stopped", "bad Stopped"]);
    assert_eq!(record.last_error, Some(text));
}

#[tokio::test]
async fn the_instance_goes_on_without_a_service_that_is_not_essential() {
    let mut place = TestFolder::new();
    place.script("extra.sh", "exit 3").script("good.sh", "echo $$ > teller; exec sleep 1000");
    telling(&place, "follower");
    let roles = format!(
        "{}{}{}[roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\nservice = \"extra\"\n\
         [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n",
        service("extra", "essential = false\nmax-failures = 1"),
        service("good", ""),
        service("follower", "essential = false\ndepends-on = [\"extra\"]"),
    );
    let mut running = run(&place, &roles).await;
    running.becomes_ready(true).await;
    let good = place.told_pid().await;
    let given_up = |record: &InstanceRecord| record.services.iter().any(|one| one.last_error.is_some());
    let record = recorded(&place, |record| record.ready && given_up(record)).await;
    assert_eq!(states(&record), ["extra Stopped", "good Running", "follower Stopped"]);
    let error = record.last_error.unwrap();
    assert!(error.starts_with("extra: ended with exit code 3"), "{error}");
    assert!(is_alive(good) && *running.ready.borrow());
    running.stop.asked.cancel();
    assert_eq!(running.end().await.exit_code(), ExitCode::Ok);
    assert!(!is_alive(good));
}

#[tokio::test]
async fn a_service_that_dies_is_started_again_alone() {
    let mut place = TestFolder::new();
    place
        .script("one.sh", "echo $$ > teller; exec sleep 1000")
        .script("two.sh", "touch \"two.$$\"; exec sleep 1000");
    let mut running =
        run(&place, &format!("{}{}", service("one", ""), service("two", "depends-on = [\"one\"]"))).await;
    running.becomes_ready(true).await;
    let first = place.told_pid().await;
    let pid = rustix::process::Pid::from_raw(first.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_ne!(place.told_pid().await, first);
    running.becomes_ready(true).await;
    let record = recorded(&place, |record| record.ready && record.restarts == 1).await;
    assert_eq!(record.services.iter().map(|service| service.restarts).collect::<Vec<_>>(), [1, 0]);
    let starts = std::fs::read_dir(place.path()).unwrap();
    let starts =
        starts.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("two."));
    assert_eq!(starts.count(), 2, "the script, and one run of it");
    running.stop.asked.cancel();
    running.end().await;
}

#[tokio::test]
async fn a_variable_that_is_held_back_does_not_reach_a_service() {
    let mut place = TestFolder::new();
    place.script("one.sh", "echo \"${HOME-none} ${PATH:+path} ${OWN}\" > teller; exec sleep 1000");
    let roles = service("one", "environment = { OWN = \"a 'b' = ü\" }\nenvironment-deny = [\"HO?E\"]");
    let running = run(&place, &roles).await;
    assert_eq!(place.told().await, "none path a 'b' = ü");
    running.stop.asked.cancel();
    running.end().await;
}
