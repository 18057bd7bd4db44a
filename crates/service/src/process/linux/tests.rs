//! Real processes: shells, sleepers and daemons.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use super::procfs;
use crate::manager::StartError;
use crate::process::{Ask, Orphaned, Output, Process, ProcessSpec, Tree, end_abandoned, spawn};
use crate::state::Exit;

const LONG: Duration = Duration::from_secs(30);

pub(crate) fn shell(script: &str, folder: &Path) -> ProcessSpec {
    ProcessSpec {
        name: "test".into(),
        command: vec!["sh".into(), "-c".into(), script.into()],
        folder: folder.to_path_buf(),
        environment: Vec::new(),
        withheld: Vec::new(),
        user: None,
        orphaned: Orphaned::Kill,
        output: Output::Log,
        within: None,
    }
}

/// What must happen soon, or the test fails instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("nothing happened")
}

/// A fifo through which a script tells the test something.
pub(crate) struct Teller {
    lines: BufReader<pipe::Receiver>,
}

impl Teller {
    pub(crate) fn new(folder: &Path) -> Self {
        let path = folder.join("teller");
        mknodat(CWD, &path, FileType::Fifo, Mode::from(0o600), 0).unwrap();
        let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
        Self { lines: BufReader::new(receiver) }
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.lines.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) async fn pid(&mut self) -> i32 {
        self.line().await.parse().unwrap()
    }
}

fn is_alive(pid: i32) -> bool {
    procfs::entry(pid).is_some_and(|entry| !entry.zombie)
}

/// Waits for what happens in another thread and has no signal of its own.
async fn eventually(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn start(script: &str, folder: &Path) -> Process {
    spawn(&shell(script, folder)).await.unwrap()
}

#[tokio::test]
async fn the_exit_and_the_last_output_are_known() {
    let folder = TempDir::new().unwrap();
    let mut process = start("echo out; echo err >&2; sleep 0.01; printf last; exit 7", folder.path()).await;
    assert_eq!(soon(process.wait()).await, Exit::Code(7));
    assert_eq!(soon(process.wait()).await, Exit::Code(7));
    let mut lines = process.tail().lines();
    lines.sort();
    assert_eq!(lines, ["err", "last", "out"]);
    let mut process = start("kill -9 $$", folder.path()).await;
    assert_eq!(soon(process.wait()).await, Exit::Signal(9));
}

#[tokio::test]
async fn runs_in_its_folder_with_its_environment_and_no_input() {
    let folder = TempDir::new().unwrap();
    let mut spec = shell("pwd; echo \"$WORD\"; cat", folder.path());
    spec.environment = vec![("WORD".into(), "a=\"ü\" b".into())];
    let mut process = spawn(&spec).await.unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    let real = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(process.tail().lines(), [real.to_str().unwrap(), "a=\"ü\" b"]);
}

#[tokio::test]
async fn what_is_withheld_it_has_only_when_it_is_given_its_own() {
    let folder = TempDir::new().unwrap();
    let names = ["PATH", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"];
    for name in names {
        assert!(std::env::var_os(name).is_some(), "{name}");
    }
    let spec = ProcessSpec {
        withheld: vec!["CARGO_MANIFEST_DIR".into(), "CARGO_PKG_NAME".into()],
        environment: vec![("CARGO_PKG_NAME".into(), "own".into())],
        ..shell("echo \"${PATH:+kept} ${CARGO_MANIFEST_DIR-gone} $CARGO_PKG_NAME\"", folder.path())
    };
    let mut process = spawn(&spec).await.unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    assert_eq!(process.tail().lines(), ["kept gone own"]);
}

#[tokio::test]
async fn what_cannot_be_started_is_told_apart() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, content: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    file("plain", "text", 0o644);
    file("orphan", "#!/no/such/interpreter\n", 0o755);
    let start = async |command: &[&str]| {
        let mut spec = shell("", folder.path());
        spec.command = command.iter().map(Into::into).collect();
        let error = spawn(&spec).await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        error
    };
    assert!(matches!(start(&[]).await, StartError::EmptyCommand));
    assert!(matches!(start(&[""]).await, StartError::EmptyCommand));
    assert!(matches!(start(&["no-such-program"]).await, StartError::Missing { searched: true, .. }));
    assert!(matches!(start(&["./nothing"]).await, StartError::Missing { searched: false, .. }));
    assert!(matches!(start(&["./plain"]).await, StartError::Denied { .. }));
    assert!(matches!(start(&["./orphan"]).await, StartError::NotAProgram { .. }));
    assert_eq!(
        start(&["no-such-program"]).await.to_string(),
        "no program `no-such-program` in any folder of PATH"
    );

    let nowhere = shell("true", &folder.path().join("nowhere"));
    assert!(matches!(spawn(&nowhere).await.unwrap_err(), StartError::Folder { .. }));
    let stranger = ProcessSpec { user: Some("no-such-user".into()), ..shell("true", folder.path()) };
    assert!(matches!(spawn(&stranger).await.unwrap_err(), StartError::NoSuchUser { .. }));
}

#[tokio::test]
async fn another_user_needs_root_and_gets_nothing_of_it() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let script = "id -un; id -G; echo $HOME $USER $LOGNAME; env | grep ^XDG_; :";
    let spec = ProcessSpec { user: Some("nobody".into()), ..shell(script, folder.path()) };
    match spawn(&spec).await {
        Ok(mut process) => {
            assert_eq!(soon(process.wait()).await, Exit::Code(0));
            let lines = process.tail().lines();
            assert_eq!(lines[0], "nobody");
            assert!(lines[1].split(' ').all(|group| group != "0"), "{lines:?}");
            let home = nix::unistd::User::from_name("nobody").unwrap().unwrap().dir;
            assert_eq!(lines[2..], [format!("{} nobody nobody", home.display())]);
        }
        Err(error) => assert!(matches!(error, StartError::NotRoot { .. }), "{error}"),
    }
}

