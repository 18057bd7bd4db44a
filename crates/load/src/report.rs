//! What is told of a load, to people and to programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{LoadError, Moment, Outcome, Plan, ServerProcess, Usage, Workload, run};

/// What came of a load, in numbers that can be compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// How many connections there were.
    pub connections: usize,
    /// How long it counted, in seconds.
    pub seconds: f64,
    /// Calls with the right reply in that time.
    pub calls: u64,
    /// The same for each second.
    pub calls_per_second: f64,
    /// How long the calls took.
    pub latency: Latency,
    /// Calls without a reply.
    pub errors: u64,
    /// Calls with a reply that is not theirs.
    pub wrong_replies: u64,
    /// What the first of all errors said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// CPU time of this process in seconds, where it can be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cpu_seconds: Option<f64>,
    /// What the server used, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerUse>,
}

/// How long calls took, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// 999 of 1,000 took no longer.
    pub p999: f64,
    /// None took longer.
    pub max: f64,
}

/// What the server used while it counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerUse {
    /// CPU time in seconds.
    pub cpu_seconds: f64,
    /// The same for a million calls; 0 without calls.
    pub cpu_seconds_per_million_calls: f64,
    /// Calls for each second of CPU time; 0 when that is too short to be measured.
    pub calls_per_cpu_second: f64,
    /// Resident memory before anything was connected, in bytes.
    pub resident_before: u64,
    /// Resident memory at the end, everything still being connected, in bytes.
    pub resident: u64,
    /// How much more that is, for each connection, in bytes.
    pub resident_per_connection: u64,
}

impl Report {
    /// Runs a load and reports on it, and on `server` if it is on this machine.
    pub fn of<W: Workload>(
        workload: &W,
        plan: &Plan,
        server: Option<&ServerProcess>,
    ) -> Result<Self, LoadError<W::Error>> {
        let client = ServerProcess::find(std::process::id()).ok();
        let usage = |process: Option<&ServerProcess>| process.and_then(|process| process.usage().ok());
        let (mut seen, mut own) = (Vec::new(), Vec::new());
        let outcome = run(workload, plan, |moment| {
            seen.push(usage(server));
            if moment != Moment::Before {
                own.push(usage(client.as_ref()));
            }
        })?;
        let server_use = match *seen.as_slice() {
            [Some(before), Some(start), Some(end)] => {
                Some(ServerUse::new(before, start, end, plan, &outcome))
            }
            _ => None,
        };
        let client_cpu = match *own.as_slice() {
            [Some(start), Some(end)] => Some(end.cpu.saturating_sub(start.cpu).as_secs_f64()),
            _ => None,
        };
        Ok(Self::new(plan, outcome, client_cpu, server_use))
    }

    fn new(
        plan: &Plan,
        outcome: Outcome,
        client_cpu_seconds: Option<f64>,
        server: Option<ServerUse>,
    ) -> Self {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let latencies = &outcome.latencies;
        Self {
            connections: plan.connections,
            seconds: outcome.elapsed.as_secs_f64(),
            calls: outcome.calls,
            calls_per_second: ratio(outcome.calls, outcome.elapsed),
            latency: Latency {
                p50: micros(latencies.percentile(0.5)),
                p99: micros(latencies.percentile(0.99)),
                p999: micros(latencies.percentile(0.999)),
                max: micros(latencies.longest()),
            },
            errors: outcome.errors,
            wrong_replies: outcome.wrong,
            first_error: outcome.first_error,
            client_cpu_seconds,
            server,
        }
    }

    /// Whether every call had its reply, and there was one.
    pub fn is_good(&self) -> bool {
        self.calls > 0 && self.errors == 0 && self.wrong_replies == 0
    }
}

impl ServerUse {
    fn new(before: Usage, start: Usage, end: Usage, plan: &Plan, outcome: &Outcome) -> Self {
        let cpu = end.cpu.saturating_sub(start.cpu);
        let calls_per_cpu_second = ratio(outcome.calls, cpu);
        Self {
            cpu_seconds: cpu.as_secs_f64(),
            cpu_seconds_per_million_calls: if calls_per_cpu_second > 0.0 {
                1e6 / calls_per_cpu_second
            } else {
                0.0
            },
            calls_per_cpu_second,
            resident_before: before.resident,
            resident: end.resident,
            resident_per_connection: end.resident.saturating_sub(before.resident)
                / (plan.connections as u64).max(1),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "calls are far fewer than 2^52")]
fn ratio(calls: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { calls as f64 / time.as_secs_f64() }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p99, p999, max } = self.latency;
        writeln!(f, "calls      {:.0}/s ({} in {:.1} s)", self.calls_per_second, self.calls, self.seconds)?;
        writeln!(f, "latency    p50 {p50:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us, longest {max:.0} us")?;
        if let Some(server) = self.server {
            writeln!(
                f,
                "server     {:.2} s of CPU: {:.0} calls for each, {:.1} s for a million calls",
                server.cpu_seconds, server.calls_per_cpu_second, server.cpu_seconds_per_million_calls
            )?;
            writeln!(
                f,
                "memory     {} KiB resident, {} bytes for each connection",
                server.resident / 1024,
                server.resident_per_connection
            )?;
        }
        if let Some(cpu) = self.client_cpu_seconds {
            writeln!(f, "client     {cpu:.2} s of CPU")?;
        }
        write!(f, "errors     {}, wrong replies {}", self.errors, self.wrong_replies)?;
        match &self.first_error {
            Some(error) => write!(f, "\nfirst      {error}"),
            None => Ok(()),
        }
    }
}
