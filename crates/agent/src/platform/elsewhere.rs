//! Systems that have no Wine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use standpipe_process::{ProcessSpec, SpawnError};
use standpipe_service::Probe;
use standpipe_service::scm::ScmOptions;

use crate::host::state::Shared;
use crate::host::{AgentConnector, AgentManager, HostError, HostOptions};

/// An agent inside of Wine, which is never started here.
#[derive(Debug, Clone)]
pub struct Host(Arc<Shared>);

#[expect(clippy::unused_async, clippy::unused_self, reason = "the other platform has something to do")]
impl Host {
    /// An agent that is not started yet.
    pub fn new(_: HostOptions) -> Self {
        Self(Arc::new(Shared::new()))
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// Always.
    pub async fn start(&self) -> Result<(), HostError> {
        Err(HostError::Unsupported)
    }

    /// What starts, stops and queries a service inside of Wine.
    pub fn manager(&self, service: &str, options: ScmOptions, probe: impl Probe) -> AgentManager {
        AgentManager::new(service, options, Arc::clone(&self.0), probe)
    }

    /// What opens a pipe inside of Wine.
    pub fn connector(&self, pipe: &str, timeout: Duration) -> AgentConnector {
        AgentConnector::new(pipe, timeout, Arc::clone(&self.0))
    }

    /// How to run a Windows program inside of the prefix.
    ///
    /// # Errors
    /// Never.
    pub fn inside(&self, spec: ProcessSpec) -> Result<ProcessSpec, SpawnError> {
        Ok(spec)
    }

    /// Ends the agent and everything inside of Wine.
    pub async fn stop(&self) {}

    /// Ends everything inside of Wine without asking.
    pub async fn kill(&self) {}
}

/// The program of Wine, which there is none of here.
pub fn find_wine(_program: Option<&OsStr>, _folder: &Path) -> Option<PathBuf> {
    None
}
