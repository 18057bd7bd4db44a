//! How a command ends: the one map from what went wrong to an exit code, and the text that goes with it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::panic::PanicHookInfo;

use standpipe_accounts::AccountFileError;
use standpipe_client::ClientError;
use standpipe_deployment::{PasswordError, Problem, Problems};
use standpipe_pipe::listener::ListenError;
pub(crate) use standpipe_runtime::ExitCode as Exit;
use standpipe_runtime::instance::{Outcome, PrepareError};
use standpipe_runtime::state::StateError;
use standpipe_server::BindError;
use standpipe_service::scm::ScmError;
use standpipe_service::watcher::Refusal;
use standpipe_system::foreign::{in_lines, in_one_line};
use tracing::error;

use crate::logging::{LogQueue, Stream};

/// The exit code for a call that failed with this error.
pub(crate) fn exit_of_client_error(error: &ClientError) -> Exit {
    match error {
        ClientError::LogOnFailed { .. } | ClientError::AccessDenied { .. } => Exit::NotPermitted,
        ClientError::Unreachable { .. }
        | ClientError::ConnectTimeout { .. }
        | ClientError::PipeBusy { .. }
        | ClientError::ReplyTimeout { .. }
        | ClientError::Disconnected { .. } => Exit::Temporary,
        ClientError::RequestTooLong { .. } => Exit::Usage,
        _ => Exit::Unavailable,
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Mistakes with their lines.
    Problems(Box<Problems>),
    /// An error with its causes, and what to do.
    Error { error: Box<dyn Error + Send + Sync>, hint: Option<String> },
    /// Nothing to say: the reader of our output has gone.
    Silence,
}

impl Failure {
    /// A failure with its exit code.
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, what: What::Error { error: error.into(), hint: None } }
    }

    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let What::Error { hint, .. } = &mut self.what {
            *hint = Some(text.into());
        }
        self
    }

    /// What to do about it, when that can be said.
    #[must_use]
    pub(crate) fn maybe_hint(self, text: Option<impl Into<String>>) -> Self {
        match text {
            Some(text) => self.hint(text),
            None => self,
        }
    }

    /// How an instance with the service `name` ended, as a result: only when somebody asked is it no failure.
    pub(crate) fn of_outcome(outcome: &Outcome) -> Result<Exit, Self> {
        match outcome.exit_code() {
            Exit::Ok => Ok(Exit::Ok),
            exit => Err(Self::new(exit, outcome.to_string()).maybe_hint(outcome.hint())),
        }
    }

    /// Mistakes in what was written, with an exit code that says where it was written.
    pub(crate) fn problems(exit: Exit, problems: Problems) -> Self {
        Self { exit, what: What::Problems(Box::new(problems)) }
    }

    /// Our output could not be written. A reader that has gone has what it wanted.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Ok, what: What::Silence };
        }
        Self::new(Exit::Temporary, Caused { what: "could not write the output".into(), source: error.into() })
    }

    /// The system does not let us hear that we should stop.
    pub(crate) fn signals(error: io::Error) -> Self {
        Self::new(
            Exit::Temporary,
            Caused { what: "could not listen for signals".into(), source: error.into() },
        )
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong, with its causes.
    pub(crate) fn in_one_line(&self) -> String {
        match &self.what {
            What::Silence => String::new(),
            What::Problems(problems) => problems.iter().map(Problem::message).collect::<Vec<_>>().join("; "),
            What::Error { error, .. } => {
                let mut text = error.to_string();
                let mut cause = error.source();
                while let Some(error) = cause {
                    let _ = write!(text, ": {error}");
                    cause = error.source();
                }
                text
            }
        }
    }

    /// Writes it as a log line, where every line has to be one.
    pub(crate) fn log(&self) {
        let exit_code = self.exit.number();
        match &self.what {
            What::Silence => {}
            What::Problems(problems) => {
                let file = problems.path().display();
                for problem in problems.iter() {
                    let (line, hint) = (problems.line_of(problem), problem.remedy());
                    error!(exit_code, %file, line, hint, "{}", problem.message());
                }
            }
            What::Error { hint, .. } => error!(exit_code, hint, "{}", self.in_one_line()),
        }
    }

    /// The text for stderr.
    pub(crate) fn render(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
        };
        let error_word = paint("1;31", "error");
        let mut text = String::new();
        match &self.what {
            What::Silence => {}
            What::Problems(problems) => {
                let _ = writeln!(text, "{}", but_colours(&problems.render(colour)));
                let count = problems.count();
                if count > 1 {
                    let path = problems.path().display().to_string();
                    let _ = writeln!(text, "\n{error_word}: {count} problems in {}", in_one_line(&path));
                }
            }
            What::Error { error, hint } => {
                let _ = writeln!(text, "{error_word}: {}", in_one_line(&error.to_string()));
                let mut cause = error.source();
                while let Some(error) = cause {
                    let _ = writeln!(text, "  caused by: {}", in_one_line(&error.to_string()));
                    cause = error.source();
                }
                if let Some(hint) = hint {
                    let _ = writeln!(text, "{}: {}", paint("1;36", "hint"), in_lines(hint));
                }
            }
        }
        text
    }
}

