//! Figures, their ratios, and what was wanted of them.

use std::fmt;

use serde_json::{Value, json};

use super::workloads::{Kind, Protection, Workload};

/// Everything that was measured.
pub(super) struct Results {
    machine: Value,
    quick: bool,
    rounds: u32,
    /// The counts of instructions that are written down.
    counts: Value,
    pub(super) rows: Vec<Row>,
}

/// One workload: the reports of the load generators, one for each round.
pub(super) struct Row {
    pub(super) workload: Workload,
    pub(super) standpipe: Vec<Value>,
    pub(super) limit: Vec<Value>,
    pub(super) samba: Vec<Value>,
}

/// What was wanted.
struct Goal {
    workload: String,
    what: &'static str,
    /// Of the figure: at least or at most.
    at_least: bool,
    wanted: f64,
    found: Option<f64>,
}

impl Goal {
    fn verdict(&self) -> &'static str {
        match self.found {
            None => "not measured",
            Some(found)
                if (found >= self.wanted) == self.at_least || found.total_cmp(&self.wanted).is_eq() =>
            {
                "met"
            }
            Some(_) => "MISSED",
        }
    }
}

impl Results {
    pub(super) fn new(machine: Value, quick: bool, rounds: u32) -> Self {
        Self { machine, quick, rounds, counts: Value::Null, rows: Vec::new() }
    }

    /// The same with the counts of instructions that are written down.
    pub(super) fn with_counts(self, counts: Value) -> Self {
        Self { counts, ..self }
    }

    /// For a later run to be compared with.
    pub(super) fn to_json(&self) -> String {
        let goals = self.goals();
        let goals: Vec<_> = goals
            .iter()
            .map(|goal| {
                json!({
                    "workload": goal.workload, "what": goal.what, "found": goal.found,
                    if goal.at_least { "at_least" } else { "at_most" }: goal.wanted, "verdict": goal.verdict(),
                })
            })
            .collect();
        let whole = json!({
            "machine": self.machine,
            "quick": self.quick,
            "rounds": self.rounds,
            "workloads": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "goals": goals,
            "instructions": self.counts,
        });
        format!("{whole:#}\n")
    }

    fn goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for row in &self.rows {
            let Workload { kind, protection, size, .. } = row.workload;
            let mut goal = |what, at_least, wanted, found| {
                goals.push(Goal { workload: row.workload.name(), what, at_least, wanted, found });
            };
            match kind {
                Kind::Transceive if protection == Protection::Gmac && size == 64 => {
                    goal("calls per CPU-second, of the proxy's", true, 0.8, row.cpu(&row.limit));
                    goal("calls per CPU-second, of smbd's", true, 5.0, row.cpu(&row.samba));
                    goal("p99, of the proxy's", false, 2.0, row.p99());
                }
                Kind::Transceive => {}
                Kind::Call => goal("calls per CPU-second, of smbd's", true, 10.0, row.cpu(&row.samba)),
                Kind::LogOn => goal("calls per CPU-second, of smbd's", true, 5.0, row.cpu(&row.samba)),
                Kind::Idle => goal("KiB resident for each connection", false, 16.0, row.idle(&row.standpipe)),
            }
        }
        goals
    }
}

impl Row {
    pub(super) fn new(workload: Workload) -> Self {
        Self { workload, standpipe: Vec::new(), limit: Vec::new(), samba: Vec::new() }
    }

