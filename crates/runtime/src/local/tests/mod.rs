//! Deployments of scripts in the place of instances.

mod asked;

use std::fs;
use std::path::PathBuf;

use standpipe_deployment::{Look, ProcessEnvironment, Source};

use super::*;
use crate::exit_code::ExitCode;
use crate::state::{Stage, read_all};
use crate::targets::Targets;
use crate::testing::{TestFolder, is_alive, soon};

const TWO: &str = "[roles.A]\ninstances = 2\n[roles.A.service]\nname = \"S\"\ncommand = [\"true\"]\n";

fn deployment(place: &TestFolder, roles: &str) -> Arc<Deployment> {
    Arc::new(place.deployment(roles))
}

fn options<'a>(deployment: &'a Arc<Deployment>, state_dir: &'a Path) -> LocalOptions<'a> {
    LocalOptions {
        deployment: Arc::clone(deployment),
        state_dir,
        folder: deployment.folder(),
        output: Output::Log,
        stop_slack: Duration::from_secs(20),
        recycle: RecyclePolicy { backoff_first: Duration::from_millis(1), ..RecyclePolicy::default() },
        pace: WalkPace { notice: Duration::from_millis(50), settle: Duration::from_millis(50) },
    }
}

/// Each instance is the script, with its number, address and state folder. The file that it is updated from
/// is this.
#[derive(Debug)]
struct Script {
    new: Option<(PathBuf, String)>,
}

impl Host for Script {
    fn command(&self, instance: LocalInstance<'_>) -> Vec<OsString> {
        let LocalInstance { number, address, state_dir, .. } = instance;
        vec![
            "sh".into(),
            "instance.sh".into(),
            number.to_string().into(),
            address.to_string().into(),
            state_dir.as_os_str().to_owned(),
        ]
    }

    fn reload(&self) -> Result<Deployment, Refusal> {
        let (folder, roles) = self.new.as_ref().ok_or_else(|| Refusal::new(ExitCode::Config, "broken"))?;
        let source = Source::new("standpipe.toml", format!("name = \"Demo\"\n{roles}"));
        Deployment::from_source(&source, folder, &ProcessEnvironment, Look::Files)
            .map_err(|problems| Refusal::new(ExitCode::Config, problems.render(false)))
    }

    fn check(&self, instances: &BTreeMap<String, u32>) -> Result<(), Refusal> {
        match instances.values().max() {
            Some(9..) => Err(Refusal::new(ExitCode::Config, "too many")),
            _ => Ok(()),
        }
    }
}

/// What marks the folder of an instance.
const MARKER: &str = "Standpipe keeps the state of an instance here.\n";

static SCRIPT: Script = Script { new: None };

#[tokio::test]
async fn every_instance_runs_with_its_own_address_until_a_stop() {
    let mut place = TestFolder::new();
    place.script("instance.sh", "echo $$ $1 $2 $STANDPIPE_TARGETS > teller; exec sleep 1000");
    let (deployment, state) = (deployment(&place, TWO), place.state());
    let file = state.join("targets.json");
    let runtime = LocalRuntime::prepare(options(&deployment, &state)).await;
    let (stop, views) = (Stop::default(), watch::Sender::new(Vec::new()));
    let asked = stop.clone();
    let (outcome, pids) = tokio::join!(soon(runtime.unwrap().run(&SCRIPT, stop, &views)), async {
        let mut told = [place.told().await, place.told().await];
        told.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
        let words: Vec<Vec<&str>> = told.iter().map(|line| line.split(' ').collect()).collect();
        assert_eq!(words[0][1..], ["0", "127.0.0.1", file.to_str().unwrap()]);
        assert_eq!(words[1][1..], ["1", "127.0.0.2", file.to_str().unwrap()]);
        let targets = Targets::read(&file).unwrap();
        let numbers: Vec<u32> = targets.roles["A"].iter().map(|target| target.instance).collect();
        assert_eq!((targets.deployment.as_str(), numbers), ("Demo", vec![0, 1]));
        asked.asked.cancel();
        words.iter().map(|words| words[0].parse().unwrap()).collect::<Vec<u32>>()
    });
    assert_eq!(outcome, LocalOutcome { asked: true, failed: Vec::new() });
    assert_eq!(outcome.exit_code(), ExitCode::Ok);
    assert!(!pids.into_iter().any(is_alive));
    assert!(!state.exists());
    let names: Vec<String> =
        views.borrow().iter().map(|record| format!("{}.{}", record.role, record.instance)).collect();
    assert_eq!(names, ["A.0", "A.1"]);
}

