//! A role of pipes and a page in 256 MiB each, attacked in many ways at once while honest users call.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use standpipe_accounts::AccountFile;
use standpipe_client::{CallOptions, Client, ConnectOptions, Credentials, ServerAddress};
use standpipe_pipe::connection::PipeConnection;
use standpipe_pipe::listener::PipeListener;
use standpipe_pipe::{Mode, PipeName};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use crate::support::Place;

/// What each process may have of address space, in KiB.
const LIMIT: u64 = 256 * 1024;
const MIB: usize = 1024 * 1024;

/// How long honest users call alone, and under attack.
const QUIET: Duration = Duration::from_secs(3);
const SIEGE: Duration = Duration::from_secs(9);

/// A percentile below this is as good as none: on two cores that other programs use as well, and without
/// optimization, one message of 1 MiB that is checked makes as much.
const NOTHING: Duration = Duration::from_millis(100);

/// A process that is killed when the test ends.
struct Running(Child);

impl Running {
    /// The most memory that it ever had, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(u64::MAX)
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Starts a role in [`LIMIT`], and waits until its port takes connections.
fn start(place: &Place, role: &str, port: u16) -> Running {
    let standpipe = place.standpipe(&["run", "-f", "standpipe.toml", "--role", role, "--state-dir", "state"]);
    let script = format!("ulimit -v {LIMIT}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(standpipe.get_program()).args(standpipe.get_args());
    command.current_dir(place.path("")).stdin(Stdio::null());
    command.stderr(std::fs::File::create(place.path(&format!("{role}.log"))).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let since = Instant::now();
    while TcpStream::connect(here(port)).is_err() {
        assert!(running.is_alive() && since.elapsed() < Duration::from_secs(20), "{}", log(place, role));
        thread::sleep(Duration::from_millis(20));
    }
    running
}

fn log(place: &Place, role: &str) -> String {
    std::fs::read_to_string(place.path(&format!("{role}.log"))).unwrap_or_default()
}

fn pipe(name: &str) -> PipeName {
    name.parse().unwrap()
}

/// The services: `simple` turns one message around and hangs up, `echo` answers every message, and `deaf`
/// reads nothing.
fn serve(place: &Place) {
    let folder = place.path("run");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let bind = |name: &'static str| PipeListener::bind_in(&folder, name, Mode::Message);
            let (simple, echo, deaf) =
                (bind("simple").await.unwrap(), bind("echo").await.unwrap(), bind("deaf").await.unwrap());
            loop {
                tokio::select! {
                    Ok(one) = simple.accept() => drop(tokio::spawn(turn_around(one))),
                    Ok(one) = echo.accept() => drop(tokio::spawn(answer(one))),
                    Ok(one) = deaf.accept() => drop(tokio::spawn(async move { one.hung_up().await })),
                }
            }
        });
    });
}

async fn turn_around(connection: PipeConnection) {
    if let Ok(Some(mut message)) = connection.read_message().await {
        message.pop_if(|last| *last == 0);
        message.reverse();
        let _ = connection.write_message(&message).await;
    }
    connection.disconnect();
}

async fn answer(connection: PipeConnection) {
    while let Ok(Some(message)) = connection.read_message().await {
        if connection.write_message(&message).await.is_err() {
            return;
        }
    }
}

async fn log_on(port: u16, user: &str) -> Option<Client> {
    let server = ServerAddress::from(here(port));
    let credentials = Credentials::with_password(user, "Secret-1");
    Client::connect(&server, &credentials, &ConnectOptions::default()).await.ok()
}

/// Calls one after the other for a while; gives how long each took, the shortest first.
fn honest_calls(port: u16, time: Duration) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut took = runtime.block_on(async {
        let (client, mut took, since) = (log_on(port, "honest").await.unwrap(), Vec::new(), Instant::now());
        while since.elapsed() < time {
            let text = format!("call {}", took.len());
            let begun = Instant::now();
            let reply = client.call(&pipe("simple"), text.as_bytes(), &CallOptions::default()).await.unwrap();
            took.push(begun.elapsed());
            assert_eq!(reply, text.bytes().rev().collect::<Vec<u8>>());
            sleep(Duration::from_millis(5)).await;
        }
        took
    });
    took.sort();
    took
}

