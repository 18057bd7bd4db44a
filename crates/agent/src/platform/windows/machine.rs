//! Services and pipes of Windows.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use standpipe_pipe::PipeName;
use standpipe_pipe::backend::BackendError;
use standpipe_pipe::connection::PipeConnection;
use standpipe_pipe::native::NativePipe;
use standpipe_process::machine::{NO_PART_32, PART_32, is_32_bit};
use standpipe_service::scm::{ScmManager, ScmOptions};
use standpipe_service::{Alive, BoxFuture, Manager};

use super::environment;
use super::image_path::program_of;
use crate::inside::Machine;
use crate::wire::{Failure, FailureKind};

/// The system that this process runs in.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// The pipes that were opened, each with its queue of those who wait.
    pipes: Mutex<HashMap<String, NativePipe>>,
}

impl Windows {
    fn pipe(&self, name: &str) -> Result<NativePipe, Failure> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipes.get(name) {
            return Ok(pipe.clone());
        }
        let parsed: PipeName = name.parse().map_err(|error| Failure {
            kind: FailureKind::ForGood,
            code: 0,
            text: format!("{error}"),
        })?;
        Ok(pipes.entry(name.to_owned()).or_insert(NativePipe::new(&parsed)).clone())
    }
}

impl Machine for Windows {
    fn manager(&self, service: &str, options: ScmOptions) -> Arc<dyn Manager> {
        // Whether its pipes accept, the host asks by itself.
        Arc::new(ScmManager::new(service, options, Alive))
    }

    fn check_start(&self, service: &str) -> Result<(), Failure> {
        let Some(program) = program_of(service) else { return Ok(()) };
        let lacks_part =
            || std::env::var_os("SystemRoot").is_some_and(|root| !Path::new(&root).join(PART_32).exists());
        if is_32_bit(&program).unwrap_or(false) && lacks_part() {
            let text = format!(
                "cannot start the service `{service}`: Windows error 193 (not a program for this machine): `{}`: \
                 {NO_PART_32}",
                program.display()
            );
            return Err(Failure { kind: FailureKind::ForGood, code: 193, text });
        }
        Ok(())
    }

    fn open(&self, pipe: &str, timeout: Duration) -> BoxFuture<'static, Result<PipeConnection, Failure>> {
        let pipe = self.pipe(pipe);
        Box::pin(async move {
            let opened = pipe?.with_connect_timeout(timeout).open().await;
            opened.map_err(|error| failure_of(&error))
        })
    }

    fn is_available(&self, pipe: &str) -> BoxFuture<'static, bool> {
        let pipe = self.pipe(pipe);
        Box::pin(async move {
            match pipe {
                Ok(pipe) => pipe.is_available().await,
                Err(_) => false,
            }
        })
    }

    fn set_environment(&self, variables: &[(String, String)]) -> Result<bool, Failure> {
        environment::set(variables).map_err(|error| Failure {
            kind: FailureKind::ForGood,
            code: error.raw_os_error().map_or(0, i32::cast_unsigned),
            text: format!("the environment of services cannot be written into the registry: {error}"),
        })
    }
}

fn failure_of(error: &BackendError) -> Failure {
    let (kind, code) = match error {
        BackendError::NotListening { .. } => (FailureKind::NotFound, 2),
        BackendError::Busy { .. } => (FailureKind::Busy, 231),
        BackendError::TimedOut { .. } => (FailureKind::TimedOut, 121),
        BackendError::Io { source, .. } => {
            let code = source.raw_os_error().map_or(0, i32::cast_unsigned);
            match source.kind() {
                std::io::ErrorKind::PermissionDenied => (FailureKind::NotPermitted, code),
                _ => (FailureKind::ForNow, code),
            }
        }
        _ => (FailureKind::ForNow, 0),
    };
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    Failure { kind, code, text }
}
