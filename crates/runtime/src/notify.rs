//! What a service manager such as systemd hears of an instance: the protocol of `sd_notify(3)`.
//!
//! Nothing is said where nobody listens. The variables are for this process alone: the instance's own
//! processes do not get them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use standpipe_deployment::{Role, TaskKind};
use tokio::time::Instant;
use tracing::warn;

use crate::platform;
use crate::state::{InstanceRecord, Stage};

/// The variable with the socket of the service manager that listens.
pub(crate) const SOCKET: &str = "NOTIFY_SOCKET";

/// The variables in which it says how often it wants to hear that this process is not stuck, and which
/// process it means.
pub(crate) const WATCHDOG: &str = "WATCHDOG_USEC";
pub(crate) const WATCHDOG_PROCESS: &str = "WATCHDOG_PID";

/// The longest pause between two starts of a service, and a slow machine.
const BETWEEN_STARTS: Duration = Duration::from_secs(35);

/// Says how an instance is, as often as that changes.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: Option<OsString>,
    patience: Patience,
    /// Whether it was ready once: the service manager's limit for the start is over then.
    was_ready: bool,
    /// What was said last.
    said: String,
}

/// How long parts of an instance's life may take, as far as Standpipe itself limits them: a service manager
/// waits as long, whatever its own limit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience {
    /// The startup tasks, if each has a limit.
    tasks: Option<Duration>,
    /// One start of the slowest service.
    start: Option<Duration>,
    stop: Duration,
}

impl Patience {
    pub(crate) fn of(role: &Role) -> Self {
        let simple = role.startup.iter().filter(|task| task.kind == TaskKind::Simple);
        let starts = role.services.iter().map(|service| service.start_timeout_limit);
        Self {
            tasks: simple.map(|task| task.timeout).sum(),
            start: starts.max().map(|start| start + BETWEEN_STARTS),
            stop: role.stop_limit(),
        }
    }
}

impl Notifier {
    /// A notifier for whoever started this process.
    pub(crate) fn from_environment(patience: Patience) -> Self {
        let socket = socket_of_environment();
        Self { socket, patience, was_ready: false, said: String::new() }
    }

    /// Tells what `record` means.
    pub(crate) fn tell(&mut self, record: &InstanceRecord) {
        let Some(socket) = &self.socket else { return };
        let message = self.message(record);
        self.was_ready |= record.ready;
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

    /// The message about a record: one line for each fact.
    fn message(&self, record: &InstanceRecord) -> String {
        let mut status = record.stage.to_string();
        for part in record.last_error.iter().flat_map(|error| error.lines().take(1)) {
            status.push_str(": ");
            status.push_str(part);
        }
        let (fact, patience) = match record.stage {
            Stage::Draining => ("STOPPING=1\n", Some(self.patience.stop)),
            Stage::Stopped | Stage::Failed => ("STOPPING=1\n", None),
            _ if record.ready => ("READY=1\n", None),
            Stage::Preparing if !self.was_ready => ("", self.patience.tasks),
            Stage::Starting if !self.was_ready => ("", self.patience.start),
            _ => ("", None),
        };
        let mut message = format!("{fact}STATUS={status}\n");
        if let Some(patience) = patience.filter(|patience| !patience.is_zero()) {
            let _ = writeln!(message, "EXTEND_TIMEOUT_USEC={}", patience.as_micros());
        }
        message
    }
}

fn socket_of_environment() -> Option<OsString> {
    std::env::var_os(SOCKET).filter(|socket| !socket.is_empty())
}

/// Tells the service manager, as often as it wants to hear it, that the loop which watches the instance
/// turns. It is polled by that loop and by nothing else: a loop that is stuck says nothing.
#[derive(Debug)]
pub(crate) struct Watchdog {
    socket: Option<OsString>,
    /// Half the time that the service manager waits.
    interval: Duration,
    next: Instant,
}

impl Watchdog {
    /// The watchdog of whoever started this process.
    pub(crate) fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number(WATCHDOG_PROCESS).is_none_or(|process| process == u64::from(std::process::id()));
        let wanted = number(WATCHDOG).filter(|wanted| *wanted > 0 && is_ours).map(Duration::from_micros);
        Self::new(socket_of_environment().filter(|_| wanted.is_some()), wanted.unwrap_or_default() / 2)
    }

    fn new(socket: Option<OsString>, interval: Duration) -> Self {
        Self { socket, interval, next: Instant::now() }
    }

    /// Waits until the service manager wants to hear something, and tells it. Never ends where nobody
    /// listens. Dropped before it is done, it loses nothing.
    pub(crate) async fn turn(&mut self) {
        let Some(socket) = &self.socket else { return std::future::pending().await };
        tokio::time::sleep_until(self.next).await;
        self.next = Instant::now() + self.interval;
        if let Err(error) = platform::send_datagram(socket, b"WATCHDOG=1\n") {
            warn!("the watchdog of the service manager cannot be told: {error}");
            self.socket = None;
        }
    }

    /// Waits for `what`, and goes on telling meanwhile.
    pub(crate) async fn during<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                biased;
                () = self.turn() => {}
                done = &mut what => return done,
            }
        }
    }
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
        let patience = Patience {
            tasks: None,
            start: Some(Duration::from_secs(45)),
            stop: Duration::from_millis(20_500),
        };
        let mut notifier =
            Notifier { socket: Some(path.into()), patience, was_ready: false, said: String::new() };
        let mut record = InstanceRecord::new("R", 0);
        notifier.tell(&record);
        assert_eq!(heard(), "STATUS=preparing\n");
        record.stage = Stage::Starting;
        notifier.tell(&record);
        assert_eq!(heard(), "STATUS=starting\nEXTEND_TIMEOUT_USEC=45000000\n");
        (record.stage, record.ready) = (Stage::Running, true);
        notifier.tell(&record);
        // What does not change is said once.
        notifier.tell(&record);
        assert_eq!(heard(), "READY=1\nSTATUS=running\n");
        // The limit for the start is over.
        (record.stage, record.ready) = (Stage::Starting, false);
        notifier.tell(&record);
        assert_eq!(heard(), "STATUS=starting\n");
        (record.stage, record.ready) = (Stage::Draining, false);
        record.last_error = Some("it died\nMAINPID=1".to_owned());
        notifier.tell(&record);
        assert_eq!(heard(), "STOPPING=1\nSTATUS=draining: it died\nEXTEND_TIMEOUT_USEC=20500000\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watchdog_hears_of_a_loop_twice_as_often_as_it_asks_and_of_none_that_is_stuck() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let heard = || {
            let mut count = 0;
            let mut message = [0; 64];
            while let Ok(length) = manager.recv(&mut message) {
                assert_eq!(message[..length], *b"WATCHDOG=1\n");
                count += 1;
            }
            count
        };
        let mut watchdog = Watchdog::new(Some(path.into()), Duration::from_secs(5));
        watchdog.during(tokio::time::sleep(Duration::from_secs(21))).await;
        assert_eq!(heard(), 5);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(heard(), 0, "nothing polls it");
        watchdog.during(tokio::time::sleep(Duration::from_millis(1))).await;
        assert_eq!(heard(), 1);
    }
}
