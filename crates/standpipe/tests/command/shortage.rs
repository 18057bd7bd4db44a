//! An instance that is busy, that has no descriptors left, or whose disk is full.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use standpipe_accounts::AccountFile;
use standpipe_client::{Client, ConnectOptions, Credentials, ServerAddress};
use standpipe_pipe::listener::PipeListener;
use standpipe_pipe::{Mode, PipeName};
use tokio::runtime::Runtime;

use crate::support::Place;

/// How long something may take that should happen at once, on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);
/// How long a health port may take: platforms give it a second by default.
const ITS_TIME: Duration = Duration::from_secs(1);
const USER: &str = "caller";

/// A process that is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Asks for the end, and gives the exit code.
    fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let since = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(since.elapsed() < LONG, "it does not stop");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A deployment with one account, and the ports of its pipes, of their health, and of its page.
struct Busy {
    place: Place,
    pipes: u16,
    health: u16,
    page: u16,
}

impl Busy {
    fn new() -> Self {
        let place = Place::new();
        let [pipes, health, page] = [free_port(), free_port(), free_port()];
        let file = format!(
            "name = \"Busy\"\n[roles.R]\naccounts = \"accounts.toml\"\nhealth.port = {health}\n\
             limits = {{ opens = 4000, opens-per-account = 4000 }}\n\
             [roles.R.service]\ncommand = [\"sh\", \"-c\", \"echo $$ > pid; exec sleep 1000\"]\n\
             [roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\nbackend = \"unix:run/simple\"\n\
             [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = {pipes}\n\
             [roles.W.endpoints.H]\nprotocol = \"http\"\nport = {page}\n\
             [roles.W.calls.simple]\ntarget = \"R/P\"\naddresses = [\"127.0.0.1:{pipes}\"]\nuser = \"{USER}\"\n\
             password-file = \"password\"\n"
        );
        place.write("standpipe.toml", &file).write("password", "Secret-1").write("run/.keep", "");
        AccountFile::new(place.path("accounts.toml")).add(USER, "Secret-1", None).unwrap();
        Self { place, pipes, health, page }
    }

    /// The service, which answers `ping` and nothing else.
    fn serve(&self) {
        let folder = self.place.path("run");
        thread::spawn(move || {
            runtime().block_on(async move {
                let listener = PipeListener::bind_in(&folder, "simple", Mode::Message).await.unwrap();
                loop {
                    let connection = listener.accept().await.unwrap();
                    tokio::spawn(async move {
                        while let Ok(Some(message)) = connection.read_message().await {
                            if message.starts_with(b"ping") {
                                let _ = connection.write_message(b"pong").await;
                                connection.disconnect();
                                return;
                            }
                        }
                    });
                }
            });
        });
    }

    /// Starts a role after the shell commands `before`, and waits until it is ready.
    fn start(&self, role: &str, before: &str) -> Running {
        let run = ["run", "--log-format", "json", "--role", role, "--state-dir", "state"];
        let standpipe = self.place.standpipe(&run);
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before}exec \"$0\" \"$@\""));
        command.arg(standpipe.get_program()).args(standpipe.get_args());
        command.current_dir(self.place.path("")).stdin(Stdio::null());
        command.stderr(std::fs::File::create(self.log_path(role)).unwrap());
        let running = Running(command.spawn().unwrap());
        let port = if role == "W" { self.page } else { self.health };
        let is_ready = || get(port, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "));
        eventually(is_ready, || self.log(role));
        running
    }

    fn log_path(&self, role: &str) -> PathBuf {
        self.place.path(&format!("{role}.log"))
    }

    fn log(&self, role: &str) -> String {
        std::fs::read_to_string(self.log_path(role)).unwrap_or_default()
    }

    async fn client(&self) -> Client {
        let credentials = Credentials::with_password(USER, "Secret-1");
        Client::connect(&ServerAddress::from(here(self.pipes)), &credentials, &ConnectOptions::default())
            .await
            .unwrap()
    }

    fn pid(&self) -> Option<i32> {
        std::fs::read_to_string(self.place.path("pid")).ok()?.trim().parse().ok()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn simple() -> PipeName {
    "simple".parse().unwrap()
}

#[track_caller]
fn eventually(mut holds: impl FnMut() -> bool, why: impl FnOnce() -> String) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LONG, "{}", why());
        thread::sleep(Duration::from_millis(20));
    }
}

