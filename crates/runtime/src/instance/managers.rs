//! What starts and stops the services of an instance.

use std::num::NonZeroU32;

use standpipe_deployment::{Command, Role, Service, TaskKind};
use standpipe_pipe::backend::Backend;
use standpipe_process::{Orphaned, Output, ProcessSpec};
use standpipe_service::watcher::Policy;
use standpipe_service::{Manager, ProcessManager};

use super::backends::BackendContext;
use super::probe::ServiceProbe;
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
        let accept = ServiceProbe {
            pipes: own.map(|(_, backend)| backend.clone()).collect(),
            question: service.probe.question.clone(),
        };
        let manager: Box<dyn Manager> = match &service.command {
            Some(command) => {
                let manager = ProcessManager::new(spec(context, service, command), accept);
                // No pipe has a name with a colon.
                let socket = || context.environment.pipes.join(format!("notify:{index}"));
                Box::new(if service.notifies { manager.notifying_at(socket()) } else { manager })
            }
            None => installed.manager(service, context.environment, accept)?,
        };
        Ok(Member {
            name: service.name.clone(),
            essential: service.essential,
            depends_on: service.depends_on.clone(),
            manager,
            policy: policy(service),
            is_own_process: service.command.is_some(),
        })
    };
    context.role.services.iter().enumerate().map(member).collect()
}

fn spec(context: &BackendContext<'_>, service: &Service, command: &Command) -> ProcessSpec {
    ProcessSpec {
        name: service.name.clone(),
        command: environment::words(command),
        folder: service.folder.clone().unwrap_or_else(|| context.folder.to_path_buf()),
        environment: context.environment.variables(&service.environment_from, &service.environment),
        withheld: context.environment.withheld_from(&service.passed_on),
        user: context.role.user.clone(),
        limited: false,
        may_gain_rights: false,
        takes_strays: is_alone(context.role),
        orphaned: Orphaned::Kill,
        output: Output::Log,
        within: Some(context.tree.clone()),
    }
}

/// Whether everything that runs beside Standpipe in the instance is of its only service.
fn is_alone(role: &Role) -> bool {
    let has_commands =
        role.pipes.iter().any(|pipe| matches!(pipe.backend, standpipe_deployment::Backend::Command(_)));
    let has_tasks = role.startup.iter().any(|task| task.kind != TaskKind::Simple);
    role.services.len() == 1 && role.wine.is_none() && !has_commands && !has_tasks
}

fn policy(service: &Service) -> Policy {
    Policy {
        check_interval: service.check_interval,
        start_timeout: service.start_timeout,
        start_cap: service.start_timeout_limit,
        stop_grace: service.stop_timeout,
        stop_cap: service.stop_timeout_limit,
        hung_after: NonZeroU32::new(service.probe.misses).unwrap_or(NonZeroU32::MIN),
        max_failures: NonZeroU32::new(service.max_failures).unwrap_or(NonZeroU32::MIN),
        ..Policy::default()
    }
}
