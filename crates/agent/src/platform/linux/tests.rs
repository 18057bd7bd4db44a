use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use super::prefix::Prefix;
use crate::host::{Host, HostError, HostErrorKind, HostOptions};

fn own() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// What Wine leaves, as far as it is looked at.
fn make(path: &Path) {
    fs::create_dir_all(path.join("drive_c/windows/system32")).unwrap();
    fs::create_dir_all(path.join("dosdevices")).unwrap();
    symlink("../drive_c", path.join("dosdevices/c:")).unwrap();
    fs::write(path.join("system.reg"), "WINE REGISTRY Version 2\n\n#arch=win64\n").unwrap();
    fs::write(path.join("drive_c/windows/system32/ntdll.dll"), "").unwrap();
}

fn options(path: &Path) -> HostOptions {
    HostOptions {
        prefix: path.to_path_buf(),
        program: Some("no-such-wine".into()),
        agent: None,
        folder: "/".into(),
        user: None,
        startup_timeout: Duration::from_secs(10),
        environment: Vec::new(),
        environment_of_wine: Vec::new(),
        only_service: None,
    }
}

#[tokio::test]
async fn a_prefix_is_made_once_and_then_reused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("above/prefix");
    let mut prefix = Prefix::take(&path, own()).await.unwrap();
    assert!(!prefix.is_complete());
    make(&path);
    prefix.finish().unwrap();
    drop(prefix);
    assert!(Prefix::take(&path, own()).await.unwrap().is_complete());
}

#[tokio::test]
async fn a_prefix_whose_making_was_cut_off_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prefix");
    drop(Prefix::take(&path, own()).await.unwrap());
    make(&path);
    let prefix = Prefix::take(&path, own()).await.unwrap();
    assert!(!prefix.is_complete());
    assert!(!path.join("system.reg").exists());
}

#[tokio::test]
async fn what_is_no_usable_prefix_is_left_alone_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter.txt"), "").unwrap();
    let error = Prefix::take(&home, own()).await.unwrap_err();
    assert!(matches!(error, HostError::NotAPrefix { .. }), "{error}");
    assert!(home.join("letter.txt").exists());

    let broken = folder.path().join("broken");
    make(&broken);
    fs::remove_file(broken.join("drive_c/windows/system32/ntdll.dll")).unwrap();
    let error = Prefix::take(&broken, own()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("is broken: drive_c/windows/system32/ntdll.dll is missing"),
        "{error}"
    );
    assert_eq!(error.kind(), HostErrorKind::Configuration);

    let garbage = folder.path().join("garbage");
    make(&garbage);
    fs::write(garbage.join("system.reg"), b"\xff\xfe no registry").unwrap();
    let error = Prefix::take(&garbage, own()).await.unwrap_err();
    assert!(error.to_string().ends_with("is broken: the head of system.reg is missing"), "{error}");
    assert_eq!(error.kind(), HostErrorKind::Configuration);

    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("prefix")] {
        let error = Prefix::take(&path, own()).await.unwrap_err();
        assert!(matches!(error, HostError::NoFolder { .. }), "{error}");
        assert_eq!(error.kind(), HostErrorKind::Configuration);
    }

    let narrow = folder.path().join("narrow");
    make(&narrow);
    fs::write(narrow.join("system.reg"), "WINE REGISTRY Version 2\n\n#arch=win32\n").unwrap();
    let error = Prefix::take(&narrow, own()).await.unwrap_err();
    assert!(matches!(error, HostError::Only32Bit { .. }), "{error}");
}

#[tokio::test]
async fn a_prefix_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prefix");
    make(&path);
    let stranger = (own().0 + 1, own().1);
    let error = Prefix::take(&path, stranger).await.unwrap_err();
    assert!(matches!(error, HostError::OtherOwner { .. }), "{error}");
    assert_eq!(error.kind(), HostErrorKind::NotPermitted);
}

#[tokio::test(start_paused = true)]
async fn a_prefix_serves_one_instance_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prefix");
    let held = Prefix::take(&path, own()).await.unwrap();
    let error = Prefix::take(&path, own()).await.unwrap_err();
    assert!(matches!(error, HostError::InUse { .. }), "{error}");
    drop(held);
    Prefix::take(&path, own()).await.unwrap();
}

#[tokio::test]
async fn a_machine_without_wine_or_without_the_agent_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prefix");
    let error = Host::new(options(&path)).start().await.unwrap_err();
    assert!(matches!(error, HostError::NoAgent { .. }), "{error}");
    assert!(error.hint().unwrap().contains("STANDPIPE_AGENT"));

    fs::write(folder.path().join("agent.exe"), "").unwrap();
    let options = HostOptions { agent: Some(folder.path().join("agent.exe")), ..options(&path) };
    let error = Host::new(options).start().await.unwrap_err();
    assert!(matches!(&error, HostError::NoWine { program } if program == "no-such-wine"), "{error}");
    assert!(error.hint().unwrap().contains("install"));
    assert!(!path.exists());
}
