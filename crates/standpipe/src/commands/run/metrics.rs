//! What an instance counts, for Prometheus.

use std::sync::Arc;

use standpipe_metrics::{Exposition, MetricKind};
use standpipe_runtime::state::{InstanceRecord, ServiceRecord, Stage};
use standpipe_server::{Budget, BudgetSnapshot, Counters, Snapshot};
use standpipe_web::{CallStatistics, Memory};

/// What counts while an instance serves.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// By the names of the endpoints for pipes.
    pub(super) endpoints: Vec<(String, Arc<Counters>)>,
    /// By the names of the calls of the page and the bridge.
    pub(super) calls: Vec<(String, Arc<CallStatistics>)>,
    /// What all endpoints for pipes may use together; `None` without any.
    pub(super) budget: Option<Budget>,
    /// What the page and the bridge may hold; `None` without them.
    pub(super) page_memory: Option<Memory>,
}

impl Counted {
    /// Everything as text. `deployment` is the deployment's name.
    pub(super) fn text(&self, deployment: &str, record: &InstanceRecord) -> String {
        let mut text = Exposition::default();
        instance(&mut text, deployment, record);
        services(&mut text, &record.services);
        self.servers(&mut text);
        self.log_ons(&mut text);
        self.opens(&mut text);
        self.calls(&mut text);
        if let Some(budget) = &self.budget {
            self::budget(&mut text, &budget.snapshot());
        }
        if let Some(memory) = &self.page_memory {
            page_memory(&mut text, memory);
        }
        text.into_text()
    }

    /// One family of numbers from each endpoint for pipes.
    fn of_servers(
        &self,
        text: &mut Exposition,
        name: &'static str,
        help: &str,
        number: impl Fn(Snapshot) -> u64,
    ) {
        let kind = if name.ends_with("_total") { MetricKind::Counter } else { MetricKind::Gauge };
        let mut family = text.family(name, kind, help);
        for (endpoint, counters) in &self.endpoints {
            family.sample(&[("endpoint", endpoint)], number(counters.snapshot()));
        }
    }

    fn servers(&self, text: &mut Exposition) {
        let mut gauge = |name, help, number: fn(Snapshot) -> u64| self.of_servers(text, name, help, number);
        gauge("standpipe_open_connections", "Connections of clients there are now.", |now| {
            now.connections_now
        });
        gauge("standpipe_connections_total", "Connections of clients that were accepted.", |now| {
            now.connections
        });
        gauge(
            "standpipe_connections_refused_total",
            "Connections that were closed because there were too many.",
            |now| now.connections_refused,
        );
        gauge(
            "standpipe_connections_displaced_total",
            "Connections without a log-on that made room for others.",
            |now| now.connections_displaced,
        );
        gauge("standpipe_bad_signatures_total", "Requests whose signature was missing or wrong.", |now| {
            now.bad_signatures
        });
    }

    fn log_ons(&self, text: &mut Exposition) {
        self.of_servers(text, "standpipe_log_ons_total", "Log-ons that succeeded.", |now| now.log_ons);
        let help = "Log-ons that were refused, by the kind of reason.";
        let mut family = text.family("standpipe_log_ons_refused_total", MetricKind::Counter, help);
        for (endpoint, counters) in &self.endpoints {
            for (reason, count) in counters.log_ons_refused_by_kind() {
                family.sample(&[("endpoint", endpoint), ("reason", reason)], count);
            }
        }
    }

    fn opens(&self, text: &mut Exposition) {
        let mut of_servers =
            |name, help, number: fn(Snapshot) -> u64| self.of_servers(text, name, help, number);
        of_servers("standpipe_open_pipes", "Pipes that clients have open now.", |now| now.opens_now);
        of_servers("standpipe_opens_total", "Opens of pipes that reached their service.", |now| now.opens);
        of_servers("standpipe_opens_refused_total", "Opens of pipes that were refused.", |now| {
            now.opens_refused
        });
        of_servers("standpipe_requests_total", "Writes that services were handed.", |now| now.requests);
        of_servers("standpipe_replies_total", "Messages, or pieces, that services wrote.", |now| now.replies);
        let help = "How long pipes were open: for one request and its reply, the time of the whole call.";
        let mut family = text.family("standpipe_open_duration_seconds", MetricKind::Histogram, help);
        for (endpoint, counters) in &self.endpoints {
            family.histogram(&[("endpoint", endpoint)], counters.open_durations());
        }
    }

    fn calls(&self, text: &mut Exposition) {
        let help = "Calls of the page and the bridge, by what became of them.";
        let mut family = text.family("standpipe_calls_total", MetricKind::Counter, help);
        for (call, statistics) in &self.calls {
            for (result, count) in statistics.results() {
                family.sample(&[("call", call), ("result", result)], count);
            }
        }
        let help = "How long calls of the page and the bridge took.";
        let mut family = text.family("standpipe_call_duration_seconds", MetricKind::Histogram, help);
        for (call, statistics) in &self.calls {
            family.histogram(&[("call", call)], statistics.durations());
        }
    }
}

