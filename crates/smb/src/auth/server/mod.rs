//! Accepting a log-on.
//!
//! One [`Acceptor`] is one attempt. It is consumed by every step, so that a challenge answers to one message
//! only, whatever that message is; a failed attempt leaves nothing behind.

mod ntlm;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use standpipe_security::{Account, Accounts};
use thiserror::Error;
use zeroize::Zeroizing;

use self::ntlm::{Challenged, Verified};
use super::ntlm::{Direction, SIGNATURE};
use super::spnego::{self, NegState, NegTokenInit, NegTokenResp};
use super::{MAX_TOKEN, ServerNames};
use crate::wire::Malformed;
use crate::{FileTime, NtStatus};

/// What a step needs from outside.
pub struct StepInput<'a> {
    /// What the server tells the client of itself.
    pub names: &'a ServerNames,
    /// Eight bytes that nobody could foresee, new for every step.
    pub challenge: [u8; 8],
    /// The time of day; the client proves its password for this moment.
    pub time: FileTime,
    /// The accounts that may log on.
    pub accounts: &'a dyn Accounts,
}

/// What a step led to.
#[derive(Debug)]
pub enum Step {
    /// The client must answer (`STATUS_MORE_PROCESSING_REQUIRED`).
    Continue {
        /// Takes the client's answer.
        acceptor: Acceptor,
        /// What to send.
        token: Vec<u8>,
    },
    /// The client has proved its identity.
    Done {
        /// The account.
        logon: Logon,
        /// What to send; may be empty.
        token: Vec<u8>,
    },
}

/// A proved log-on. Only an acceptor makes one.
#[expect(clippy::manual_non_exhaustive, reason = "not even the rest of this crate can make one")]
pub struct Logon {
    /// Whose it is.
    pub account: Arc<Account>,
    /// The key that client and server now share.
    pub session_key: Zeroizing<[u8; 16]>,
    _proved: (),
}

impl fmt::Debug for Logon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logon").field("account", &self.account.name).finish_non_exhaustive()
    }
}

/// Why a log-on was refused. Never contains what the client sent as a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LogonRefused {
    /// There is no such account. The client gets the same answer as for a wrong password.
    #[error("no such account")]
    UnknownUser,
    /// The proof does not fit the account's password.
    #[error("wrong password")]
    WrongPassword,
    /// The password is right, the account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The password is right, the account is the guest account.
    #[error("guest log-ons are refused")]
    Guest,
    /// Too many attempts failed before this one, so that it does not count. The client gets the same answer
    /// as for a wrong password.
    #[error("too many attempts failed before")]
    TooManyFailures,
    /// The client wants to log on as nobody.
    #[error("anonymous log-ons are refused")]
    Anonymous,
    /// The client proves its password with NTLMv1 or LM, or without extended session security.
    #[error("the client does not use NTLMv2 with extended session security")]
    NotNtlmV2,
    /// The client does not send its names in Unicode (`NTLMSSP_NEGOTIATE_UNICODE`).
    #[error("the client does not speak Unicode, which NTLM needs here")]
    NoUnicode,
    /// The integrity code of the messages is wrong: somebody changed them on the way.
    #[error("the integrity code of the log-on is wrong")]
    BadIntegrityCode,
    /// The client proves its password for a challenge with other names or another time than this server's,
    /// and has no integrity code that would say whose challenge it was.
    #[error("the log-on was made for another server")]
    OtherServer,
    /// The protection of SPNEGO's list of mechanisms is wrong or, where it must be there, missing.
    #[error("the protection of the list of mechanisms is wrong or missing")]
    BadMechListMic,
    /// The client does not offer NTLM.
    #[error("the client offers no NTLM")]
    NoCommonMechanism,
    /// The token is longer than anybody needs.
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TokenTooLong,
    /// A token does not parse, or is not the one expected now.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl LogonRefused {
    /// The answer that the client gets.
    pub fn status(self) -> NtStatus {
        match self {
            Self::UnknownUser
            | Self::WrongPassword
            | Self::TooManyFailures
            | Self::NotNtlmV2
            | Self::NoUnicode
            | Self::NoCommonMechanism => NtStatus::LOGON_FAILURE,
            Self::Disabled | Self::Guest => NtStatus::ACCOUNT_DISABLED,
            Self::Anonymous | Self::BadMechListMic => NtStatus::ACCESS_DENIED,
            Self::BadIntegrityCode | Self::OtherServer | Self::TokenTooLong | Self::Malformed(_) => {
                NtStatus::INVALID_PARAMETER
            }
        }
    }
}

/// A refused log-on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("log-on refused: {reason}")]
pub struct LogonFailure {
    /// What to tell the client.
    pub status: NtStatus,
    /// The name that was tried, as the client wrote it, when the attempt got that far. At most 256 UTF-16
    /// units of anything.
    pub user: Option<String>,
    /// Why, for the log.
    pub reason: LogonRefused,
}

impl From<LogonRefused> for LogonFailure {
    fn from(reason: LogonRefused) -> Self {
        Self { status: reason.status(), user: None, reason }
    }
}

impl From<Malformed> for LogonFailure {
    fn from(malformed: Malformed) -> Self {
        LogonRefused::from(malformed).into()
    }
}

/// The server's side of one log-on attempt.
#[derive(Debug, Default)]
pub struct Acceptor(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    AwaitNegotiate(AwaitNegotiate),
    AwaitAuthenticate(Box<AwaitAuthenticate>),
}

impl Acceptor {
    /// Ready for a client's first token.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the answer to NEGOTIATE carries: that this server takes NTLM in SPNEGO.
    pub fn hint() -> Vec<u8> {
        spnego::encode_hint()
    }

