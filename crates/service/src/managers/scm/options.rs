//! How a service of Windows is managed.

use super::recovery::Recovery;

/// What is done about a service that somebody has paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenPaused {
    /// A paused service counts as failed.
    #[default]
    Fail,
    /// It is asked to continue.
    Continue,
}

/// How a service of Windows is managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScmOptions {
    /// What is done about a service that the service control manager restarts by itself.
    pub recovery: Recovery,
    /// What is done about a service that somebody has paused.
    pub when_paused: WhenPaused,
}