#[tokio::test]
async fn one_that_fails_is_started_again_and_one_that_cannot_be_helped_is_not() {
    let place = TestFolder::new();
    // The first fails twice and is then told to stop; the second has a mistake that stays.
    place.script(
        "instance.sh",
        "echo $STANDPIPE_RECYCLES >> runs.$1\n\
         test $1 = 1 && exit 78\n\
         test $STANDPIPE_RECYCLES = 2 && exit 0\n\
         test $STANDPIPE_RECYCLES = 1 && kill -9 $$\n\
         exit 69",
    );
    let (deployment, state) = (deployment(&place, TWO), place.state());
    let runtime = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap();
    let views = watch::Sender::new(Vec::new());
    let outcome = soon(runtime.run(&SCRIPT, Stop::default(), &views)).await;
    assert_eq!(fs::read_to_string(place.path().join("runs.0")).unwrap(), "0\n1\n2\n");
    assert_eq!(fs::read_to_string(place.path().join("runs.1")).unwrap(), "0\n");
    let failed = FailedInstance {
        name: "A.1".into(),
        code: ExitCode::Config,
        reason: "its process ended with exit code 78".into(),
    };
    assert_eq!(outcome, LocalOutcome { asked: false, failed: vec![failed] });
    assert_eq!(outcome.exit_code(), ExitCode::Config);
    assert!(!state.exists());
}

#[tokio::test]
async fn waits_after_a_failure_are_seen_and_a_stop_ends_them() {
    let place = TestFolder::new();
    place.script("instance.sh", "exit 69");
    let (deployment, state) = (deployment(&place, TWO), place.state());
    let hours = Duration::from_hours(2);
    let recycle = RecyclePolicy { backoff_first: hours, backoff_cap: hours, ..RecyclePolicy::default() };
    let runtime =
        LocalRuntime::prepare(LocalOptions { recycle, ..options(&deployment, &state) }).await.unwrap();
    let (stop, views) = (Stop::default(), watch::Sender::new(Vec::new()));
    let mut seen = views.subscribe();
    let asked = stop.clone();
    let (outcome, ()) = tokio::join!(soon(runtime.run(&SCRIPT, stop, &views)), async {
        let waits = |records: &Vec<InstanceRecord>| {
            records.len() == 2 && records.iter().all(|record| record.stage == Stage::Waiting)
        };
        soon(seen.wait_for(waits)).await.unwrap();
        let records = read_all(&state).unwrap();
        assert_eq!(records[0].recycles, 1);
        assert_eq!(records[0].last_error.as_deref(), Some("its process ended with exit code 69"));
        asked.asked.cancel();
    });
    assert_eq!(outcome.exit_code(), ExitCode::Ok);
}

#[tokio::test]
async fn an_instance_that_does_not_stop_is_killed_with_what_it_started() {
    let mut place = TestFolder::new();
    place.script("instance.sh", "trap '' TERM; setsid sleep 1000 & echo $! > teller; wait; sleep 1000");
    let one = TWO.replace("instances = 2", "instances = 1") + "stop-timeout = \"1ms\"\n";
    let (deployment, state) = (deployment(&place, &one), place.state());
    let runtime = LocalRuntime::prepare(LocalOptions {
        stop_slack: Duration::from_millis(50),
        ..options(&deployment, &state)
    })
    .await;
    let (stop, views) = (Stop::default(), watch::Sender::new(Vec::new()));
    let asked = stop.clone();
    let (outcome, left) = tokio::join!(soon(runtime.unwrap().run(&SCRIPT, stop, &views)), async {
        let left = place.told_pid().await;
        asked.asked.cancel();
        left
    });
    assert_eq!(outcome.exit_code(), ExitCode::Ok);
    assert!(!is_alive(left));
}

