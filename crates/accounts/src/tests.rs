use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use standpipe_system::{Found as FoundFile, private_file};

use super::*;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("accounts.toml")
    }

    fn file(&self) -> AccountFile {
        AccountFile::new(self.path())
    }
}

fn sid_of(file: &AccountFile, name: &str) -> Sid {
    file.find(name).unwrap().sid
}

#[test]
fn the_first_account_creates_a_file_only_its_owner_can_read() {
    let place = Place::new();
    let file = place.file();
    assert!(file.list().unwrap().is_empty() && file.find("anna").is_none());
    assert_eq!(file.add("anna", "secret", None).unwrap(), Added::Created);
    let anna = file.find("ANNA").unwrap();
    assert_eq!(anna.sid.rid(), 1001);
    assert!(anna.sid.domain().is_some(), "{}", anna.sid);
    assert_eq!((anna.enabled, &anna.groups[..]), (true, &[well_known::BUILTIN_USERS][..]));
    assert!(anna.nt_hash.ct_eq(&NtHash::of_password("secret")));
    for entry in fs::read_dir(place.folder.path()).unwrap() {
        let found = FoundFile::at(&entry.unwrap().path()).unwrap();
        assert_eq!(private_file::check(&found), Ok(()));
    }
}

#[test]
fn the_password_is_not_in_the_file() {
    let place = Place::new();
    place.file().add("anna", "correct horse", None).unwrap();
    assert!(!fs::read_to_string(place.path()).unwrap().contains("correct horse"));
}

#[test]
fn adding_the_same_account_again_changes_nothing() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    let before = fs::read(place.path()).unwrap();
    assert_eq!(file.add("Anna", "secret", None).unwrap(), Added::Unchanged);
    assert_eq!(file.add("anna", "secret", Some(&[well_known::BUILTIN_USERS])).unwrap(), Added::Unchanged);
    assert_eq!(fs::read(place.path()).unwrap(), before);

    let error = file.add("anna", "other", None).unwrap_err();
    assert!(matches!(error, AccountFileError::OtherPassword { .. }));
    assert!(error.hint().unwrap().contains("passwd anna"));
    let error = file.add("anna", "secret", Some(&[well_known::BUILTIN_ADMINISTRATORS])).unwrap_err();
    assert!(matches!(error, AccountFileError::OtherGroups { .. }));
    assert_eq!(fs::read(place.path()).unwrap(), before);
}

#[test]
fn an_account_can_be_changed_and_keeps_its_sid() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    let sid = sid_of(&file, "anna");
    file.set_password("ANNA", "other").unwrap();
    file.set_enabled("anna", false).unwrap();
    file.set_groups("anna", &[well_known::BUILTIN_ADMINISTRATORS]).unwrap();
    let anna = AccountFile::open(place.path()).unwrap().find("anna").unwrap();
    assert!(anna.nt_hash.ct_eq(&NtHash::of_password("other")) && !anna.enabled);
    assert_eq!((anna.sid, &anna.groups[..]), (sid, &[well_known::BUILTIN_ADMINISTRATORS][..]));
}

#[test]
fn a_removed_accounts_sid_is_not_given_to_the_next() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    let sid = sid_of(&file, "anna");
    file.remove("Anna").unwrap();
    assert!(file.find("anna").is_none());
    file.add("berta", "secret", None).unwrap();
    let other = sid_of(&file, "berta");
    assert_eq!(other.domain(), sid.domain(), "the machine stays the same");
    assert_eq!(other.rid(), sid.rid() + 1);
}

#[test]
fn changing_an_unknown_account_names_it() {
    let place = Place::new();
    let file = place.file();
    for error in [
        file.remove("nobody").unwrap_err(),
        file.set_password("nobody", "x").unwrap_err(),
        file.set_enabled("nobody", true).unwrap_err(),
    ] {
        assert!(matches!(&error, AccountFileError::Unknown { name, .. } if name == "nobody"), "{error}");
    }
    assert!(!place.path().exists());
}