fn p99(took: &[Duration]) -> Duration {
    took[took.len() * 99 / 100]
}

/// Asks the page whether it lives until told to stop, and gives how often it was not.
fn watch_health(port: u16, stop: &AtomicBool) -> (usize, usize) {
    let (mut asked, mut silent) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let healthy = TcpStream::connect(here(port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200 "))
        });
        asked += 1;
        silent += usize::from(!matches!(healthy, Ok(true)));
        thread::sleep(Duration::from_millis(100));
    }
    (asked, silent)
}

/// Writes a long message to one open after the other, and reads nothing.
async fn fill(port: u16, name: &'static str, refused: Arc<AtomicUsize>) {
    let message = vec![b'x'; MIB - 4096];
    let mut kept = Vec::new();
    while let Some(client) = log_on(port, "greedy").await {
        let mut pipes = Vec::new();
        while let Ok(open) = client.open(&pipe(name)).await {
            let written = timeout(Duration::from_secs(1), open.write(&message)).await;
            pipes.push(open);
            if !matches!(written, Ok(Ok(()))) {
                refused.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        kept.push((client, pipes));
        sleep(Duration::from_secs(1)).await;
    }
}

/// Opens as many pipes as it gets.
async fn open_all(port: u16, refused: Arc<AtomicUsize>) {
    let mut kept = Vec::new();
    while let Some(client) = log_on(port, "greedy").await {
        let mut pipes = Vec::new();
        while let Ok(open) = client.open(&pipe("echo")).await {
            pipes.push(open);
        }
        refused.fetch_add(1, Ordering::Relaxed);
        kept.push((client, pipes));
        sleep(Duration::from_secs(1)).await;
    }
}

/// Logs on again and again, and says nothing more.
async fn stay_silent(port: u16) {
    let mut kept = Vec::new();
    loop {
        kept.extend(log_on(port, "greedy").await);
        sleep(Duration::from_millis(100)).await;
    }
}

/// Logs on through a relay, which then begins a long frame that never ends.
async fn never_end(port: u16) {
    let relay = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = relay.local_addr().unwrap().port();
    let relayed = async {
        let (mut client, _) = relay.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(here(port)).await.unwrap();
        let copying = tokio::io::copy_bidirectional(&mut client, &mut server);
        let _ = timeout(Duration::from_secs(1), copying).await;
        let mut frame = vec![0, 0x10, 0, 0];
        frame.resize(MIB, 0);
        let _ = server.write_all(&frame).await;
        std::future::pending::<()>().await;
    };
    tokio::join!(relayed, async {
        let _kept = log_on(own, "greedy").await;
        std::future::pending::<()>().await;
    });
}

/// Posts to the page, and reads no reply.
async fn post(port: u16, request: Arc<Vec<u8>>, pace: Option<Duration>) {
    let mut kept = Vec::new();
    loop {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let _ = socket.set_recv_buffer_size(4096);
        let Ok(Ok(mut stream)) = timeout(Duration::from_secs(2), socket.connect(here(port))).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Some(pace) = pace {
            // The head at once, and then a byte at a time.
            let body = request.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
            let (head, body) = request.split_at(body);
            let mut alive = stream.write_all(head).await.is_ok();
            for byte in body {
                sleep(pace).await;
                alive = alive && stream.write_all(&[*byte]).await.is_ok();
                if !alive {
                    break;
                }
            }
        } else {
            let _ = timeout(Duration::from_secs(1), stream.write_all(&request)).await;
            kept.push(stream);
            sleep(Duration::from_secs(4)).await;
        }
    }
}

fn request(path: &str, kind: &str, body: &[u8]) -> Arc<Vec<u8>> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    Arc::new([head.as_bytes(), body].concat())
}

/// Every attack at once, for as long as `during` takes.
fn attack<T>(pipes: u16, page: u16, during: impl FnOnce() -> T) -> (T, usize) {
    let refused = Arc::<AtomicUsize>::default();
    // Attackers have machines of their own: here they take what honest users and the roles leave.
    let yields = || {
        let _ = rustix::process::setpriority_process(None, 19);
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).on_thread_start(yields).enable_all().build().unwrap();
    for name in ["echo", "echo", "deaf", "deaf"] {
        runtime.spawn(fill(pipes, name, Arc::clone(&refused)));
    }
    runtime.spawn(open_all(pipes, Arc::clone(&refused)));
    runtime.spawn(stay_silent(pipes));
    for _ in 0..6 {
        runtime.spawn(never_end(pipes));
    }
    let quotes = |count: usize| "\"".repeat(count);
    let form = "application/x-www-form-urlencoded";
    let long_form = request("/", form, format!("call=simple&text={}", quotes(MIB - 40)).as_bytes());
    let page_form = request("/", form, format!("call=simple&text={}", quotes(60_000)).as_bytes());
    let bridge = request("/pipes/simple", "text/plain", quotes(MIB - 4096).as_bytes());
    for (posted, count) in [(long_form, 30), (page_form, 60), (bridge, 10)] {
        for _ in 0..count {
            runtime.spawn(post(page, Arc::clone(&posted), None));
        }
    }
    let slow = request("/", form, format!("text={}", quotes(1000)).as_bytes());
    for _ in 0..300 {
        runtime.spawn(post(page, Arc::clone(&slow), Some(Duration::from_secs(1))));
    }
    let result = during();
    runtime.shutdown_timeout(Duration::from_secs(2));
    (result, refused.load(Ordering::Relaxed))
}

#[test]
fn in_256_mib_every_attack_at_once_leaves_honest_users_their_right_answers() {
    let place = Place::new();
    let (pipes, page) = (free_port(), free_port());
    let mut file = String::from("name = \"Siege\"\n[roles.R]\naccounts = \"accounts.toml\"\n");
    for name in ["simple", "echo", "deaf"] {
        let one =
            format!("[roles.R.pipes.{name}]\nsddl = \"D:(A;;GRGW;;;AU)\"\nbackend = \"unix:run/{name}\"\n");
        file.push_str(&one);
    }
    let endpoints = format!(
        "[roles.R.endpoints.P]\nprotocol = \"smb\"\nport = {pipes}\n\
         [roles.W.endpoints.H]\nprotocol = \"http\"\nport = {page}\n\
         [roles.W.calls.simple]\ntarget = \"R/P\"\naddresses = [\"127.0.0.1:{pipes}\"]\nuser = \"page\"\n\
         password-file = \"password\"\n"
    );
    file.push_str(&endpoints);
    place.write("standpipe.toml", &file).write("password", "Secret-1").write("run/.keep", "");
    let accounts = AccountFile::new(place.path("accounts.toml"));
    for user in ["honest", "greedy", "page"] {
        accounts.add(user, "Secret-1", None).unwrap();
    }
    serve(&place);
    let mut running = [start(&place, "R", pipes), start(&place, "W", page)];
    thread::sleep(Duration::from_secs(1));

    let quiet = honest_calls(pipes, QUIET);
    let stop = Arc::<AtomicBool>::default();
    let health = thread::spawn({
        let stop = Arc::clone(&stop);
        move || watch_health(page, &stop)
    });
    let (siege, refused) = attack(pipes, page, || honest_calls(pipes, SIEGE));
    stop.store(true, Ordering::Relaxed);
    let (asked, silent) = health.join().unwrap();

    for (role, running) in ["R", "W"].into_iter().zip(&mut running) {
        assert!(running.is_alive(), "{role}: {}", log(&place, role));
        assert!(running.peak() < LIMIT, "{role} had {} KiB", running.peak());
        let log = log(&place, role);
        assert!(!log.contains("panicked") && !log.contains("ended by a bug"), "{log}");
    }
    let peaks = running.each_ref().map(|one| one.peak() / 1024);
    println!(
        "quiet: {} calls, p99 {:?}; under siege: {} calls, p99 {:?}; {refused} attacks were refused; \
         {silent} of {asked} health checks failed; the roles had {peaks:?} MiB at most",
        quiet.len(),
        p99(&quiet),
        siege.len(),
        p99(&siege),
    );
    assert!(refused > 0, "the attacks reached no limit");
    assert_eq!(silent, 0, "of {asked} health checks");
    assert!(
        p99(&siege) <= 5 * p99(&quiet).max(NOTHING),
        "quiet {:?}, under siege {:?}",
        p99(&quiet),
        p99(&siege)
    );
}
