//! Follows the settings of a role while an instance runs.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use standpipe_deployment::{Deployment, Look, OnSettingsChange, ProcessEnvironment};
use standpipe_runtime::instance::hang_up_services;
use standpipe_runtime::state::InstanceRecord;
use standpipe_system::time::Shown;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::document::Settings;

/// How often the deployment file is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long the instances of one update domain have to start again before those of the next one do.
const FOR_EACH_DOMAIN: Duration = Duration::from_secs(20);

/// An instance whose settings are followed.
pub(super) struct FollowedSettings {
    pub(super) file: PathBuf,
    /// Where its paths start from, unless in its own folder.
    pub(super) folder: Option<PathBuf>,
    pub(super) role: String,
    pub(super) number: u32,
    pub(super) settings: Settings,
    pub(super) record: watch::Receiver<InstanceRecord>,
    pub(super) recycle: CancellationToken,
}

impl FollowedSettings {
    /// Takes over what changes in the file, and does what it says of such a change. Never ends by itself.
    pub(super) async fn follow(self) {
        let mut known = self.text().await;
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let text = self.text().await;
            // A file that is being replaced may be gone for a moment.
            if text.is_none() || text == known {
                continue;
            }
            known = text;
            self.take().await;
        }
    }

    async fn text(&self) -> Option<Vec<u8>> {
        let file = self.file.clone();
        tokio::task::spawn_blocking(move || std::fs::read(file).ok()).await.ok().flatten()
    }

    /// Takes over the settings of a file that has changed.
    async fn take(&self) {
        let (file, folder) = (self.file.clone(), self.folder.clone());
        let load = move || match &folder {
            Some(folder) => Deployment::load_in(folder, &file, &ProcessEnvironment, Look::Files),
            None => Deployment::load(&file, &ProcessEnvironment, Look::Files),
        };
        let deployment = match tokio::task::spawn_blocking(load).await {
            Ok(Ok(deployment)) => deployment,
            Ok(Err(problems)) => {
                let count = problems.count();
                warn!(
                    "the deployment file has changed and has {count} mistakes, so that its settings stay unread"
                );
                return;
            }
            Err(_) => return,
        };
        let Some(role) = deployment.role(&self.role) else { return };
        let is_new = {
            let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = *settings != role.settings;
            settings.clone_from(&role.settings);
            is_new
        };
        if !is_new {
            return;
        }
        match role.on_settings_change {
            OnSettingsChange::Ignore => info!("the settings of the role have changed"),
            OnSettingsChange::Signal => {
                info!("the settings of the role have changed: the services get a signal");
                let record = self.record.borrow().clone();
                hang_up_services(&record);
            }
            OnSettingsChange::Restart => {
                let wait = FOR_EACH_DOMAIN.saturating_mul(deployment.update_domain(self.number));
                let shown = Shown(wait);
                info!("the settings of the role have changed: the instance starts again in {shown}");
                tokio::time::sleep(wait).await;
                self.recycle.cancel();
            }
        }
    }
}
