//! Real processes on Windows, or Wine: programs and batch files, their output, and the ends of their trees.

#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use standpipe_process::{Ask, Exit, Process, ProcessSpec, SpawnError, Tree, check, spawn, user_ids};
use standpipe_teller::{eventually, soon};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

/// What Windows says of a process that Ctrl-Break has ended.
const BROKEN_OFF: Exit = Exit::Code(0xC000_013A_u32.cast_signed());

fn puppet(words: &[&str], folder: &Path) -> ProcessSpec {
    // Built on Linux and run under Wine, the path has no drive.
    let program = std::path::absolute(env!("CARGO_BIN_EXE_standpipe-puppet")).unwrap().into_os_string();
    let words = words.iter().map(OsString::from);
    ProcessSpec::new("test", std::iter::once(program).chain(words), folder)
}

async fn run(spec: &ProcessSpec) -> (Exit, Vec<String>) {
    let mut process = spawn(spec).await.unwrap();
    let exit = soon(process.wait()).await;
    (exit, process.tail().lines())
}

fn is_held(file: &Path) -> bool {
    fs::exists(file).unwrap() && fs::File::open(file).is_err()
}

/// A process that has started another one, which holds the file.
async fn holder(way: &str, file: &Path, folder: &Path) -> Process {
    let process = spawn(&puppet(&[way, file.to_str().unwrap()], folder)).await.unwrap();
    eventually(|| process.tail().lines().contains(&"holding".to_owned())).await;
    assert!(is_held(file));
    process
}

#[tokio::test]
async fn an_exit_code_has_32_bits_and_the_last_output_is_known() {
    let folder = TempDir::new().unwrap();
    for code in [0u32, 3, 256, 65536, 259, 0xC000_0005, u32::MAX] {
        let (exit, _) = run(&puppet(&["exit", &code.to_string()], folder.path())).await;
        assert_eq!(exit, Exit::Code(code.cast_signed()));
        assert_eq!(exit.is_success(), code == 0);
    }
    let (exit, mut lines) = run(&puppet(&["say", "out", "err"], folder.path())).await;
    lines.sort();
    assert_eq!((exit, lines), (Exit::Code(0), vec!["err".to_owned(), "out".to_owned()]));
}

#[tokio::test]
async fn a_process_ends_although_its_other_threads_are_using_the_heap() {
    let folder = TempDir::new().unwrap();
    for _ in 0..20 {
        let (exit, _) = run(&puppet(&["end-busy"], folder.path())).await;
        assert_eq!(exit, Exit::Code(7));
    }
}

#[tokio::test]
async fn a_process_runs_in_its_folder_with_its_environment_and_no_input() {
    let folder = TempDir::new().unwrap();
    let mut spec = puppet(&["variables", "WORD", "word2", "PATH", "CARGO_PKG_NAME"], folder.path());
    spec.environment = vec![
        ("word".into(), "first".into()),
        ("WoRd".into(), "a=\"ü\" b".into()),
        ("Word2".into(), "%PATH%".into()),
    ];
    spec.withheld = vec!["Path".into(), "CARGO_PKG_NAME".into()];
    let (_, lines) = run(&spec).await;
    assert_eq!(
        lines,
        [r#"WORD=Some("a=\"ü\" b")"#, r#"word2=Some("%PATH%")"#, "PATH=None", "CARGO_PKG_NAME=None"]
    );
    let (_, lines) = run(&puppet(&["folder-and-input"], folder.path())).await;
    assert_eq!(lines, [format!("{} 0", folder.path().display())]);
    let wrong = ProcessSpec { environment: vec![("a=b".into(), "c".into())], ..spec };
    assert!(matches!(spawn(&wrong).await.unwrap_err(), SpawnError::Variable { .. }));
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    let folder = TempDir::new().unwrap();
    let words =
        ["plain", "", "two words", r#"a"b"#, r"c:\d\", r"e f\", r#"\\"g h\\"#, "ü€😀", "100%", "& ^ |"];
    let all: Vec<&str> = std::iter::once("arguments").chain(words).collect();
    let (_, lines) = run(&puppet(&all, folder.path())).await;
    assert_eq!(lines, [format!("{words:?}")]);
}

#[tokio::test]
async fn a_batch_file_runs_and_gets_only_what_is_safe_for_it() {
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("a & b");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("setup.cmd"), "@echo off\r\necho [%1] [%2]\r\nexit /b 42\r\n").unwrap();
    let command = |words: &[&str]| ProcessSpec::new("test", words, &inner);
    let (exit, lines) = run(&command(&[r".\setup.cmd", "one & two", "three"])).await;
    assert_eq!((exit, lines), (Exit::Code(42), vec!["[\"one & two\"] [three]".to_owned()]));
    // The extension may be left out, and dots at the end of a name are none of it.
    assert_eq!(run(&command(&[r".\setup"])).await.0, Exit::Code(42));
    let error = spawn(&command(&[r".\setup.cmd", "fine", "\"&calc.exe"])).await.unwrap_err();
    assert!(matches!(error, SpawnError::Argument { position: 2, character: '"' }), "{error}");
    assert_eq!(error.to_string(), "argument 2 holds '\"', which cannot be handed to a batch file safely");
}

#[tokio::test]
async fn every_reason_why_a_program_cannot_be_started_is_an_error_of_its_own() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("text.exe"), "no program at all").unwrap();
    let start = async |command: &[&str]| {
        let spec = ProcessSpec::new("test", command, folder.path());
        let error = spawn(&spec).await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        error
    };
    assert!(matches!(start(&[]).await, SpawnError::EmptyCommand));
    assert!(matches!(start(&["no-such-program"]).await, SpawnError::Missing { searched: true, .. }));
    assert!(matches!(start(&[r".\nothing"]).await, SpawnError::Missing { searched: false, .. }));
    let error = start(&[r".\text"]).await;
    assert!(matches!(error, SpawnError::NotAProgram { .. }), "{error:?}");
    let nowhere = puppet(&["exit", "0"], &folder.path().join("nowhere"));
    assert!(matches!(spawn(&nowhere).await.unwrap_err(), SpawnError::Folder { .. }));
    let cmd = ProcessSpec::new("test", ["cmd", "/c", "exit 7"], folder.path());
    assert!(check(&cmd).is_ok());
    assert_eq!(run(&cmd).await.0, Exit::Code(7));
}

