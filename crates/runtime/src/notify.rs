//! What a service manager such as systemd hears of an instance: the protocol of `sd_notify(3)`.
//!
//! Nothing is said where nobody listens. The variable with the socket is for this process alone: the
//! instance's own processes do not get it.

use std::ffi::OsString;

use tracing::warn;

use crate::platform;
use crate::state::{InstanceRecord, Stage};

/// The variable with the socket of the service manager that listens.
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";

/// Says how an instance is, as often as that changes.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: Option<OsString>,
    /// What was said last.
    said: String,
}

impl Notifier {
    /// A notifier for whoever started this process.
    pub(crate) fn from_environment() -> Self {
        Self { socket: std::env::var_os(SOCKET).filter(|socket| !socket.is_empty()), said: String::new() }
    }

    /// Tells what `record` means.
    pub(crate) fn tell(&mut self, record: &InstanceRecord) {
        let Some(socket) = &self.socket else { return };
        let message = message(record);
        if message == self.said {
            return;
        }
        match platform::send_datagram(socket, message.as_bytes()) {
            Ok(()) => self.said = message,
            Err(error) => {
                warn!("the service manager cannot be told about the instance: {error}");
                self.socket = None;
            }
        }
    }
}

/// The message about a record: one line for each fact.
fn message(record: &InstanceRecord) -> String {
    let mut status = record.stage.to_string();
    for part in record.last_error.iter().flat_map(|error| error.lines().take(1)) {
        status.push_str(": ");
        status.push_str(part);
    }
    let fact = match record.stage {
        Stage::Draining | Stage::Stopped | Stage::Failed => "STOPPING=1\n",
        _ if record.ready => "READY=1\n",
        _ => "",
    };
    format!("{fact}STATUS={status}\n")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_service_manager_hears_when_an_instance_is_ready_and_when_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let heard = || {
            let mut message = [0; 512];
            let length = manager.recv(&mut message).unwrap();
            String::from_utf8(message[..length].to_vec()).unwrap()
        };
        let mut notifier = Notifier { socket: Some(path.into()), said: String::new() };
        let mut record = InstanceRecord::new("R", 0);
        notifier.tell(&record);
        assert_eq!(heard(), "STATUS=preparing\n");
        (record.stage, record.ready) = (Stage::Running, true);
        notifier.tell(&record);
        // What does not change is said once.
        notifier.tell(&record);
        assert_eq!(heard(), "READY=1\nSTATUS=running\n");
        (record.stage, record.ready) = (Stage::Draining, false);
        record.last_error = Some("it died\nMAINPID=1".to_owned());
        notifier.tell(&record);
        assert_eq!(heard(), "STOPPING=1\nSTATUS=draining: it died\n");
    }
}
