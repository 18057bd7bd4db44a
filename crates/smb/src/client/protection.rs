//! What protects the messages of a session: signatures, or encryption.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{ConnectionError, Violation};
use crate::NtStatus;
use crate::crypto::encryption::{DecryptError, Decrypter, Sealer, TransformHeader};
use crate::crypto::{Cipher, Sender, SessionKeys};
use crate::wire::header::PROTOCOL_TRANSFORM;
use crate::wire::{Flags, Header};

/// How messages are protected, from the first one to the last. There is no way back.
pub(super) enum Protection {
    /// There is no session yet.
    None,
    /// Every message is signed.
    Signed(Box<SessionKeys>),
    /// Every message is encrypted instead of signed ([MS-SMB2] 3.2.4.1.1).
    Sealed(Box<Seal>),
}

/// What encrypts and decrypts the messages of one session.
pub(super) struct Seal {
    session_id: u64,
    sealer: Sealer,
    decrypter: Decrypter,
}

impl Protection {
    /// Signatures; the keys to go on to encryption are among these.
    pub(super) fn signed(keys: SessionKeys) -> Self {
        Self::Signed(Box::new(keys))
    }

    /// Encrypts from now on, and gives the cipher; `None`, and nothing changes, when there is no key for
    /// that.
    pub(super) fn seal(&mut self, session_id: u64) -> Option<Cipher> {
        let Self::Signed(keys) = self else {
            return None;
        };
        let ciphers = keys.ciphers.as_ref()?;
        let cipher = ciphers.client_to_server.cipher();
        let sealer = Sealer::new(&ciphers.client_to_server, session_id);
        let decrypter = Decrypter::new(&ciphers.server_to_client);
        *self = Self::Sealed(Box::new(Seal { session_id, sealer, decrypter }));
        Some(cipher)
    }

    /// Protects the message that begins at `start` and goes to the end of `out`. `None` when the message
    /// cannot be encrypted; then it must not be sent.
    #[must_use]
    pub(super) fn apply(&mut self, out: &mut Vec<u8>, start: usize) -> Option<()> {
        match self {
            Self::None => {}
            Self::Signed(keys) => keys.signing.sign(out.get_mut(start..)?, Sender::Client),
            Self::Sealed(seal) => seal.sealer.seal(out, start)?,
        }
        Some(())
    }

    /// Decrypts an [encrypted](is_sealed) frame and gives its content.
    pub(super) fn open<'a>(&self, frame: &'a mut [u8]) -> Result<&'a [u8], ConnectionError> {
        let header = TransformHeader::decode(frame)?;
        let Self::Sealed(seal) = self else {
            return Err(Violation::EncryptedForPlain.into());
        };
        // [MS-SMB2] 3.2.5.1.1.
        if header.session_id != seal.session_id {
            return Err(Violation::EncryptedForeignSession.into());
        }
        match seal.decrypter.open(frame) {
            Ok(messages) => Ok(messages),
            Err(DecryptError::Malformed(error)) => Err(error.into()),
            Err(DecryptError::BadSignature) => Err(ConnectionError::BadSignature),
        }
    }

    /// Verifies a reply that came unencrypted. Only an interim reply may come without a signature, because it
    /// has none ([MS-SMB2] 3.2.5.1.3); where requests are encrypted, every reply must be encrypted.
    pub(super) fn verify(
        &self,
        header: &Header,
        message: &[u8],
        session_id: u64,
    ) -> Result<(), ConnectionError> {
        let status = header.status;
        match self {
            Self::None => Ok(()),
            Self::Sealed(_) => Err(ConnectionError::Unencrypted { status }),
            Self::Signed(_) if !header.flags.contains(Flags::SIGNED) => {
                let interim = status == NtStatus::PENDING && header.async_id().is_some();
                if interim { Ok(()) } else { Err(ConnectionError::Unsigned { status }) }
            }
            Self::Signed(keys) => {
                keys.signing.verify(message, Sender::Server).map_err(|_| ConnectionError::BadSignature)?;
                of_session(header, session_id)
            }
        }
    }
}

/// Whether a frame begins as an encrypted one does.
pub(super) fn is_sealed(frame: &[u8]) -> bool {
    frame.starts_with(&PROTOCOL_TRANSFORM)
}

/// Verifies that a reply belongs to the session. Its sender is known already.
pub(super) fn of_session(header: &Header, session_id: u64) -> Result<(), ConnectionError> {
    if header.session_id == session_id { Ok(()) } else { Err(Violation::ForeignSession.into()) }
}
