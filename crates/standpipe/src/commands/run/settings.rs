//! Follows the settings of a role while an instance runs.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use standpipe_deployment::{Deployment, Look, OnSettingsChange, ProcessEnvironment};
use standpipe_runtime::instance::hang_up_services;
use standpipe_runtime::renewal::{Renewal, Turn, settings_digest};
use standpipe_runtime::state::InstanceRecord;
use standpipe_runtime::targets::VARIABLE;
use standpipe_system::Found;
use standpipe_system::private_file::FileIdentity;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::document::Settings;

/// How often the deployment file is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

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
        let began_with = settings_digest(&self.settings.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut seen, mut known) = (None, self.text().await);
        let mut renewal: Option<Renewal> = None;
        let mut failing = None;
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let version = self.version();
            let is_seen = version.is_some() && version == seen;
            seen = version;
            // A file that is being replaced may be gone for a moment.
            if !is_seen
                && let Some(text) = self.text().await
                && known.as_ref() != Some(&text)
            {
                known = Some(text);
                if let Some(taken) = self.take().await {
                    // Settings that came back need no new start.
                    renewal = taken.filter(|renewal| !renewal.is_to(&began_with));
                }
            }
            match renewal.as_mut().map(Renewal::look) {
                Some(Turn::Now) => self.recycle.cancel(),
                Some(Turn::Failing(name)) if failing.as_ref() != Some(&name) => {
                    warn!("the instance goes on with its old settings: {name} fails with the new ones");
                    failing = Some(name);
                }
                Some(Turn::Failing(_) | Turn::Later) | None => {}
            }
        }
    }

    /// What tells this version of the file from others without reading it: reading takes another thread. A
    /// clock is too coarse for one that was written just now.
    fn version(&self) -> Option<FileIdentity> {
        let found = Found::at(&self.file).ok()?;
        let age = found.metadata().modified().ok()?.elapsed().ok()?;
        (age > LOOK_INTERVAL).then(|| FileIdentity::of(&found))
    }

    async fn text(&self) -> Option<Vec<u8>> {
        let file = self.file.clone();
        tokio::task::spawn_blocking(move || std::fs::read(file).ok()).await.ok().flatten()
    }

    /// Takes over the settings of a file that has changed. Returns whether the instance is to start again
    /// for them; `None` when nothing is new.
    async fn take(&self) -> Option<Option<Renewal>> {
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
                return None;
            }
            Err(_) => return None,
        };
        let role = deployment.role(&self.role)?;
        let is_new = {
            let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = *settings != role.settings;
            settings.clone_from(&role.settings);
            is_new
        };
        if !is_new {
            return None;
        }
        match role.on_settings_change {
            OnSettingsChange::Ignore => info!("the settings of the role have changed"),
            OnSettingsChange::Signal => {
                info!("the settings of the role have changed: the services get a signal");
                let record = self.record.borrow().clone();
                hang_up_services(&record);
            }
            OnSettingsChange::Restart => {
                let domain = deployment.update_domain(self.number);
                let after = if domain == 0 { "" } else { " after the update domains before its own" };
                info!("the settings of the role have changed: the instance starts again{after}");
                let targets = std::env::var_os(VARIABLE).map(PathBuf::from);
                let digest = settings_digest(&role.settings);
                return Some(Some(Renewal::new(&self.role, domain, digest, targets)));
            }
        }
        Some(None)
    }
}