#[tokio::test]
async fn a_daemon_that_left_everything_behind_ends_with_its_tree() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    // A session of its own, its parent gone, deaf to SIGTERM.
    let daemon = "trap \"\" TERM; echo $$ > teller; while :; do sleep 1; done";
    let script = format!("(setsid sh -c '{daemon}' &); exec sleep 1000");
    let mut process = start(&script, folder.path()).await;
    let daemon = teller.pid().await;
    let (exit, politely) = soon(process.stop(Ask::Tree, Duration::from_millis(50))).await;
    assert_eq!((exit, politely), (Exit::Signal(15), false));
    assert!(!is_alive(daemon));
    eventually(|| procfs::entry(daemon).is_none()).await;
}

#[tokio::test]
async fn a_polite_tree_ends_by_itself() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    // A shell that is about to become another program may lose a signal, so the sleeper speaks for itself.
    let script = "trap 'echo bye; exit 0' TERM; sh -c 'echo $$ > teller; exec sleep 1000' & wait";
    let mut process = start(script, folder.path()).await;
    let sleeper = teller.pid().await;
    let (exit, politely) = soon(process.stop(Ask::Tree, LONG)).await;
    assert_eq!((exit, politely), (Exit::Code(0), true));
    assert!(!is_alive(sleeper));
    assert!(process.tail().lines().contains(&"bye".to_owned()));
}

#[tokio::test]
async fn what_a_finished_process_left_behind_ends_with_the_tree_around_it() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let around = Tree::new();
    let spec = ProcessSpec {
        within: Some(around.clone()),
        ..shell("setsid sh -c 'echo $$ > teller; exec sleep 1000' & :", folder.path())
    };
    let mut process = spawn(&spec).await.unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    let left = teller.pid().await;
    drop(process);
    assert!(is_alive(left));
    assert!(soon(around.kill()).await);
    assert!(!is_alive(left));
}

#[tokio::test]
async fn a_dropped_process_is_killed() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let process = start("sleep 1000 & echo $! > teller; wait", folder.path()).await;
    let sleeper = teller.pid().await;
    let shell = i32::try_from(process.pid()).unwrap();
    drop(process);
    eventually(|| !is_alive(sleeper) && !is_alive(shell)).await;
}

#[tokio::test]
async fn orphans_are_reaped_and_the_children_of_others_are_not() {
    let folder = TempDir::new().unwrap();
    // Each subshell leaves a child behind, which ends later and is nobody's.
    let script = "i=0; while [ $i -lt 200 ]; do (sh -c : &); i=$((i+1)); done; exit 5";
    let mut foreign = std::process::Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
    let mut process = start(script, folder.path()).await;
    let session = i32::try_from(process.pid()).unwrap();
    assert_eq!(soon(process.wait()).await, Exit::Code(5));
    eventually(|| !procfs::all().iter().any(|entry| entry.session == session && entry.pid != session)).await;
    assert_eq!(foreign.wait().unwrap().code(), Some(3));
}

