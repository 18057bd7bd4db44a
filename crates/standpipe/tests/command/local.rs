//! A deployment that runs, and the commands that speak to it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Place, assert_seen};

/// How long something may take that should happen soon.
const PATIENCE: Duration = Duration::from_mins(1);

/// A deployment that `up` runs.
struct Deployment {
    place: Place,
    up: Child,
}

const STATE: [&str; 2] = ["--state-dir", "state"];

/// Two roles whose instances are ready at once; `A` has two, with a service that sleeps.
fn file(a: u32, command: &str) -> String {
    format!(
        "name = \"Demo\"\n[roles.A]\ninstances = {a}\n[roles.A.service]\nname = \"S\"\ncommand = [\"sh\", \"-c\", \
         \"{command}\"]\nstart-timeout = \"20s\"\nstop-timeout = \"5s\"\n[roles.B.service]\nname = \"T\"\ncommand = \
         [\"sleep\", \"1000\"]\n"
    )
}

fn until(mut holds: impl FnMut() -> bool, what: &str) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Deployment {
    /// Starts it, and waits until all is ready.
    fn start(file: &str) -> Self {
        let place = Place::new();
        place.write("standpipe.toml", file);
        Self::start_in(place)
    }

    fn start_in(place: Place) -> Self {
        let up = Self::up(&place).spawn().unwrap();
        let deployment = Self { place, up };
        until(|| deployment.code(&["ps", "--ready"]) == Some(0), "all instances are ready");
        deployment
    }

    fn up(place: &Place) -> Command {
        let mut command = place.standpipe(&[&["up", "--no-view"][..], &STATE].concat());
        command.stdout(Stdio::null()).stderr(std::fs::File::create(place.path("up.log")).unwrap());
        command
    }

    fn seen(&self, arguments: &[&str]) -> String {
        self.place.seen(&[arguments, &STATE].concat())
    }

    fn code(&self, arguments: &[&str]) -> Option<i32> {
        let mut command = self.place.standpipe(&[arguments, &STATE].concat());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
    }

    fn instances(&self) -> Vec<Value> {
        let mut command = self.place.standpipe(&[&["ps", "--json"][..], &STATE].concat());
        let output = command.output().unwrap();
        serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap()
    }

    /// The names of the instances, and their processes.
    fn processes(&self) -> Vec<(String, u64)> {
        let name = |record: &Value| {
            (
                format!("{}/{}", record["role"].as_str().unwrap(), record["instance"]),
                record["pid"].as_u64().unwrap_or(0),
            )
        };
        self.instances().iter().map(name).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("up.log")).unwrap()
    }

    fn state(&self) -> PathBuf {
        self.place.path("state")
    }

    /// Stops it, and looks whether it ended well and left nothing.
    fn down(mut self) {
        assert_seen(&self.seen(&["down"]), "exit 0\n--- stderr\nDemo is stopped");
        assert_eq!(self.up.wait().unwrap().code(), Some(0), "{}", self.log());
        assert!(!self.state().exists());
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.up.kill();
        let _ = self.up.wait();
    }
}

#[test]
fn a_deployment_is_scaled_restarted_and_stopped_by_other_commands() {
    let deployment = Deployment::start(&file(2, "exec sleep 1000"));
    let seen = deployment.seen(&["scale", "A=3"]);
    assert_seen(&seen, "exit 0\n--- stderr\nstarting A/2\nmore instances is done\nA has 3 now");
    let before = deployment.processes();
    assert_eq!(
        before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["A/0", "A/1", "A/2", "B/0"]
    );
    let seen = deployment.seen(&["restart", "A/1"]);
    assert!(seen.ends_with("1 instance was started again"), "{seen}");
    let after = deployment.processes();
    let changed: Vec<&str> = before
        .iter()
        .zip(&after)
        .filter(|(one, other)| one != other)
        .map(|((name, _), _)| name.as_str())
        .collect();
    assert_eq!(changed, ["A/1"]);
    assert_seen(
        &deployment.seen(&["scale", "A=0"]),
        "exit 64\n--- stderr\nerror: A cannot have 0 instances: expected 1 to 1000",
    );
    assert_seen(
        &deployment.seen(&["restart", "C"]),
        "exit 64\n--- stderr\nerror: Demo has no role `C`\nhint: its roles are A, B",
    );
    let seen = deployment.seen(&["scale", "A"]);
    assert!(seen.starts_with("exit 64") && seen.contains("such as `ServiceWatcher=4`"), "{seen}");
    deployment.down();
}

