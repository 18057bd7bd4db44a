use tempfile::TempDir;

use super::*;

fn record(role: &str, instance: u32) -> InstanceRecord {
    InstanceRecord { stage: Stage::Running, ready: true, pid: Some(1), ..InstanceRecord::new(role, instance) }
}

#[test]
fn what_is_written_is_read_in_order() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let mut locks = Vec::new();
    for (role, instance) in [("Web", 0), ("ServiceWatcher", 10), ("ServiceWatcher", 2)] {
        let lock = state.instance(role, instance).lock(None).unwrap();
        lock.dir().write(&record(role, instance)).unwrap();
        locks.push(lock);
    }
    let all = read_all(state.path()).unwrap();
    let names: Vec<String> = all.iter().map(|one| instance_name(&one.role, one.instance)).collect();
    assert_eq!(names, ["ServiceWatcher.2", "ServiceWatcher.10", "Web.0"]);
    assert_eq!(all[2], InstanceRecord { since: all[2].since, ..record("Web", 0) });
}

#[test]
fn an_instance_whose_process_is_gone_is_not_said_to_run() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let lock = state.instance("Web", 0).lock(None).unwrap();
    lock.dir().write(&record("Web", 0)).unwrap();
    assert!(lock.dir().is_running());
    drop(lock);
    let all = read_all(state.path()).unwrap();
    assert_eq!((all[0].stage, all[0].ready, all[0].pid), (Stage::Failed, false, None));
    assert!(all[0].last_error.is_some());
}

#[test]
fn a_folder_that_is_not_there_holds_nothing() {
    let folder = TempDir::new().unwrap();
    assert_eq!(read_all(&folder.path().join("nothing")).unwrap(), []);
}

#[test]
fn runs_once_at_a_time() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let lock = state.lock("Demo").unwrap();
    let error = state.lock("Demo").unwrap_err();
    let own = std::process::id();
    assert_eq!(error.to_string(), format!("the deployment `Demo` runs already, as process {own}"));
    assert_eq!(error.exit_code(), 75);
    drop(lock);
    drop(state.lock("Demo").unwrap());
    let instance = state.instance("Web", 0);
    let _lock = instance.lock(None).unwrap();
    assert!(matches!(instance.lock(None), Err(StateError::Running { .. })));
}

#[test]
fn removes_what_it_made_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let state = StateDir::open(&path).unwrap();
    let deployment = state.lock("Demo").unwrap();
    let instance = state.instance("Web", 0);
    let lock = instance.lock(None).unwrap();
    lock.dir().write(&record("Web", 0)).unwrap();
    drop(lock);
    deployment.remove(std::slice::from_ref(&instance)).unwrap();
    assert!(!path.exists());

    let state = StateDir::open(&path).unwrap();
    fs::write(path.join("mine.txt"), "keep").unwrap();
    state.instance("Web", 0).lock(None).unwrap().remove().unwrap();
    state.lock("Demo").unwrap().remove(&[]).unwrap();
    let left: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mine.txt"]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn nobody_else_can_look_in() {
        let folder = TempDir::new().unwrap();
        let state = StateDir::open(&folder.path().join("a/b")).unwrap();
        let lock = state.instance("Web", 0).lock(None).unwrap();
        lock.dir().write(&record("Web", 0)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        for dir in [state.path(), &folder.path().join("a"), lock.dir().path(), &lock.dir().pipes()] {
            assert_eq!(mode(dir), 0o700, "{}", dir.display());
        }
        assert_eq!(mode(&lock.dir().path().join("state.json")), 0o600);
    }

    #[test]
    fn a_folder_that_others_can_change_is_refused() {
        let folder = TempDir::new().unwrap();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let error = StateDir::open(&open).unwrap_err();
        assert!(matches!(error, StateError::Untrusted { .. }));
        assert_eq!(error.exit_code(), 77);

        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(matches!(StateDir::open(&link), Err(StateError::Untrusted { .. })));
    }

    #[test]
    fn the_default_is_the_runtime_folder() {
        let runtime = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/5".into());
        assert_eq!(locate("Demo", None, runtime), Path::new("/run/user/5/standpipe/Demo"));
        let given = Path::new("/elsewhere");
        assert_eq!(locate("Demo", Some(given), runtime), given);
        let without = locate("Demo", None, |_| None);
        assert!(without.starts_with("/run") || without.starts_with("/tmp"), "{}", without.display());
    }
}
