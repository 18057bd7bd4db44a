//! Windows: folders are below the user's own local data, whose access list they inherit, and pipes are no
//! files.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use standpipe_deployment::{Recovery, Service, WhenPaused};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::ConnectFuture;
use standpipe_process::ProcessSpec;
use standpipe_service::scm::{self, ScmManager, ScmOptions};
use standpipe_service::{Manager, Probe};

/// Pipes are no files here.
pub(crate) fn is_socket(_: &Metadata) -> bool {
    false
}

/// New files inherit the access list of their folder.
pub(crate) fn private_file(_: &mut OpenOptions) {}

/// The service control manager runs services as other users, and no file here is for it.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn hand_over(_: &Path, _: (u32, u32)) -> io::Result<()> {
    Ok(())
}

/// Nothing was handed over.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn take_back(_: &Path) -> io::Result<()> {
    Ok(())
}

/// No other user has to pass.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn let_through(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Says that there are no commands for pipes yet.
pub(crate) fn serve_open(
    _: ProcessSpec,
    _: Mode,
    _: Duration,
    _: (String, String),
    _: impl Send + 'static,
) -> ConnectFuture {
    Box::pin(async {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there are no commands for pipes on Windows yet"))
    })
}

/// The manager of a service that the service control manager of this machine knows.
#[expect(clippy::unnecessary_wraps, reason = "other systems have no service control manager")]
pub(crate) fn installed_manager(service: &Service, accept: impl Probe) -> Option<Box<dyn Manager>> {
    let options = ScmOptions {
        recovery: match service.recovery {
            Recovery::Defer => scm::Recovery::Defer,
            Recovery::Refuse => scm::Recovery::Refuse,
        },
        when_paused: match service.when_paused {
            WhenPaused::Fail => scm::WhenPaused::Fail,
            WhenPaused::Continue => scm::WhenPaused::Continue,
        },
    };
    Some(Box::new(ScmManager::new(service.name.as_str(), options, accept)))
}
