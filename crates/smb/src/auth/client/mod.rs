//! Making a log-on.
//!
//! [`Initiator`] starts it, [`Challenging`] answers the server's challenge, [`Finishing`] looks at the
//! server's last word and gives the key. Each is consumed by the next, so nothing can be done twice or out of
//! order.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use standpipe_security::NtHash;
use thiserror::Error;
use zeroize::Zeroizing;

use super::MAX_TOKEN;
use super::ntlm::{
    AuthenticateFields, AvId, AvPairs, Challenge, Direction, ExportedKey, Flags, MIC_RANGE, Negotiate,
    ResponseKey, client_part, message_integrity_code, rc4,
};
use super::spnego::{self, NegState, NegTokenInit, NegTokenResp};
use crate::FileTime;
use crate::wire::{Malformed, encode_utf16};

/// What the client asks for.
const ASKED: Flags = REQUIRED
    .with(Flags::REQUEST_TARGET)
    .with(Flags::SIGN)
    .with(Flags::ALWAYS_SIGN)
    .with(Flags::KEY_EXCHANGE)
    .with(Flags::KEY_56)
    .with(Flags::VERSION);
/// What it does not do without.
const REQUIRED: Flags =
    Flags::UNICODE.with(Flags::NTLM).with(Flags::EXTENDED_SESSION_SECURITY).with(Flags::KEY_128);

/// The user that logs on, with the password's hash.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    domain: String,
    nt_hash: NtHash,
}

impl Credentials {
    /// A user and a password. The domain is empty for a local account of the server.
    pub fn from_password(user: &str, domain: &str, password: &str) -> Self {
        Self::from_nt_hash(user, domain, NtHash::of_password(password))
    }

