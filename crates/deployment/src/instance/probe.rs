//! Whether a service can be called: its process lives, and each of its pipes accepts.

use std::path::Path;

use standpipe_pipe::backend::Backend;
use standpipe_pipe::{Mode, PipeName};
use standpipe_service::{BoxFuture, NotReady, Probe};

use super::PrepareError;
use crate::definition::{self, Role};
use crate::file::PipeMode;

/// Where each of a role's pipes leads, when those of the instance itself are in the folder `pipes`.
pub(super) fn backends(role: &Role, pipes: &Path) -> Result<Vec<(String, Backend)>, PrepareError> {
    let backend = |pipe: &definition::Pipe| {
        let name = PipeName::new(pipe.name.as_str()).map_err(|source| PrepareError::PipeName {
            role: role.name.clone(),
            name: pipe.name.clone(),
            source,
        })?;
        let mode = match pipe.mode {
            Some(PipeMode::Byte) => Mode::Byte,
            Some(PipeMode::Message) | None => Mode::Message,
        };
        let backend = match &pipe.backend {
            definition::Backend::Instance => Backend::local(pipes, &name, mode),
            definition::Backend::UnixSocket(path) => Backend::unix(path, mode),
        };
        Ok((pipe.name.clone(), backend))
    };
    role.pipes.iter().map(backend).collect()
}

/// Usable when somebody listens at every pipe. Asking does not disturb the service.
pub(super) struct PipesAccept(pub(super) Vec<(String, Backend)>);

impl Probe for PipesAccept {
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async {
            for (name, backend) in &self.0 {
                if !backend.is_available().await {
                    return Err(NotReady::new(format!("nobody listens at its pipe `{name}`")));
                }
            }
            Ok(())
        })
    }
}