/// A text in its lines in which only colours are obeyed: those of whoever rendered it, who shows escapes of
/// others as pictures.
fn but_colours(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    shown.push_str(&in_lines(parts.next().unwrap_or_default()));
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(part.len());
        let is_colour = part.get(end..).is_some_and(|rest| rest.starts_with('m'));
        shown.push_str(if is_colour { "\u{1b}[" } else { "\\u{1b}[" });
        shown.push_str(&in_lines(part));
    }
    shown
}

/// What failed, and why.
#[derive(Debug)]
pub(crate) struct Caused {
    pub(crate) what: Cow<'static, str>,
    pub(crate) source: Box<dyn Error + Send + Sync>,
}

impl std::fmt::Display for Caused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let exit = if problems.are_temporary() { Exit::Temporary } else { Exit::Config };
        Self::problems(exit, problems.hint_if_missing("give its path with `-f PATH`"))
    }
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        let exit = match error {
            PasswordError::Exposed { .. } | PasswordError::ForeignOwner { .. } => Exit::NotPermitted,
            _ => Exit::Config,
        };
        let hint = error.hint();
        Self::new(exit, error).hint(hint)
    }
}

impl From<AccountFileError> for Failure {
    fn from(error: AccountFileError) -> Self {
        let exit = match &error {
            AccountFileError::Exposed { .. }
            | AccountFileError::OpenTo { .. }
            | AccountFileError::ForeignOwner { .. } => Exit::NotPermitted,
            AccountFileError::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::NotPermitted,
                io::ErrorKind::NotFound => Exit::Config,
                _ => Exit::Temporary,
            },
            AccountFileError::Random(_) => Exit::Temporary,
            AccountFileError::Name(_) | AccountFileError::NameTooLong { .. } => Exit::Usage,
            _ => Exit::Config,
        };
        let hint = error.hint();
        Self::new(exit, error).maybe_hint(hint)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let (exit, hint) = (error.exit_code(), hint_of_state(&error));
        Self::new(exit, error).maybe_hint(hint)
    }
}

/// What to do about it, with the option that names another folder.
fn hint_of_state(error: &StateError) -> Option<&'static str> {
    match error {
        StateError::Running { .. } => {
            Some("`standpipe down` stops it; or keep this one elsewhere with --state-dir")
        }
        StateError::Untrusted { .. } => {
            Some("name a folder with --state-dir that is this user's alone, or that is not there yet")
        }
        StateError::Foreign { .. } => {
            Some("name an empty folder with --state-dir, or one that is not there yet")
        }
        StateError::SocketPath { .. } => Some("choose a shorter --state-dir"),
        StateError::Io { .. } => None,
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        let hint = match &error {
            PrepareError::State(error) => hint_of_state(error),
            other => other.hint(),
        };
        Self::new(error.exit_code(), error).maybe_hint(hint)
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        let exit = exit_of_socket(&error.source);
        let hint = error.hint();
        Self::new(exit, error).maybe_hint(hint)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let (exit, hint) = (exit_of_client_error(&error), client_hint(&error));
        Self::new(exit, error).maybe_hint(hint)
    }
}

/// The hint of the error; one that asks for encryption names the option for it.
pub(crate) fn client_hint(error: &ClientError) -> Option<String> {
    let hint = error.hint()?;
    let option = match error {
        ClientError::NoMessages { .. } => " (--mode byte)",
        ClientError::ReplyTimeout { .. } => " (--until quiet, --until message, --timeout)",
        _ if hint.ends_with("let the client encrypt") => " (--encrypt)",
        _ => "",
    };
    Some(format!("{hint}{option}"))
}

impl From<ListenError> for Failure {
    fn from(error: ListenError) -> Self {
        let exit = match &error {
            ListenError::Name(_) => Exit::Usage,
            ListenError::InUse { .. } => Exit::Temporary,
            ListenError::Io { source, .. } | ListenError::Directory { source, .. } => exit_of_socket(source),
            _ => Exit::Config,
        };
        let hint = error.hint();
        Self::new(exit, error).maybe_hint(hint)
    }
}

