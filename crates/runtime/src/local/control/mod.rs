//! How other commands speak to a running `standpipe up`: over a socket in the deployment's state folder, in
//! lines of JSON.
//!
//! A connection carries one request, which is one line, and the replies to it, each a line: any number of
//! `progress`, and one `done` or `failed` at the end.
//!
//! ```text
//! > {"version": 1, "ask": "scale", "roles": {"ServiceWatcher": 4}, "ready-timeout-s": 300}
//! < {"reply": "progress", "text": "starting ServiceWatcher/2 and ServiceWatcher/3"}
//! < {"reply": "done", "text": "ServiceWatcher has 4 instances"}
//! ```
//!
//! The socket is its user's alone: the folder and the socket are private, and the kernel says who connects.
//! Lines, connections and the time for a request are limited. A request goes on when the one who asked has
//! gone.

mod client;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::exit_code::ExitCode;

pub use client::{ControlError, ask};
pub(super) use server::{Asked, Back, Server};

/// The version of the protocol.
const VERSION: u32 = 1;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How many may ask at once.
const MOST_CONNECTIONS: usize = 32;

/// The name of the socket in the state folder.
pub(crate) const SOCKET: &str = "control";

/// One request as a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    version: u32,
    #[serde(flatten)]
    ask: Ask,
}

/// What a running deployment can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Ask {
    /// Run so many instances of these roles.
    Scale {
        /// The number of instances of each role.
        roles: BTreeMap<String, u32>,
        /// How many seconds a new instance may take to be ready.
        ready_timeout_s: u64,
    },
    /// Start instances again, one update domain after the other.
    Restart {
        /// The role; all roles without it.
        role: Option<String>,
        /// The number of one instance; all of the role without it.
        instance: Option<u32>,
        /// How many seconds a new instance may take to be ready.
        ready_timeout_s: u64,
    },
    /// Read the deployment file again, and start instances again, one update domain after the other.
    Update {
        /// The roles; all of them when there is none.
        roles: Vec<String>,
        /// How many seconds a new instance may take to be ready.
        ready_timeout_s: u64,
    },
    /// Stop everything.
    Stop {
        /// Without waiting for anything.
        now: bool,
    },
}

/// A line in reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// What happens now.
    Progress {
        /// In words.
        text: String,
    },
    /// It is done.
    Done {
        /// What, in words.
        text: String,
    },
    /// It is not done.
    Failed(Refusal),
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The exit code that says it, as a number.
    pub exit: u8,
    /// Why, in words.
    pub error: String,
    /// What to do about it, where there is something to do.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(exit: ExitCode, error: impl Into<String>) -> Self {
        Self { exit: exit.number(), error: error.into(), hint: None }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code that says it. One that is not ours means that it may pass.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from_number(i32::from(self.exit)).unwrap_or(ExitCode::Temporary)
    }
}

/// What a line asks for, or what is wrong with it.
fn parse(line: &[u8]) -> Result<Ask, Refusal> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let unreadable = |error: serde_json::Error| {
        Refusal::new(ExitCode::Usage, format!("the request cannot be read: {error}"))
            .hint("the command and `standpipe up` may be of different versions")
    };
    let Version { version } = serde_json::from_slice(line).map_err(unreadable)?;
    if version != VERSION {
        let error = format!("the request has version {version}, and this `standpipe up` knows {VERSION}");
        return Err(Refusal::new(ExitCode::Usage, error)
            .hint("use the command of the version that runs the deployment"));
    }
    let Request { ask, .. } = serde_json::from_slice(line).map_err(unreadable)?;
    Ok(ask)
}

fn line_of(value: &impl Serialize) -> Vec<u8> {
    // Nothing that is sent has a key that is no text, so it can always be written.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line_that_says_its_version() {
        let ask = Ask::Scale { roles: [("A".to_owned(), 4)].into(), ready_timeout_s: 300 };
        let line = line_of(&Request { version: VERSION, ask: ask.clone() });
        let expected = r#"{"version":1,"ask":"scale","roles":{"A":4},"ready-timeout-s":300}"#;
        assert_eq!(String::from_utf8(line.clone()).unwrap(), format!("{expected}\n"));
        assert_eq!(parse(&line).unwrap(), ask);
    }

    #[test]
    fn what_is_no_request_is_refused_with_a_reason() {
        let refused = |line: &str| parse(line.as_bytes()).unwrap_err();
        assert!(refused("").error.starts_with("the request cannot be read"));
        assert!(refused("{\"version\": 7}").error.contains("version 7"));
        assert!(refused("{\"version\": 1, \"ask\": \"dance\"}").error.contains("dance"));
        assert_eq!(refused("{\"version\": 7}").exit_code(), ExitCode::Usage);
    }

    #[test]
    fn an_answer_with_a_reason_comes_back_as_it_was() {
        let failed = Reply::Failed(Refusal::new(ExitCode::Unavailable, "why").hint("do"));
        let line = line_of(&failed);
        assert_eq!(serde_json::from_slice::<Reply>(&line).unwrap(), failed);
    }
}
