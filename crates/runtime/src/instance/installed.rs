//! Services without a command: those that a service control manager knows.

use standpipe_deployment::{Role, Service};
use standpipe_service::Manager;

use super::PrepareError;
use super::probe::PipesAccept;

/// Where the installed services of a role are, and its native pipes.
#[derive(Debug)]
pub(super) struct Installed(());

impl Installed {
    /// Looks for what a role needs; nothing is started.
    pub(super) fn find(_: &Role) -> Self {
        Self(())
    }

    /// The manager of a service, which can be used when its pipes accept.
    #[expect(clippy::unused_self, reason = "there is no service control manager yet")]
    pub(super) fn manager(
        &self,
        service: &Service,
        _: PipesAccept,
    ) -> Result<Box<dyn Manager>, PrepareError> {
        Err(PrepareError::NoManager { service: service.name.clone() })
    }
}
