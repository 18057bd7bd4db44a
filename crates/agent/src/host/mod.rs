//! The host: outside of Wine, it runs the agent and asks it for what must be done inside.

mod connector;
mod error;
pub(crate) mod event_log;
pub(crate) mod link;
mod manager;
mod options;
pub(crate) mod state;

#[cfg(test)]
mod tests;

pub use crate::platform::{Host, find_wine};
pub use connector::AgentConnector;
pub use error::{HostError, HostErrorKind};
pub use link::LinkError;
pub use manager::AgentManager;
pub use options::HostOptions;
