//! What `standpipe up` with three instances costs while nothing happens.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::keepers::deployment;
use super::serving;
use crate::bench::servers::{Programs, Running, write_private};
use crate::shell::{self, Failure, Result};

/// How many instances rest.
const INSTANCES: u32 = 3;
/// How long they have run before they count as resting: a start has things to put away.
const SETTLED: Duration = Duration::from_secs(2);

/// What they cost over `period`.
pub(super) fn measure(programs: &Programs, service: &Path, folder: &Path, period: Duration) -> Result<Value> {
    let file = folder.join("rest.toml");
    write_private(&file, &deployment(service, INSTANCES)?)?;
    let state = folder.join("rest");
    let mut command = programs.standpipe();
    command.args(["up", "--log", "off", "--file"]).arg(&file).arg("--state-dir").arg(&state);
    let up = Running::start(&mut command, "standpipe up")?;
    for instance in 0..INSTANCES {
        serving(&state.join(format!("Kept.{instance}/pipes/simple")), None, "standpipe up")?;
    }
    thread::sleep(SETTLED);
    let mut list = programs.standpipe();
    let records = shell::output(list.args(["ps", "--json", "--state-dir"]).arg(&state))?;
    let records: Value =
        serde_json::from_str(&records).map_err(|error| Failure(format!("`ps` gave no JSON: {error}")))?;
    let runs: Vec<u32> = records
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|record| u32::try_from(record["pid"].as_u64()?).ok())
        .collect();
    if runs.len() != INSTANCES as usize {
        return Err(Failure(format!("{} of {INSTANCES} instances run", runs.len())));
    }
    println!("{INSTANCES} instances rest for {} s", period.as_secs());
    let all: Vec<u32> = runs.iter().copied().chain([up.id()]).collect();
    let before = all.iter().map(|pid| ticks(*pid)).sum::<Result<u32>>()?;
    thread::sleep(period);
    let used = all.iter().map(|pid| ticks(*pid)).sum::<Result<u32>>()?.saturating_sub(before);
    let seconds = f64::from(used) / ticks_a_second()?;
    Ok(json!({
        "instances": INSTANCES,
        "seconds": period.as_secs_f64(),
        "cpu_seconds": seconds,
        "cpu_percent_of_a_core": 100.0 * seconds / period.as_secs_f64(),
        "run": runs.iter().map(|pid| memory(*pid)).collect::<Result<Vec<_>>>()?,
        "up": memory(up.id())?,
    }))
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).map_err(|error| Failure(format!("cannot read {path}: {error}")))
}

/// The CPU time of a process, in clock ticks: that of its own, without what it started.
fn ticks(pid: u32) -> Result<u32> {
    let stat = read(pid, "stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let number = |index| fields.split_whitespace().nth(index).and_then(|field| field.parse::<u32>().ok());
    // utime and stime, counted from the state that follows the name.
    number(11)
        .zip(number(12))
        .map(|(user, system)| user + system)
        .ok_or_else(|| Failure(format!("/proc/{pid}/stat is not as expected")))
}

fn ticks_a_second() -> Result<f64> {
    let text = shell::output(std::process::Command::new("getconf").arg("CLK_TCK"))?;
    text.trim().parse().map_err(|_| Failure("`getconf CLK_TCK` gave no number".to_owned()))
}

/// How much memory a process has resident, and how much of it is its own, in KiB.
fn memory(pid: u32) -> Result<Value> {
    let status = read(pid, "status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    Ok(json!({ "resident": field("VmRSS"), "anonymous": field("RssAnon"), "threads": thread_count(&status) }))
}

fn thread_count(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}
