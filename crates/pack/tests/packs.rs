//! Packs that are made, damaged, made up and unpacked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use standpipe_deployment::{NoVariables, System};
use standpipe_pack::{Choice, GatherError, Gathered, Pack, PackError, Sha256Sum, Written};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const FILE: &str = r#"
name = "Demo"
[roles.Greeter]
content = ["redist", "./scripts/", "data.txt"]
startup = [{ command = ["./scripts/prepare.sh", "--quiet"] }]
service.command = ["bin/greeter"]
secrets = { key = "secrets/key" }
[roles.Teller]
content = ["data.txt"]
service.command = ["teller"]
"#;

/// A deployment in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(file: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.write("standpipe.toml", file);
        place
    }

    /// The deployment above, with all its files.
    fn whole() -> Self {
        let place = Self::new(FILE);
        place.write("bin/greeter", "#!/bin/sh\nexec sleep 9\n").mode("bin/greeter", 0o700);
        place.write("scripts/prepare.sh", "#!/bin/sh\n").mode("scripts/prepare.sh", 0o755);
        place.write("redist/vc_redist.x64.exe", &"MZ ".repeat(5000)).write("redist/de/text.txt", "Grüße");
        place.write("data.txt", "").write("secrets/key", "hush").write("other.txt", "not for a pack");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> &Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
        self
    }

    #[cfg(unix)]
    fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(windows)]
    #[expect(clippy::unused_self, reason = "Windows has no mode bits")]
    fn mode(&self, _name: &str, _mode: u32) {}

    fn gather(&self, roles: &[String]) -> Result<Gathered, String> {
        let secrets = ["secrets/key".to_owned()];
        let output = self.path("demo.pack");
        let choice = Choice { system: System::Linux, roles, secrets: &secrets, output: &output };
        standpipe_pack::gather(&self.path("standpipe.toml"), &choice, &NoVariables).map_err(|error| {
            match error {
                GatherError::Problems(problems) => problems.render(false),
                GatherError::Pack(error) => error.to_string(),
            }
        })
    }

    fn pack(&self, name: &str) -> Written {
        standpipe_pack::write(&self.gather(&[]).unwrap(), &self.path(name), false).unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        names_in(self.folder.path())
    }
}

/// Everything below a folder, with `/` at the end of folders.
fn names_in(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut todo = vec![folder.to_path_buf()];
    while let Some(at) = todo.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                names.insert(format!("{name}/"));
                todo.push(path);
            } else {
                names.insert(name);
            }
        }
    }
    names
}

fn open(bytes: &[u8]) -> Result<Pack<Cursor<&[u8]>>, PackError> {
    Pack::new(Cursor::new(bytes), None)
}

#[test]
fn a_pack_has_the_file_the_content_and_the_programs_and_no_secret() {
    let place = Place::whole();
    let written = place.pack("demo.pack");
    let files: Vec<(&str, bool, Vec<&str>)> = written
        .manifest
        .files
        .iter()
        .map(|file| (&*file.path, file.executable, file.roles.iter().map(String::as_str).collect()))
        .collect();
    let greeter = || vec!["Greeter"];
    let on_unix = cfg!(unix);
    assert_eq!(
        files,
        [
            ("bin/greeter", true, greeter()),
            ("data.txt", false, vec!["Greeter", "Teller"]),
            ("redist/de/text.txt", false, greeter()),
            ("redist/vc_redist.x64.exe", false, greeter()),
            ("scripts/prepare.sh", true, greeter()),
            ("standpipe.toml", false, vec![]),
        ],
        "{on_unix}"
    );
    assert_eq!(fs::metadata(place.path("demo.pack")).unwrap().len(), written.size);
    assert_eq!(Sha256Sum::of(&fs::read(place.path("demo.pack")).unwrap()), written.sha256);
}

#[test]
fn a_secret_below_a_folder_of_the_content_is_left_out() {
    let place = Place::whole();
    place.write("standpipe.toml", &FILE.replace("\"data.txt\"]\nstartup", "\".\"]\nstartup"));
    let gathered = place.gather(&[]).unwrap();
    assert_eq!(gathered.left_out, [PathBuf::from("secrets/key")]);
    assert!(gathered.files.iter().all(|file| !file.path.contains("secret")), "{gathered:?}");
    assert!(gathered.files.iter().any(|file| file.path == "other.txt"));
}

