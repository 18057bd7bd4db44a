//! Platforms that have no process manager yet.

use std::convert::Infallible;
use std::ffi::OsStr;

use crate::error::SpawnError;
use crate::exit::Exit;
use crate::spec::ProcessSpec;
use crate::tail::Tail;

/// A process and everything it started. Nothing is started here, so it is always empty.
#[derive(Debug, Clone, Default)]
pub struct Tree(());

#[expect(clippy::unused_async, reason = "the other platform has something to do")]
impl Tree {
    /// A tree of its own, empty until something is started within it.
    pub fn new() -> Self {
        Self(())
    }

    /// Nothing is started here, so it is the same tree.
    #[must_use]
    pub fn taking_strays(self) -> Self {
        self
    }

    /// Asks every process of the tree to end.
    pub fn terminate(&self) {}

    /// Kills every process of the tree and waits until they are gone. Returns whether they are.
    pub async fn kill(&self) -> bool {
        true
    }

    /// Waits until no process of the tree is left.
    pub async fn gone(&self) {}
}

#[derive(Debug)]
pub(crate) struct Child(Infallible);

impl Child {
    pub(crate) fn pid(&self) -> u32 {
        match self.0 {}
    }

    pub(crate) fn tree(&self) -> &Tree {
        match self.0 {}
    }

    pub(crate) fn tail(&self) -> &Tail {
        match self.0 {}
    }

    pub(crate) fn terminate(&self) {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the other platform waits here")]
    pub(crate) async fn wait(&mut self) -> Exit {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "the other platform waits here")]
pub(crate) async fn spawn(_: &ProcessSpec) -> Result<Child, SpawnError> {
    Err(SpawnError::Unsupported { what: "running a service or a task as a process" })
}

#[cfg(unix)]
#[expect(clippy::unused_async, reason = "the other platform waits here")]
pub(crate) async fn spawn_on(
    _: &ProcessSpec,
    _: std::os::fd::OwnedFd,
    _: Option<std::os::fd::OwnedFd>,
) -> Result<Child, SpawnError> {
    Err(SpawnError::Unsupported { what: "running a command as a process" })
}

pub(crate) fn check(_: &ProcessSpec) -> Result<(), SpawnError> {
    Err(SpawnError::Unsupported { what: "running a service or a task as a process" })
}

pub(crate) fn user_ids(_: &str) -> Result<Option<(u32, u32)>, SpawnError> {
    Err(SpawnError::Unsupported { what: "running a service or a task as another user" })
}

#[expect(clippy::unused_async, reason = "the other platform waits here")]
pub(crate) async fn end_abandoned(_: &str, _: &OsStr) -> bool {
    true
}
