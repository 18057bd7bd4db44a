//! The line in which the server tells a service who opened its pipe.
//!
//! One JSON object in UTF-8, without a line feed in it: the first message of a pipe that carries messages,
//! the first line, ended by one line feed, of one that carries bytes. `docs/deployment-file.md` describes it
//! to services in other languages.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use standpipe_security::{Integrity, Sid, Token};

use standpipe_system::user::User;

use crate::Mode;
use crate::caller::Caller;
use crate::connection::PipeError;

/// The longest line, in bytes.
pub(crate) const LIMIT: usize = 64 * 1024;

/// What the object's member `standpipe` says.
const VERSION: u32 = 1;

/// Why a service does not know its caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// The pipe was closed before the line, or is no socket.
    #[error("the connection does not say who its caller is")]
    Missing,
    /// What came first is no such line. Its text is not shown: it may be a client's.
    #[error("the connection does not begin with a line that says who its caller is: {0}")]
    Malformed(String),
    /// Somebody else than the server connected.
    #[error("user {user} connected, and only root and this user are believed to name a caller")]
    Untrusted {
        /// The user.
        user: User,
    },
    /// The pipe could not be read.
    #[error(transparent)]
    Pipe(#[from] PipeError),
}

#[derive(Serialize, Deserialize)]
struct Line {
    standpipe: u32,
    account: String,
    sid: String,
    groups: Vec<String>,
    integrity: u32,
    address: SocketAddr,
    pipe: String,
}

/// What a service is sent before anything else.
pub(crate) fn write(caller: &Caller, mode: Mode) -> Vec<u8> {
    let line = Line {
        standpipe: VERSION,
        account: caller.account().into(),
        sid: caller.sid().to_string(),
        groups: caller.groups().iter().map(Sid::to_string).collect(),
        integrity: caller.token().integrity().0,
        address: caller.address(),
        pipe: caller.pipe().into(),
    };
    // Texts and numbers only, so nothing can go wrong.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    if mode == Mode::Byte {
        bytes.push(b'\n');
    }
    bytes
}

/// The caller that a line names.
pub(crate) fn parse(line: &[u8]) -> Result<Caller, GreetingError> {
    if line.is_empty() {
        return Err(GreetingError::Missing);
    }
    let malformed = |what: String| GreetingError::Malformed(what);
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        let place = (error.line(), error.column());
        malformed(format!("it is not the JSON that is expected, from column {} on", place.1))
    })?;
    if line.standpipe != VERSION {
        return Err(malformed(format!("version {} instead of {VERSION}", line.standpipe)));
    }
    let sid = |text: &str| text.parse::<Sid>().map_err(|error| malformed(error.to_string()));
    let groups = line.groups.iter().map(|group| sid(group)).collect::<Result<Vec<_>, _>>()?;
    let token = Token::from_parts(sid(&line.sid)?, groups, Integrity(line.integrity));
    Ok(Caller::new(line.account.into(), Arc::new(token), line.address, line.pipe.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn caller(account: &str) -> Caller {
        let user = "S-1-5-21-1-2-3-1001".parse().unwrap();
        let groups = ["S-1-5-32-544", "S-1-1-0"].map(|group| group.parse().unwrap());
        let token = Token::from_parts(user, groups, Integrity::HIGH);
        Caller::new(account.into(), Arc::new(token), "127.0.0.1:5000".parse().unwrap(), "simple".into())
    }

    proptest! {
        #[test]
        fn a_greeting_is_understood_and_stays_one_line(account in any::<String>(), by_message: bool) {
            let caller = caller(&account);
            let mode = if by_message { Mode::Message } else { Mode::Byte };
            let line = write(&caller, mode);
            let feed = line.iter().position(|byte| *byte == b'\n');
            prop_assert_eq!(feed, (!by_message).then(|| line.len() - 1));
            prop_assert_eq!(parse(&line).unwrap(), caller);
        }

        #[test]
        fn anything_else_is_refused(line: Vec<u8>) {
            prop_assert!(parse(&line).is_err());
        }
    }

    #[test]
    fn a_line_of_another_version_is_refused() {
        let line = String::from_utf8(write(&caller("user"), Mode::Byte)).unwrap();
        assert!(parse(line.as_bytes()).is_ok());
        let error = parse(line.replace(":1,", ":2,").as_bytes()).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
        assert!(matches!(parse(b""), Err(GreetingError::Missing)));
    }

    #[test]
    fn other_bytes_in_place_of_a_greeting_are_not_shown() {
        let error = parse(b"{\"standpipe\":1,\"account\":\"secret\",\"sid\":7}").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
