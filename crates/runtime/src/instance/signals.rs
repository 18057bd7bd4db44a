//! Signals for the services of an instance.

use standpipe_service::{Forwarded, ForwardedSignal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::state::{InstanceRecord, ServiceRecord};

/// Sends SIGHUP to the process of each service that runs.
pub fn hang_up_services(record: &InstanceRecord) {
    for service in &record.services {
        let Some(process) = service.pid else { continue };
        match ForwardedSignal::HANG_UP.send_to(process) {
            Ok(()) => info!(service = service.name, "told that the settings have changed"),
            Err(error) => {
                warn!(service = service.name, "cannot be told that the settings have changed: {error}");
            }
        }
    }
}

/// Passes the signals on that are for the services of an instance. Never ends.
pub async fn forward_signals(mut signals: Forwarded, record: watch::Receiver<InstanceRecord>) {
    loop {
        let signal = signals.next().await;
        let services: Vec<ServiceRecord> = record.borrow().services.clone();
        let mut processes = services.iter().filter_map(|service| Some((service, service.pid?))).peekable();
        if processes.peek().is_none() {
            info!("{}: no process of a service runs that could get it", signal.name);
        }
        for (service, process) in processes {
            match signal.send_to(process) {
                Ok(()) => info!(service = service.name, "{}: passed on to the service", signal.name),
                Err(error) => {
                    warn!(service = service.name, "{}: the service cannot get it: {error}", signal.name);
                }
            }
        }
    }
}