#[test]
fn an_update_takes_what_the_file_says_and_stops_at_what_fails() {
    let deployment = Deployment::start(&file(3, "exec sleep 1000"));
    let before = deployment.processes();
    deployment
        .place
        .write("standpipe.toml", &file(3, "exec sleep 1000").replace("instances = 3", "instances = 0"));
    let seen = deployment.seen(&["update"]);
    assert!(
        seen.starts_with("exit 78")
            && seen.contains("standpipe.toml:3:")
            && seen.contains("nothing was changed"),
        "{seen}"
    );
    assert_eq!(deployment.processes(), before);
    // The second instance cannot start its service any more.
    let broken = file(3, "test $STANDPIPE_INSTANCE = 1 || exec sleep 1000");
    deployment
        .place
        .write("standpipe.toml", &broken.replace("start-timeout", "max-failures = 1\nstart-timeout"));
    let seen = deployment.seen(&["update", "A"]);
    assert!(seen.starts_with("exit 69"), "{seen}");
    assert!(seen.contains("the update stopped at update domain 1: A/1 is not ready"), "{seen}");
    assert!(seen.contains("`standpipe logs A/1` shows what it said"), "{seen}");
    let after = deployment.processes();
    assert_eq!((&after[2], &after[3]), (&before[2], &before[3]), "what comes after it is left alone");
    // More instances, and a role that is gone.
    let text = file(4, "exec sleep 1000");
    deployment.place.write("standpipe.toml", text.split("[roles.B").next().unwrap());
    let seen = deployment.seen(&["update"]);
    assert!(seen.starts_with("exit 0") && seen.ends_with("4 instances were updated"), "{seen}");
    let names: Vec<String> = deployment.processes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["A/0", "A/1", "A/2", "A/3"]);
    deployment.down();
}

#[test]
fn a_deployment_that_does_not_run_cannot_be_asked() {
    let place = Place::new();
    for command in [&["scale", "A=2"][..], &["restart"], &["update"], &["down"]] {
        let seen = place.seen(&[command, &STATE].concat());
        assert_seen(
            &seen,
            "exit 69\n--- stderr\nerror: no `standpipe up` runs with the state folder `state`",
        );
    }
    assert_seen(
        &place.seen(&["down", "--deployment", "../x"]),
        "exit 64\n--- stderr\nerror: `../x` is not a deployment's name",
    );
    let seen = place.seen(&["down", "--deployment", "NoSuchDeployment"]);
    assert!(seen.starts_with("exit 69") && seen.contains("NoSuchDeployment"), "{seen}");
}

