use tempfile::TempDir;

use super::*;
use crate::exit_code::ExitCode;

fn record(role: &str, instance: u32) -> InstanceRecord {
    InstanceRecord { stage: Stage::Running, ready: true, pid: Some(1), ..InstanceRecord::new(role, instance) }
}

#[test]
fn records_are_read_in_order_as_they_were_written() {
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
fn one_damaged_file_does_not_hide_the_other_instances() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let locks = [0, 1].map(|number| state.instance("Web", number).lock(None).unwrap());
    fs::write(locks[0].dir().path().join("state.json"), "{ \"role\": ").unwrap();
    locks[1].dir().write(&record("Web", 1)).unwrap();
    let all = read_all(state.path()).unwrap();
    assert_eq!((all[0].role.as_str(), all[0].instance, all[0].stage), ("Web", 0, Stage::Unknown));
    let why = all[0].last_error.as_deref().unwrap();
    assert!(why.starts_with("cannot read `") && why.contains("line 1"), "{why}");
    assert_eq!((all.len(), all[1].stage), (2, Stage::Running));
}

#[test]
fn an_instance_that_could_not_begin_says_why_but_not_over_one_that_runs() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let unmade = InstanceDir { path: path.join("Web.0"), parent: path.clone() };
    unmade.write_last_words("Web", 0, "no port").unwrap();
    assert!(!path.exists());
    let state = StateDir::open(&path).unwrap();
    state.instance("Web", 0).write_last_words("Web", 0, "no port").unwrap();
    let all = read_all(&path).unwrap();
    assert_eq!((all[0].stage, all[0].last_error.as_deref()), (Stage::Failed, Some("no port")));
    let lock = state.instance("Web", 0).lock(None).unwrap();
    lock.dir().write(&record("Web", 0)).unwrap();
    state.instance("Web", 0).write_last_words("Web", 0, "it runs already").unwrap();
    assert_eq!(read_all(&path).unwrap()[0].stage, Stage::Running);
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
    assert_eq!(error.exit_code(), ExitCode::Temporary);
    // Somebody else's is called by its own name.
    let error = state.lock("Other").unwrap_err();
    assert_eq!(error.to_string(), format!("the deployment `Demo` runs already, as process {own}"));
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
    deployment.remove().unwrap();
    assert!(!path.exists());

    let state = StateDir::open(&path).unwrap();
    fs::write(path.join("mine.txt"), "keep").unwrap();
    state.instance("Web", 0).lock(None).unwrap().remove().unwrap();
    state.lock("Demo").unwrap().remove().unwrap();
    assert_eq!(names_in(&path), [".standpipe", "mine.txt"]);
    fs::remove_file(path.join("mine.txt")).unwrap();
    StateDir::open(&path).unwrap().lock("Demo").unwrap().remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_wine_prefix_outlives_its_instance() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let instance = state.instance("Web", 0);
    for _ in 0..2 {
        let lock = instance.lock(None).unwrap();
        fs::create_dir_all(instance.wine().join("drive_c")).unwrap();
        fs::write(instance.wine().join("system.reg"), "installed").unwrap();
        lock.dir().write(&record("Web", 0)).unwrap();
        lock.remove().unwrap();
        assert_eq!(fs::read_to_string(instance.wine().join("system.reg")).unwrap(), "installed");
        assert_eq!(names_in(instance.path()), [".standpipe-instance", "wine"]);
    }
    state.clear().unwrap();
    state.lock("Demo").unwrap().remove().unwrap();
    assert!(instance.wine().is_dir());
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_with_something_else_in_it_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lib");
    fs::create_dir_all(path.join("dpkg.0")).unwrap();
    fs::write(path.join("dpkg.0/lock"), "").unwrap();
    for _ in 0..2 {
        let error = StateDir::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Foreign { .. }));
        assert_eq!(error.exit_code(), ExitCode::Config);
        assert!(error.hint().unwrap().contains("empty"));
        assert_eq!(names_in(&path), ["dpkg.0"]);
    }
    // A mark that says something else is not ours.
    fs::write(path.join(".standpipe"), "keep out").unwrap();
    assert!(matches!(StateDir::open(&path), Err(StateError::Foreign { .. })));
}

#[test]
fn only_folders_of_instances_are_cleared_away() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    drop(state.instance("Web", 0).lock(None).unwrap());
    let mark = fs::read(state.path().join("Web.0/.standpipe-instance")).unwrap();
    // With the right name but no mark, a mark of another, and a mark but not the right name.
    let foreign = ["dpkg.0", "Other.0", "Web.00", "Web", "0.Web", "Web.0.1", "Web.+1", "Web.4294967296"];
    for name in foreign {
        let path = state.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("lock"), "").unwrap();
        let mark: &[u8] = if name == "Other.0" { b"another mark" } else { &mark };
        if name != "dpkg.0" {
            fs::write(path.join(".standpipe-instance"), mark).unwrap();
        }
    }
    state.clear().unwrap();
    assert!(!state.path().join("Web.0").exists());
    for name in foreign {
        assert!(state.path().join(name).join("lock").exists(), "{name}");
    }
    let error = state.instance("dpkg", 0).lock(None).unwrap_err();
    assert!(matches!(error, StateError::Foreign { .. }));
}

