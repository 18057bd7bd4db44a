//! What an instance knows about itself, and says to others.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Place;

const RUN: [&str; 7] = ["run", "--log", "warn", "--state-dir", "state", "--instance", "7"];

/// A role whose startup task writes its environment to a file, with a service that does what `script` says.
fn place(keys: &str, script: &str) -> Place {
    let place = Place::new();
    let text = format!(
        r#"name = "Demo"
update-domains = 3
[roles.R]
{keys}
settings = {{ Greeting = "hello", "Some.Other" = "x y" }}
secrets = {{ Key = "secrets/key" }}
local-storage.cache = {{ size = "3MB" }}
local-storage.data = {{ clean-on-recycle = false }}
health = {{ port = "dynamic" }}
[[roles.R.startup]]
command = ["sh", "-c", "env > seen"]
environment-from = {{ MY_ID = "STANDPIPE_INSTANCE_ID" }}
[roles.R.service]
command = ["sh", "service.sh"]
[roles.R.endpoints.Own-Port]
protocol = "tcp"
port = "20000-29999"
"#
    );
    place.write("standpipe.toml", &text).write("service.sh", script);
    place
}

fn until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is() {
        assert!(Instant::now() < deadline, "{what} never came about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Running<'p> {
    place: &'p Place,
    child: Child,
}

impl<'p> Running<'p> {
    /// Starts the instance, and waits until its service runs.
    fn start(place: &'p Place) -> Self {
        let child = place.standpipe(&RUN).spawn().unwrap();
        let running = Self { place, child };
        until("the service runs", || place.path("runs").exists());
        until("it is ready", || running.ask("/readyz").starts_with("HTTP/1.1 200"));
        running
    }

    fn variable(&self, name: &str) -> Option<String> {
        let seen = fs::read_to_string(self.place.path("seen")).unwrap();
        seen.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }

    /// What the health port answers.
    fn ask(&self, path: &str) -> String {
        let url = self.variable("STANDPIPE_ROLE_DOCUMENT").unwrap();
        let address = url.strip_prefix("http://").unwrap().strip_suffix("/role").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn document(&self) -> Value {
        let answer = self.ask("/role");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn change_settings(&self) {
        let file = self.place.path("standpipe.toml");
        let text = fs::read_to_string(&file).unwrap().replace("\"hello\"", "\"good day\"");
        fs::write(self.place.path("new"), text).unwrap();
        fs::rename(self.place.path("new"), file).unwrap();
    }

    fn stop(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SERVICE: &str = "touch runs\nexec sleep 1000\n";

#[test]
fn an_instance_learns_what_it_is_and_says_it_at_its_health_port() {
    let place = place("", SERVICE);
    let mut running = Running::start(&place);
    let state = place.path("state").canonicalize().unwrap().join("R.7");
    let (cache, data) = (state.join("storage/cache"), state.join("kept/data"));
    let document = running.document();
    let port = document["endpoints"]["Own-Port"]["port"].as_u64().unwrap();
    assert!((20000..30000).contains(&port), "{port}");
    let expected = [
        ("STANDPIPE_DEPLOYMENT_ID", "Demo".to_owned()),
        ("STANDPIPE_INSTANCE_ID", "R_IN_7".to_owned()),
        ("STANDPIPE_UPDATE_DOMAIN", "1".to_owned()),
        ("STANDPIPE_ENDPOINT_OWN_PORT", format!("127.0.0.8:{port}")),
        ("STANDPIPE_ENDPOINT_OWN_PORT_ADDRESS", "127.0.0.8".to_owned()),
        ("STANDPIPE_ENDPOINT_OWN_PORT_PORT", port.to_string()),
        ("STANDPIPE_ENDPOINT_OWN_PORT_PROTOCOL", "tcp".to_owned()),
        ("STANDPIPE_SETTING_GREETING", "hello".to_owned()),
        ("STANDPIPE_SETTING_SOME_OTHER", "x y".to_owned()),
        ("STANDPIPE_SECRET_KEY", place.path("secrets/key").display().to_string()),
        ("STANDPIPE_LOCAL_STORAGE_CACHE", cache.display().to_string()),
        ("STANDPIPE_LOCAL_STORAGE_CACHE_MIB", "3".to_owned()),
        ("STANDPIPE_LOCAL_STORAGE_DATA", data.display().to_string()),
        ("MY_ID", "R_IN_7".to_owned()),
        ("RoleName", "R".to_owned()),
        ("RoleInstanceID", "R_IN_7".to_owned()),
        ("RoleDeploymentID", "Demo".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(running.variable(name).as_deref(), Some(value.as_str()), "{name}");
    }
    assert_eq!(document["instance"], json!({ "id": "R_IN_7", "role": "R", "number": 7, "update-domain": 1 }));
    assert_eq!(document["settings"], json!({ "Greeting": "hello", "Some.Other": "x y" }));
    assert!(running.ask("/startz").starts_with("HTTP/1.1 200"));
    assert!(running.ask("/livez").starts_with("HTTP/1.1 200"));

    fs::write(cache.join("x"), "x").unwrap();
    fs::write(data.join("x"), "x").unwrap();
    assert_eq!(running.stop(), Some(0));
    assert!(!cache.exists() && data.join("x").exists(), "what is kept is kept");
    fs::remove_file(place.path("runs")).unwrap();
    let mut again = Running::start(&place);
    assert!(!cache.join("x").exists() && data.join("x").exists());
    fs::remove_file(data.join("x")).unwrap();
    assert_eq!(again.stop(), Some(0));
    assert!(!place.path("state").exists(), "nothing was left to keep");
}

#[test]
fn a_service_gets_a_signal_when_its_settings_change() {
    let script = "trap 'touch told' HUP\ntouch runs\nwhile true; do sleep 0.1; done\n";
    let place = place("on-settings-change = \"signal\"", script);
    let mut running = Running::start(&place);
    running.change_settings();
    until("the signal", || place.path("told").exists());
    assert_eq!(running.document()["settings"]["Greeting"], "good day");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn an_instance_ends_to_be_started_again_when_its_settings_change() {
    let place = place("on-settings-change = \"restart\"", SERVICE);
    // The first update domain does not wait for another.
    let text =
        fs::read_to_string(place.path("standpipe.toml")).unwrap().replace("domains = 3", "domains = 1");
    place.write("standpipe.toml", &text);
    let mut running = Running::start(&place);
    running.change_settings();
    assert_eq!(running.child.wait().unwrap().code(), Some(75));
}

#[test]
fn a_target_that_is_not_in_the_deployment_is_refused() {
    let place = place("", SERVICE);
    let seen = place.seen(&[&RUN[..], &["--target", "R/Other=dns:x:1"]].concat());
    assert!(seen.starts_with("exit 64") && seen.contains("role `R` has no endpoint `Other`"), "{seen}");
    assert!(seen.contains("its endpoints are Own-Port"), "{seen}");
    let seen = place.seen(&[&RUN[..], &["--target", "nonsense"]].concat());
    assert!(seen.starts_with("exit 64") && seen.contains("not ROLE/ENDPOINT=ADDRESS"), "{seen}");
}