#[tokio::test]
async fn the_same_deployment_runs_once_and_begins_clean() {
    let place = TestFolder::new();
    let (deployment, state) = (deployment(&place, TWO), place.state());
    let stale = StateDir::open(&state).unwrap().instance("A", 0);
    let more = StateDir::open(&state).unwrap().instance("NoLongerThere", 7);
    drop((stale.lock(None).unwrap(), more.lock(None).unwrap()));
    fs::create_dir(state.join("mine.0")).unwrap();
    let first = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap();
    assert!(!stale.path().exists() && !more.path().exists());
    assert!(state.join("mine.0").exists());
    let error = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap_err();
    assert!(error.to_string().starts_with("the deployment `Demo` runs already"), "{error}");
    drop(first);
    // An instance that somebody runs on its own is not cleared away under it.
    let _instance = stale.lock(None).unwrap();
    let error = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap_err();
    assert!(error.to_string().starts_with("the instance A.0 runs already"), "{error}");
}

#[tokio::test]
async fn one_that_ran_before_is_started_again_whatever_it_ends_with() {
    let place = TestFolder::new();
    place.script("marker", MARKER);
    place.script(
        "instance.sh",
        "echo $STANDPIPE_RECYCLES >> runs\n\
         case $STANDPIPE_RECYCLES in\n\
         0) mkdir -m 700 $3/A.0; cp marker $3/A.0/.standpipe-instance; cp running $3/A.0/state.json; exit 69;;\n\
         1) exit 78;;\n2) exit 77;;\n3) exit 64;;\n*) exit 0;;\nesac",
    );
    let record = InstanceRecord { stage: Stage::Running, ..InstanceRecord::new("A", 0) };
    fs::write(place.path().join("running"), serde_json::to_string(&record).unwrap()).unwrap();
    let one = TWO.replace("instances = 2", "instances = 1");
    let (deployment, state) = (deployment(&place, &one), place.state());
    let runtime = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap();
    let outcome = soon(runtime.run(&SCRIPT, Stop::default(), &watch::Sender::new(Vec::new()))).await;
    assert_eq!(outcome, LocalOutcome { asked: false, failed: Vec::new() });
    assert_eq!(fs::read_to_string(place.path().join("runs")).unwrap(), "0\n1\n2\n3\n4\n");
}

#[tokio::test]
async fn an_instance_that_is_not_permitted_is_not_tried_again() {
    let place = TestFolder::new();
    place.script("instance.sh", "exit 77");
    let (deployment, state) = (deployment(&place, TWO), place.state());
    let runtime = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap();
    let outcome = soon(runtime.run(&SCRIPT, Stop::default(), &watch::Sender::new(Vec::new()))).await;
    assert_eq!(outcome.exit_code(), ExitCode::NotPermitted);
    assert_eq!(outcome.failed.len(), 2);
}

#[tokio::test]
async fn a_state_folder_too_long_for_sockets_is_refused_before_anything_is_made() {
    let place = TestFolder::new();
    let pipe = "[roles.A.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n[roles.A.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\n";
    let deployment = deployment(&place, &format!("{TWO}{pipe}"));
    let state = place.path().join("x".repeat(100));
    let error = LocalRuntime::prepare(options(&deployment, &state)).await.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Config);
    let text = error.to_string();
    assert!(text.contains("107") && text.contains("A.0/pipes/simple"), "{text}");
    assert!(!state.exists());
    let role = &deployment.roles()[0];
    let fits = |length: usize| {
        let dir = format!("/{}", "x".repeat(length - 1));
        crate::state::check_sockets(Path::new(&dir), [(role, 0)]).is_ok()
    };
    // `/A.0/pipes/simple` has 17 bytes.
    assert!(fits(90) && !fits(91));
}