#[test]
fn files_that_others_put_beside_those_of_an_instance_stay() {
    let folder = TempDir::new().unwrap();
    let state = StateDir::open(folder.path()).unwrap();
    let lock = state.instance("Web", 0).lock(None).unwrap();
    let dir = lock.dir().path().to_path_buf();
    lock.dir().write(&record("Web", 0)).unwrap();
    for own in ["accounts.toml", ".accounts.toml.lock", ".accounts.toml.17.new", "state.json.new"] {
        fs::write(dir.join(own), "").unwrap();
    }
    fs::create_dir_all(dir.join("data/deep")).unwrap();
    fs::write(dir.join("data/deep/letter"), "keep").unwrap();
    fs::write(dir.join("pipes/notes"), "keep").unwrap();
    fs::write(dir.join(".accounts.toml.mine.new"), "keep").unwrap();
    drop(lock);
    state.clear().unwrap();
    assert_eq!(names_in(&dir), [".accounts.toml.mine.new", ".standpipe-instance", "data", "pipes"]);
    assert_eq!(fs::read_to_string(dir.join("data/deep/letter")).unwrap(), "keep");
    assert_eq!(fs::read_to_string(dir.join("pipes/notes")).unwrap(), "keep");
    // The instance can run there again all the same.
    state.instance("Web", 0).lock(None).unwrap().remove().unwrap();
    assert!(dir.join("data/deep/letter").exists());
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
        assert_eq!(error.exit_code(), ExitCode::NotPermitted);
        assert!(!error.hint().unwrap().contains("remove"));

        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(matches!(StateDir::open(&link), Err(StateError::Untrusted { .. })));
    }

    #[test]
    fn links_are_not_followed_when_something_is_removed() {
        let folder = TempDir::new().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let state = StateDir::open(&folder.path().join("state")).unwrap();
        let dir = state.instance("Web", 0).lock(None).unwrap().dir().clone();
        let _socket = std::os::unix::net::UnixListener::bind(dir.pipes().join("simple")).unwrap();
        let _other = std::os::unix::net::UnixListener::bind(elsewhere.join("theirs")).unwrap();
        drop(dir.lock(None).unwrap());
        assert_eq!(names_in(&dir.pipes()), [""; 0]);
        fs::remove_dir(dir.pipes()).unwrap();
        symlink(&elsewhere, dir.pipes()).unwrap();
        symlink(dir.path(), state.path().join("Link.0")).unwrap();
        state.clear().unwrap();
        assert_eq!(names_in(&elsewhere), ["theirs"]);
        assert_eq!(names_in(dir.path()), [".standpipe-instance", "pipes"]);
        assert!(state.path().join("Link.0").is_symlink());
    }

    #[test]
    fn temporary_files_go_with_their_instance_and_a_link_in_their_place_is_left_alone() {
        let folder = TempDir::new().unwrap();
        let state = StateDir::open(&folder.path().join("state")).unwrap();
        let lock = state.instance("Web", 0).lock(None).unwrap();
        let temporary = lock.make_temporary(None).unwrap();
        fs::create_dir(temporary.join("folder")).unwrap();
        fs::write(temporary.join("folder/file"), "").unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("theirs"), "").unwrap();
        symlink(&elsewhere, temporary.join("link")).unwrap();
        drop(lock);
        let lock = state.instance("Web", 0).lock(None).unwrap();
        assert!(!temporary.exists());
        symlink(&elsewhere, &temporary).unwrap();
        assert!(matches!(lock.make_temporary(None), Err(StateError::Untrusted { .. })));
        lock.remove().unwrap();
        assert_eq!(names_in(&elsewhere), ["theirs"]);
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let folder = TempDir::new().unwrap();
        if rustix::process::geteuid().is_root() {
            let theirs = folder.path().join("theirs");
            fs::create_dir(&theirs).unwrap();
            std::os::unix::fs::chown(&theirs, Some(12_345), None).unwrap();
            let error = StateDir::open(&theirs).unwrap_err();
            assert!(error.to_string().ends_with("it belongs to another user"), "{error}");
        }
    }

    #[test]
    fn state_is_in_the_default_folder_unless_another_is_named() {
        let given = Path::new("/elsewhere");
        assert_eq!(locate("Demo", Some(given), |_| None), given);
        let parent = folder::default_folder(|_| None);
        assert_eq!(locate("Demo", None, |_| None), parent.join("Demo"));
    }
}