    /// The report of the round in the middle, by what is compared.
    fn median<'a>(&self, reports: &'a [Value]) -> Option<&'a Value> {
        let pointer = if self.workload.kind == Kind::Idle { RESIDENT } else { PER_CPU };
        let mut sorted: Vec<_> = reports.iter().collect();
        sorted
            .sort_by(|a, b| number(a, pointer).unwrap_or(0.0).total_cmp(&number(b, pointer).unwrap_or(0.0)));
        sorted.get(sorted.len().saturating_sub(1) / 2).copied()
    }

    fn figure(&self, reports: &[Value], pointer: &str) -> Option<f64> {
        number(self.median(reports)?, pointer).filter(|figure| *figure > 0.0)
    }

    /// The ratio in the middle of those of all rounds. The servers of a round are measured one right after
    /// another, so a machine that becomes slower between rounds does not matter.
    fn ratio(&self, to: &[Value], pointer: &str) -> Option<f64> {
        let figure = |report| number(report, pointer).filter(|figure| *figure > 0.0);
        let rounds = self.standpipe.iter().zip(to);
        let mut ratios: Vec<f64> =
            rounds.filter_map(|(ours, theirs)| Some(figure(ours)? / figure(theirs)?)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len().saturating_sub(1) / 2).copied()
    }

    /// Calls for each second of the server's CPU time, of another's.
    fn cpu(&self, of: &[Value]) -> Option<f64> {
        if self.workload.kind == Kind::Idle { None } else { self.ratio(of, PER_CPU) }
    }

    /// The latency of the slow ones, of the proxy's.
    fn p99(&self) -> Option<f64> {
        if self.workload.kind == Kind::Idle { None } else { self.ratio(&self.limit, P99) }
    }

    /// Resident memory for each idle connection, in KiB.
    fn idle(&self, reports: &[Value]) -> Option<f64> {
        Some(self.figure(reports, RESIDENT)? / 1024.0)
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.workload.name(),
            "workload": self.workload.kind.name(),
            "protection": self.workload.protection.name(),
            "connections": self.workload.connections,
            "bytes": self.workload.size,
            "standpipe": self.median(&self.standpipe),
            "limit": self.median(&self.limit),
            "samba": self.median(&self.samba),
            "ratios": {
                "calls_per_cpu_second_of_limit": self.cpu(&self.limit),
                "calls_per_cpu_second_of_samba": self.cpu(&self.samba),
                "calls_per_second_of_limit": self.ratio(&self.limit, PER_SECOND),
                "calls_per_second_of_samba": self.ratio(&self.samba, PER_SECOND),
                "p99_of_limit": self.p99(),
                "resident_of_limit": self.ratio(&self.limit, RESIDENT),
                "resident_of_samba": self.ratio(&self.samba, RESIDENT),
            },
        })
    }

    /// The figures in a line or two.
    pub(super) fn summary(&self) -> String {
        let server = |name, reports: &[Value]| {
            if self.workload.kind == Kind::Idle {
                return self.idle(reports).map(|kibibytes| format!("{name} {kibibytes:.1} KiB each"));
            }
            let per_second = self.figure(reports, PER_SECOND)?;
            let per_cpu = self.figure(reports, PER_CPU).unwrap_or(f64::NAN);
            let (p50, p99) = (self.figure(reports, P50)?, self.figure(reports, P99)?);
            Some(format!("{name} {per_second:.0}/s, {per_cpu:.0}/CPU-s, p50 {p50:.0} p99 {p99:.0} us"))
        };
        let all =
            [server("standpipe", &self.standpipe), server("proxy", &self.limit), server("smbd", &self.samba)];
        format!("    {}", all.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

const PER_CPU: &str = "/server/calls_per_cpu_second";
const PER_SECOND: &str = "/calls_per_second";
const RESIDENT: &str = "/server/resident_per_connection";
const P50: &str = "/latency/p50";
const P99: &str = "/latency/p99";
const P999: &str = "/latency/p999";

fn number(report: &Value, pointer: &str) -> Option<f64> {
    report.pointer(pointer).and_then(Value::as_f64)
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
            "\n| workload | calls/s | per CPU-second | CPU s per million | p50 / p99 / p99.9 us | proxy per CPU-second | smbd per CPU-second | of proxy | of smbd | p99 of proxy |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        let whole = |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| format!("{figure:.0}"));
        let ratio = |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| format!("{figure:.2}"));
        for row in self.rows.iter().filter(|row| row.workload.kind != Kind::Idle) {
            let ours = |pointer| row.figure(&row.standpipe, pointer);
            writeln!(
                f,
                "| {} | {} | {} | {} | {} / {} / {} | {} | {} | {} | {} | {} |",
                row.workload.name(),
                whole(ours(PER_SECOND)),
                whole(ours(PER_CPU)),
                ratio(ours(PER_CPU).map(|calls| 1e6 / calls)),
                whole(ours(P50)),
                whole(ours(P99)),
                whole(ours(P999)),
                whole(row.figure(&row.limit, PER_CPU)),
                whole(row.figure(&row.samba, PER_CPU)),
                ratio(row.cpu(&row.limit)),
                ratio(row.cpu(&row.samba)),
                ratio(row.p99()),
            )?;
        }
        for row in self.rows.iter().filter(|row| row.workload.kind == Kind::Idle) {
            writeln!(
                f,
                "\n| resident for each of {} idle connections with an open pipe | KiB |\n| --- | --- |",
                row.workload.connections
            )?;
            for (name, reports) in
                [("standpipe", &row.standpipe), ("proxy", &row.limit), ("smbd (200)", &row.samba)]
            {
                writeln!(f, "| {name} | {} |", ratio(row.idle(reports)))?;
            }
        }
        writeln!(f, "\n| goal | workload | wanted | found | |\n| --- | --- | --- | --- | --- |")?;
        for goal in self.goals() {
            let sign = if goal.at_least { "≥" } else { "≤" };
            let (what, workload, wanted) = (goal.what, &goal.workload, goal.wanted);
            writeln!(
                f,
                "| {what} | {workload} | {sign} {wanted} | {} | {} |",
                ratio(goal.found),
                goal.verdict()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::quick;
    use super::*;

    fn report(per_cpu: f64, p99: f64) -> Value {
        json!({
            "calls_per_second": per_cpu / 2.0,
            "latency": { "p50": p99 / 2.0, "p99": p99, "p999": p99 },
            "server": { "calls_per_cpu_second": per_cpu, "resident_per_connection": 0 },
        })
    }

    #[test]
    fn ratios_are_of_servers_in_the_same_round() {
        let mut row = Row::new(quick()[0]);
        // A machine that is slow in the first round and fast in the last.
        row.standpipe = [(10.0, 300.0), (80.0, 30.0), (240.0, 9.0)].map(|(cpu, p99)| report(cpu, p99)).into();
        row.limit = [(20.0, 100.0), (100.0, 10.0), (300.0, 3.0)].map(|(cpu, p99)| report(cpu, p99)).into();
        let mut results = Results::new(Value::Null, true, 3);
        results.rows.push(row);
        let written: Value = serde_json::from_str(&results.to_json()).unwrap();
        let ratios = &written["workloads"][0]["ratios"];
        assert_eq!(ratios["calls_per_cpu_second_of_limit"], 0.8);
        assert_eq!(ratios["p99_of_limit"], 3.0);
        assert_eq!(ratios["calls_per_cpu_second_of_samba"], Value::Null);
        let verdicts: Vec<_> = results.goals().iter().map(Goal::verdict).collect();
        assert_eq!(verdicts, ["met", "not measured", "MISSED"]);
        let shown = results.to_string();
        assert!(
            shown.contains("| transceive-gmac-64B-x1 | 40 | 80 | 12500.00 | 15 / 30 / 30 | 100 | – |"),
            "{shown}"
        );
    }
}
