//! What /proc says about the processes of this machine.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use rustix::process::Pid;

/// One process, as `/proc/PID/stat` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// When it was started, in clock ticks since the system was: tells two users of one number apart.
    pub(super) started: u64,
    /// It has ended and only its exit status is left.
    pub(super) zombie: bool,
}

/// Whether /proc is there and numbers processes as this one does. In a chroot there may be none, and a new
/// PID namespace may still have that of its parent, in which the numbers mean other processes.
pub(super) fn is_usable() -> bool {
    let own = fs::read_link("/proc/self").ok();
    own.and_then(|own| own.to_str()?.parse::<i32>().ok()) == Some(own_pid())
}

/// The process with this number, if there is one.
pub(super) fn entry(pid: i32) -> Option<Entry> {
    // In one piece: all processes are looked at when one has died, and whoever waits for the next start waits
    // for that. 52 numbers and a short name fit.
    let mut stat = [0; 2048];
    let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut stat).ok()?;
    parse(pid, stat.get(..length)?)
}

/// The present time, in clock ticks since the system was started: hundredths of a second, as every process
/// sees them ([proc(5)](https://man7.org/linux/man-pages/man5/proc_uptime.5.html)). 0 where nothing says it.
pub(super) fn now() -> u64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split_ascii_whitespace().next().unwrap_or_default();
    let (whole, hundredths) = seconds.split_once('.').unwrap_or((seconds, "00"));
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    number(whole) * 100 + number(hundredths)
}

/// When the process with this number was started; 0 where nothing says it.
pub(super) fn started(pid: i32) -> u64 {
    if is_usable() { entry(pid).map_or(0, |entry| entry.started) } else { 0 }
}

/// Every process that can be seen.
pub(super) fn all() -> Vec<Entry> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    folder.filter_map(|item| item.ok()?.file_name().to_str()?.parse().ok()).filter_map(entry).collect()
}

/// The number of this process.
pub(super) fn own_pid() -> i32 {
    Pid::as_raw(Some(rustix::process::getpid()))
}

/// Those of `all` that descend from a process in `from`, which is widened by them.
pub(super) fn add_descendants(all: &[Entry], from: &mut HashSet<i32>) {
    loop {
        let before = from.len();
        for entry in all {
            if from.contains(&entry.parent) {
                from.insert(entry.pid);
            }
        }
        if from.len() == before {
            return;
        }
    }
}

/// The value of a variable in the environment that a process was started with; `None` when it has no such
/// variable or is not ours to ask.
pub(super) fn variable(pid: i32, name: &str) -> Option<String> {
    let block = fs::read(format!("/proc/{pid}/environ")).ok()?;
    block.split(|&byte| byte == 0).find_map(|item| {
        let value = item.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    })
}

/// Which namespace the numbers of a process and its children are from; `None` when it is not ours to ask.
pub(super) fn pid_namespace(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// [proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html): the name comes second, in brackets,
/// and may itself hold brackets and spaces, so the rest is counted from the last closing one.
fn parse(pid: i32, stat: &[u8]) -> Option<Entry> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Field 3, counted from 1; `nth` goes on from the one after.
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(15)?.parse().ok()?;
    Some(Entry { pid, parent, session, started, zombie: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_behind_a_hostile_name() {
        let stat = b"42 (a) Z 1 (b c) S 7 42 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3";
        let entry = parse(42, stat).unwrap();
        assert_eq!(entry, Entry { pid: 42, parent: 7, session: 41, started: 98765, zombie: false });
    }

    #[test]
    fn knows_itself() {
        let me = entry(own_pid()).unwrap();
        assert!(!me.zombie);
        assert!(all().iter().any(|other| other.pid == me.pid && other.started == me.started));
        assert_eq!(parse(1, b"1 (cut"), None);
    }

    #[test]
    fn descendants_are_found_in_any_order() {
        let entry = |pid, parent| Entry { pid, parent, session: 0, started: 0, zombie: false };
        let all = [entry(5, 4), entry(4, 2), entry(3, 1), entry(2, 1)];
        let mut found = HashSet::from([2]);
        add_descendants(&all, &mut found);
        assert_eq!(found, HashSet::from([2, 4, 5]));
    }
}
