//! `standpipe logs`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use standpipe_runtime::state::{self, Log};
use standpipe_system::private_file;

use super::which::{Selection, Which};
use crate::failure::{Caused, Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe logs\n  \
    standpipe logs -f ServiceWatcher\n  \
    standpipe logs ServiceWatcher/1 --lines 1000\n\n\
    The last lines of each instance, between 1 and 2 MiB of them, are kept in the state folder while the deployment\n\
    runs: those that it wrote itself, and the output and the logs of its services. Lines of several instances come in\n\
    the order of their times, with the instance before them; those of `up` itself come where no role is named. With\n\
    -f it ends when the deployment does.";

/// How often files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Show the last log lines of instances, and those that come
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Logs {
    /// The role or the instance; without it, all of them
    #[arg(value_name = "ROLE[/INSTANCE]")]
    what: Option<Selection>,

    /// Go on with the lines that come
    #[arg(short, long)]
    follow: bool,

    /// How many lines of each instance to begin with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,

    /// The deployment file, which says the deployment's name; without it, the only deployment that runs here
    #[arg(long, value_name = "PATH", conflicts_with = "deployment")]
    file: Option<PathBuf>,

    /// The deployment's name
    #[arg(short, long, value_name = "NAME")]
    deployment: Option<String>,

    /// The folder that the deployment keeps its state in, where it is not the usual one
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

pub(super) fn run(logs: Logs, output: &mut Output) -> Result<Exit, Failure> {
    let Logs { what, follow, lines, file, deployment, state_dir } = logs;
    let folder = Which::new(file, deployment, state_dir).folder()?;
    let is_wanted = |log: &Log| match (&what, &log.instance) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wanted), Some((role, number))) => {
            wanted.role == *role && wanted.instance.is_none_or(|wanted| wanted == *number)
        }
    };
    let found: Vec<Log> = state::logs(&folder)?.into_iter().filter(is_wanted).collect();
    if found.is_empty() {
        let of = what.map_or_else(String::new, |what| format!(" of {what}"));
        let error = format!("there is no log{of} in {}", folder.display());
        return Err(
            Failure::new(Exit::Unavailable, error).hint("`standpipe ps` shows which instances there are")
        );
    }
    let is_one = what.as_ref().is_some_and(|what| what.instance.is_some());
    let mut shown = Shown { followed: BTreeMap::new(), is_one };
    for log in found {
        let followed = Followed::begin(&log.path, lines).map_err(|error| unreadable(&log.path, error))?;
        shown.followed.insert(log, followed);
    }
    shown.print(output)?;
    while follow && state::is_run(&folder) {
        std::thread::sleep(LOOK_INTERVAL);
        shown.look(&folder, is_wanted)?;
        shown.print(output)?;
    }
    Ok(Exit::Ok)
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    let exit =
        if error.kind() == io::ErrorKind::PermissionDenied { Exit::NotPermitted } else { Exit::Temporary };
    Failure::new(
        exit,
        Caused { what: format!("could not read {}", path.display()).into(), source: error.into() },
    )
}

/// The logs that are shown.
struct Shown {
    followed: BTreeMap<Log, Followed>,
    /// Whether only one instance is wanted, whose name need not be before each line.
    is_one: bool,
}

impl Shown {
    /// Reads what is new, also of instances that are new.
    fn look(&mut self, folder: &Path, is_wanted: impl Fn(&Log) -> bool) -> Result<(), Failure> {
        for log in state::logs(folder)?.into_iter().filter(is_wanted) {
            self.followed.entry(log).or_default();
        }
        for (log, followed) in &mut self.followed {
            followed.read(&log.path).map_err(|error| unreadable(&log.path, error))?;
        }
        Ok(())
    }