#[test]
fn names_and_passwords_windows_would_not_take_are_refused() {
    let place = Place::new();
    let file = place.file();
    for name in ["", "a/b", "a@b", "a\nb", "a\"b"] {
        assert!(matches!(file.add(name, "x", None), Err(AccountFileError::Name(_))), "{name:?}");
    }
    let twenty_one = "x".repeat(21);
    assert!(matches!(
        file.add(&twenty_one, "x", None),
        Err(AccountFileError::NameTooLong { length: 21, limit: 20 })
    ));
    assert!(matches!(file.add("a", "", None), Err(AccountFileError::Password(PasswordError::Empty))));
    let long = "x".repeat(257);
    assert!(matches!(
        file.add("a", &long, None),
        Err(AccountFileError::Password(PasswordError::TooLong { .. }))
    ));
    file.add(&twenty_one[1..], &long[1..], None).unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_others_can_reach_is_refused_and_the_last_good_accounts_stay() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    assert!(file.find("anna").is_some());
    for mode in [0o640, 0o604, 0o620, 0o660, 0o610] {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(place.path(), permissions).unwrap();
        let error = AccountFile::open(place.path()).unwrap_err();
        assert!(matches!(error, AccountFileError::Exposed { mode: found, .. } if found == mode), "{error}");
        assert!(
            error.to_string().contains(&format!("{mode:04o}")) && error.hint().unwrap().contains("chmod 600")
        );
        assert!(matches!(file.add("berta", "x", None), Err(AccountFileError::Exposed { .. })));
        assert!(file.find("anna").is_some(), "the last good accounts stay");
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return; // only root can give a file away
    }
    let place = Place::new();
    place.file().add("anna", "secret", None).unwrap();
    std::os::unix::fs::chown(place.path(), Some(12345), None).unwrap();
    let error = AccountFile::open(place.path()).unwrap_err();
    let AccountFileError::ForeignOwner { owner, .. } = error else { panic!("{error}") };
    assert_eq!(owner, standpipe_system::user::User::from_number(12345));
}

#[test]
fn a_change_by_another_process_is_seen_at_once() {
    let place = Place::new();
    let (server, command) = (place.file(), place.file());
    for round in 0..50 {
        let name = format!("user{round}");
        assert!(server.find(&name).is_none());
        command.add(&name, "secret", None).unwrap();
        assert!(server.find(&name).is_some(), "{name}");
        command.set_enabled(&name, false).unwrap();
        assert!(!server.find(&name).unwrap().enabled, "{name}");
    }
}

#[test]
fn an_edit_in_place_of_the_same_length_is_seen() {
    let place = Place::new();
    let server = place.file();
    server.add("anna", "secret", None).unwrap();
    assert!(server.find("anna").is_some());
    let text = fs::read_to_string(place.path()).unwrap();
    for name in ["otto", "emma", "olaf"] {
        fs::write(place.path(), text.replace("anna", name)).unwrap();
        assert!(server.find(name).is_some() && server.find("anna").is_none(), "{name}");
    }
}

#[test]
fn a_broken_file_keeps_the_last_good_accounts_until_it_is_mended() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    let good = fs::read_to_string(place.path()).unwrap();
    assert!(file.find("anna").is_some());
    for broken in ["[[account", &good[..good.len() / 2], "\u{0}\u{1}"] {
        fs::write(place.path(), broken).unwrap();
        assert!(file.find("anna").is_some(), "{broken}");
        assert!(file.list().is_err() && AccountFile::open(place.path()).is_err(), "{broken}");
        assert!(file.add("berta", "x", None).is_err(), "a broken file is not overwritten");
        assert_eq!(fs::read_to_string(place.path()).unwrap(), broken);
    }
    fs::write(place.path(), good.replace("anna", "otto")).unwrap();
    assert!(file.find("anna").is_none() && file.find("otto").is_some());
}

#[test]
fn a_file_that_was_taken_away_has_no_accounts() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    assert!(file.find("anna").is_some());
    fs::remove_file(place.path()).unwrap();
    assert!(file.find("anna").is_none());
}

#[test]
fn a_syntax_error_names_file_and_line() {
    let place = Place::new();
    let mut file = private_file::open_to_write(&place.path(), true).unwrap();
    std::io::Write::write_all(&mut file, b"machine-sid = \"S-1-5-21-1-2-3\"\ncolour = 1\n").unwrap();
    let text = AccountFile::open(place.path()).unwrap_err().to_string();
    assert!(
        text.starts_with(&format!("{}:2: ", place.path().display())) && text.contains("colour"),
        "{text}"
    );
}

