//! What a server on this machine uses, as Linux's `/proc` tells it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Clock ticks are hundredths of a second for every program that asks (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A server's process with the children that run the same program, as servers that fork have them. Programs
/// that it starts are not counted.
#[derive(Debug, Clone)]
pub struct ServerProcess {
    id: u32,
    program: PathBuf,
}

/// What a server used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time so far, of the program and of the kernel for it.
    pub cpu: Duration,
    /// Resident memory in bytes; what processes share is divided among them.
    pub resident: u64,
    /// How many processes there are.
    pub processes: usize,
}

impl ServerProcess {
    /// The process with this id.
    pub fn find(id: u32) -> io::Result<Self> {
        Ok(Self { id, program: program_of(id)? })
    }

    /// What it uses now.
    pub fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        for id in self.family()? {
            // One that ends meanwhile is counted with its parent from then on.
            let Ok(stat) = Stat::of(id) else { continue };
            usage.cpu += stat.cpu;
            usage.resident += resident(id).unwrap_or(0);
            usage.processes += 1;
        }
        if usage.processes == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the server's process has ended"));
        }
        Ok(usage)
    }

    fn family(&self) -> io::Result<Vec<u32>> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc")? {
            let id = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(id) = id
                && let Ok(stat) = Stat::of(id)
            {
                children.entry(stat.parent).or_default().push(id);
            }
        }
        let (mut family, mut known) = (vec![self.id], HashSet::from([self.id]));
        let mut next = 0;
        while let Some(id) = family.get(next) {
            for child in children.remove(id).unwrap_or_default() {
                if program_of(child).is_ok_and(|program| program == self.program) && known.insert(child) {
                    family.push(child);
                }
            }
            next += 1;
        }
        Ok(family)
    }
}

fn folder_of(id: u32) -> PathBuf {
    Path::new("/proc").join(id.to_string())
}

fn program_of(id: u32) -> io::Result<PathBuf> {
    fs::read_link(folder_of(id).join("exe"))
}

/// The fields of `/proc/ID/stat` that are of use here.
struct Stat {
    parent: u32,
    /// Its own and that of its children that have ended.
    cpu: Duration,
}

impl Stat {
    fn of(id: u32) -> io::Result<Self> {
        let text = fs::read_to_string(folder_of(id).join("stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unknown form of stat"))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold anything, those included.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u32>().ok());
        Some(Self { parent: fields.get(1)?.parse().ok()?, cpu: TICK * ticks.sum::<Option<u32>>()? })
    }
}

fn resident(id: u32) -> io::Result<u64> {
    let text = fs::read_to_string(folder_of(id).join("smaps_rollup"))?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kibibytes
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no Pss in smaps_rollup"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_misleads_nobody() {
        let text = "42 (a) (b 7) S 41 1 1 0 -1 4194560 100 200 0 0 150 50 3 2 20 0 4 0 99 1 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.cpu), (41, Duration::from_millis(2050)));
        assert!(Stat::parse("42 (x) S").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let server = ServerProcess::find(std::process::id()).unwrap();
        let before = server.usage().unwrap();
        assert!(before.resident > 100_000 && before.processes >= 1);
        // Until the kernel has counted a tick of it.
        while server.usage().unwrap().cpu == before.cpu {
            std::hint::black_box((0..10_000_u64).sum::<u64>());
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(ServerProcess::find(u32::MAX).is_err());
    }
}
