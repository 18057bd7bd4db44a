//! Startup tasks on Windows, or Wine: batch files, installers and what a task may do.

use standpipe_process::Tree;
use standpipe_process::program::search_path;

use super::*;
use crate::testing::{TestFolder, only_role, soon};

/// Runs these tasks of a role.
async fn run(place: &TestFolder, tasks: &[&str]) -> Result<(), TaskFailure> {
    let mut text = String::from("[roles.R.service]\nname = \"S\"\ncommand = [\"cmd\"]\n");
    for task in tasks {
        text.push_str("[[roles.R.startup]]\n");
        text.push_str(task);
        text.push('\n');
    }
    let deployment = place.deployment(&text);
    let environment = InstanceEnvironment {
        facts: Vec::new(),
        deployment: "Demo".into(),
        role: "R".into(),
        instance: 3,
        accounts: place.path().join("accounts.toml"),
        pipes: place.path().join("pipes"),
        temporary: None,
        withheld: vec!["CARGO_PKG_NAME".into()],
        path: search_path(None, std::env::var_os("PATH")),
    };
    let tree = Tree::new();
    let mut startup = Startup::new(place.path(), &environment, None, &tree);
    soon(startup.run(&only_role(&deployment).startup)).await
}

fn said(place: &TestFolder) -> String {
    std::fs::read_to_string(place.path().join("said")).unwrap()
}

#[tokio::test]
async fn a_batch_file_is_a_task_that_knows_its_instance_and_gets_its_words() {
    let place = TestFolder::new();
    place.script(
        "setup.cmd",
        "@echo off\r\necho %STANDPIPE_ROLE%/%STANDPIPE_INSTANCE%/%OWN%/%CARGO_PKG_NAME%/%1>said\r\n",
    );
    let task = "command = [\"./setup.cmd\", \"two words\"]\nenvironment = { OWN = \"mine\" }";
    run(&place, &[task]).await.unwrap();
    assert_eq!(said(&place).trim_end(), "R/3/mine//\"two words\"");
}

#[tokio::test]
async fn a_task_runs_elevated_or_limited() {
    let place = TestFolder::new();
    place.script("say.cmd", "@echo off\r\necho %1>>said\r\n");
    run(
        &place,
        &[
            "command = [\"./say.cmd\", \"limited\"]",
            "command = [\"./say.cmd\", \"elevated\"]\nelevated = true",
        ],
    )
    .await
    .unwrap();
    assert_eq!(said(&place).split_whitespace().collect::<Vec<_>>(), ["limited", "elevated"]);
}

#[tokio::test]
async fn an_installer_that_asks_for_a_restart_has_not_failed() {
    let place = TestFolder::new();
    run(
        &place,
        &["command = [\"cmd\", \"/c\", \"exit 3010\"]", "command = [\"cmd\", \"/c\", \"exit 1641\"]"],
    )
    .await
    .unwrap();
    let failure = run(&place, &["command = [\"cmd\", \"/c\", \"exit 1603\"]"]).await.unwrap_err();
    assert!(failure.to_string().contains("failed with exit code 1603"), "{failure}");
}

#[tokio::test]
async fn a_package_is_given_to_the_installer() {
    let place = TestFolder::new();
    place.script("setup.msi", "no package");
    let failure = run(&place, &["command = [\"./setup.msi\"]"]).await.unwrap_err();
    // ERROR_INSTALL_PACKAGE_INVALID, or what Wine says instead: the installer ran, and looked into it.
    assert!(matches!(failure.reason, TaskFailureReason::Exit { .. }), "{failure}");
}

#[tokio::test]
async fn a_word_that_a_batch_file_would_not_get_as_it_is_keeps_it_from_running() {
    let place = TestFolder::new();
    place.script("setup.cmd", "@echo ran>said\r\n");
    let failure = run(&place, &["command = [\"./setup.cmd\", \"50%\"]"]).await.unwrap_err();
    assert_eq!(failure.reason, TaskFailureReason::Start);
    assert!(failure.hint().unwrap().contains("`environment`"));
    assert!(!place.path().join("said").exists());
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_stopped() {
    let place = TestFolder::new();
    // Waits on itself: there is no program to sleep everywhere.
    let task = "command = [\"cmd\", \"/c\", \"for /l %i in (0,0,1) do @rem\"]\ntimeout = \"200ms\"";
    let failure = run(&place, &[task]).await.unwrap_err();
    assert_eq!(failure.reason, TaskFailureReason::TimedOut { timeout: Duration::from_millis(200) });
}
