//! What becomes of processes when the one that started them is killed.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use standpipe_process::{ProcessSpec, end_abandoned, spawn};
use standpipe_teller::{Teller, eventually, is_alive, soon};
use tempfile::TempDir;

/// A process that runs the script in the folder.
fn starter(folder: &Path, script: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_standpipe-starter")).arg(folder).arg(script).spawn().unwrap()
}

fn kill(mut process: Child) {
    kill_process(Pid::from_child(&process), Signal::KILL).unwrap();
    process.wait().unwrap();
}

#[tokio::test]
async fn a_process_dies_with_the_one_that_started_it() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let starter = starter(folder.path(), "echo $$ > teller; exec sleep 1000");
    let child = teller.pid().await;
    assert!(is_alive(child));
    kill(starter);
    eventually(|| !is_alive(child)).await;
}

#[tokio::test]
async fn processes_that_a_killed_one_left_behind_are_found_and_no_others() {
    let folder = TempDir::new().unwrap();
    let mut teller = Teller::new(folder.path());
    let value = folder.path().as_os_str();
    let starter = starter(folder.path(), "setsid sh -c 'echo $$ > teller; exec sleep 1000' & wait");
    let left = teller.pid().await;
    // The process that started it is there. So are one that this process started and one of no tree.
    let mut ours = ProcessSpec::new("ours", ["sleep", "1000"], folder.path());
    ours.environment = vec![("OF_WHOM".into(), value.to_owned())];
    let ours = spawn(&ours).await.unwrap();
    let mut of_no_tree =
        Command::new("sleep").arg("1000").env("OF_WHOM", value).env_remove("STANDPIPE_TREE").spawn().unwrap();
    assert!(soon(end_abandoned("OF_WHOM", value)).await);
    assert!(is_alive(left));

    kill(starter);
    assert!(soon(end_abandoned("OF_WHOM", "another".as_ref())).await);
    assert!(is_alive(left));
    assert!(soon(end_abandoned("OF_WHOM", value)).await);
    assert!(!is_alive(left));
    assert!(is_alive(ours.pid()) && of_no_tree.try_wait().unwrap().is_none());
    of_no_tree.kill().unwrap();
    of_no_tree.wait().unwrap();
}