#[test]
fn the_same_files_make_the_same_bytes_whenever_and_wherever() {
    let (one, other) = (Place::whole(), Place::whole());
    one.pack("demo.pack");
    std::thread::sleep(std::time::Duration::from_millis(20));
    other.write("data.txt", "").write("bin/greeter", "#!/bin/sh\nexec sleep 9\n");
    other.pack("demo.pack");
    // The pack itself is below a folder that `content` could name: it is not in itself.
    assert_eq!(fs::read(one.path("demo.pack")).unwrap(), fs::read(other.path("demo.pack")).unwrap());
    let again = standpipe_pack::write(&one.gather(&[]).unwrap(), &one.path("demo.pack"), true).unwrap();
    assert_eq!(Sha256Sum::of(&fs::read(other.path("demo.pack")).unwrap()), again.sha256);
}

#[test]
fn a_pack_is_not_written_over_unless_somebody_says_so_and_never_in_part() {
    let place = Place::whole();
    place.pack("demo.pack");
    let gathered = place.gather(&[]).unwrap();
    let again = standpipe_pack::write(&gathered, &place.path("demo.pack"), false);
    assert!(matches!(again, Err(PackError::InTheWay(_))), "{again:?}");
    fs::remove_file(place.path("data.txt")).unwrap();
    let before = place.names();
    assert!(standpipe_pack::write(&gathered, &place.path("new.pack"), false).is_err());
    assert_eq!(place.names(), before);
}

#[test]
fn what_was_packed_is_unpacked_with_its_modes() {
    let place = Place::whole();
    place.pack("demo.pack");
    let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
    assert_eq!(standpipe_pack::unpack(&mut pack, &place.path("there"), &[]).unwrap(), 6);
    for name in ["bin/greeter", "redist/vc_redist.x64.exe", "redist/de/text.txt", "standpipe.toml"] {
        let there = fs::read(place.path("there").join(name)).unwrap();
        assert_eq!(there, fs::read(place.path(name)).unwrap(), "{name}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("there/bin/greeter"), 0o755);
        assert_eq!(mode("there/data.txt"), 0o644);
        assert_eq!(mode("there/redist"), 0o755);
    }
    // The folders above are made too, and what a former run left behind is not in the way.
    fs::create_dir_all(place.path("deep/down/there.new-1")).unwrap();
    assert_eq!(standpipe_pack::unpack(&mut pack, &place.path("deep/down/there"), &[]).unwrap(), 6);
    let again = standpipe_pack::unpack(&mut pack, &place.path("there"), &[]);
    assert!(matches!(again, Err(PackError::InTheWay(_))), "{again:?}");
}

#[test]
fn a_role_gets_its_own_files_and_those_of_all() {
    let place = Place::whole();
    place.pack("demo.pack");
    let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
    standpipe_pack::unpack(&mut pack, &place.path("there"), &["Teller".to_owned()]).unwrap();
    assert_eq!(names_in(&place.path("there")), ["data.txt", "standpipe.toml"].map(str::to_owned).into());
    let unknown = standpipe_pack::unpack(&mut pack, &place.path("x"), &["Tellr".to_owned()]);
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "the pack has no role `Tellr`; its roles are Greeter, Teller"
    );
    let only = place.gather(&["Teller".to_owned()]).unwrap();
    assert_eq!(only.files.len(), 2);
}