fn instance(text: &mut Exposition, deployment: &str, record: &InstanceRecord) {
    let number = record.instance.to_string();
    let labels = [
        ("deployment", deployment),
        ("role", &record.role),
        ("instance", &number),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    text.family("standpipe_info", MetricKind::Gauge, "Which instance this is.").sample(&labels, 1);
    let mut family = text.family("standpipe_stage", MetricKind::Gauge, "How far the instance is.");
    for stage in
        [Stage::Preparing, Stage::Starting, Stage::Running, Stage::Draining, Stage::Stopped, Stage::Failed]
    {
        family.sample(&[("stage", stage.name())], u8::from(stage == record.stage));
    }
    let mut gauge = |name, help, value: u64| {
        text.family(name, MetricKind::Gauge, help).sample(&[], value);
    };
    gauge("standpipe_ready", "Whether the instance takes calls.", u64::from(record.ready));
    gauge(
        "standpipe_since_seconds",
        "Since when stage, readiness and services are as they are.",
        record.since,
    );
    let mut counter = |name, help, value: u32| {
        text.family(name, MetricKind::Counter, help).sample(&[], value);
    };
    counter(
        "standpipe_recycles_total",
        "How often the local runtime started the instance again.",
        record.recycles,
    );
    counter("standpipe_reimages_total", "How often the local runtime emptied its folder.", record.reimages);
}

/// What the pipes use of their budget, and what they may: all accounts together, and the one that has most.
fn budget(text: &mut Exposition, now: &BudgetSnapshot) {
    let limits = &now.resources;
    let mut gauge = |name, help, all: usize, first: usize| {
        let mut family = text.family(name, MetricKind::Gauge, help);
        family.sample(&[("of", "all")], all).sample(&[("of", "account")], first);
    };
    gauge(
        "standpipe_budget_memory_bytes",
        "Memory held beyond what each connection and open may have: in all, and of the account that holds most.",
        now.memory_used,
        now.memory_of_first_account,
    );
    gauge(
        "standpipe_budget_memory_limit_bytes",
        "How much that may be, in all and of one account.",
        limits.beyond_floors(),
        limits.memory_share,
    );
    gauge(
        "standpipe_budget_opens",
        "Opens that count: in all, and of the account that has most.",
        now.opens_used,
        now.opens_of_first_account,
    );
    gauge(
        "standpipe_budget_opens_limit",
        "How many opens there may be, in all and of one account.",
        limits.opens,
        limits.opens_share,
    );
    let help = "Messages of services that had to wait because the memory had no room for them.";
    text.family("standpipe_budget_postponed_total", MetricKind::Counter, help).sample(&[], now.postponed);
}

/// What requests and replies of the page and the bridge hold.
fn page_memory(text: &mut Exposition, memory: &Memory) {
    let mut gauge = |name, help, bytes: usize| {
        text.family(name, MetricKind::Gauge, help).sample(&[], bytes);
    };
    let help = "Memory that requests and replies of the page and the bridge hold.";
    gauge("standpipe_page_memory_bytes", help, memory.used());
    gauge("standpipe_page_memory_limit_bytes", "How much that may be.", memory.limit());
}

fn services(text: &mut Exposition, services: &[ServiceRecord]) {
    let mut gauge = |name, help, value: fn(&ServiceRecord) -> f64| {
        let mut family = text.family(name, MetricKind::Gauge, help);
        for service in services {
            family.sample(&[("service", &service.name)], value(service));
        }
    };
    gauge("standpipe_service_running", "Whether the service runs.", |service| {
        f64::from(u8::from(service.is_running()))
    });
    gauge("standpipe_service_ready", "Whether the service runs and its pipes accept.", |service| {
        f64::from(u8::from(service.ready))
    });
    gauge(
        "standpipe_service_backoff_seconds",
        "How long the service rests before it starts again.",
        |service| std::time::Duration::from_millis(service.rest).as_secs_f64(),
    );
    let help = "How often the service was started again.";
    let mut family = text.family("standpipe_service_restarts_total", MetricKind::Counter, help);
    for service in services {
        family.sample(&[("service", &service.name)], service.restarts);
    }
    let help = "How often the service failed, by the kind of failure.";
    let mut family = text.family("standpipe_service_failures_total", MetricKind::Counter, help);
    for service in services {
        for kind in standpipe_service::watcher::FailureKind::NAMES {
            let count = service.failures.get(kind).copied().unwrap_or(0);
            family.sample(&[("service", &service.name), ("kind", kind)], count);
        }
    }
}
