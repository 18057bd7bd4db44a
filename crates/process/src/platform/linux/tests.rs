//! Real processes: shells, sleepers and daemons.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use standpipe_teller::{Teller, eventually, is_alive, soon};
use tempfile::TempDir;

use super::procfs;
use crate::error::SpawnError;
use crate::exit::Exit;
use crate::{Ask, Process, ProcessSpec, Tree, spawn};

const LONG: Duration = Duration::from_secs(30);

fn shell(script: &str, folder: &Path) -> ProcessSpec {
    ProcessSpec::new("test", ["sh", "-c", script], folder)
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
async fn a_process_has_a_withheld_variable_only_when_it_is_given_its_own() {
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

/// A descriptor as whoever started this process may have left it open.
#[tokio::test]
async fn a_process_gets_no_descriptor_but_the_first_three() {
    let folder = TempDir::new().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "s").unwrap();
    let left_open = fs::File::open(&secret).unwrap();
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).unwrap();
    let mut process =
        start("ls -l /proc/$$/fd | grep -c secret; ls /proc/$$/fd | grep -v 10", folder.path()).await;
    soon(process.wait()).await;
    assert_eq!(process.tail().lines(), ["0", "0", "1", "2"]);
}

#[tokio::test]
async fn a_process_gains_no_rights_unless_it_may() {
    let folder = TempDir::new().unwrap();
    for may_gain_rights in [false, true] {
        let script = "grep -E 'NoNewPrivs|CapAmb' /proc/self/status | tr -d '\\t'";
        let mut process =
            spawn(&ProcessSpec { may_gain_rights, ..shell(script, folder.path()) }).await.unwrap();
        soon(process.wait()).await;
        let own = fs::read_to_string("/proc/self/status").unwrap().contains("NoNewPrivs:\t1");
        let flag = format!("NoNewPrivs:{}", u8::from(own || !may_gain_rights));
        let lines = process.tail().lines();
        assert!(lines.contains(&flag), "{may_gain_rights}: {lines:?}");
        assert!(may_gain_rights || lines.contains(&"CapAmb:0000000000000000".to_owned()), "{lines:?}");
    }
}

#[tokio::test]
async fn every_reason_why_a_program_cannot_be_started_is_an_error_of_its_own() {
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
    assert!(matches!(start(&[]).await, SpawnError::EmptyCommand));
    assert!(matches!(start(&[""]).await, SpawnError::EmptyCommand));
    assert!(matches!(start(&["no-such-program"]).await, SpawnError::Missing { searched: true, .. }));
    assert!(matches!(start(&["./nothing"]).await, SpawnError::Missing { searched: false, .. }));
    assert!(matches!(start(&["./plain"]).await, SpawnError::Denied { .. }));
    assert!(matches!(start(&["./orphan"]).await, SpawnError::NotAProgram { .. }));
    assert_eq!(
        start(&["no-such-program"]).await.to_string(),
        "no program `no-such-program` in any folder of PATH"
    );

    let nowhere = shell("true", &folder.path().join("nowhere"));
    assert!(matches!(spawn(&nowhere).await.unwrap_err(), SpawnError::Folder { .. }));
    let stranger = ProcessSpec { user: Some("no-such-user".into()), ..shell("true", folder.path()) };
    assert!(matches!(spawn(&stranger).await.unwrap_err(), SpawnError::NoSuchUser { .. }));
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
        Err(error) => assert!(matches!(error, SpawnError::NotRoot { .. }), "{error}"),
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
    eventually(|| procfs::entry(daemon.cast_signed()).is_none()).await;
}

#[tokio::test]
async fn a_daemon_that_cleared_its_environment_too_ends_with_the_tree_that_takes_strays() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let daemon = "echo $$ > teller; exec sleep 1000";
    let strays = |spec: ProcessSpec| ProcessSpec { takes_strays: true, ..spec };
    let script = format!("(env -i PATH=\"$PATH\" setsid sh -c '{daemon}' &); exec sleep 1000");
    // One that is here already is of another tree.
    let mut early = start(&script, folder.path()).await;
    let kept = teller.pid().await;
    soon(early.stop(Ask::Tree, LONG)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    let mut process = spawn(&strays(shell(&script, folder.path()))).await.unwrap();
    let stray = teller.pid().await;
    // One whose own program has no mark, but that is waited for, is of another tree too.
    let unmarked = ["env", "-i", "sleep", "1000"];
    let other = spawn(&ProcessSpec::new("other", unmarked, folder.path())).await.unwrap();
    let (exit, politely) = soon(process.stop(Ask::Tree, LONG)).await;
    assert_eq!((exit, politely), (Exit::Signal(15), true));
    assert!(!is_alive(stray) && is_alive(kept) && is_alive(other.pid()));
    // Nothing else would end it.
    let everything = Tree::new();
    let pid = rustix::process::Pid::from_raw(kept.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(soon(everything.kill()).await);
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
async fn processes_that_a_finished_one_left_behind_end_with_the_tree_around_it() {
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
    let shell = process.pid();
    drop(process);
    eventually(|| !is_alive(sleeper) && !is_alive(shell)).await;
}

#[tokio::test]
async fn orphans_are_reaped_and_the_children_of_others_are_not() {
    let folder = TempDir::new().unwrap();
    // Each subshell leaves a child behind, which ends later and is nobody's.
    let script = "i=0; while [ $i -lt 1000 ]; do (sh -c : &); i=$((i+1)); done; exit 5";
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

#[tokio::test]
async fn a_command_talks_through_its_socket_and_what_it_complains_of_is_kept() {
    let folder = TempDir::new().unwrap();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut ours = tokio::net::UnixStream::from_std(ours).unwrap();
    let script = "read word; echo \"got $word\"; echo complaint >&2; exit 3";
    let spec = shell(script, folder.path());
    let mut process = crate::spawn_on(&spec, theirs.into()).await.unwrap();
    soon(tokio::io::AsyncWriteExt::write_all(&mut ours, b"hello\n")).await.unwrap();
    let mut answer = String::new();
    soon(tokio::io::AsyncReadExt::read_to_string(&mut ours, &mut answer)).await.unwrap();
    assert_eq!(answer, "got hello\n");
    assert_eq!(soon(process.wait()).await, Exit::Code(3));
    assert_eq!(process.tail().lines(), ["complaint"]);
}

#[test]
fn a_check_finds_a_program_that_could_not_be_started() {
    let folder = TempDir::new().unwrap();
    assert!(crate::check(&shell("exit 0", folder.path())).is_ok());
    let missing = ProcessSpec { command: vec!["./missing".into()], ..shell("", folder.path()) };
    assert!(matches!(crate::check(&missing), Err(SpawnError::Missing { .. })));
}
