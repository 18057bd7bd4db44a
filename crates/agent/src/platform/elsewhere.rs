//! Systems that have no Wine.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use standpipe_process::ProcessSpec;
use standpipe_service::Probe;

use crate::host::{AgentConnector, AgentManager, HostError, HostOptions};

/// An agent inside of Wine; there is none here.
#[derive(Debug, Clone)]
pub struct Host(Arc<Infallible>);

impl Host {
    /// Starts the agent.
    ///
    /// # Errors
    /// Always.
    #[expect(clippy::unused_async, reason = "the other platform has something to do")]
    pub async fn start(_: HostOptions) -> Result<Self, HostError> {
        Err(HostError::Unsupported)
    }

    /// What starts, stops and queries a service inside of Wine.
    pub fn manager(&self, _: &str, _: impl Probe) -> AgentManager {
        match *self.0 {}
    }

    /// What opens a pipe inside of Wine.
    pub fn connector(&self, _: &str, _: Duration) -> AgentConnector {
        match *self.0 {}
    }

    /// How to run a Windows program inside of the prefix.
    pub fn inside(&self, _: &ProcessSpec) -> ProcessSpec {
        match *self.0 {}
    }

    /// Ends the agent and everything inside of Wine.
    pub async fn stop(&self) {
        match *self.0 {}
    }

    /// Ends everything inside of Wine without asking.
    pub async fn kill(&self) {
        match *self.0 {}
    }
}