#[tokio::test]
async fn a_process_runs_as_this_user_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let as_user =
        |user: &str| ProcessSpec { user: Some(user.to_owned()), ..puppet(&["exit", "0"], folder.path()) };
    assert!(matches!(spawn(&as_user("no-such-user")).await.unwrap_err(), SpawnError::NoSuchUser { .. }));
    let error = spawn(&as_user("S-1-5-19")).await.unwrap_err();
    assert!(matches!(error, SpawnError::NeedsPassword { .. }) && error.is_permission(), "{error}");
    let own = standpipe_system::user::User::own().to_string();
    assert_eq!(user_ids(&own).unwrap(), None);
    assert_eq!(run(&as_user(&own)).await.0, Exit::Code(0));
}

#[tokio::test]
async fn a_limited_process_runs() {
    let folder = TempDir::new().unwrap();
    let spec = ProcessSpec { limited: true, ..puppet(&["say", "out", "err"], folder.path()) };
    assert_eq!(run(&spec).await.0, Exit::Code(0));
}

#[tokio::test]
async fn output_is_read_in_every_encoding_that_windows_has() {
    let folder = TempDir::new().unwrap();
    let bytes = |hex: &str| puppet(&["bytes", hex], folder.path());
    // UTF-16 with its mark, UTF-8 with and without one, and a byte of the console's code page, whichever it
    // is.
    assert_eq!(run(&bytes("fffee4000d000a00ac20")).await.1, ["ä", "€"]);
    assert_eq!(run(&bytes("efbbbfc3a40d0ac3a4")).await.1, ["ä", "ä"]);
    let (_, lines) = run(&bytes("61ff620a")).await;
    assert!(lines.len() == 1 && lines[0].starts_with('a') && lines[0].ends_with('b'), "{lines:?}");
}

#[tokio::test]
async fn a_flood_of_output_does_not_hold_up_the_process() {
    let folder = TempDir::new().unwrap();
    let (exit, lines) = run(&puppet(&["flood"], folder.path())).await;
    assert_eq!(exit, Exit::Code(0));
    assert_eq!(lines.last().map(String::as_str), Some("end"));
}

#[tokio::test]
async fn a_tree_that_is_asked_to_end_does() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("held");
    let mut process = holder("start-and-stay", &file, folder.path()).await;
    let (exit, politely) = soon(process.stop(Ask::Tree, LONG)).await;
    // Wine passes no Ctrl-Break on, so what could not be asked is killed.
    let is_wine = fs::exists(r"C:\windows\system32\winecfg.exe").unwrap();
    assert_eq!((exit, politely), (if is_wine { Exit::Code(1) } else { BROKEN_OFF }, true));
    assert!(!is_held(&file));
}

#[tokio::test]
async fn what_a_process_left_behind_ends_with_its_tree_and_the_one_around_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("held");
    let around = Tree::new();
    for kill_around in [false, true] {
        let spec = ProcessSpec {
            within: Some(around.clone()),
            ..puppet(&["start-and-go", file.to_str().unwrap()], folder.path())
        };
        let mut process = spawn(&spec).await.unwrap();
        // Its end is known although what it started holds its output open, and that is still read.
        assert_eq!(soon(process.wait()).await, Exit::Code(0));
        eventually(|| process.tail().lines() == ["holding"]).await;
        assert!(is_held(&file));
        let tree = if kill_around { &around } else { process.tree() };
        assert!(soon(tree.kill()).await);
        assert!(!is_held(&file));
    }
}

#[tokio::test]
async fn a_process_dies_with_the_one_that_started_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("held");
    let words = puppet(&["supervise", file.to_str().unwrap()], folder.path()).command;
    let mut starter = std::process::Command::new(&words[0]).args(&words[1..]).spawn().unwrap();
    eventually(|| is_held(&file)).await;
    starter.kill().unwrap();
    starter.wait().unwrap();
    eventually(|| !is_held(&file)).await;
}

#[tokio::test]
async fn a_dropped_process_is_killed_with_what_it_started() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("held");
    let process = holder("start-and-stay", &file, folder.path()).await;
    drop(process);
    eventually(|| !is_held(&file)).await;
}