#[test]
fn a_file_that_cannot_be_in_a_pack_is_said_with_its_line() {
    let place = Place::whole();
    for (content, wrong) in [
        ("../x", "which is not below the folder of this file"),
        ("/etc/passwd", "which is not below the folder of this file"),
        ("C:/x", "which is not below the folder of this file"),
        ("missing", "which is not there"),
        ("empty", "in which there is no file"),
    ] {
        fs::create_dir_all(place.path("empty")).unwrap();
        place.write("standpipe.toml", &FILE.replace("\"redist\"", &format!("{content:?}")));
        let problems = place.gather(&[]).unwrap_err();
        assert!(problems.contains(wrong) && problems.contains("standpipe.toml:4:12"), "{problems}");
    }
    place.write("standpipe.toml", &FILE.replace("bin/greeter", "bin/greter"));
    let problems = place.gather(&[]).unwrap_err();
    assert!(
        problems.contains("standpipe.toml:6:20") && problems.contains("cannot be in the pack"),
        "{problems}"
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_packed_as_the_file_that_it_leads_to_and_only_within_the_folder() {
    use std::os::unix::fs::symlink;
    let place = Place::whole();
    symlink("vc_redist.x64.exe", place.path("redist/latest.exe")).unwrap();
    let gathered = place.gather(&[]).unwrap();
    let latest = gathered.files.iter().find(|file| file.path == "redist/latest.exe").unwrap();
    assert!(latest.source.ends_with("redist/vc_redist.x64.exe"), "{latest:?}");
    for target in ["/etc/passwd", "../../..", "de", "nowhere"] {
        fs::remove_file(place.path("redist/latest.exe")).unwrap();
        symlink(target, place.path("redist/latest.exe")).unwrap();
        let problems = place.gather(&[]).unwrap_err();
        assert!(problems.contains("redist/latest.exe` cannot be in a pack: it is a link"), "{problems}");
    }
    // A secret does not get in by another name.
    fs::remove_file(place.path("redist/latest.exe")).unwrap();
    symlink("../secrets/key", place.path("redist/latest.exe")).unwrap();
    assert_eq!(place.gather(&[]).unwrap().left_out, [PathBuf::from("redist/latest.exe")]);
}

/// Windows itself makes no such file.
#[cfg(unix)]
#[test]
fn a_name_that_is_no_name_elsewhere_cannot_be_packed() {
    let place = Place::whole();
    place.write("redist/AUX.txt", "");
    let gathered = place.gather(&[]).unwrap();
    let wrong = standpipe_pack::write(&gathered, &place.path("demo.pack"), false).unwrap_err();
    assert!(matches!(&wrong, PackError::Path { path, .. } if path == "redist/AUX.txt"), "{wrong:?}");
}

#[test]
fn every_changed_byte_is_noticed_before_anything_is_written() {
    let place = Place::whole();
    place.pack("demo.pack");
    let whole = fs::read(place.path("demo.pack")).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(open(&changed).is_err(), "byte {at} of {}", whole.len());
    }
    for length in 0..whole.len() {
        assert!(open(&whole[..length]).is_err(), "{length} bytes of {}", whole.len());
    }
    assert!(open(&[&whole[..], b"x"].concat()).is_err());
    assert!(open(&[b"x", &whole[..]].concat()).is_err());
    assert!(open(&whole).is_ok());
}

#[test]
fn a_pack_that_somebody_made_anew_is_not_the_one_that_was_asked_for() {
    let place = Place::whole();
    let first = place.pack("demo.pack");
    place.write("data.txt", "another");
    let second = place.pack("other.pack");
    assert!(Pack::open(&place.path("demo.pack"), Some(&first.sha256)).is_ok());
    let wrong = Pack::open(&place.path("other.pack"), Some(&first.sha256)).unwrap_err();
    assert!(
        matches!(wrong, PackError::Other { wanted, found } if wanted == first.sha256 && found == second.sha256)
    );
}

/// Makes up the bytes of a pack: its list, and its entries.
fn made_up(list: &str, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("standpipe-pack.json", SimpleFileOptions::default()).unwrap();
    writer.write_all(list.as_bytes()).unwrap();
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn listed(files: &[(&str, &[u8])]) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|(path, bytes)| {
            let (size, sum) = (bytes.len(), Sha256Sum::of(bytes));
            format!(r#"{{"path": {path:?}, "size": {size}, "sha256": "{sum}"}}"#)
        })
        .collect();
    let files = files.join(", ");
    format!(
        r#"{{"standpipe-pack": 1, "name": "D", "deployment": "s.toml", "roles": ["R"], "files": [{files}]}}"#
    )
}

fn read(bytes: Vec<u8>) -> Result<usize, PackError> {
    Pack::read_without_sum(Cursor::new(bytes)).map(|manifest| manifest.files.len())
}

#[test]
fn a_path_that_leads_out_is_refused_whatever_the_sums_say() {
    for name in [
        "../x",
        "/x",
        "a/../../x",
        "a\\..\\x",
        "C:x",
        "x:y",
        "nul",
        "a/COM1.txt",
        "x.",
        "a//b",
        "S.TOML",
        "standpipe-pack.json",
        "Standpipe-Pack.JSON/x",
        "s.toml/x",
    ] {
        let mut files: Vec<(&str, &[u8])> = vec![("s.toml", b""), (name, b"1")];
        files.sort_unstable();
        let outcome = read(made_up(
            &listed(&files),
            &files.clone().into_iter().filter(|(n, _)| *n != "standpipe-pack.json").collect::<Vec<_>>(),
        ));
        assert!(matches!(outcome, Err(PackError::Path { .. })), "{name}: {outcome:?}");
    }
}

#[test]
fn a_list_that_does_not_fit_its_files_is_refused() {
    let good: [(&str, &[u8]); 2] = [("a", b"1"), ("s.toml", b"")];
    assert_eq!(read(made_up(&listed(&good), &good)).unwrap(), 2);
    let is_list = |outcome| matches!(outcome, Err(PackError::Manifest(_)));
    let is_file = |outcome| matches!(outcome, Err(PackError::File { .. }));
    assert!(is_list(read(made_up(&listed(&good), &good[..1]))), "a file is not there");
    assert!(is_list(read(made_up(&listed(&good[1..]), &good))), "a file is not listed");
    assert!(is_list(read(made_up(&listed(&[good[1], good[0]]), &good))), "another order");
    assert!(is_list(read(made_up(&listed(&good[..1]), &good[..1]))), "no deployment file");
    assert!(is_list(read(made_up("{}", &good))), "no list");
    assert!(is_list(read(made_up(&listed(&good).replace("\"name\"", "\"nam\""), &good))), "another key");
    assert!(is_file(read(made_up(&listed(&good), &[("a", b"2"), ("s.toml", b"")]))), "another content");
    assert!(is_file(read(made_up(&listed(&good), &[("a", b"12"), ("s.toml", b"")]))), "another length");
    let later = listed(&good).replace("\"standpipe-pack\": 1", "\"standpipe-pack\": 2, \"new\": 1");
    assert!(matches!(read(made_up(&later, &good)), Err(PackError::Version(2))));
}

#[test]
fn a_bomb_is_refused_by_its_list_or_by_its_length() {
    let zeros = vec![0; 8 * 1024 * 1024];
    let entries: [(&str, &[u8]); 2] = [("a", &zeros), ("s.toml", b"")];
    let bytes = made_up(&listed(&[("a", b"1"), ("s.toml", b"")]), &entries);
    assert!(bytes.len() < 50_000);
    assert!(matches!(read(bytes), Err(PackError::File { .. })));
    let sum = Sha256Sum::of(b"");
    let huge: Vec<String> = (0..3)
        .map(|number| format!(r#"{{"path": "{number}", "size": 2000000000, "sha256": "{sum}"}}"#))
        .collect();
    let list = listed(&[("s.toml", b"")]).replace("[{", &format!("[{}, {{", huge.join(", ")));
    assert!(matches!(read(made_up(&list, &entries)), Err(PackError::TooLarge)));
}

#[test]
fn a_link_in_a_pack_is_refused() {
    let files: [(&str, &[u8]); 2] = [("a", b"/etc/passwd"), ("s.toml", b"")];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("standpipe-pack.json", SimpleFileOptions::default()).unwrap();
    writer.write_all(listed(&files).as_bytes()).unwrap();
    writer.add_symlink("a", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    writer.start_file("s.toml", SimpleFileOptions::default()).unwrap();
    let outcome = read(writer.finish().unwrap().into_inner());
    assert!(matches!(outcome, Err(PackError::File { what: "it is not a plain file", .. })), "{outcome:?}");
}

#[test]
fn a_pack_that_is_used_again_is_looked_at_again() {
    let place = Place::whole();
    place.pack("demo.pack");
    let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
    let above = place.path("content");
    let file = standpipe_pack::ensure(&mut pack, &above, "name = \"other\"").unwrap().file().to_path_buf();
    assert_eq!(fs::read_to_string(&file).unwrap(), "name = \"other\"");
    assert_eq!(standpipe_pack::ensure(&mut pack, &above, "name = \"other\"").unwrap().file(), file);
    let elsewhere = standpipe_pack::ensure(&mut pack, &above, "name = \"third\"").unwrap();
    assert_ne!(file.parent(), elsewhere.file().parent(), "two files do not share a folder");
    // What a service writes there is its own affair.
    fs::write(file.with_file_name("log.txt"), "x").unwrap();
    assert_eq!(standpipe_pack::ensure(&mut pack, &above, "name = \"other\"").unwrap().file(), file);
    let program = file.with_file_name("bin").join("greeter");
    fs::write(&program, "#!/bin/sh\nexec sleep 8\n").unwrap();
    let changed = standpipe_pack::ensure(&mut pack, &above, "name = \"other\"").unwrap_err();
    assert!(matches!(&changed, PackError::Changed(path) if *path == program), "{changed:?}");
}

/// The deployment's name, from the folder that its file is in.
fn pack_name(file: &Path) -> String {
    let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
    folder.rsplit_once('-').unwrap().0.to_owned()
}

#[test]
fn folders_that_nobody_runs_from_are_removed() {
    let place = Place::whole();
    place.pack("demo.pack");
    let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
    let above = place.path("content");
    let mut ensure = |text: &str| standpipe_pack::ensure(&mut pack, &above, text).unwrap();
    let old = ensure("name = \"old\"");
    let (used, used_too) = (ensure("name = \"used\""), ensure("name = \"used\""));
    let new = ensure("name = \"new\"");
    // Nobody knows of these whether they are in use, or they belong to somebody else.
    let name = pack_name(old.file());
    let foreign =
        [format!("{name}-0123456789abcdef"), format!("{name}-mine"), format!("{name}2-0123456789abcdef")];
    for name in &foreign {
        fs::create_dir(above.join(name)).unwrap();
    }
    fs::write(above.join(&foreign[1]).join(".standpipe-in-use"), "").unwrap();

    let old_folder = old.file().parent().unwrap().to_path_buf();
    drop((old, used_too));
    let removed: Vec<PathBuf> = new.remove_others().into_iter().map(Result::unwrap).collect();
    assert_eq!(removed, [old_folder]);
    assert!(used.file().is_file() && new.file().is_file());
    assert!(foreign.iter().all(|name| above.join(name).is_dir()));
    drop(used);
    assert_eq!(new.remove_others().len(), 1);
    assert_eq!(fs::read_dir(&above).unwrap().count(), 1 + foreign.len(), "{:?}", names_in(&above));
    // What was removed is unpacked again where it is needed.
    assert!(standpipe_pack::ensure(&mut pack, &above, "name = \"old\"").unwrap().file().is_file());
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_change_is_not_unpacked_into() {
    let place = Place::whole();
    place.pack("demo.pack");
    let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
    fs::create_dir(place.path("content")).unwrap();
    place.mode("content", 0o777);
    let wrong = standpipe_pack::ensure(&mut pack, &place.path("content"), "").unwrap_err();
    assert!(matches!(wrong, PackError::Untrusted { .. }), "{wrong:?}");
    assert!(names_in(&place.path("content")).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_filled_is_not_left_in_part() {
    let place = Place::whole();
    place.pack("demo.pack");
    let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
    // So deep that the paths of some files are longer than Linux takes (4095 bytes), those of others not.
    let mut folder = place.path("deep");
    while folder.as_os_str().len() < 3850 {
        folder.push("x".repeat(200));
    }
    folder.push("x".repeat(4053 - 1 - folder.as_os_str().len()));
    let wrong = standpipe_pack::unpack(&mut pack, &folder, &[]).unwrap_err();
    assert!(
        matches!(&wrong, PackError::Io { path, .. } if path.ends_with("redist/vc_redist.x64.exe")),
        "{wrong:?}"
    );
    assert!(names_in(folder.parent().unwrap()).is_empty());
    // A file where a folder should be.
    place.write("blocked/there", "");
    let wrong = standpipe_pack::unpack(&mut pack, &place.path("blocked/there/below"), &[]).unwrap_err();
    assert!(matches!(wrong, PackError::InTheWay(_)), "{wrong:?}");
    assert_eq!(names_in(&place.path("blocked")), ["there".to_owned()].into());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_files_come_out_as_they_went_in(
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 1..6),
        names in proptest::collection::hash_set("[a-z]{1,3}/[a-zé_]{4,9}", 6),
    ) {
        let place = Place::new("name = \"D\"\n[roles.R]\ncontent = [\"files\"]\nservice.command = [\"x\"]\n");
        let expected: Vec<(PathBuf, &Vec<u8>)> =
            names.iter().map(|name| Path::new("files").join(name)).zip(&contents).collect();
        for (name, bytes) in &expected {
            fs::create_dir_all(place.path(name.parent().unwrap().to_str().unwrap())).unwrap();
            fs::write(place.folder.path().join(name), bytes).unwrap();
        }
        place.pack("demo.pack");
        let mut pack = Pack::open(&place.path("demo.pack"), None).unwrap();
        prop_assert_eq!(
            standpipe_pack::unpack(&mut pack, &place.path("there"), &[]).unwrap(),
            expected.len() + 1
        );
        for (name, bytes) in expected {
            prop_assert_eq!(&fs::read(place.path("there").join(name)).unwrap(), bytes);
        }
    }

    #[test]
    fn no_bytes_whatever_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = open(&bytes);
        let _ = read([b"PK\x03\x04".as_slice(), &bytes].concat());
    }

    #[test]
    fn a_made_up_pack_with_changed_bytes_is_read_whole_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let files: [(&str, &[u8]); 2] = [("a", b"some text, some text, some text"), ("s.toml", b"name")];
        let mut bytes = made_up(&listed(&files), &files);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(manifest) = Pack::read_without_sum(Cursor::new(bytes)) {
            // What is accepted is what the list says, which can only have lost what does not matter.
            prop_assert_eq!(manifest.files.len(), 2);
        }
    }
}
