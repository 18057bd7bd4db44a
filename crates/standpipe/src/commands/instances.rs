//! Instances as a table, for `ps` and for the live view of `up`.

use standpipe_runtime::state::{InstanceRecord, now};

/// The heading of the table.
const HEADING: [&str; 7] = ["INSTANCE", "STATE", "READY", "SERVICE", "RESTARTS", "ENDPOINTS", "SINCE"];

/// The rows of the table, heading first. What went wrong last is not in it: see [`errors`].
pub(super) fn rows(records: &[InstanceRecord]) -> Vec<[String; 7]> {
    let now = now();
    let mut rows = vec![HEADING.map(str::to_owned)];
    rows.extend(records.iter().map(|record| row(record, now)));
    rows
}

fn row(record: &InstanceRecord, now: u64) -> [String; 7] {
    let endpoints: Vec<String> = record
        .endpoints
        .iter()
        .map(|endpoint| format!("{}://{}", endpoint.protocol, endpoint.address))
        .collect();
    let service = match (&record.service, record.service_pid) {
        (Some(state), Some(pid)) => format!("{state} ({pid})"),
        (Some(state), None) => state.clone(),
        (None, _) => "-".to_owned(),
    };
    // Restarts of the service, and of the whole instance where there were any.
    let restarts = match record.recycles {
        0 => record.restarts.to_string(),
        recycles => format!("{}+{recycles}", record.restarts),
    };
    [
        format!("{}/{}", record.role, record.instance),
        record.stage.to_string(),
        if record.ready { "yes" } else { "no" }.to_owned(),
        service,
        restarts,
        if endpoints.is_empty() { "-".to_owned() } else { endpoints.join(" ") },
        ago(now.saturating_sub(record.since)),
    ]
}

/// What went wrong last, one line for each instance with which something did.
pub(super) fn errors(records: &[InstanceRecord]) -> Vec<String> {
    let line = |record: &InstanceRecord| {
        let error = record.last_error.as_ref()?;
        Some(format!("{}/{}: {error}", record.role, record.instance))
    };
    records.iter().filter_map(line).collect()
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
    fn an_instance_is_one_row() {
        let mut record = InstanceRecord::new("ServiceWatcher", 1);
        assert_eq!(rows(&[record.clone()])[1][..6], ["ServiceWatcher/1", "preparing", "no", "-", "0", "-"]);
        record.stage = Stage::Running;
        record.ready = true;
        record.service = Some("Running".to_owned());
        record.service_pid = Some(77);
        record.restarts = 2;
        record.recycles = 1;
        record.endpoints = vec![EndpointRecord {
            name: "NamedPipes".to_owned(),
            protocol: "smb".to_owned(),
            address: "127.0.0.2:4445".to_owned(),
        }];
        record.last_error = Some("it fell over".to_owned());
        let expected = ["ServiceWatcher/1", "running", "yes", "Running (77)", "2+1", "smb://127.0.0.2:4445"];
        assert_eq!(rows(&[record.clone()])[1][..6], expected);
        assert_eq!(errors(&[record]), ["ServiceWatcher/1: it fell over"]);
    }

    #[test]
    fn times_are_short() {
        assert_eq!([59, 61, 3661, 90_000].map(ago), ["59s", "1m 1s", "1h 1m", "1d 1h"]);
    }
}
