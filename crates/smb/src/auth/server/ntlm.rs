//! The acceptor of NTLMv2, [MS-NLMP] 3.2.5.

use alloc::sync::Arc;
use alloc::vec::Vec;

use standpipe_security::{Account, NtHash};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{LogonFailure, LogonRefused, StepInput};
use crate::auth::ntlm::{
    Authenticate, AvId, AvPairs, Challenge, ExportedKey, Flags, Negotiate, ResponseKey,
    message_integrity_code, rc4,
};
use crate::wire::Malformed;

/// What the client may ask for and gets.
const GRANTED: Flags = Flags::REQUEST_TARGET
    .with(Flags::SIGN)
    .with(Flags::SEAL)
    .with(Flags::ALWAYS_SIGN)
    .with(Flags::VERSION)
    .with(Flags::KEY_128)
    .with(Flags::KEY_EXCHANGE)
    .with(Flags::KEY_56);
/// What the client must be able to do. The server asks for it in any case.
const REQUIRED: Flags = Flags::UNICODE.with(Flags::EXTENDED_SESSION_SECURITY);
/// What the server says of itself.
const SERVER: Flags = Flags::NTLM.with(Flags::TARGET_TYPE_SERVER).with(Flags::TARGET_INFO);

/// The relative identifier of the guest account, [MS-DTYP] 2.4.2.4.
const GUEST_RID: u32 = 501;

/// The shortest NTLMv2 response: the proof, and the client's part up to its pairs.
const V2_PAIRS: usize = 16 + 28;
/// The longest NEGOTIATE message taken, in bytes: it is kept until its answer comes, for every stranger. The
/// names of a domain and a workstation fit many times.
const MAX_NEGOTIATE: usize = 2 * 1024;
/// The length of an answer by NTLMv1. LM alone leaves the response empty.
const V1_RESPONSE: usize = 24;

/// A challenge that waits for its answer.
#[derive(Debug)]
pub(super) struct Challenged {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    server_challenge: [u8; 8],
}

/// A proved identity.
pub(super) struct Verified {
    pub(super) account: Arc<Account>,
    pub(super) key: ExportedKey,
}

impl Challenged {
    /// Answers a NEGOTIATE message.
    pub(super) fn new(negotiate: &[u8], input: &StepInput<'_>) -> Result<Self, LogonFailure> {
        if negotiate.len() > MAX_NEGOTIATE {
            return Err(Malformed::new("NTLM NEGOTIATE message", "length").into());
        }
        let asked = Negotiate::decode(negotiate)?.flags;
        if !asked.contains(Flags::UNICODE) {
            return Err(LogonRefused::NoUnicode.into());
        }
        if !asked.contains(REQUIRED) {
            return Err(LogonRefused::NotNtlmV2.into());
        }
        let names = input.names;
        let mut target_info = AvPairs::new();
        target_info.push_name(AvId::NETBIOS_DOMAIN, &names.netbios_domain);
        target_info.push_name(AvId::NETBIOS_COMPUTER, &names.netbios_computer);
        target_info.push_name(AvId::DNS_DOMAIN, &names.dns_domain);
        target_info.push_name(AvId::DNS_COMPUTER, &names.dns_computer);
        // With the time, clients protect the messages with an integrity code and leave LM's answer out.
        target_info.push(AvId::TIMESTAMP, &input.time.0.to_le_bytes());
        let challenge = Challenge {
            flags: asked.common(GRANTED).with(REQUIRED).with(SERVER),
            nonce: input.challenge,
            target_name: names.netbios_computer.clone(),
            target_info,
        };
        Ok(Self {
            negotiate: negotiate.to_vec(),
            challenge: challenge.encode(),
            server_challenge: input.challenge,
        })
    }

    /// A challenge that another server made.
    #[cfg(test)]
    pub(super) fn recorded(negotiate: &[u8], challenge: &[u8], server_challenge: [u8; 8]) -> Self {
        Self { negotiate: negotiate.to_vec(), challenge: challenge.to_vec(), server_challenge }
    }

    /// The CHALLENGE message.
    pub(super) fn message(&self) -> &[u8] {
        &self.challenge
    }

    /// Verifies an AUTHENTICATE message. It takes the challenge with it, so that nobody tries twice.
    pub(super) fn verify(self, authenticate: &[u8], input: &StepInput<'_>) -> Result<Verified, LogonFailure> {
        let message = Authenticate::decode(authenticate)?;
        self.verify_decoded(&message, authenticate, input).map_err(|reason| LogonFailure {
            user: (!message.user.is_empty()).then(|| message.user.clone()),
            ..reason.into()
        })
    }