/// The exit code for an address that cannot be listened on: another program may be about to leave it, and the
/// system may soon have what it lacks. Other errors stay until a person changes something.
pub(crate) fn exit_of_socket(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::NotPermitted,
        io::ErrorKind::AddrInUse => Exit::Temporary,
        _ if standpipe_system::machine::is_exhausted(error) => Exit::Temporary,
        _ => Exit::Config,
    }
}

/// Writes to stderr without the queue of the log, for when there is none.
pub(crate) fn say_at_once(text: std::fmt::Arguments<'_>) {
    // There is nowhere to say that stderr is gone.
    let _ = io::Write::write_fmt(&mut io::stderr().lock(), format_args!("{text}\n"));
}

impl From<ScmError> for Failure {
    fn from(error: ScmError) -> Self {
        let exit = match (&error, error.refusal()) {
            (ScmError::Unsupported, _) => Exit::Usage,
            (_, Refusal::NotPermitted) => Exit::NotPermitted,
            (_, Refusal::ForGood) => Exit::Config,
            (_, Refusal::ForNow) if error.is_fault_of_service() => Exit::Unavailable,
            (_, Refusal::ForNow) => Exit::Temporary,
        };
        let hint = match error {
            ScmError::Unsupported => Some(NO_SCM.to_owned()),
            _ => error.hint(),
        };
        Self::new(exit, error).maybe_hint(hint)
    }
}

/// What to do on a system that is not Windows.
const NO_SCM: &str = "this command is for Windows; inside Wine, run the program for Windows: `wine standpipe.exe \
                      service …`, or `command = [\"./standpipe.exe\", \"service\", …]` in a startup task of a role with \
                      `wine`";

/// The panic hook: says that it is our bug, not the user's.
pub(crate) fn report_bug(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    let report = format!(
        "error: internal error{place}: {message}\nhint: this is a bug in standpipe {}; please report it with this \
         message",
        env!("CARGO_PKG_VERSION")
    );
    match LogQueue::of_process() {
        Ok(queue) => queue.push(Stream::Err, format!("{report}\n").into_bytes()),
        Err(_) => say_at_once(format_args!("{report}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_and_hints_have_lines_of_their_own() {
        let error = Caused { what: "outer".into(), source: "inner".into() };
        let failure = Failure::new(Exit::Config, error).hint("do this");
        assert_eq!(failure.render(false), "error: outer\n  caused by: inner\nhint: do this\n");
        assert!(failure.render(true).contains('\u{1b}'));
    }

    #[test]
    fn no_name_in_an_error_reaches_the_terminal_as_more_than_its_number() {
        let error = Caused { what: "a\u{1b}[2Jb\nhint: c".into(), source: "d\u{202e}\u{2028}e".into() };
        let failure = Failure::new(Exit::Config, error).hint("do\u{9b}this");
        let rendered = failure.render(false);
        assert_eq!(
            rendered,
            "error: a\\u{1b}[2Jb\\nhint: c\n  caused by: d\\u{202e}\\u{2028}e\nhint: do\\u{9b}this\n"
        );
        assert_eq!(
            but_colours("\u{1b}[1;31ma\u{1b}[0m\u{1b}[2Jb\u{9d}"),
            "\u{1b}[1;31ma\u{1b}[0m\\u{1b}[2Jb\\u{9d}"
        );
    }

    #[test]
    fn an_error_of_the_service_control_manager_has_the_exit_code_of_its_meaning() {
        use standpipe_service::scm::WindowsCode;
        let exit = |what, code| {
            let code = WindowsCode(code);
            Failure::from(ScmError::Refused { what, name: "a".into(), code }).exit()
        };
        assert_eq!(exit("start", 5), Exit::NotPermitted);
        for code in [2, 3, 193, 1058, 1060, 1069] {
            assert_eq!(exit("start", code), Exit::Config, "{code}");
        }
        for code in [1053, 1066, 1067, 1068, 1070] {
            assert_eq!(exit("start", code), Exit::Unavailable, "{code}");
        }
        for code in [8, 1055, 1115, 1722, 999_999] {
            assert_eq!(exit("start", code), Exit::Temporary, "{code}");
        }
        // A control that is not answered says nothing of whether the service could run.
        assert_eq!(exit("stop", 1053), Exit::Temporary);
        assert_eq!(Failure::from(ScmError::Unsupported).exit(), Exit::Usage);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let failure = Failure::output(io::ErrorKind::BrokenPipe.into());
        assert_eq!((failure.exit(), failure.render(false).as_str()), (Exit::Ok, ""));
    }
}