#[tokio::test]
async fn a_flood_of_output_does_not_hold_up_the_process() {
    let folder = TempDir::new().unwrap();
    let script = "head -c 5000000 /dev/zero | tr '\\0' 'x'; echo; yes | head -n 200000; echo end";
    let mut process = start(script, folder.path()).await;
    assert_eq!(soon(process.wait()).await, Exit::Code(0));
    assert_eq!(process.tail().lines().last().map(String::as_str), Some("end"));
}

/// Not a test by itself: the next one runs it in a process of its own, and kills that.
#[tokio::test]
async fn helper_that_is_killed() {
    let Ok(folder) = std::env::var("STANDPIPE_TEST_FOLDER") else { return };
    let _process = start("echo $$ > teller; exec sleep 1000", Path::new(&folder)).await;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_process_dies_with_the_one_that_started_it() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let mut helper = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::linux::tests::helper_that_is_killed"])
        .env("STANDPIPE_TEST_FOLDER", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let child = teller.pid().await;
    assert!(is_alive(child));
    kill_process(Pid::from_child(&helper), Signal::KILL).unwrap();
    helper.wait().unwrap();
    eventually(|| !is_alive(child)).await;
}

/// Not a test by itself: the next one runs it in a process of its own, and kills that.
#[tokio::test]
async fn helper_that_leaves_something_behind() {
    let Ok(folder) = std::env::var("STANDPIPE_TEST_LEAVES") else { return };
    let mut spec = shell("setsid sh -c 'echo $$ > teller; exec sleep 1000' & wait", Path::new(&folder));
    spec.environment = vec![("OF_WHOM".into(), folder.into())];
    let _process = spawn(&spec).await.unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_found_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let value = folder.path().as_os_str();
    let mut helper = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::linux::tests::helper_that_leaves_something_behind"])
        .env("STANDPIPE_TEST_LEAVES", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let left = teller.pid().await;
    // Its maker is there, and so are those of ours and of nobody.
    let mut ours = shell("exec sleep 1000", folder.path());
    ours.environment = vec![("OF_WHOM".into(), value.to_owned())];
    let ours = spawn(&ours).await.unwrap();
    let mut nobodys = std::process::Command::new("sleep")
        .arg("1000")
        .env("OF_WHOM", value)
        .env_remove("STANDPIPE_TREE")
        .spawn()
        .unwrap();
    assert!(soon(end_abandoned("OF_WHOM", value)).await);
    assert!(is_alive(left));

    kill_process(Pid::from_child(&helper), Signal::KILL).unwrap();
    helper.wait().unwrap();
    assert!(soon(end_abandoned("OF_WHOM", "another".as_ref())).await);
    assert!(is_alive(left));
    assert!(soon(end_abandoned("OF_WHOM", value)).await);
    assert!(!is_alive(left));
    assert!(is_alive(i32::try_from(ours.pid()).unwrap()) && nobodys.try_wait().unwrap().is_none());
    nobodys.kill().unwrap();
    nobodys.wait().unwrap();
}

#[tokio::test]
async fn a_command_talks_through_its_socket_and_what_it_complains_of_is_kept() {
    let folder = TempDir::new().unwrap();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut ours = tokio::net::UnixStream::from_std(ours).unwrap();
    let script = "read word; echo \"got $word\"; echo complaint >&2; exit 3";
    let spec = shell(script, folder.path());
    let mut process = crate::process::spawn_on(&spec, theirs.into()).await.unwrap();
    soon(tokio::io::AsyncWriteExt::write_all(&mut ours, b"hello\n")).await.unwrap();
    let mut answer = String::new();
    soon(tokio::io::AsyncReadExt::read_to_string(&mut ours, &mut answer)).await.unwrap();
    assert_eq!(answer, "got hello\n");
    assert_eq!(soon(process.wait()).await, Exit::Code(3));
    assert_eq!(process.tail().lines(), ["complaint"]);
}

#[test]
fn what_could_not_be_started_is_known_before() {
    let folder = TempDir::new().unwrap();
    assert!(crate::process::check(&shell("exit 0", folder.path())).is_ok());
    let missing = ProcessSpec { command: vec!["./missing".into()], ..shell("", folder.path()) };
    assert!(matches!(crate::process::check(&missing), Err(StartError::Missing { .. })));
}
