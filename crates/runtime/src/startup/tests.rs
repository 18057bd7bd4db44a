use std::os::unix::fs::PermissionsExt;

use standpipe_process::Tree;
use standpipe_process::program::search_path;

use super::*;
use crate::testing::{TestFolder, is_alive, only_role, soon};

/// A role with these tasks.
fn role(tasks: &[&str]) -> String {
    let mut text = String::from("[roles.R.service]\nname = \"S\"\ncommand = [\"sh\"]\n");
    for task in tasks {
        text.push_str("[[roles.R.startup]]\n");
        text.push_str(task);
        text.push('\n');
    }
    text
}

fn environment(place: &TestFolder) -> InstanceEnvironment {
    InstanceEnvironment {
        facts: Vec::new(),
        deployment: "Demo".into(),
        role: "R".into(),
        instance: 3,
        accounts: place.path().join("accounts.toml"),
        pipes: place.path().join("pipes"),
        temporary: None,
        withheld: vec!["CARGO_PKG_NAME".into(), "CARGO_MANIFEST_DIR".into()],
        path: search_path(None, std::env::var_os("PATH")),
    }
}

async fn run(place: &TestFolder, tasks: &[&str]) -> Result<(), TaskFailure> {
    let deployment = place.deployment(&role(tasks));
    let (environment, tree) = (environment(place), Tree::new());
    let mut startup = Startup::new(place.path(), &environment, None, &tree);
    soon(startup.run(&only_role(&deployment).startup)).await
}

#[tokio::test]
async fn simple_tasks_run_one_after_the_other_up_to_the_first_that_fails() {
    let place = TestFolder::new();
    place
        .script("add.sh", "sleep 0.0$1; echo $2 >> log")
        .script("fail.sh", "echo before; echo why >&2; exit 3");
    let failure = run(
        &place,
        &[
            "command = [\"sh\", \"add.sh\", \"2\", \"one\"]",
            "command = [\"sh\", \"add.sh\", \"1\", \"two\"]",
            "command = [\"sh\", \"fail.sh\", \"two words\"]",
            "command = [\"sh\", \"add.sh\", \"1\", \"never\"]",
        ],
    )
    .await
    .unwrap_err();
    assert_eq!(std::fs::read_to_string(place.path().join("log")).unwrap(), "one\ntwo\n");
    let text = failure.to_string();
    assert!(
        text.starts_with("startup task 3 `sh fail.sh \"two words\"` failed with exit code 3 after "),
        "{text}"
    );
    assert!(text.ends_with(" (it wrote last: why)") || text.ends_with(" (it wrote last: before)"), "{text}");
    let mut output = failure.output;
    output.sort();
    assert_eq!(output, ["before", "why"]);
}

#[tokio::test]
async fn a_task_to_be_done_once_is_done_again_only_when_its_word_changes_or_it_has_failed() {
    let place = TestFolder::new();
    place.script("add.sh", "echo $1 >> log; test ! -e broken");
    let run = async |once: &str| {
        let task = format!("command = [\"sh\", \"add.sh\", \"{once}\"]\nonce = \"{once}\"");
        let task = task.replacen(&format!(", \"{once}\"]"), ", \"x\"]", 1);
        let deployment = place.deployment(&role(&[&task]));
        let (environment, tree) = (environment(&place), Tree::new());
        let mut startup = Startup::new(place.path(), &environment, None, &tree);
        startup.keep_done_in(place.path().join("once.json"));
        soon(startup.run(&only_role(&deployment).startup)).await.is_ok()
    };
    let times = || std::fs::read_to_string(place.path().join("log")).unwrap().lines().count();
    std::fs::write(place.path().join("broken"), "").unwrap();
    assert!(!run("1").await);
    std::fs::remove_file(place.path().join("broken")).unwrap();
    assert!(run("1").await && run("1").await);
    assert_eq!(times(), 2, "once it failed, and once it was done");
    assert!(run("2").await && run("2").await);
    assert_eq!(times(), 3);
}