#[test]
fn an_error_and_a_debug_print_show_no_hash() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    let hash = file.find("anna").unwrap().nt_hash.expose_hex();
    assert!(!format!("{file:?}").contains(&*hash));
    let error = file.add("anna", "other", None).unwrap_err();
    assert!(!format!("{error:?}").contains(&*hash));
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_file_that_is_replaced() {
    let place = Place::new();
    let real = place.folder.path().join("real.toml");
    AccountFile::new(&real).add("anna", "secret", None).unwrap();
    std::os::unix::fs::symlink(&real, place.path()).unwrap();
    place.file().add("berta", "secret", None).unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    assert_eq!(AccountFile::new(&real).list().unwrap().len(), 2);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_that_is_not_there_yet_leads_there() {
    let place = Place::new();
    let folder = place.folder.path().join("volume");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("volume/real.toml", place.path()).unwrap();
    place.file().add("anna", "secret", None).unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    assert_eq!(AccountFile::new(folder.join("real.toml")).list().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_lead_nowhere() {
    let place = Place::new();
    std::os::unix::fs::symlink(place.path(), place.path()).unwrap();
    assert!(matches!(place.file().add("anna", "secret", None), Err(AccountFileError::Io { .. })));
}

#[cfg(unix)]
#[test]
fn all_ways_to_a_file_have_one_lock() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    let lock = store::lock(&place.path(), Duration::ZERO).unwrap();
    for path in [&place.path(), &link] {
        let error = store::lock(path, Duration::from_millis(10)).unwrap_err();
        assert!(matches!(error, AccountFileError::Locked { .. }) && error.hint().is_some(), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    drop(lock);
    store::lock(&link, Duration::ZERO).unwrap();
}

#[test]
fn a_file_from_the_future_is_read_once() {
    let place = Place::new();
    let file = place.file();
    file.add("anna", "secret", None).unwrap();
    let future = SystemTime::now() + Duration::from_hours(1);
    fs::File::options().write(true).open(place.path()).unwrap().set_modified(future).unwrap();
    let started = Instant::now();
    while file.cache.lock().unwrap().identity.is_none() {
        assert!(file.find("anna").is_some() && started.elapsed() < Duration::from_secs(10));
        thread::yield_now();
    }
    // Read once, and still seen to change.
    file.set_enabled("anna", false).unwrap();
    assert!(!file.find("anna").unwrap().enabled);
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_file_is_refused_at_once() {
    let place = Place::new();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, place.path(), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let (tell, told) = mpsc::channel();
    let path = place.path();
    thread::spawn(move || tell.send(AccountFile::open(path).unwrap_err().to_string()));
    let error = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(error.contains("accounts.toml"), "{error}");
    assert!(place.file().find("anna").is_none());
}

#[test]
fn writers_at_once_lose_nothing() {
    let place = Place::new();
    let path = place.path();
    let (done, finished) = mpsc::channel::<()>();
    thread::scope(|scope| {
        for writer in 0..8 {
            let (path, done) = (&path, done.clone());
            scope.spawn(move || {
                // Each its own `AccountFile`, as separate processes would have.
                let file = AccountFile::new(path);
                for number in 0..10 {
                    let name = format!("w{writer}n{number}");
                    // Nobody gets the lock in turn: on a busy machine one of the eight can be unlucky for
                    // long.
                    while let Err(error) = file.add(&name, "secret", None) {
                        assert!(matches!(error, AccountFileError::Locked { .. }), "{error}");
                    }
                }
                drop(done);
            });
        }
        drop(done);
        // A reader beside them never sees half a file.
        let reader = AccountFile::new(&path);
        while finished.try_recv() == Err(mpsc::TryRecvError::Empty) {
            reader.list().unwrap();
        }
    });
    let accounts = place.file().list().unwrap();
    assert_eq!(accounts.len(), 80);
    let sids: std::collections::BTreeSet<_> = accounts.iter().map(|account| account.sid).collect();
    assert_eq!(sids.len(), 80);
    let (first, last) = (sids.first().unwrap().rid(), sids.last().unwrap().rid());
    assert_eq!((first, last), (1001, 1080));
}
