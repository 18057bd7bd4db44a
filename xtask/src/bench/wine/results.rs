//! What was measured with Wine, and what was wanted.

use std::fmt;

use serde_json::{Value, json};

use crate::bench::workloads::{Kind, Workload};

/// Everything that was measured.
pub(crate) struct Results {
    machine: Value,
    quick: bool,
    rounds: u32,
    calls: Vec<Calls>,
    pub(super) idle: Value,
    recovery: Vec<(&'static str, Vec<f64>)>,
}

/// Calls of one kind.
struct Calls {
    name: String,
    /// Of the direct calls each second.
    wanted: Option<f64>,
    direct: Value,
    ours: Value,
}

impl Calls {
    fn ratio(&self) -> f64 {
        per_second(&self.ours) / per_second(&self.direct)
    }
}

fn per_second(report: &Value) -> f64 {
    report["calls_per_second"].as_f64().unwrap_or(f64::NAN)
}

/// The report of the round in the middle.
fn median(mut reports: Vec<Value>) -> Value {
    reports.sort_by(|a, b| per_second(a).total_cmp(&per_second(b)));
    let middle = reports.len().saturating_sub(1) / 2;
    if reports.is_empty() { Value::Null } else { reports.swap_remove(middle) }
}

impl Results {
    pub(super) fn new(machine: Value, quick: bool, rounds: u32) -> Self {
        Self { machine, quick, rounds, calls: Vec::new(), idle: Value::Null, recovery: Vec::new() }
    }

    pub(super) fn add_calls(&mut self, workload: &Workload, direct: Vec<Value>, ours: Vec<Value>) {
        let wanted = match (workload.kind, workload.connections) {
            (Kind::Transceive, 16) => Some(0.7),
            (Kind::Call, 16) => Some(1.0),
            _ => None,
        };
        let calls = Calls { name: workload.name(), wanted, direct: median(direct), ours: median(ours) };
        println!("    {}: {:.2} of direct", calls.name, calls.ratio());
        self.calls.push(calls);
    }

    pub(super) fn add_recovery(&mut self, what: &'static str, seconds: Vec<f64>) {
        self.recovery.push((what, seconds));
    }

    /// For the documentation, and for a later run to be compared with.
    pub(super) fn to_json(&self) -> String {
        let calls = self.calls.iter().map(|calls| {
            json!({
                "name": calls.name, "direct": calls.direct, "standpipe": calls.ours, "ratio": calls.ratio(),
                "at_least": calls.wanted, "verdict": verdict(calls),
            })
        });
        let recovery =
            self.recovery.iter().map(|(what, seconds)| json!({ "what": what, "seconds": seconds }));
        let whole = json!({
            "machine": self.machine,
            "quick": self.quick,
            "rounds": self.rounds,
            "calls": calls.collect::<Vec<_>>(),
            "idle": self.idle,
            "from_death_to_serving": recovery.collect::<Vec<_>>(),
        });
        format!("{whole:#}\n")
    }
}

fn verdict(calls: &Calls) -> &'static str {
    match calls.wanted {
        None => "–",
        Some(wanted) if calls.ratio() >= wanted => "met",
        Some(_) => "MISSED",
    }
}

impl fmt::Display for Results {
    /// The tables as Markdown, for the documentation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:#}", self.machine)?;
        if self.quick {
            writeln!(f, "\nThese are no figures to rely on: binaries of the dev profile, a moment each.")?;
        }
        writeln!(
            f,
            "\n| workload | direct calls/s | through Standpipe calls/s | p50 / p99 us | ratio | wanted | |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- |")?;
        for calls in &self.calls {
            let latency = |name| calls.ours["latency"][name].as_f64().unwrap_or(f64::NAN);
            let wanted = calls.wanted.map_or("–".to_owned(), |wanted| format!("≥ {wanted:.1}"));
            writeln!(
                f,
                "| {} | {:.0} | {:.0} | {:.0} / {:.0} | {:.2} | {wanted} | {} |",
                calls.name,
                per_second(&calls.direct),
                per_second(&calls.ours),
                latency("p50"),
                latency("p99"),
                calls.ratio(),
                verdict(calls),
            )?;
        }
        let (clients, seconds) = (&self.idle["clients"], &self.idle["seconds"]);
        writeln!(
            f,
            "\n| {clients} idle clients | CPU s in {seconds} s without / with | bytes resident for each |"
        )?;
        writeln!(f, "| --- | --- | --- |")?;
        for name in ["wineserver", "agent"] {
            let cost = &self.idle[name];
            let (without, with) = (&cost["cpu_seconds_without"], &cost["cpu_seconds"]);
            writeln!(f, "| {name} | {without:.2} / {with:.2} | {} |", cost["resident_per_client"])?;
        }
        writeln!(
            f,
            "\n| from the death of … to serving again | s, one death after the other |\n| --- | --- |"
        )?;
        for (what, seconds) in &self.recovery {
            let seconds: Vec<_> = seconds.iter().map(|seconds| format!("{seconds:.2}")).collect();
            writeln!(f, "| {what} | {} |", seconds.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::workloads::quick;

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let report = |calls: f64| json!({ "calls_per_second": calls });
        let mut results = Results::new(Value::Null, true, 3);
        let workload = Workload { connections: 16, ..quick()[0] };
        let direct = [100.0, 10.0, 1000.0].map(report).into();
        results.add_calls(&workload, direct, vec![report(80.0)]);
        let written: Value = serde_json::from_str(&results.to_json()).unwrap();
        assert_eq!(written["calls"][0]["ratio"], 0.8);
        assert_eq!(written["calls"][0]["verdict"], "met");
        assert!(results.to_string().contains("| transceive-gmac-64B-x16 | 100 | 80 |"));
    }
}