    fn verify_decoded(
        &self,
        message: &Authenticate<'_>,
        bytes: &[u8],
        input: &StepInput<'_>,
    ) -> Result<Verified, LogonRefused> {
        // An empty name is anonymous whatever comes with it, and a name without an answer is not a log-on.
        if message.user.is_empty() {
            return Err(LogonRefused::Anonymous);
        }
        let response = Response::decode(message)?;

        // Whether the account exists or not, the same work is done; only its result is thrown away.
        let account = input.accounts.find(&message.user);
        let nobody = NtHash::from_bytes([0; 16]);
        let nt_hash = account.as_ref().map_or(&nobody, |account| &account.nt_hash);
        let domains = [message.domain.as_str(), "", input.names.netbios_computer.as_str()];
        let (proved, base_key) = prove(nt_hash, &message.user, domains, self.server_challenge, &response);
        let account = match account {
            Some(account) if bool::from(proved) => account,
            Some(_) => return Err(LogonRefused::WrongPassword),
            None => return Err(LogonRefused::UnknownUser),
        };

        // From here on the client knows the password, and can be told more.
        let key = match response.encrypted_session_key {
            Some(encrypted) => rc4(&base_key, encrypted),
            None => base_key,
        };
        let key = ExportedKey::new(key, message.flags);
        if let Some(mic) = response.mic {
            let expected = message_integrity_code(key.expose(), &self.negotiate, &self.challenge, bytes);
            if !bool::from(expected.ct_eq(&mic)) {
                return Err(LogonRefused::BadIntegrityCode);
            }
        } else {
            // Without the code, the proof alone says which challenge the client has seen.
            let sent = Challenge::decode(&self.challenge).map(|challenge| challenge.target_info);
            if !response.pairs.repeats(&sent.unwrap_or_default()) {
                return Err(LogonRefused::OtherServer);
            }
        }
        if !account.enabled {
            return Err(LogonRefused::Disabled);
        }
        if account.sid.rid() == GUEST_RID {
            return Err(LogonRefused::Guest);
        }
        Ok(Verified { account, key })
    }
}

/// The parts of an AUTHENTICATE message that count, checked for form.
struct Response<'a> {
    proof: [u8; 16],
    client_part: &'a [u8],
    /// What the client repeats of the challenge, and adds.
    pairs: AvPairs,
    /// Present when the client protected the messages. Its pairs tell whether it did, and the proof covers
    /// them, so that nobody on the way can take the code out.
    mic: Option<[u8; 16]>,
    encrypted_session_key: Option<&'a [u8; 16]>,
}

impl<'a> Response<'a> {
    fn decode(message: &Authenticate<'a>) -> Result<Self, LogonRefused> {
        let malformed = |field| Malformed::new("NTLMv2 response", field);
        let response = message.nt_response;
        let older = response.is_empty() || response.len() == V1_RESPONSE;
        if older || !message.flags.contains(Flags::EXTENDED_SESSION_SECURITY) {
            return Err(LogonRefused::NotNtlmV2);
        }
        let (proof, client_part) = response.split_first_chunk::<16>().ok_or(malformed("Response"))?;
        let pairs = AvPairs::decode(response.get(V2_PAIRS..).ok_or(malformed("AvPairs"))?)?;
        // Responserversion and HiResponserversion, the only ones there are.
        if !client_part.starts_with(&[1, 1]) {
            return Err(malformed("RespType").into());
        }
        let mic = if pairs.flags()? & AvPairs::FLAG_MIC == 0 {
            None
        } else {
            Some(message.mic.ok_or(Malformed::new("NTLM AUTHENTICATE message", "MIC"))?)
        };
        // [MS-NLMP] unwraps the key only where signing or sealing was agreed on; every implementation does it
        // always.
        let encrypted_session_key = if message.flags.contains(Flags::KEY_EXCHANGE) {
            let key = message.encrypted_session_key.try_into();
            Some(key.map_err(|_| Malformed::new("NTLM AUTHENTICATE message", "EncryptedRandomSessionKey"))?)
        } else {
            None
        };
        Ok(Response { proof: *proof, client_part, pairs, mic, encrypted_session_key })
    }
}

/// Verifies the proof and gives the session's base key, which is all zeros unless the proof is right.
///
/// Clients do not agree on which domain a local account has: the one they send, none, or the server's own
/// name. All are tried, always, so that the time says nothing about which fitted.
fn prove(
    nt_hash: &NtHash,
    user: &str,
    domains: [&str; 3],
    server_challenge: [u8; 8],
    response: &Response<'_>,
) -> (Choice, Zeroizing<[u8; 16]>) {
    let mut proved = Choice::from(0);
    let mut base_key = Zeroizing::new([0; 16]);
    for domain in domains {
        let key = ResponseKey::new(nt_hash, user, domain);
        let expected = key.proof(server_challenge, response.client_part);
        let right = expected.ct_eq(&response.proof);
        let candidate = key.session_base_key(&expected);
        for (byte, candidate) in base_key.iter_mut().zip(candidate.iter()) {
            byte.conditional_assign(candidate, right);
        }
        proved |= right;
    }
    (proved, base_key)
}
