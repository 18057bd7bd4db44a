//! Instances as a table, for `ps` and for the live view of `up`, and their numbers as options have them.

use standpipe_runtime::state::{InstanceRecord, ServiceRecord, now};

/// The heading of the table.
const HEADING: [&str; 8] =
    ["INSTANCE", "STATE", "READY", "SERVICE", "RESTARTS", "DOMAIN", "ENDPOINTS", "SINCE"];

/// The rows of the table, heading first. What went wrong last is not in it: see [`errors`].
pub(super) fn rows(records: &[InstanceRecord]) -> Vec<[String; 8]> {
    let now = now();
    let mut rows = vec![HEADING.map(str::to_owned)];
    rows.extend(records.iter().map(|record| row(record, now)));
    rows
}

fn row(record: &InstanceRecord, now: u64) -> [String; 8] {
    let endpoints: Vec<String> = record
        .endpoints
        .iter()
        .map(|endpoint| format!("{}://{}", endpoint.protocol, endpoint.address))
        .collect();
    // Restarts of the service, and of the whole instance where there were any.
    let restarts = match record.recycles {
        0 => record.restarts.to_string(),
        recycles => format!("service {}, instance {recycles}", record.restarts),
    };
    [
        format!("{}/{}", record.role, record.instance),
        record.stage.to_string(),
        if record.ready { "yes" } else { "no" }.to_owned(),
        services(record),
        restarts,
        record.update_domain.to_string(),
        if endpoints.is_empty() { "-".to_owned() } else { endpoints.join(" ") },
        ago(now.saturating_sub(record.since)),
    ]
}

/// The state and the process of each service; the name too, where there are several.
fn services(record: &InstanceRecord) -> String {
    let one = |service: &ServiceRecord| match service.pid {
        Some(pid) => format!("{} ({pid})", service.state),
        None => service.state.clone(),
    };
    match &record.services[..] {
        [] => "-".to_owned(),
        [only] => one(only),
        several => {
            let named: Vec<String> =
                several.iter().map(|service| format!("{} {}", service.name, one(service))).collect();
            named.join(", ")
        }
    }
}

/// What went wrong last, one line for each instance with which something did.
pub(super) fn errors(records: &[InstanceRecord]) -> Vec<String> {
    let line = |record: &InstanceRecord| {
        let error = record.last_error.as_ref()?;
        Some(format!("{}/{}: {error}", record.role, record.instance))
    };
    records.iter().filter_map(line).collect()
}

/// An instance's number, alone or at the end of the name that a platform gives it.
pub(super) fn parse_number(text: &str) -> Result<u32, String> {
    let number = text.rsplit('-').next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = number.parse().ok().filter(|_| is_number && !text.starts_with('-'));
    parsed.ok_or_else(|| "expected a number, or a name that ends with `-` and a number".to_owned())
}

/// A length of time in its two largest units.
fn ago(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use standpipe_runtime::state::{EndpointRecord, Stage};

    use super::*;

    #[test]
    fn an_instance_is_a_number_or_a_name_that_ends_with_one() {
        let cases = [("0", 0), ("17", 17), ("demo-web-2", 2), ("standpipe-demo-servicewatcher-10", 10)];
        for (text, number) in cases {
            assert_eq!(parse_number(text), Ok(number), "{text}");
        }
        for text in ["", "-", "-1", "web", "web-", "web-x", "web1", "+1", "web-+1", "99999999999"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_instance_is_one_row() {
        let mut record = InstanceRecord::new("ServiceWatcher", 1);
        assert_eq!(
            rows(&[record.clone()])[1][..7],
            ["ServiceWatcher/1", "preparing", "no", "-", "0", "0", "-"]
        );
        record.stage = Stage::Running;
        record.ready = true;
        record.services = vec![ServiceRecord {
            state: "Running".to_owned(),
            pid: Some(77),
            ..ServiceRecord::new("S", true)
        }];
        record.restarts = 2;
        record.recycles = 1;
        record.update_domain = 1;
        record.endpoints = vec![EndpointRecord {
            name: "NamedPipes".to_owned(),
            protocol: "smb".to_owned(),
            address: "127.0.0.2:4445".to_owned(),
        }];
        record.last_error = Some("it fell over".to_owned());
        let expected = [
            "ServiceWatcher/1",
            "running",
            "yes",
            "Running (77)",
            "service 2, instance 1",
            "1",
            "smb://127.0.0.2:4445",
        ];
        assert_eq!(rows(&[record.clone()])[1][..7], expected);
        assert_eq!(errors(&[record.clone()]), ["ServiceWatcher/1: it fell over"]);
        record.services.push(ServiceRecord::new("T", false));
        assert_eq!(rows(&[record])[1][3], "S Running (77), T Stopped");
    }

    #[test]
    fn a_record_from_the_future_is_no_time_old() {
        let record = InstanceRecord { since: now() + 3600, ..InstanceRecord::new("A", 0) };
        assert_eq!(rows(&[record])[1][7], "0s");
    }

    #[test]
    fn times_are_short() {
        assert_eq!([59, 61, 3661, 90_000].map(ago), ["59s", "1m 1s", "1h 1m", "1d 1h"]);
    }
}
