//! Platforms that have no process manager yet.

use std::convert::Infallible;
use std::ffi::OsStr;

use super::{ProcessSpec, Tail};
use crate::manager::StartError;
use crate::state::Exit;

/// A process and everything it started. Nothing is started here, so it is always empty.
#[derive(Debug, Clone, Default)]
pub struct Tree(());

#[expect(clippy::unused_async, reason = "the other platform has something to do")]
impl Tree {
    /// A tree of its own, empty until something is started within it.
    pub fn new() -> Self {
        Self(())
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
pub(super) struct Child(Infallible);

impl Child {
    pub(super) fn pid(&self) -> u32 {
        match self.0 {}
    }

    pub(super) fn tree(&self) -> &Tree {
        match self.0 {}
    }

    pub(super) fn tail(&self) -> &Tail {
        match self.0 {}
    }

    pub(super) fn terminate(&self) {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the other platform waits here")]
    pub(super) async fn wait(&mut self) -> Exit {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "the other platform waits here")]
pub(super) async fn spawn(_: &ProcessSpec) -> Result<Child, StartError> {
    Err(StartError::Unsupported { what: "running a service or a task as a process" })
}

#[cfg(unix)]
#[expect(clippy::unused_async, reason = "the other platform waits here")]
pub(super) async fn spawn_on(_: &ProcessSpec, _: std::os::fd::OwnedFd) -> Result<Child, StartError> {
    Err(StartError::Unsupported { what: "running a command as a process" })
}

pub(super) fn check(_: &ProcessSpec) -> Result<(), StartError> {
    Err(StartError::Unsupported { what: "running a service or a task as a process" })
}

pub(super) fn user_ids(_: &str) -> Result<Option<(u32, u32)>, StartError> {
    Err(StartError::Unsupported { what: "running a service or a task as another user" })
}

#[expect(clippy::unused_async, reason = "the other platform waits here")]
pub(super) async fn end_abandoned(_: &str, _: &OsStr) -> bool {
    true
}