    /// Takes a client's token.
    pub fn step(self, token: &[u8], input: &StepInput<'_>) -> Result<Step, LogonFailure> {
        if token.len() > MAX_TOKEN {
            return Err(LogonRefused::TokenTooLong.into());
        }
        match self.0 {
            State::Start => start(token, input),
            State::AwaitNegotiate(state) => state.step(token, input),
            State::AwaitAuthenticate(state) => state.step(token, input),
        }
    }
}

/// The longest list of mechanisms taken, in bytes: it is kept until the log-on ends, for every stranger.
/// Windows sends about 50.
const MAX_MECH_TYPES: usize = 1024;

/// The first token: NTLM as it is, or SPNEGO.
fn start(token: &[u8], input: &StepInput<'_>) -> Result<Step, LogonFailure> {
    if token.starts_with(&SIGNATURE) {
        return challenge(token, None, None, input);
    }
    let init = NegTokenInit::decode(token)?;
    let preferred = match init.ntlm {
        None => return Err(LogonRefused::NoCommonMechanism.into()),
        Some(place) => place == 0,
    };
    if init.mech_types.len() > MAX_MECH_TYPES {
        return Err(Malformed::new("SPNEGO NegTokenInit", "mechTypes").into());
    }
    let spnego = Spnego { mech_types: init.mech_types.to_vec(), mic_required: !preferred };
    // The token that comes along is for the client's first choice only (RFC 4178, 4.2.1).
    match init.mech_token {
        Some(token) if preferred => {
            let state = NegState::AcceptIncomplete;
            challenge(token, Some(spnego), Some(state), input)
        }
        _ => {
            let state = if preferred { NegState::AcceptIncomplete } else { NegState::RequestMic };
            let token = NegTokenResp { state: Some(state), ntlm: Some(true), ..NegTokenResp::default() };
            let acceptor = Acceptor(State::AwaitNegotiate(AwaitNegotiate { spnego }));
            Ok(Step::Continue { acceptor, token: token.encode() })
        }
    }
}

/// What has to be remembered of SPNEGO's first token.
#[derive(Debug)]
struct Spnego {
    /// The client's list of mechanisms, exactly as it was sent.
    mech_types: Vec<u8>,
    /// Whether that list must be protected: NTLM was not the client's first choice, so somebody could have
    /// taken a better one out (RFC 4178, 5).
    mic_required: bool,
}

/// SPNEGO agreed on NTLM; its first message comes next.
#[derive(Debug)]
struct AwaitNegotiate {
    spnego: Spnego,
}

impl AwaitNegotiate {
    fn step(self, token: &[u8], input: &StepInput<'_>) -> Result<Step, LogonFailure> {
        let resp = NegTokenResp::decode(token)?;
        let negotiate = resp.response.ok_or(Malformed::new("SPNEGO NegTokenResp", "responseToken"))?;
        // The mechanism was named in the first reply, and is named only there.
        challenge(negotiate, Some(self.spnego), None, input)
    }
}

/// Answers NTLM's first message with a challenge. `first_reply` is the state to tell when this is SPNEGO's
/// first reply, which names the mechanism too.
fn challenge(
    negotiate: &[u8],
    spnego: Option<Spnego>,
    first_reply: Option<NegState>,
    input: &StepInput<'_>,
) -> Result<Step, LogonFailure> {
    let challenged = Challenged::new(negotiate, input)?;
    let token = match &spnego {
        None => challenged.message().to_vec(),
        Some(_) => NegTokenResp {
            state: Some(first_reply.unwrap_or(NegState::AcceptIncomplete)),
            ntlm: first_reply.map(|_| true),
            response: Some(challenged.message()),
            mech_list_mic: None,
        }
        .encode(),
    };
    let state = AwaitAuthenticate { spnego, challenged };
    Ok(Step::Continue { acceptor: Acceptor(State::AwaitAuthenticate(Box::new(state))), token })
}

/// A challenge was sent; its answer comes next.
#[derive(Debug)]
struct AwaitAuthenticate {
    spnego: Option<Spnego>,
    challenged: Challenged,
}

impl AwaitAuthenticate {
    fn step(self, token: &[u8], input: &StepInput<'_>) -> Result<Step, LogonFailure> {
        let Some(spnego) = self.spnego else {
            let verified = self.challenged.verify(token, input)?;
            return Ok(done(verified, Vec::new()));
        };
        let resp = NegTokenResp::decode(token)?;
        if resp.state == Some(NegState::Reject) {
            return Err(LogonRefused::NoCommonMechanism.into());
        }
        let authenticate = resp.response.ok_or(Malformed::new("SPNEGO NegTokenResp", "responseToken"))?;
        let verified = self.challenged.verify(authenticate, input)?;
        let ours = match resp.mech_list_mic {
            Some(mic) if verified.key.verify(Direction::ClientToServer, &spnego.mech_types, mic) => {
                Some(verified.key.sign(Direction::ServerToClient, &spnego.mech_types))
            }
            None if !spnego.mic_required => None,
            _ => {
                let user = Some(verified.account.name.as_str().into());
                return Err(LogonFailure { user, ..LogonRefused::BadMechListMic.into() });
            }
        };
        let token = NegTokenResp {
            state: Some(NegState::AcceptCompleted),
            mech_list_mic: ours.as_ref().map(|mic| &mic[..]),
            ..NegTokenResp::default()
        };
        Ok(done(verified, token.encode()))
    }
}

fn done(verified: Verified, token: Vec<u8>) -> Step {
    let session_key = verified.key.expose().clone();
    Step::Done { logon: Logon { account: verified.account, session_key, _proved: () }, token }
}

#[cfg(test)]
mod tests;
