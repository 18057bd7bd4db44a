//! Windows: a service of the service control manager, or a program at a console.

mod event_log;
mod installation;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use tokio::sync::Notify;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::{define_windows_service, service_dispatcher};

use crate::{Arguments, listen, run_as_program, serve_until};

/// The name of the service.
pub(super) const NAME: &str = "SimpleService";

/// The error of the dispatcher in a program that the service control manager did not start.
const NOT_A_SERVICE: i32 = 1063;
/// The code of its own that the service ends with when it cannot offer its pipe.
const NO_PIPE: u32 = 1;
/// The code of its own that the service ends with when the system gives it no threads.
const NO_THREADS: u32 = 2;
/// How long one step of the start takes at the most.
const START_HINT: Duration = Duration::from_secs(3);
/// How long the answers under way may take at a stop.
const STOP_HINT: Duration = Duration::from_secs(10);

define_windows_service!(service_entry, service_main);

/// Starts the service, or does what else the arguments say.
pub(crate) fn start(arguments: &Arguments) -> ExitCode {
    if arguments.install {
        return installation::report(installation::install(arguments), "install");
    }
    if arguments.remove {
        return installation::report(installation::remove(), "remove");
    }
    if arguments.debug {
        return run_as_program(arguments);
    }
    match service_dispatcher::start(NAME, service_entry) {
        Ok(()) => ExitCode::SUCCESS,
        // A plain program then, as one of Standpipe's own processes is.
        Err(windows_service::Error::Winapi(error)) if error.raw_os_error() == Some(NOT_A_SERVICE) => {
            run_as_program(arguments)
        }
        Err(error) => {
            eprintln!("simple-service: cannot become a service: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns when the program is asked to stop.
pub(crate) async fn asked_to_stop() -> io::Result<()> {
    let mut interrupt = tokio::signal::windows::ctrl_break()?;
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        interrupt = tokio::signal::ctrl_c() => interrupt,
    }
}

/// The service's life, in a thread of the dispatcher.
fn service_main(_: Vec<OsString>) {
    let stop = Arc::new(Notify::new());
    let states = States::default();
    let (handler_stop, handler_states) = (Arc::clone(&stop), states.clone());
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            handler_states.report(ServiceState::StopPending, STOP_HINT);
            handler_stop.notify_one();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    match service_control_handler::register(NAME, handler) {
        Ok(handle) => states.begin(handle),
        Err(error) => return event_log::error(&format!("no controls can be received: {error}")),
    }
    states.report(ServiceState::StartPending, START_HINT);
    let exit = live(&states, &stop);
    states.end(exit);
}

/// Offers the pipe and serves it until the stop.
fn live(states: &States, stop: &Notify) -> ServiceExitCode {
    // The arguments of the process, which the installation has set; those of the start are others.
    let arguments = Arguments::parse_from(crate::arguments());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            event_log::error(&format!("cannot start threads: {error}"));
            return ServiceExitCode::ServiceSpecific(NO_THREADS);
        }
    };
    states.report(ServiceState::StartPending, START_HINT);
    runtime.block_on(async {
        let listener = match listen(&arguments.pipe).await {
            Ok(listener) => listener,
            Err(error) => {
                event_log::error(&format!("cannot offer the pipe {}: {error}", arguments.pipe));
                return ServiceExitCode::ServiceSpecific(NO_PIPE);
            }
        };
        states.report(ServiceState::Running, Duration::ZERO);
        event_log::information(&format!("started: listening on {}", listener.path().display()));
        serve_until(&listener, stop.notified(), STOP_HINT).await;
        event_log::information("stopped");
        ServiceExitCode::NO_ERROR
    })
}

/// What the service control manager hears of the service's state.
#[derive(Clone, Default)]
struct States {
    inner: Arc<Mutex<Reported>>,
}

#[derive(Default)]
struct Reported {
    handle: Option<ServiceStatusHandle>,
    state: Option<ServiceState>,
    checkpoint: u32,
}

impl States {
    fn begin(&self, handle: ServiceStatusHandle) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).handle = Some(handle);
    }

    /// Reports a state. The same pending state again is its next checkpoint.
    fn report(&self, state: ServiceState, wait_hint: Duration) {
        self.send(state, wait_hint, ServiceExitCode::NO_ERROR);
    }

    fn end(&self, exit: ServiceExitCode) {
        self.send(ServiceState::Stopped, Duration::ZERO, exit);
    }

    fn send(&self, state: ServiceState, wait_hint: Duration, exit_code: ServiceExitCode) {
        let mut reported = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the end follows a stop that is under way.
        if reported.state == Some(ServiceState::StopPending) && state == ServiceState::Running {
            return;
        }
        let is_pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
        reported.checkpoint = match (is_pending, reported.state == Some(state)) {
            (true, true) => reported.checkpoint + 1,
            (true, false) => 1,
            (false, _) => 0,
        };
        reported.state = Some(state);
        let controls_accepted = match state {
            ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
            _ => ServiceControlAccept::empty(),
        };
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted,
            exit_code,
            checkpoint: reported.checkpoint,
            wait_hint,
            process_id: None,
        };
        // Nobody is left to hear that the service control manager does not listen.
        if let Some(handle) = reported.handle {
            let _ = handle.set_service_status(status);
        }
    }
}
