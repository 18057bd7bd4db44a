//! Somebody on the way between a client and a server who knows the password: what a hostile server can do,
//! and what nobody else can.

use standpipe_smb::Dialect;
use standpipe_smb::auth::server::{Acceptor, Step, StepInput};
use standpipe_smb::crypto::encryption::{Decrypter, Sealer};
use standpipe_smb::crypto::{Cipher, PreauthHash, Sender, SessionKeys, SigningAlgorithm, SigningKey};
use standpipe_smb::wire::negotiate::{Capabilities, CipherId};
use standpipe_smb::wire::{NegotiateResponse, SessionSetupRequest};

use crate::peer::{NEGOTIATE, SESSION_SETUP, number};
use crate::world;

/// Listens to a log-on until it has the keys.
#[derive(Default)]
pub(crate) struct Tap {
    preauth: PreauthHash,
    terms: Option<(Dialect, SigningAlgorithm, Option<Cipher>)>,
    first_token: Vec<u8>,
    acceptor: Option<Acceptor>,
    challenge: [u8; 8],
    keys: Option<Keys>,
}

struct Keys {
    session: u64,
    signing: SigningKey,
    sealing: Option<(Sealer, Decrypter)>,
}

impl Tap {
    /// Whether the keys are known.
    pub(crate) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Hears a message of the client's.
    pub(crate) fn request(&mut self, message: &[u8]) {
        if self.has_keys() {
            return;
        }
        self.preauth.update(message);
        if number(message, 12, 2) != u64::from(SESSION_SETUP) {
            return;
        }
        let Ok(SessionSetupRequest { token, .. }) = SessionSetupRequest::decode(message) else { return };
        match self.acceptor.take() {
            None => self.first_token = token.to_vec(),
            Some(acceptor) => {
                if let Some(Step::Done { logon, .. }) = self.step(acceptor, token) {
                    self.derive(number(message, 40, 8), &logon.session_key);
                }
            }
        }
    }

    /// Hears a message of the server's.
    pub(crate) fn reply(&mut self, message: &[u8]) {
        if self.has_keys() {
            return;
        }
        self.preauth.update(message);
        match number(message, 12, 2) as u16 {
            NEGOTIATE => self.terms = terms(message),
            SESSION_SETUP => {
                let Some(place) = message.windows(12).position(|bytes| bytes == b"NTLMSSP\0\x02\0\0\0")
                else {
                    return;
                };
                let Some(challenge) = message[place..].get(24..32) else { return };
                self.challenge.copy_from_slice(challenge);
                let token = std::mem::take(&mut self.first_token);
                if let Some(Step::Continue { acceptor, .. }) = self.step(Acceptor::new(), &token) {
                    self.acceptor = Some(acceptor);
                }
            }
            _ => {}
        }
    }

    fn step(&self, acceptor: Acceptor, token: &[u8]) -> Option<Step> {
        let (names, accounts) = (world::names(), world::accounts());
        let challenge = self.challenge;
        let input = StepInput { names: &names, challenge, time: world::TODAY, accounts: &accounts };
        acceptor.step(token, &input).ok()
    }

    fn derive(&mut self, session: u64, key: &[u8; 16]) {
        let Some((dialect, signing, cipher)) = self.terms else { return };
        let keys = SessionKeys::derive(dialect, key, Some(&self.preauth.value()), signing, cipher);
        let sealing = keys.ciphers.map(|ciphers| {
            (Sealer::new(&ciphers.server_to_client, session), Decrypter::new(&ciphers.server_to_client))
        });
        self.keys = Some(Keys { session, signing: keys.signing, sealing });
    }

    /// What is inside a message of the server's.
    pub(crate) fn open(&self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        match self.keys.as_ref().and_then(|keys| keys.sealing.as_ref()) {
            Some((_, opener)) if message.starts_with(b"\xFDSMB") => {
                opener.open(&mut message).map_or(Vec::new(), |inside| inside.to_vec())
            }
            _ => message,
        }
    }

    /// Signs a chain of messages, or with `sealed` encrypts it, as the server would.
    pub(crate) fn protect(&mut self, mut message: Vec<u8>, sealed: bool) -> Vec<u8> {
        let Some(keys) = &mut self.keys else { return message };
        if let Some((sealer, _)) = keys.sealing.as_mut().filter(|_| sealed) {
            sealer.seal(&mut message, 0).expect("there are nonces enough");
            return message;
        }
        let mut rest = &mut message[..];
        while rest.len() >= 64 {
            let next = number(rest, 20, 4) as usize;
            let length = if (64..rest.len()).contains(&next) { next } else { rest.len() };
            let (element, after) = rest.split_at_mut(length);
            keys.signing.sign(element, Sender::Server);
            rest = after;
        }
        message
    }

    /// The session's id, once the keys are known.
    pub(crate) fn session(&self) -> u64 {
        self.keys.as_ref().map_or(0, |keys| keys.session)
    }
}

/// What the server agreed to.
fn terms(message: &[u8]) -> Option<(Dialect, SigningAlgorithm, Option<Cipher>)> {
    let response = NegotiateResponse::decode(message).ok()?;
    let dialect = Dialect::from_wire(response.dialect)?;
    let contexts = response.contexts.as_ref();
    let signing = contexts.and_then(|contexts| contexts.signing.as_ref()?.first().copied());
    let cipher = match dialect {
        Dialect::Smb311 => contexts.and_then(|contexts| contexts.ciphers.as_ref()?.first().copied()),
        Dialect::Smb300 | Dialect::Smb302 if response.capabilities.contains(Capabilities::ENCRYPTION) => {
            Some(CipherId::AES_128_CCM)
        }
        _ => None,
    };
    let signing = signing.and_then(SigningAlgorithm::from_wire).unwrap_or(SigningAlgorithm::AesCmac);
    Some((dialect, signing, cipher.and_then(Cipher::from_wire)))
}
