//! Tells the services of an instance that their settings have changed.

use tracing::{info, warn};

use crate::platform;
use crate::state::InstanceRecord;

/// Sends SIGHUP to the process of each service that runs.
pub fn hang_up_services(record: &InstanceRecord) {
    for service in &record.services {
        let Some(process) = service.pid else { continue };
        match platform::hang_up(process) {
            Ok(()) => info!(service = service.name, "told that the settings have changed"),
            Err(error) => {
                warn!(service = service.name, "cannot be told that the settings have changed: {error}");
            }
        }
    }
}
