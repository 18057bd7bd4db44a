//! What was measured of recovery and rest, and what was wanted.

use std::fmt;

use serde_json::{Value, json};

/// The most that resting instances may use together, of one core, in percent.
const CPU_GOAL: f64 = 0.05;
/// The most that `standpipe run` may have resident while it rests, in KiB.
const MEMORY_GOAL: u64 = 10 * 1000 * 1000 / 1024;

/// Everything that was measured.
pub(crate) struct Results {
    machine: Value,
    quick: bool,
    pub(super) recovery: Vec<Recovery>,
    /// What was left out, and why.
    pub(crate) missing: Vec<String>,
    pub(super) rest: Option<Value>,
}

/// The times of one keeper.
pub(super) struct Recovery {
    name: &'static str,
    pub(super) seconds: Vec<f64>,
}

impl Recovery {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, seconds: Vec::new() }
    }

    /// The time below which so many percent of them lie.
    fn quantile(&self, percent: usize) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((percent * last + 50) / 100).copied().unwrap_or(f64::NAN)
    }
}

impl Results {
    pub(super) fn new(machine: Value, quick: bool) -> Self {
        Self { machine, quick, recovery: Vec::new(), missing: Vec::new(), rest: None }
    }

    /// The last kill of each, in words.
    pub(super) fn last_round(&self) -> String {
        let one = |recovery: &Recovery| {
            let last = recovery.seconds.last().copied().unwrap_or(f64::NAN);
            format!("{}: {:.1} ms", recovery.name, last * 1000.0)
        };
        self.recovery.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn to_json(&self) -> String {
        let recovery = self.recovery.iter().map(|one| {
            json!({
                "keeper": one.name, "seconds": one.seconds, "median": one.quantile(50), "most": one.quantile(100),
            })
        });
        let whole = json!({
            "machine": self.machine,
            "quick": self.quick,
            "from_death_to_serving": recovery.collect::<Vec<_>>(),
            "rest": self.rest,
            "missing": self.missing,
        });
        format!("{whole:#}\n")
    }
}

fn met(is: bool) -> &'static str {
    if is { "met" } else { "MISSED" }
}

impl fmt::Display for Results {
    /// The tables as Markdown, for the documentation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:#}", self.machine)?;
        if self.quick {
            writeln!(f, "\nThese are no figures to rely on: binaries of the dev profile, a moment each.")?;
        }
        writeln!(f, "\n| from a service's death to its next connection | median | 90 % | most | kills |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for one in &self.recovery {
            let [median, most_of_them, most] = [50, 90, 100].map(|percent| one.quantile(percent) * 1000.0);
            let kills = one.seconds.len();
            writeln!(f, "| {} | {median:.1} ms | {most_of_them:.1} ms | {most:.1} ms | {kills} |", one.name)?;
        }
        if let [ours, others @ ..] = &self.recovery[..]
            && let Some(best) = others.iter().map(|one| one.quantile(50)).min_by(f64::total_cmp)
        {
            let found = ours.quantile(50) / best;
            writeln!(f, "\nOf the best of the others: {found:.2} (goal ≤ 1: {})", met(found <= 1.0))?;
        }
        for why in &self.missing {
            writeln!(f, "\nNOT COMPARED with {why}")?;
        }
        let Some(rest) = &self.rest else { return Ok(()) };
        let percent = rest["cpu_percent_of_a_core"].as_f64().unwrap_or(f64::NAN);
        let runs = rest["run"].as_array().map_or(&[][..], Vec::as_slice);
        let most = runs.iter().filter_map(|run| run["resident"].as_u64()).max().unwrap_or_default();
        writeln!(
            f,
            "\n| at rest, {} instances, {} s | found | goal | |",
            rest["instances"], rest["seconds"]
        )?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        writeln!(
            f,
            "| CPU of all watchers | {percent:.3} % of a core | < {CPU_GOAL} % | {} |",
            met(percent < CPU_GOAL)
        )?;
        writeln!(
            f,
            "| resident memory of `standpipe run` | {most} KiB | < 10 MB | {} |",
            met(most < MEMORY_GOAL)
        )?;
        let process = |name: &str, process: &Value| {
            format!(
                "| {name}: resident, its own, threads | {} KiB, {} KiB, {} | – | |",
                process["resident"], process["anonymous"], process["threads"]
            )
        };
        for run in runs {
            writeln!(f, "{}", process("`standpipe run`", run))?;
        }
        writeln!(f, "{}", process("`standpipe up`", &rest["up"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_time_in_the_middle() {
        let recovery = Recovery { name: "one", seconds: vec![0.5, 0.1, 0.3] };
        let found = [0, 50, 100].map(|percent| format!("{:.1}", recovery.quantile(percent)));
        assert_eq!(found, ["0.1", "0.3", "0.5"]);
        assert!(Recovery::new("none").quantile(50).is_nan());
    }
}