/// The answer to a request without a body, if one comes in time.
fn get(port: u16, path: &str) -> Option<String> {
    request(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

fn request(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(here(port)).ok()?;
    stream.set_read_timeout(Some(LONG)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn the_trace_context_of_a_call_is_in_the_log_lines_of_that_call() {
    let busy = Busy::new();
    busy.serve();
    let (_pipes, _page) = (busy.start("R", ""), busy.start("W", ""));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let post = |more: &str| {
        let head = format!(
            "POST /pipes/simple HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: text/plain\r\nContent-Length: 4\r\n{more}\r\nping"
        );
        let answer = request(busy.page, &head).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("pong"), "{answer}");
    };
    post("");
    post(&format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n"));
    let lines = || -> Vec<Value> {
        let log = busy.log("W");
        log.lines()
            .filter(|line| line.contains(trace))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    eventually(|| !lines().is_empty(), || busy.log("W"));
    let [line] = &lines()[..] else { panic!("one line for one call: {:?}", lines()) };
    let text = line.to_string();
    assert!(text.contains("a call was answered") && text.contains("00f067aa0ba902b7"), "{text}");
    assert!(text.contains("\"simple\""), "{text}");
}

#[test]
fn the_health_port_answers_in_time_while_a_thousand_calls_are_under_way() {
    let busy = Busy::new();
    busy.serve();
    let _pipes = busy.start("R", "");
    runtime().block_on(async {
        let (mut clients, mut calls) = (Vec::new(), tokio::task::JoinSet::new());
        for _ in 0..10 {
            let client = busy.client().await;
            for _ in 0..100 {
                let open = client.open(&simple()).await.unwrap();
                // Nobody answers it.
                open.write(b"wait").await.unwrap();
                calls.spawn(async move { open.read(16).await.map(drop) });
            }
            clients.push(client);
        }
        let health = busy.health;
        let asked = tokio::task::spawn_blocking(move || {
            ["/livez", "/readyz", "/startz", "/metrics"].map(|path| {
                let since = Instant::now();
                let answer = get(health, path).unwrap();
                (path, since.elapsed(), answer)
            })
        });
        tokio::select! {
            ended = calls.join_next() => panic!("a call ended: {ended:?}"),
            asked = asked => for (path, took, answer) in asked.unwrap() {
                assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
                assert!(took < ITS_TIME, "{path} took {took:?}");
            },
        }
    });
}

#[test]
fn an_instance_that_has_used_all_its_descriptors_is_healthy_watches_and_recovers() {
    let busy = Busy::new();
    busy.serve();
    let running = busy.start("R", "ulimit -n 160; ");
    let runtime = runtime();
    let mut held = Vec::new();
    // Strangers, and a user who opens until he is refused.
    let strangers: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(here(busy.pipes)).ok()).collect();
    let refused = runtime.block_on(async {
        for _ in 0..8 {
            let credentials = Credentials::with_password(USER, "Secret-1");
            let address = ServerAddress::from(here(busy.pipes));
            let options = ConnectOptions::default();
            let connecting = Client::connect(&address, &credentials, &options);
            let Ok(Ok(client)) = tokio::time::timeout(Duration::from_secs(2), connecting).await else {
                return true;
            };
            for _ in 0..100 {
                match client.open(&simple()).await {
                    Ok(open) => held.push(open),
                    Err(_) => return true,
                }
            }
        }
        false
    });
    assert!(refused, "{} opens and nobody was refused: {}", held.len(), busy.log("R"));
    let answer = get(busy.health, "/livez").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // The service is watched, and there is enough for another start.
    let first = busy.pid().unwrap();
    kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    eventually(|| busy.pid().is_some_and(|pid| pid != first), || busy.log("R"));
    drop((strangers, held));
    runtime.block_on(async {
        let since = Instant::now();
        loop {
            let client = busy.client();
            if let Ok(client) = tokio::time::timeout(Duration::from_secs(2), client).await
                && client.open(&simple()).await.is_ok()
            {
                break;
            }
            assert!(since.elapsed() < LONG, "{}", busy.log("R"));
        }
    });
    assert_eq!(running.stop(), Some(0), "{}", busy.log("R"));
}

/// What begins a mount namespace in which `small` is a file system of 256 KiB.
const WITH_A_SMALL_DISK: [&str; 5] = ["unshare", "-r", "-m", "sh", "-c"];

#[test]
fn a_full_disk_under_the_log_and_the_state_holds_nothing_up_and_is_said() {
    let place = Place::new();
    let health = free_port();
    let text = format!(
        "name = \"Full\"\n[roles.R]\nhealth.port = {health}\n[roles.R.service]\n\
         command = [\"sh\", \"-c\", \"echo $$ > ../pid; while :; do echo a line of a service; sleep 0.02; done\"]\n"
    );
    place.write("files/standpipe.toml", &text).write("small/.keep", "");
    let mount = "mount -t tmpfs -o size=256k none small && ";
    let mut probe = Command::new(WITH_A_SMALL_DISK[0]);
    probe.args(&WITH_A_SMALL_DISK[1..]).arg(format!("{mount}true")).current_dir(place.path(""));
    if !probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine lets no process make a mount namespace");
        return;
    }
    let run = ["run", "-f", "files/standpipe.toml", "--state-dir", "small/state"];
    let standpipe = place.standpipe(&run);
    let script = format!("{mount}exec \"$0\" \"$@\" 2> small/log");
    let mut command = Command::new(WITH_A_SMALL_DISK[0]);
    command.args(&WITH_A_SMALL_DISK[1..]).arg(script).arg(standpipe.get_program()).args(standpipe.get_args());
    command.current_dir(place.path("")).stdin(Stdio::null());
    let running = Running(command.spawn().unwrap());
    // What it sees, and this process does not.
    let inside = PathBuf::from(format!("/proc/{}/cwd/small", running.0.id()));
    let log = || std::fs::read_to_string(inside.join("log")).unwrap_or_default();
    let is_ready = || get(health, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "));
    eventually(is_ready, log);
    let mut filler = std::fs::File::create(inside.join("filler")).unwrap();
    while filler.write(&[b'x'; 1024]).is_ok_and(|written| written > 0) {}
    // A death is a change of state, which cannot be written, and the start that follows is too.
    let pid =
        || std::fs::read_to_string(place.path("pid")).ok().and_then(|pid| pid.trim().parse::<i32>().ok());
    let first = pid().unwrap();
    kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    eventually(|| pid().is_some_and(|pid| pid != first), log);
    eventually(is_ready, log);
    let state = std::fs::read_to_string(inside.join("state/R.0/state.json")).unwrap();
    assert!(state.contains("No space left on device"), "{state}");
    let full = log().len();
    drop(filler);
    std::fs::remove_file(inside.join("filler")).unwrap();
    eventually(|| log().len() > full, log);
    assert_eq!(running.stop(), Some(0));
}