    /// A user and the hash of a password, which is all that NTLM needs.
    pub fn from_nt_hash(user: &str, domain: &str, nt_hash: NtHash) -> Self {
        Self { user: user.into(), domain: domain.into(), nt_hash }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The domain's name, empty for a local account of the server.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Why the client gave up a log-on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InitiatorError {
    /// The server takes no NTLM.
    #[error("the server offers no NTLM")]
    NoNtlm,
    /// The server refused the log-on in SPNEGO's words.
    #[error("the server rejected the log-on")]
    Rejected,
    /// The server cannot do what makes NTLMv2 safe.
    #[error("the server does not offer NTLMv2 with extended session security and 128-bit keys")]
    TooWeak,
    /// The server does not say what it is called, so that the answer cannot be bound to it
    /// ([MS-NLMP] 3.1.5.1.2).
    #[error("the server's challenge does not name the server")]
    Unnamed,
    /// The server's protection of the list of mechanisms is wrong: somebody changed the log-on on the way, or
    /// the server does not know the password.
    #[error("the server's protection of the list of mechanisms is wrong")]
    BadMechListMic,
    /// The user's or domain's name, or what the server says of itself, does not fit into NTLM's messages.
    #[error("a name does not fit into the log-on messages")]
    TooLong,
    /// The server's token does not parse.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What must be new and unforeseeable for every log-on.
pub struct Nonces {
    /// The client's own challenge.
    pub client_challenge: [u8; 8],
    /// The key that the two sides will share, where the server lets the client choose it.
    pub session_key: Zeroizing<[u8; 16]>,
}

/// A log-on that has not begun.
#[derive(Debug)]
pub struct Initiator {
    credentials: Credentials,
    target: Option<String>,
}

impl Initiator {
    /// A log-on with these credentials. `target` is the service principal name of the server as the client
    /// knows it, such as `cifs/server1`: it goes into the proof, and a server that checks it cannot be fed a
    /// log-on that was meant for another.
    pub fn new(credentials: Credentials, target: Option<String>) -> Self {
        Self { credentials, target }
    }

    /// The first token. `hint` is what the server's answer to NEGOTIATE carried, perhaps nothing.
    pub fn start(self, hint: &[u8]) -> Result<(Challenging, Vec<u8>), InitiatorError> {
        if !hint.is_empty() && NegTokenInit::decode(bounded(hint)?)?.ntlm.is_none() {
            return Err(InitiatorError::NoNtlm);
        }
        let negotiate = Negotiate { flags: ASKED }.encode();
        let token = spnego::encode_init(&negotiate);
        Ok((Challenging { initiator: self, negotiate }, token))
    }
}

/// The first token was sent; the server's challenge comes next.
#[derive(Debug)]
pub struct Challenging {
    initiator: Initiator,
    negotiate: Vec<u8>,
}

impl Challenging {
    /// Answers the server's challenge. `time` is used when the server does not say what time it is.
    pub fn answer(
        self,
        token: &[u8],
        nonces: &Nonces,
        time: FileTime,
    ) -> Result<(Finishing, Vec<u8>), InitiatorError> {
        let resp = NegTokenResp::decode(bounded(token)?)?;
        match (resp.state, resp.ntlm) {
            (Some(NegState::Reject), _) => return Err(InitiatorError::Rejected),
            (_, Some(false)) => return Err(InitiatorError::NoNtlm),
            _ => {}
        }
        let bytes = resp.response.ok_or(Malformed::new("SPNEGO NegTokenResp", "responseToken"))?;
        let challenge = Challenge::decode(bytes)?;
        if !challenge.flags.contains(REQUIRED.with(Flags::TARGET_INFO)) {
            return Err(InitiatorError::TooWeak);
        }
        let server = &challenge.target_info;
        if server.get(AvId::NETBIOS_COMPUTER).is_none() && server.get(AvId::NETBIOS_DOMAIN).is_none() {
            return Err(InitiatorError::Unnamed);
        }
        let time = server.timestamp()?.unwrap_or(time);

        let Credentials { user, domain, nt_hash } = &self.initiator.credentials;
        let part = client_part(time, nonces.client_challenge, &self.pairs(server)?);
        let response_key = ResponseKey::new(nt_hash, user, domain);
        let proof = response_key.proof(challenge.nonce, &part);
        let base_key = response_key.session_base_key(&proof);
        let flags = ASKED.common(challenge.flags).with(Flags::TARGET_INFO);
        let (key, encrypted_key) = if flags.contains(Flags::KEY_EXCHANGE) {
            let encrypted = rc4(&base_key, &nonces.session_key);
            (nonces.session_key.clone(), Some(encrypted))
        } else {
            (base_key, None)
        };
        let key = ExportedKey::new(key, flags);

        let fields = AuthenticateFields {
            flags,
            user,
            domain,
            nt_response: &[&proof[..], &part].concat(),
            encrypted_session_key: encrypted_key.as_ref().map_or(&[], |key| &key[..]),
        };
        let mut authenticate = fields.encode().ok_or(InitiatorError::TooLong)?;
        let mic = message_integrity_code(key.expose(), &self.negotiate, bytes, &authenticate);
        authenticate[MIC_RANGE].copy_from_slice(&mic);

        let mech_types = spnego::ntlm_only();
        let token = NegTokenResp {
            state: Some(NegState::AcceptIncomplete),
            response: Some(&authenticate),
            mech_list_mic: Some(&key.sign(Direction::ClientToServer, &mech_types)),
            ..NegTokenResp::default()
        };
        Ok((Finishing { key, mech_types }, token.encode()))
    }

    /// The pairs that the client sends back: the server's, whose proof binds the answer to the server, that
    /// the messages carry an integrity code, and whom the client means to talk to.
    fn pairs(&self, server: &AvPairs) -> Result<AvPairs, InitiatorError> {
        let mut pairs = AvPairs::new();
        for (id, value) in server.iter() {
            let ours = [AvId::FLAGS, AvId::TARGET_NAME, AvId::CHANNEL_BINDINGS];
            if !ours.contains(&id) {
                pairs.push(id, value);
            }
        }
        pairs.push(AvId::FLAGS, &(server.flags()? | AvPairs::FLAG_MIC).to_le_bytes());
        pairs.push(AvId::CHANNEL_BINDINGS, &[0; 16]);
        let target = encode_utf16(self.initiator.target.as_deref().unwrap_or_default());
        pairs.push(AvId::TARGET_NAME, &target);
        Ok(pairs)
    }
}

/// The answer was sent; the server's verdict comes next.
#[derive(Debug)]
pub struct Finishing {
    key: ExportedKey,
    mech_types: Vec<u8>,
}

impl Finishing {
    /// Looks at the server's last token, which may be empty, and gives the key that both sides now share.
    ///
    /// The server may leave the protection of the list of mechanisms out, because the list holds one
    /// mechanism only (RFC 4178, 5); one that is there must be right. That the server knows the password is
    /// proved by its signature under the key.
    pub fn finish(self, token: &[u8]) -> Result<Zeroizing<[u8; 16]>, InitiatorError> {
        if !token.is_empty() {
            let resp = NegTokenResp::decode(bounded(token)?)?;
            if !matches!(resp.state, None | Some(NegState::AcceptCompleted)) {
                return Err(InitiatorError::Rejected);
            }
            let protected = |mic| self.key.verify(Direction::ServerToClient, &self.mech_types, mic);
            if !resp.mech_list_mic.is_none_or(protected) {
                return Err(InitiatorError::BadMechListMic);
            }
        }
        Ok(self.key.expose().clone())
    }
}

fn bounded(token: &[u8]) -> Result<&[u8], InitiatorError> {
    if token.len() > MAX_TOKEN { Err(Malformed::new("log-on token", "its length").into()) } else { Ok(token) }
}

#[cfg(test)]
mod tests;
