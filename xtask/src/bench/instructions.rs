//! What a call costs the server in instructions, counted by callgrind: unlike time, that is nearly the same
//! on every machine and in every run, so a test can hold it.
//!
//! Each server answers a number of calls, and again more of them. What the second run counts beyond the
//! first, divided by the calls that it has more, is the price of one call when everything is warm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs};

use serde_json::{Map, Value, json};

use super::servers::{Programs, Running, Service, free_address};
use super::{Folder, build_peers};
use crate::install::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// The file with the figures of this page, and the counts' key in it.
const FILE: &str = "docs/performance.json";
const KEY: &str = "instructions";

/// How many connections call at once.
const CONNECTIONS: [u32; 2] = [1, 16];

/// How many calls all of them make, in the first run and in the second.
const CALLS: [u32; 2] = [1600, 4800];

/// How much more a count may be than the file says, in hundredths.
const TOLERANCE: u64 = 5;

/// Threads of a server, as a runtime has one for each processor otherwise.
const THREADS: &str = "2";

/// Instructions a call, by workload and server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<String, u64>);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Standpipe,
    Proxy,
}

impl Counted {
    fn name(self) -> &'static str {
        match self {
            Self::Standpipe => "standpipe",
            Self::Proxy => "proxy",
        }
    }
}

impl Counts {
    /// Counts everything.
    pub(crate) fn count(workspace: &Workspace) -> Result<Self> {
        if !cfg!(target_os = "linux") {
            return Err(Failure("instructions are counted only on Linux so far".to_owned()));
        }
        debian::install(&["valgrind"])?;
        let programs = build_peers(workspace)?;
        let folder = Folder::create()?;
        let service = Service::start(&programs, &folder.path)?;
        let mut counts = BTreeMap::new();
        for server in [Counted::Standpipe, Counted::Proxy] {
            for connections in CONNECTIONS {
                let [few, many] = CALLS.map(|calls| calls / connections);
                let of = |calls| one(server, &programs, &service, &folder.path, connections, calls);
                let beyond = of(many)?.saturating_sub(of(few)?);
                let name = format!("{}-transceive-gmac-64B-x{connections}", server.name());
                counts.insert(name, beyond / u64::from((many - few) * connections));
            }
        }
        Ok(Self(counts))
    }

    /// What the file says.
    pub(crate) fn recorded(workspace: &Workspace) -> Result<Self> {
        let recorded = read(workspace)?;
        let counts = recorded.get(KEY).and_then(Value::as_object);
        let counts = counts.ok_or_else(|| Failure(format!("{FILE} has no counts of instructions")))?;
        let number = |(name, count): (&String, &Value)| count.as_u64().map(|count| (name.clone(), count));
        Ok(Self(counts.iter().filter_map(number).collect()))
    }

    /// As they stand in the file.
    pub(super) fn to_json(&self) -> Value {
        json!(self.0)
    }

    /// Writes them to the file, beside the other figures.
    pub(super) fn record(&self, workspace: &Workspace) -> Result<()> {
        let mut figures = read(workspace)?;
        figures.insert(KEY.to_owned(), self.to_json());
        let path = path(workspace);
        fs::write(&path, format!("{:#}\n", Value::Object(figures)))
            .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))
    }

    /// The lower count of both for each: what is more than needed is chance, such as a thread that looked for
    /// work once more.
    pub(crate) fn least(mut self, other: &Self) -> Self {
        for (name, count) in &mut self.0 {
            *count = other.0.get(name).map_or(*count, |other| *other.min(count));
        }
        self
    }

    /// Fails where a call costs Standpipe more than is recorded, beyond what runs differ by. The proxy is
    /// there to compare with, and nobody here can make it better or worse.
    pub(crate) fn check(&self, recorded: &Self) -> Result<()> {
        let mut grown = Vec::new();
        for (name, count) in self.0.iter().filter(|(name, _)| !name.starts_with(Counted::Proxy.name())) {
            match recorded.0.get(name) {
                Some(before) if *count <= before + before * TOLERANCE / 100 => {}
                Some(before) => grown.push(format!("{name}: {count} instead of {before}")),
                None => grown.push(format!("{name}: {count}, and {FILE} does not say how many it was")),
            }
        }
        if grown.is_empty() {
            return Ok(());
        }
        Err(Failure(format!(
            "a call takes more instructions than before; if that is worth it, write them down with `cargo xtask \
             bench --instructions`: {}",
            grown.join("; ")
        )))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.0 {
            writeln!(f, "{name:<40} {count:>7} instructions a call")?;
        }
        Ok(())
    }
}

/// All that a server executes until it has answered so many calls of each connection.
fn one(
    server: Counted,
    programs: &Programs,
    service: &Service,
    folder: &Path,
    connections: u32,
    calls: u32,
) -> Result<u64> {
    let profile = folder.join("callgrind");
    let address = free_address(0)?;
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--fair-sched=yes"]);
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.env("TOKIO_WORKER_THREADS", THREADS).arg(programs.peers_path());
    match server {
        Counted::Standpipe => command.arg("serve").arg(address.to_string()).arg(service.messages()),
        Counted::Proxy => command.arg("proxy").arg(address.to_string()).arg(service.frames()),
    };
    let running = Running::start_listening(&mut command, server.name())?;
    let mut caller = programs.peers();
    caller.arg("calls").arg(address.to_string());
    caller.args(["--connections", &connections.to_string(), "--calls", &calls.to_string()]);
    if server == Counted::Proxy {
        caller.arg("--frames");
    }
    shell::run(&mut caller)?;
    drop(running);
    let cannot = |error| Failure(format!("cannot read {}: {error}", profile.display()));
    let text = fs::read_to_string(&profile).map_err(cannot)?;
    summary(&text).ok_or_else(|| Failure("callgrind did not say how many instructions it saw".to_owned()))
}

/// The sum in a profile of callgrind's.
fn summary(profile: &str) -> Option<u64> {
    profile
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")))?
        .trim()
        .parse()
        .ok()
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join(FILE)
}

fn read(workspace: &Workspace) -> Result<Map<String, Value>> {
    let path = path(workspace);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        Counts(of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
    }

    #[test]
    fn a_call_may_take_a_little_more_than_is_recorded_and_any_number_less() {
        let recorded = counts(&[("one", 1000), ("other", 1000)]);
        counts(&[("one", 1050), ("other", 10)]).check(&recorded).unwrap();
        let Failure(why) = counts(&[("one", 1051), ("other", 1000)]).check(&recorded).unwrap_err();
        assert!(why.contains("one: 1051 instead of 1000") && !why.contains("other"), "{why}");
        assert!(counts(&[("third", 1)]).check(&recorded).is_err());
        counts(&[("proxy-any", 1)]).check(&recorded).unwrap();
    }

    #[test]
    fn of_two_counts_the_lower_is_taken() {
        let least = counts(&[("one", 1000), ("other", 900)]).least(&counts(&[("one", 990), ("other", 910)]));
        assert_eq!(least, counts(&[("one", 990), ("other", 900)]));
    }

    #[test]
    fn the_sum_of_a_profile_is_found() {
        let profile = "events: Ir\n\nfn=(1) main\n12 34\n\ntotals: 56789\n";
        assert_eq!(summary(profile), Some(56_789));
        assert_eq!(summary("events: Ir\n"), None);
    }
}
