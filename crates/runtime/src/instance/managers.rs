//! What starts and stops the services of an instance.

use std::num::NonZeroU32;

use standpipe_deployment::{Command, Service};
use standpipe_pipe::backend::Backend;
use standpipe_process::{Orphaned, Output, ProcessSpec};
use standpipe_service::watcher::Policy;
use standpipe_service::{Manager, ProcessManager};

use super::probe::{BackendContext, PipesAccept};
use super::services::Member;
use super::{Installed, PrepareError};
use crate::environment;

/// The services of a role, each with its manager; `backends` are those of the role's pipes.
pub(super) fn members(
    context: &BackendContext<'_>,
    installed: &Installed<'_>,
    backends: &[(String, Backend)],
) -> Result<Vec<Member>, PrepareError> {
    let member = |(index, service): (usize, &Service)| {
        let pipes = context.role.pipes.iter().zip(backends);
        let own = pipes.filter(|(pipe, _)| pipe.service == Some(index));
        let accept = PipesAccept(own.map(|(_, backend)| backend.clone()).collect());
        let manager: Box<dyn Manager> = match &service.command {
            Some(command) => Box::new(ProcessManager::new(spec(context, service, command), accept)),
            None => installed.manager(service, context.environment, accept)?,
        };
        Ok(Member {
            name: service.name.clone(),
            essential: service.essential,
            depends_on: service.depends_on.clone(),
            manager,
            policy: policy(service),
        })
    };
    context.role.services.iter().enumerate().map(member).collect()
}

fn spec(context: &BackendContext<'_>, service: &Service, command: &Command) -> ProcessSpec {
    ProcessSpec {
        name: service.name.clone(),
        command: environment::words(command),
        folder: context.folder.to_path_buf(),
        environment: context.environment.variables(&service.environment_from, &service.environment),
        withheld: context.environment.withheld_from(&service.passed_on),
        user: context.role.user.clone(),
        limited: false,
        may_gain_rights: false,
        orphaned: Orphaned::Kill,
        output: Output::Log,
        within: Some(context.tree.clone()),
    }
}

fn policy(service: &Service) -> Policy {
    Policy {
        check_interval: service.check_interval,
        start_timeout: service.start_timeout,
        start_cap: service.start_timeout_limit,
        stop_grace: service.stop_timeout,
        max_failures: NonZeroU32::new(service.max_failures).unwrap_or(NonZeroU32::MIN),
        ..Policy::default()
    }
}