#[test]
fn a_second_up_is_refused_and_one_that_was_killed_is_cleaned_up_after() {
    let mut deployment = Deployment::start(&file(2, "echo $$ >> services; exec sleep 1000"));
    let again = deployment.seen(&["up"]);
    let runs = format!(
        "error: the deployment `Demo` runs already, as process {}\nhint: `standpipe down` stops it",
        deployment.up.id()
    );
    assert!(again.starts_with("exit 75") && again.contains(&runs), "{again}");
    let former = deployment.processes();
    deployment.up.kill().unwrap();
    deployment.up.wait().unwrap();
    let services = std::fs::read_to_string(deployment.place.path("services")).unwrap();
    deployment.up = Deployment::up(&deployment.place).spawn().unwrap();
    let are_new = || deployment.processes().iter().all(|one| !former.contains(one));
    until(|| are_new() && deployment.code(&["ps", "--ready"]) == Some(0), "all instances are ready again");
    let is_alive = |pid: &&str| {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    assert_eq!(services.lines().filter(is_alive).count(), 0, "services of before run on");
    assert_eq!(deployment.instances().len(), 3);
    deployment.down();
}

#[test]
fn instances_that_do_not_stop_after_their_up_was_killed_are_killed() {
    // The instances stand still, so that they cannot stop.
    let mut deployment = Deployment::start(&file(1, "exec sleep 1000"));
    let former = deployment.processes();
    for (_, pid) in &former {
        kill_process(Pid::from_raw(*pid as i32).unwrap(), Signal::STOP).unwrap();
    }
    deployment.up.kill().unwrap();
    deployment.up.wait().unwrap();
    let text = file(1, "exec sleep 1000").replace("stop-timeout = \"5s\"", "stop-timeout = \"1ms\"");
    deployment.place.write("standpipe.toml", &text);
    let mut up = Deployment::up(&deployment.place);
    let mut up = up.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(up.stderr.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("waiting until its instances have stopped")));
    assert!(lines.any(|line| line.contains("killed")));
    std::thread::spawn(move || lines.count());
    deployment.up = up;
    // The former ones say that they are ready, as long as they are there.
    let are_new = || deployment.processes().iter().all(|one| !former.contains(one));
    until(|| are_new() && deployment.code(&["ps", "--ready"]) == Some(0), "all instances are ready again");
    deployment.down();
}

#[test]
fn logs_show_what_instances_said_and_go_on_until_the_deployment_ends() {
    let talk = "echo hello from $STANDPIPE_INSTANCE; exec sleep 1000";
    let mut deployment = Deployment::start(&file(2, talk));
    let one = deployment.seen(&["logs", "A/1"]);
    assert!(one.starts_with("exit 0\n--- stdout\n2") && one.contains("S | hello from 1"), "{one}");
    let all = deployment.seen(&["logs"]);
    for expected in ["up | 2", "started A.0", "A/0 | 2", "S | hello from 0", "A/1 | 2", "B/0 | 2"] {
        assert!(all.contains(expected), "{expected} in {all}");
    }
    let times: Vec<&str> =
        all.lines().skip(2).filter_map(|line| line.split_once(" | ")?.1.get(..23)).collect();
    assert!(times.is_sorted(), "{all}");
    assert_eq!(deployment.seen(&["logs", "A/0", "-n", "1"]).lines().count(), 3);
    assert_seen(
        &deployment.seen(&["logs", "A/7"]),
        "exit 69\n--- stderr\nerror: there is no log of A/7 in state\nhint: `standpipe ps` shows which instances there are",
    );
    let follow = [&["logs", "-f", "A", "-n", "0"][..], &STATE].concat();
    let mut following = deployment.place.standpipe(&follow).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Also of an instance that is new.
    assert!(deployment.seen(&["scale", "A=3"]).starts_with("exit 0"));
    assert!(lines.any(|line| line.starts_with("A/2 | ") && line.ends_with("S | hello from 2")));
    std::thread::spawn(move || lines.count());
    assert!(deployment.seen(&["down"]).starts_with("exit 0"));
    assert_eq!(following.wait().unwrap().code(), Some(0));
    assert_eq!(deployment.up.wait().unwrap().code(), Some(0));
    assert!(!deployment.state().exists());
}

#[test]
fn a_reader_of_the_log_that_takes_nothing_holds_no_instance_up() {
    let place = Place::new();
    // The service says more than any pipe holds, and then says that it has.
    let talk =
        "i=0; while test $i -lt 200000; do echo line $i; i=$((i+1)); done; touch said; exec sleep 1000";
    place.write("standpipe.toml", &file(1, talk));
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = place.standpipe(&[&["up", "--no-view"][..], &STATE].concat());
    let up = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    let deployment = Deployment { place, up };
    until(|| deployment.place.path("said").exists(), "the service could say all it had to say");
    // The local runtime itself goes on as well.
    assert!(deployment.seen(&["restart", "B"]).starts_with("exit 0"));
    let lines = BufReader::new(reader).lines();
    let counting = std::thread::spawn(move || {
        lines.map_while(Result::ok).filter(|line| line.contains("were dropped")).count()
    });
    deployment.down();
    assert!(counting.join().unwrap() > 0);
}