    /// Prints the lines that were read, in the order of their times.
    fn print(&mut self, output: &mut Output) -> Result<(), Failure> {
        let mut lines = Vec::new();
        for (log, followed) in &mut self.followed {
            let name = match (&log.instance, self.is_one) {
                (_, true) => String::new(),
                (Some((role, number)), false) => format!("{role}/{number} | "),
                (None, false) => "up | ".to_owned(),
            };
            let mut time = String::new();
            for line in followed.take() {
                // A line without a time comes after the one before it.
                time = time_of(&line).map_or(time, str::to_owned);
                lines.push((time.clone(), [name.as_bytes(), line.as_bytes()].concat()));
            }
        }
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        lines.iter().try_for_each(|(_, line)| output.foreign_text(line))
    }
}

/// The time at the beginning of a line, as text.
fn time_of(line: &str) -> Option<&str> {
    let time =
        line.strip_prefix("{\"timestamp\":\"").unwrap_or(line).get(.."2026-01-02T03:04:05.678".len())?;
    time.starts_with('2').then_some(time).filter(|time| time.as_bytes().get(10) == Some(&b'T'))
}

/// One log, and how far it was read.
#[derive(Debug, Default)]
struct Followed {
    file: Option<File>,
    /// What was read, the last line of which may not be complete.
    read: Vec<u8>,
}

impl Followed {
    /// Begins with the last `lines` lines, some of which may be in the former file.
    fn begin(path: &Path, lines: usize) -> io::Result<Self> {
        let mut followed = Self::default();
        match File::open(state::former_log(path)) {
            Ok(mut former) => drop(former.read_to_end(&mut followed.read)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        followed.read(path)?;
        let ends = followed.read.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        if let Some((end, _)) = ends.clone().nth(lines) {
            followed.read.drain(..=end);
        } else if lines == 0 {
            followed.read.clear();
        }
        Ok(followed)
    }

    /// Reads what is new. A file that was put aside is read to its end first.
    fn read(&mut self, path: &Path) -> io::Result<()> {
        loop {
            if let Some(file) = &mut self.file {
                file.read_to_end(&mut self.read)?;
                if private_file::is_same_file(file, path) {
                    return Ok(());
                }
                // What was written between the reading and the look.
                file.read_to_end(&mut self.read)?;
            }
            match File::open(path) {
                Ok(mut file) => {
                    file.seek(SeekFrom::Start(0))?;
                    self.file = Some(file);
                }
                // Being put aside, or gone with the deployment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The complete lines that were read.
    fn take(&mut self) -> Vec<String> {
        let Some(end) = self.read.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.read.split_off(end + 1);
        let complete = std::mem::replace(&mut self.read, rest);
        let text = String::from_utf8_lossy(&complete);
        text.lines().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_is_followed_through_its_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("A.0.log");
        fs::write(state::former_log(&path), "1\n2\n").unwrap();
        fs::write(&path, "3\n4\nhal").unwrap();
        let mut followed = Followed::begin(&path, 3).unwrap();
        assert_eq!(followed.take(), ["2", "3", "4"]);
        fs::write(&path, "3\n4\nhalf\n").unwrap();
        followed.read(&path).unwrap();
        assert_eq!(followed.take(), ["half"]);
        fs::rename(&path, state::former_log(&path)).unwrap();
        followed.read(&path).unwrap();
        assert_eq!(followed.take(), [""; 0]);
        fs::write(&path, "5\n").unwrap();
        followed.read(&path).unwrap();
        assert_eq!(followed.take(), ["5"]);
    }

    #[test]
    fn the_time_of_a_line_is_found_in_either_format() {
        assert_eq!(time_of("2026-01-02T03:04:05.678Z  INFO x"), Some("2026-01-02T03:04:05.678"));
        assert_eq!(
            time_of("{\"timestamp\":\"2026-01-02T03:04:05.678901Z\",\"level\""),
            Some("2026-01-02T03:04:05.678")
        );
        assert_eq!(time_of("no time at all, but a long line"), None);
    }
}
