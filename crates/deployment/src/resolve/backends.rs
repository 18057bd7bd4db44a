//! Where a pipe leads: its backend, and whether that fits the other keys.

use std::time::Duration;

use super::{Resolver, variables};
use crate::definition::{Backend, PipeCommand};
use crate::file::parsed;
use crate::file::{Field, PipeMode, Problem, Text};

/// How long a command may go on once its client is gone, unless the file says otherwise.
const COMMAND_STOP_TIMEOUT: Duration = Duration::from_secs(5);

const KINDS: &str = "leave it out for the socket that the service offers through Standpipe's listener, or write \
                     backend = \"unix:PATH\", \"tcp://127.0.0.1:PORT\" or \"dotnet\"; a command for each open is \
                     command = [\"program\"]";

impl Resolver<'_> {
    /// Whether the pipe is one of Windows, which has a descriptor and a mode of its own.
    pub(super) fn is_native(&self, pipe: &parsed::Pipe, in_wine: bool) -> bool {
        pipe.command.is_absent() && (self.for_windows() || (in_wine && pipe.backend.is_absent()))
    }

    /// Where the pipe leads, and what it carries then.
    pub(super) fn backend(&mut self, pipe: &parsed::Pipe, in_wine: bool) -> (Backend, Option<PipeMode>) {
        let backend = match (&pipe.backend, &pipe.command) {
            (Field::Given(text), Field::Given(words)) => {
                let name = pipe.name.get_ref();
                let problem = Problem::at(text.span(), format!("pipe `{name}` has two backends"));
                let problem = match words.first() {
                    Some(program) => problem.also(program.span(), "the other one"),
                    None => problem,
                };
                self.report(problem.hint("keep either `backend` or `command`"));
                None
            }
            (_, Field::Given(words)) => self.pipe_command(pipe, words),
            (Field::Given(text), _) => self.named_backend(text, pipe.name.get_ref()),
            _ => None,
        };
        let is_native = self.is_native(pipe, in_wine);
        let backend = backend.unwrap_or(if is_native && in_wine { Backend::Wine } else { Backend::Instance });
        self.check_keys(pipe);
        let bytes_only = matches!(backend, Backend::Tcp { .. } | Backend::Dotnet(_));
        let mode = match pipe.mode.as_given() {
            Some(PipeMode::Message) if bytes_only => {
                let (what, hint) = match backend {
                    Backend::Tcp { .. } => ("a TCP port has no messages", "write mode = \"byte\""),
                    _ => (
                        "on Unix, a .NET pipe has no messages",
                        "write mode = \"byte\"; .NET refuses PipeTransmissionMode.Message there",
                    ),
                };
                let at = pipe.backend.as_given().map_or_else(|| pipe.name.span(), Text::span);
                self.report(Problem::at(at, what).label("cannot carry what `mode` says").hint(hint));
                Some(PipeMode::Byte)
            }
            Some(mode) => Some(*mode),
            None if bytes_only => Some(PipeMode::Byte),
            None if !is_native => Some(PipeMode::Message),
            None => None,
        };
        (backend, mode)
    }

    fn pipe_command(&mut self, pipe: &parsed::Pipe, words: &[Text]) -> Option<Backend> {
        let command = self.command(words)?;
        Some(Backend::Command(PipeCommand {
            command,
            environment: variables(pipe.environment.clone()),
            stop_timeout: *pipe.stop_timeout.as_given().unwrap_or(&COMMAND_STOP_TIMEOUT),
        }))
    }

    /// Keys that mean nothing with the backend that is there.
    fn check_keys(&mut self, pipe: &parsed::Pipe) {
        let name = pipe.name.get_ref();
        let at = pipe.name.span();
        if pipe.command.is_absent() {
            if !pipe.stop_timeout.is_absent() || !pipe.environment.is_empty() {
                self.report(
                    Problem::at(
                        at,
                        format!("pipe `{name}` has no `command` to stop or to give variables to"),
                    )
                    .hint("take `stop-timeout` and `environment` out, or add command = [\"program\"]"),
                );
            }
            return;
        }
        if pipe.caller.as_given() == Some(&true) {
            self.report(
                Problem::at(at.clone(), format!("the command of pipe `{name}` is told its caller anyway"))
                    .hint(
                        "take `caller` out: it is in the variables STANDPIPE_CALLER_NAME, _SID and _ADDRESS",
                    ),
            );
        }
        if !pipe.connect_timeout.is_absent() {
            self.report(
                Problem::at(at, format!("the command of pipe `{name}` is started, not connected to"))
                    .hint("take `connect-timeout` out"),
            );
        }
    }

    fn named_backend(&mut self, text: &Text, pipe: &str) -> Option<Backend> {
        let named = text.as_str();
        let backend = if let Some(path) = named.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            self.unix_socket(text, path)
        } else if let Some(address) = named.strip_prefix("tcp://") {
            self.tcp_port(text, address)
        } else if named == "dotnet" {
            self.dotnet(text, pipe)
        } else if let Some(name) = named.strip_prefix("dotnet:") {
            self.dotnet(text, name)
        } else {
            self.report(
                Problem::at(text.span(), "`backend` must be `unix:PATH`, `tcp://HOST:PORT` or `dotnet`")
                    .label("not a backend")
                    .hint(KINDS),
            );
            return None;
        };
        if self.for_windows() && backend.is_some() {
            self.report(
                Problem::at(text.span(), "only native pipes are a backend on Windows")
                    .hint("leave `backend` out: the native pipe of the same name is used"),
            );
            return None;
        }
        backend
    }

    fn unix_socket(&mut self, text: &Text, path: &str) -> Option<Backend> {
        let path = self.path(path);
        let longest = self.machine.system.longest_socket_path();
        if path.as_os_str().len() > longest || path.as_os_str().as_encoded_bytes().contains(&0) {
            self.report(
                Problem::at(text.span(), "the path of `backend` cannot be that of a Unix socket")
                    .label(format!("{} bytes", path.as_os_str().len()))
                    .hint(format!("use a shorter path: {longest} bytes at most, from the root")),
            );
            return None;
        }
        Some(Backend::UnixSocket(path))
    }

    fn tcp_port(&mut self, text: &Text, address: &str) -> Option<Backend> {
        let parts = address.rsplit_once(':').and_then(|(host, port)| {
            let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
                Some(inner) => inner.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
                None => host.to_owned(),
            };
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            let is_host = !host.is_empty() && (host.contains(':') || host.chars().all(fits));
            let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
            is_host.then_some((host, port))
        });
        let Some((host, port)) = parts else {
            self.report(
                Problem::at(text.span(), "`backend` is not a TCP port")
                    .label("expected tcp://HOST:PORT")
                    .hint("write it as in backend = \"tcp://127.0.0.1:9000\" or \"tcp://[::1]:9000\""),
            );
            return None;
        };
        Some(Backend::Tcp { host, port })
    }

    /// `name` is .NET's name of the pipe, or an absolute path, which .NET takes as it is.
    fn dotnet(&mut self, text: &Text, name: &str) -> Option<Backend> {
        let is_name = !name.is_empty() && !name.contains(['/', '\0']);
        let longest = self.machine.system.longest_socket_path();
        let is_path = name.starts_with('/') && !name.contains('\0') && name.len() <= longest;
        if !is_name && !is_path {
            self.report(
                Problem::at(text.span(), "`backend` names no .NET pipe")
                    .label("neither a name nor an absolute path")
                    .hint("write \"dotnet\" for the pipe's own name, \"dotnet:NAME\" or \"dotnet:/PATH\""),
            );
            return None;
        }
        Some(Backend::Dotnet(name.to_owned()))
    }
}