#[tokio::test]
async fn a_task_knows_its_instance_and_its_own_variables() {
    let place = TestFolder::new();
    place.script(
        "say.sh",
        "echo \"$STANDPIPE_DEPLOYMENT/$STANDPIPE_ROLE/$STANDPIPE_INSTANCE/$OWN\" > said; \
         test \"$STANDPIPE_ACCOUNTS\" = \"$PWD/accounts.toml\" && test \"$STANDPIPE_PIPES\" = \"$PWD/pipes\"",
    );
    let task = "command = [\"sh\", \"say.sh\"]\nenvironment = { OWN = \"mine\" }";
    run(&place, &[task]).await.unwrap();
    assert_eq!(std::fs::read_to_string(place.path().join("said")).unwrap(), "Demo/R/3/mine\n");
}

#[tokio::test]
async fn a_task_gets_no_secret_but_one_of_its_own() {
    let place = TestFolder::new();
    place.script("say.sh", "echo \"${CARGO_MANIFEST_DIR-gone} $CARGO_PKG_NAME\" > said");
    let task = "command = [\"sh\", \"say.sh\"]\nenvironment = { CARGO_PKG_NAME = \"own\" }";
    run(&place, &[task]).await.unwrap();
    assert_eq!(std::fs::read_to_string(place.path().join("said")).unwrap(), "gone own\n");
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_stopped_with_what_it_started() {
    let mut place = TestFolder::new();
    place.script("hang.sh", "sleep 1000 & echo $! > teller; wait");
    let task = "command = [\"sh\", \"hang.sh\"]\ntimeout = \"200ms\"";
    let failure = run(&place, &[task]).await.unwrap_err();
    assert_eq!(failure.reason, TaskFailureReason::TimedOut { timeout: Duration::from_millis(200) });
    assert!(failure.hint().is_some());
    assert!(!is_alive(place.told_pid().await));
}

#[tokio::test]
async fn a_task_that_cannot_be_started_says_why() {
    let place = TestFolder::new();
    place.unusable_program("task");
    let failure = run(&place, &["command = [\"./task\"]"]).await.unwrap_err();
    let shown = place.path().join("./task");
    let shown = shown.display();
    assert_eq!(failure.to_string(), format!("startup task 1 `{shown}` could not be started"));
    let cause = std::error::Error::source(&failure).unwrap().to_string();
    assert_eq!(cause, format!("`{shown}` is not a program that this machine can run"));
}

#[tokio::test]
async fn background_and_foreground_tasks_are_not_waited_for_and_may_fail() {
    let mut place = TestFolder::new();
    place.script("wait.sh", "read line < go; echo $1 > teller; exit 9");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.path().join("go"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o600),
        0,
    )
    .unwrap();
    let deployment = place.deployment(&role(&[
        "command = [\"sh\", \"wait.sh\", \"foreground\"]\ntype = \"foreground\"",
        "command = [\"sleep\", \"1000\"]\ntype = \"background\"",
        "command = [\"true\"]",
    ]));
    let (environment, tree) = (environment(&place), Tree::new());
    let folder = place.path().to_path_buf();
    let mut startup = Startup::new(&folder, &environment, None, &tree);
    soon(startup.run(&only_role(&deployment).startup)).await.unwrap();
    assert_eq!(startup.followed.len(), 2);
    std::fs::write(folder.join("go"), "\n").unwrap();
    assert_eq!(place.told().await, "foreground");
    soon(startup.followed.join_next()).await.unwrap().unwrap();
    assert_eq!(startup.followed.len(), 1);
    soon(tree.kill()).await;
}

#[tokio::test]
async fn the_password_of_a_new_user_is_not_shown() {
    let place = TestFolder::new();
    let path = place.path().join("net");
    std::fs::write(&path, "#!/bin/sh\nexit 7\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let failure =
        run(&place, &["command = [\"./net\", \"user\", \"anna\", \"Secret1\", \"/add\"]"]).await.unwrap_err();
    assert!(failure.to_string().contains("net user anna *** /add` failed with exit code 7"), "{failure}");
}

#[test]
fn windows_installs_a_package_and_runs_everything_else() {
    let of = |words: &[&str]| {
        let words = words.iter().map(Into::into).collect();
        let command = installed(words, Path::new(r"C:\app"));
        command.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        of(&["./redist/Setup.MSI", "LEVEL=2"]),
        ["msiexec.exe", "/i", r"C:\app\redist\Setup.MSI", "/qn", "/norestart", "LEVEL=2"]
    );
    assert_eq!(of(&["setup.exe", "x.msi"]), ["setup.exe", "x.msi"]);
    assert!(of(&[]).is_empty());
}
