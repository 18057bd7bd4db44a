//! Services without a command: those that a service control manager knows.

use standpipe_agent::host::Host;
use standpipe_deployment::{Recovery, Service, WhenPaused};
use standpipe_service::Manager;
use standpipe_service::scm::{self, ScmOptions};

use super::PrepareError;
use super::probe::ServiceProbe;
use crate::environment::InstanceEnvironment;
use crate::platform;

/// Where the installed services of a role are, and its native pipes.
#[derive(Debug)]
pub(super) struct Installed<'a> {
    wine: Option<&'a Host>,
}

impl<'a> Installed<'a> {
    /// Those in a Wine prefix, or without one those of this system.
    pub(super) fn new(wine: Option<&'a Host>) -> Self {
        Self { wine }
    }

    /// The manager of a service, which can be used when it answers the probe.
    pub(super) fn manager(
        &self,
        service: &Service,
        environment: &InstanceEnvironment,
        accept: ServiceProbe,
    ) -> Result<Box<dyn Manager>, PrepareError> {
        if let Some(wine) = self.wine {
            return Ok(Box::new(wine.manager(&service.name, options(service), accept)));
        }
        let variables = environment.variables_of_installed(service);
        platform::installed_manager(service, options(service), variables, accept)
            .ok_or_else(|| PrepareError::NoManager { service: service.name.clone() })
    }
}

/// How the file wants the service to be managed.
const fn options(service: &Service) -> ScmOptions {
    ScmOptions {
        recovery: match service.recovery {
            Recovery::Defer => scm::Recovery::Defer,
            Recovery::Refuse => scm::Recovery::Refuse,
        },
        when_paused: match service.when_paused {
            WhenPaused::Fail => scm::WhenPaused::Fail,
            WhenPaused::Continue => scm::WhenPaused::Continue,
        },
    }
}
