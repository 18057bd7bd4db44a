//! The status of a service and how it is managed, as frames carry them.

use std::time::Duration;

use standpipe_service::scm::{Recovery, ScmOptions, WhenPaused};
use standpipe_service::{Exit, State, Status};

use super::fields::{Malformed, Part, Reader, Writer};

/// How a service ended: by a code, by a signal, by an error of Windows, by a code of its own, or nobody
/// knows.
const BY_CODE: u8 = 0;
const BY_SIGNAL: u8 = 1;
const UNKNOWN: u8 = 2;
const BY_WINDOWS_ERROR: u8 = 3;
const BY_SERVICE_CODE: u8 = 4;

pub(super) fn write(status: &Status, to: &mut Writer<'_>) {
    let hint = u64::try_from(status.wait_hint.as_millis()).unwrap_or(u64::MAX);
    to.u32(status.state.code())
        .maybe(status.pid, |to, pid| {
            to.u32(pid);
        })
        .u32(status.checkpoint)
        .u64(hint)
        .maybe(status.exit, |to, exit| {
            match exit {
                Exit::Code(code) => to.u8(BY_CODE).i32(code),
                Exit::Signal(number) => to.u8(BY_SIGNAL).i32(number),
                Exit::WindowsError(code) => to.u8(BY_WINDOWS_ERROR).u32(code),
                Exit::ServiceCode(code) => to.u8(BY_SERVICE_CODE).u32(code),
                Exit::Unknown => to.u8(UNKNOWN),
            };
        })
        .maybe(status.detail.as_deref(), |to, detail| {
            to.text(detail);
        });
}

pub(super) fn read(from: &mut Reader<'_>) -> Result<Status, Malformed> {
    Ok(Status {
        state: State::from_code(from.u32("state")?).ok_or(Malformed(Part::Choice("state")))?,
        pid: from.maybe("pid", |from| from.u32("pid"))?,
        checkpoint: from.u32("checkpoint")?,
        wait_hint: Duration::from_millis(from.u64("wait hint")?),
        exit: from.maybe("exit", |from| {
            Ok(match from.u8("exit")? {
                BY_CODE => Exit::Code(from.i32("exit code")?),
                BY_SIGNAL => Exit::Signal(from.i32("signal")?),
                BY_WINDOWS_ERROR => Exit::WindowsError(from.u32("error of Windows")?),
                BY_SERVICE_CODE => Exit::ServiceCode(from.u32("code of the service")?),
                UNKNOWN => Exit::Unknown,
                _ => return Err(Malformed(Part::Choice("exit"))),
            })
        })?,
        detail: from.maybe("detail", |from| from.text("detail"))?,
    })
}

pub(super) fn write_options(options: ScmOptions, to: &mut Writer<'_>) {
    to.flag(options.recovery == Recovery::Refuse).flag(options.when_paused == WhenPaused::Continue);
}

pub(super) fn read_options(from: &mut Reader<'_>) -> Result<ScmOptions, Malformed> {
    Ok(ScmOptions {
        recovery: if from.flag("recovery")? { Recovery::Refuse } else { Recovery::Defer },
        when_paused: if from.flag("when paused")? { WhenPaused::Continue } else { WhenPaused::Fail },
    })
}
