//! Real files, as services and their log rotation treat them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::*;
use crate::logs::ServiceLogs;

/// Keeps the lines that are logged for a service.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        #[derive(Default)]
        struct Fields(String, String);
        impl Visit for Fields {
            fn record_str(&mut self, field: &Field, value: &str) {
                if field.name() == "message" {
                    self.1 = value.to_owned();
                }
            }

            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                match field.name() {
                    "message" => self.1 = format!("{value:?}"),
                    "file" => self.0 = format!("{value:?}").rsplit(['/', '\\']).next().unwrap().to_owned(),
                    _ => {}
                }
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(format!("{}: {}", fields.0, fields.1));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A folder whose log files are looked at when the test says so.
struct Place {
    folder: TempDir,
    lines: Lines,
    followed: Followed,
}

impl Place {
    fn new(patterns: &[&str], before: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        before(folder.path());
        let lines = Lines::default();
        let sink = tracing::subscriber::with_default(lines.clone(), || LogSink::new("S"));
        let patterns =
            patterns.iter().map(|pattern| FilePattern::new(&folder.path().join(pattern))).collect();
        let mut followed = Followed::new(patterns, sink);
        followed.look_for_files(true);
        Self { folder, lines, followed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(bytes.as_ref()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// The lines since the last look.
    fn look(&mut self) -> Vec<String> {
        self.followed.look_for_files(false);
        while self.followed.read_on() {}
        std::mem::take(&mut *self.lines.0.lock().unwrap())
    }
}

#[test]
fn lines_come_once_each_and_only_when_they_are_whole() {
    let mut place = Place::new(&["*.log"], |folder| fs::write(folder.join("a.log"), "old\n").unwrap());
    assert_eq!(place.look(), [""; 0], "what stands there already is not news");
    place.append("a.log", "one\ntw");
    place.append("b.log", "new\n");
    place.append("c.txt", "other\n");
    assert_eq!(place.look(), ["a.log: one", "b.log: new"]);
    place.append("a.log", "o\r\n");
    assert_eq!(place.look(), ["a.log: two"]);
    assert_eq!(place.look(), [""; 0]);
}

#[test]
fn a_folder_may_come_later() {
    let mut place = Place::new(&["deep/logs/*.log"], |_| {});
    assert_eq!(place.look(), [""; 0]);
    fs::create_dir_all(place.path("deep/logs")).unwrap();
    place.append("deep/logs/a.log", "one\n");
    assert_eq!(place.look(), ["a.log: one"]);
    fs::remove_dir_all(place.path("deep")).unwrap();
    assert_eq!(place.look(), [""; 0]);
    fs::create_dir_all(place.path("deep/logs")).unwrap();
    place.append("deep/logs/a.log", "two\n");
    assert_eq!(place.look(), ["a.log: two"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_the_new_one_of_its_name_from_its_beginning() {
    let mut place = Place::new(&["a.log"], |_| {});
    let mut writer = OpenOptions::new().create(true).append(true).open(place.path("a.log")).unwrap();
    writer.write_all(b"one\n").unwrap();
    assert_eq!(place.look(), ["a.log: one"]);
    writer.write_all(b"two\n").unwrap();
    place.rename("a.log", "a.log.1");
    writer.write_all(b"three\n").unwrap();
    place.append("a.log", "four\n");
    assert_eq!(place.look(), ["a.log: two", "a.log: three", "a.log: four"]);
    // The service has not noticed the rotation yet.
    writer.write_all(b"five\n").unwrap();
    assert_eq!(place.look(), ["a.log: five"]);
    for _ in 0..=QUIET_LOOKS {
        place.look();
    }
    assert_eq!(place.followed.files.len(), 1, "what is over is let go");
}

#[test]
fn a_name_that_is_used_again_is_a_new_file() {
    let mut place = Place::new(&["a.log"], |_| {});
    for round in ["one", "two", "three"] {
        place.append("a.log", format!("{round}\n"));
        assert_eq!(place.look(), [format!("a.log: {round}")]);
        fs::remove_file(place.path("a.log")).unwrap();
    }
}

#[test]
fn a_file_that_was_emptied_is_read_from_its_beginning() {
    let mut place = Place::new(&["a.log"], |_| {});
    place.append("a.log", "one\ntwo\nunfinished");
    assert_eq!(place.look(), ["a.log: one", "a.log: two"]);
    // As logrotate does with `copytruncate`.
    fs::copy(place.path("a.log"), place.path("a.log.1")).unwrap();
    OpenOptions::new().write(true).truncate(true).open(place.path("a.log")).unwrap();
    place.append("a.log", "three\n");
    assert_eq!(place.look(), ["a.log: unfinished", "a.log: three"]);
    // As long as before by the time of the next look.
    OpenOptions::new().write(true).truncate(true).open(place.path("a.log")).unwrap();
    place.append("a.log", "3four\n4five\n");
    assert_eq!(place.look(), ["a.log: 3four", "a.log: 4five"]);
}

#[test]
fn a_line_of_a_megabyte_is_one_line() {
    let mut place = Place::new(&["a.log"], |_| {});
    let long = "x".repeat(1_000_000);
    place.append("a.log", format!("{long}\nshort\n"));
    assert_eq!(place.look(), [format!("a.log: {long}"), "a.log: short".to_owned()]);
}

#[test]
fn a_file_in_utf_16_is_read_on_from_its_middle() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut place = Place::new(&["a.log"], |folder| {
        fs::write(folder.join("a.log"), [b"\xff\xfe".to_vec(), utf16("old\n")].concat()).unwrap();
    });
    place.append("a.log", utf16("é \u{1f600}\r\n"));
    place.append("a.log", b"\x00\xd8");
    place.append("a.log", utf16("\n"));
    assert_eq!(place.look(), ["a.log: é \u{1f600}", "a.log: \u{fffd}"]);
}

#[test]
fn only_so_many_files_are_followed_and_that_is_said_once() {
    let mut place = Place::new(&["*"], |_| {});
    for number in 0..MOST_FILES + 5 {
        place.append(&format!("{number:03}"), "x\n");
    }
    let lines = place.look();
    assert_eq!(lines.iter().filter(|line| line.ends_with(": x")).count(), MOST_FILES);
    assert_eq!(lines.iter().filter(|line| line.contains("log files can be followed")).count(), 1);
    assert_eq!(place.look(), [""; 0]);
}

#[tokio::test]
async fn what_was_written_last_is_read_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let lines = Lines::default();
    let sink = tracing::subscriber::with_default(lines.clone(), || LogSink::new("S"));
    let following =
        ServiceLogs::follow(vec![FilePattern::new(&folder.path().join("*.log"))], Vec::new(), &sink).unwrap();
    fs::write(folder.path().join("a.log"), "one\nlast without end").unwrap();
    following.end().await;
    assert_eq!(*lines.0.lock().unwrap(), ["a.log: one", "a.log: last without end"]);
}
