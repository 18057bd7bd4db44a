//! From the first message to a session that is connected to `IPC$`.
//!
//! Each state is a type that holds what is known at that point; the reply to what it sent takes it to the
//! next state or to an error.

use alloc::boxed::Box;
use alloc::format;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::Rng;
use zeroize::Zeroizing;

use super::flight::Purpose;
use super::protection::Protection;
use super::writer::RequestWriter;
use super::{Config, ConnectionError, Downgrade, Encryption, Ready, Stage, Unacceptable, Violation};
use crate::auth::client::{Challenging, Finishing, Initiator, Nonces};
use crate::crypto::{Cipher, PreauthHash, SessionKeys, SigningAlgorithm};
use crate::wire::negotiate::{Capabilities, CipherId, HashId, SecurityMode};
use crate::wire::session::{SessionFlags, SessionSetupFlags, ShareFlags, ShareType};
use crate::wire::{
    Command, ControlCode, FileId, Header, IoctlFlags, IoctlRequest, IoctlResponse, NegotiateContexts,
    NegotiateRequest, NegotiateResponse, SessionSetupRequest, SessionSetupResponse, TreeConnectRequest,
    TreeConnectResponse, ValidateNegotiateRequest, ValidateNegotiateResponse,
};
use crate::{Dialect, FileTime, NtStatus};

/// The client requires signing.
const SECURITY_MODE: SecurityMode = SecurityMode::SIGNING_ENABLED.with(SecurityMode::SIGNING_REQUIRED);
/// No maximum may be smaller ([MS-SMB2] 3.2.5.2).
const LEAST_MAXIMUM: u32 = 65_536;

/// What the handshake needs from outside.
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) random: &'a mut ChaCha20Rng,
    /// The time of day, for servers that do not send theirs.
    pub(super) time: FileTime,
}

/// Where the handshake stands.
pub(super) enum Handshake {
    Negotiating(Negotiating),
    LoggingOn(LoggingOn),
    ProvingLogOn(ProvingLogOn),
    ConnectingTree(ConnectingTree),
    Validating(Validating),
}

/// What a reply led to.
pub(super) enum Next {
    /// The next message was written.
    Continue(Box<Handshake>),
    /// The connection is ready.
    Ready(Ready),
}

impl Handshake {
    /// Writes the first message.
    pub(super) fn start(writer: &mut RequestWriter, context: &mut Context<'_>) -> Self {
        Self::Negotiating(Negotiating::start(writer, context))
    }

    /// Whether the server was asked to confirm the offer and its answer.
    pub(super) fn is_confirming(&self) -> bool {
        matches!(self, Self::Validating(_))
    }

    /// Takes the reply to the message written last.
    pub(super) fn reply(
        self,
        header: &Header,
        message: &[u8],
        writer: &mut RequestWriter,
        context: &mut Context<'_>,
    ) -> Result<Next, ConnectionError> {
        match self {
            Self::Negotiating(state) => state.reply(header, message, writer, context),
            Self::LoggingOn(state) => state.reply(header, message, writer, context),
            Self::ProvingLogOn(state) => state.reply(header, message, writer, context),
            Self::ConnectingTree(state) => state.reply(header, message, writer, context),
            Self::Validating(state) => state.reply(header, message),
        }
    }
}

fn refused<T>(stage: Stage, status: NtStatus) -> Result<T, ConnectionError> {
    Err(ConnectionError::Refused { stage, status })
}

/// NEGOTIATE was sent.
pub(super) struct Negotiating {
    offer: NegotiateRequest,
    preauth: PreauthHash,
}

/// What client and server agreed on.
struct Agreed {
    ready: Ready,
    /// The cipher for messages, if both sides have one.
    cipher: Option<Cipher>,
    offer: NegotiateRequest,
    /// The server's own data in its NEGOTIATE response, which it has to confirm.
    server: ValidateNegotiateResponse,
}

impl Negotiating {
    fn start(writer: &mut RequestWriter, context: &mut Context<'_>) -> Self {
        let config = context.config;
        let (mut client_guid, mut salt) = ([0; 16], [0; 32]);
        context.random.fill_bytes(&mut client_guid);
        context.random.fill_bytes(&mut salt);
        let offered = |dialect: &Dialect| (config.min_dialect..=config.max_dialect).contains(dialect);
        let encrypts = config.encryption != Encryption::Off;
        let offer = NegotiateRequest {
            security_mode: SECURITY_MODE,
            // [MS-SMB2] 2.2.3: only clients of the 3.x family have capabilities. That of encryption is for
            // 3.0; in 3.1.1 Samba chooses no cipher without it.
            capabilities: if config.max_dialect.is_smb3() {
                Capabilities::LARGE_MTU | if encrypts { Capabilities::ENCRYPTION } else { Capabilities::NONE }
            } else {
                Capabilities::NONE
            },
            client_guid,
            dialects: Dialect::ALL.into_iter().filter(offered).map(Dialect::to_wire).collect(),
            contexts: offered(&Dialect::Smb311).then(|| NegotiateContexts {
                preauth_hashes: Some([HashId::SHA512].into()),
                ciphers: (encrypts && !config.ciphers.is_empty())
                    .then(|| config.ciphers.iter().map(|cipher| cipher.to_wire()).collect()),
                signing: (!config.signing.is_empty())
                    .then(|| config.signing.iter().map(|algorithm| algorithm.to_wire()).collect()),
            }),
        };
        let mut preauth = PreauthHash::new();
        let message = writer.send(Command::NEGOTIATE, Purpose::Handshake, 0, |out, start| {
            offer.encode(out, start, &salt);
        });
        preauth.update(message);
        Self { offer, preauth }
    }

    fn reply(
        mut self,
        header: &Header,
        message: &[u8],
        writer: &mut RequestWriter,
        context: &mut Context<'_>,
    ) -> Result<Next, ConnectionError> {
        if header.status != NtStatus::SUCCESS {
            return refused(Stage::Negotiate, header.status);
        }
        let response = NegotiateResponse::decode(message)?;
        self.preauth.update(message);
        let config = context.config;
        let dialect = match Dialect::from_wire(response.dialect) {
            Some(dialect) if self.offer.dialects.contains(&response.dialect) => dialect,
            _ => return Err(Violation::DialectNotOffered.into()),
        };
        let maxima = [response.max_read, response.max_write, response.max_transact];
        if maxima.iter().any(|maximum| *maximum < LEAST_MAXIMUM) {
            return Err(Violation::SmallMaximum.into());
        }
        let signing = match dialect {
            Dialect::Smb202 | Dialect::Smb210 => SigningAlgorithm::HmacSha256,
            Dialect::Smb300 | Dialect::Smb302 => SigningAlgorithm::AesCmac,
            Dialect::Smb311 => agreed_signing(config, response.contexts.as_ref())?,
        };
        let cipher = agreed_cipher(dialect, &self.offer, &response)?;
        if cipher.is_none() && config.encryption == Encryption::Required {
            return Err(ConnectionError::Policy(if dialect.is_smb3() {
                Unacceptable::NoSharedCipher
            } else {
                Unacceptable::NoSmb3
            }));
        }
        writer.multi_credit =
            dialect >= Dialect::Smb210 && response.capabilities.contains(Capabilities::LARGE_MTU);
        // A request that cannot cost several credits carries no more than one pays for.
        let largest =
            if writer.multi_credit { config.limits.max_transfer.max(LEAST_MAXIMUM) } else { LEAST_MAXIMUM };
        let ready = Ready {
            session_id: 0,
            dialect,
            signing,
            encryption: None,
            max_read: response.max_read.min(largest),
            max_write: response.max_write.min(largest),
            max_transceive: response.max_transact.min(largest),
        };
        let server = ValidateNegotiateResponse {
            capabilities: response.capabilities,
            guid: response.server_guid,
            security_mode: response.security_mode,
            dialect: response.dialect,
        };
        let agreed = Agreed { ready, cipher, offer: self.offer, server };

        let initiator = Initiator::new(config.credentials.clone(), Some(format!("cifs/{}", config.host)));
        let (log_on, token) = initiator.start(&response.security_buffer)?;
        send_session_setup(writer, &mut self.preauth, &token, config);
        let state = LoggingOn { agreed, log_on, preauth: self.preauth };
        Ok(Next::Continue(Box::new(Handshake::LoggingOn(state))))
    }
}

/// The signing algorithm of 3.1.1, and that the other contexts are in order ([MS-SMB2] 3.2.5.2).
fn agreed_signing(
    config: &Config,
    contexts: Option<&NegotiateContexts>,
) -> Result<SigningAlgorithm, ConnectionError> {
    let contexts = contexts.ok_or(Violation::NoPreauthHash)?;
    if contexts.preauth_hashes.as_deref() != Some(&[HashId::SHA512]) {
        return Err(Violation::NoPreauthHash.into());
    }
    match contexts.signing.as_deref() {
        None => Ok(SigningAlgorithm::AesCmac),
        Some([id]) => SigningAlgorithm::from_wire(*id)
            .filter(|algorithm| config.signing.contains(algorithm))
            .ok_or(ConnectionError::Violation(Violation::SigningNotOffered)),
        Some(_) => Err(Violation::SeveralSigning.into()),
    }
}

/// The cipher, if the server can encrypt: an older one says so with a capability, 3.1.1 names what it chose
/// from the offer ([MS-SMB2] 3.2.5.2).
fn agreed_cipher(
    dialect: Dialect,
    offer: &NegotiateRequest,
    response: &NegotiateResponse,
) -> Result<Option<Cipher>, ConnectionError> {
    match dialect {
        Dialect::Smb202 | Dialect::Smb210 => Ok(None),
        Dialect::Smb300 | Dialect::Smb302 => {
            let both = [offer.capabilities, response.capabilities]
                .iter()
                .all(|capabilities| capabilities.contains(Capabilities::ENCRYPTION));
            Ok(both.then_some(Cipher::Aes128Ccm))
        }
        Dialect::Smb311 => {
            fn ciphers(contexts: Option<&NegotiateContexts>) -> Option<&[CipherId]> {
                contexts?.ciphers.as_deref()
            }
            let offered = ciphers(offer.contexts.as_ref()).unwrap_or_default();
            match ciphers(response.contexts.as_ref()) {
                None | Some([CipherId::NONE]) => Ok(None),
                Some([id]) if offered.contains(id) => Ok(Cipher::from_wire(*id)),
                Some([_]) => Err(Violation::CipherNotOffered.into()),
                Some(_) => Err(Violation::SeveralCiphers.into()),
            }
        }
    }
}

/// Encrypts everything from now on.
fn seal(agreed: &mut Agreed, writer: &mut RequestWriter, config: &Config) -> Result<(), ConnectionError> {
    agreed.ready.encryption = writer.protection.seal(writer.session_id);
    match (agreed.ready.encryption, config.encryption) {
        (Some(_), _) => Ok(()),
        (None, Encryption::Off) => Err(Unacceptable::EncryptionOff.into()),
        (None, Encryption::WhenAsked | Encryption::Required) => {
            Err(Violation::EncryptionWithoutCipher.into())
        }
    }
}

fn send_session_setup(writer: &mut RequestWriter, preauth: &mut PreauthHash, token: &[u8], config: &Config) {
    let request = SessionSetupRequest {
        flags: SessionSetupFlags::NONE,
        security_mode: SECURITY_MODE,
        capabilities: Capabilities::NONE,
        previous_session_id: config.previous_session.unwrap_or_default(),
        token,
    };
    let purpose = Purpose::Handshake;
    preauth.update(writer.send(Command::SESSION_SETUP, purpose, 0, |out, _| request.encode(out)));
}

/// The first SESSION_SETUP was sent; the challenge comes next.
pub(super) struct LoggingOn {
    agreed: Agreed,
    log_on: Challenging,
    preauth: PreauthHash,
}

impl LoggingOn {
    fn reply(
        mut self,
        header: &Header,
        message: &[u8],
        writer: &mut RequestWriter,
        context: &mut Context<'_>,
    ) -> Result<Next, ConnectionError> {
        match header.status {
            NtStatus::MORE_PROCESSING_REQUIRED => {}
            // A server that needs no proof lets everybody in.
            NtStatus::SUCCESS => return Err(Unacceptable::NoPassword.into()),
            status => return refused(Stage::LogOn, status),
        }
        if header.session_id == 0 {
            return Err(Violation::NoSessionId.into());
        }
        self.preauth.update(message);
        writer.session_id = header.session_id;
        let mut nonces = Nonces { client_challenge: [0; 8], session_key: Zeroizing::new([0; 16]) };
        context.random.fill_bytes(&mut nonces.client_challenge);
        context.random.fill_bytes(&mut nonces.session_key[..]);
        let challenge = SessionSetupResponse::decode(message)?.token;
        let (log_on, token) = self.log_on.answer(challenge, &nonces, context.time)?;
        send_session_setup(writer, &mut self.preauth, &token, context.config);
        let state = ProvingLogOn { agreed: self.agreed, log_on, preauth: self.preauth };
        Ok(Next::Continue(Box::new(Handshake::ProvingLogOn(state))))
    }
}

/// The second SESSION_SETUP was sent; the server's verdict comes next.
pub(super) struct ProvingLogOn {
    agreed: Agreed,
    log_on: Finishing,
    preauth: PreauthHash,
}

impl ProvingLogOn {
    fn reply(
        mut self,
        header: &Header,
        message: &[u8],
        writer: &mut RequestWriter,
        context: &mut Context<'_>,
    ) -> Result<Next, ConnectionError> {
        if header.status != NtStatus::SUCCESS {
            return refused(Stage::LogOn, header.status);
        }
        let response = SessionSetupResponse::decode(message)?;
        if response.flags.contains(SessionFlags::IS_GUEST) {
            return Err(Unacceptable::Guest.into());
        }
        if response.flags.contains(SessionFlags::IS_NULL) {
            return Err(Unacceptable::Anonymous.into());
        }
        self.agreed.ready.session_id = writer.session_id;
        let session_key = self.log_on.finish(response.token)?;
        let Ready { dialect, signing, .. } = self.agreed.ready;
        let preauth = self.preauth.value();
        let keys = SessionKeys::derive_for(
            context.config.crypto,
            dialect,
            &session_key,
            Some(&preauth),
            signing,
            self.agreed.cipher,
        );
        // The client demanded signing, so this reply is signed already ([MS-SMB2] 3.3.5.5.3). In 3.1.1 it
        // proves that nobody changed anything so far.
        writer.protection = Protection::signed(keys);
        writer.verify_plain(header, message)?;
        let config = context.config;
        if response.flags.contains(SessionFlags::ENCRYPT_DATA) || config.encryption == Encryption::Required {
            seal(&mut self.agreed, writer, config)?;
        }

        let path = format!("\\\\{}\\IPC$", config.host);
        let request = TreeConnectRequest { path };
        writer.send(Command::TREE_CONNECT, Purpose::Handshake, 0, |out, _| request.encode(out));
        let state = ConnectingTree { agreed: self.agreed };
        Ok(Next::Continue(Box::new(Handshake::ConnectingTree(state))))
    }
}

/// TREE_CONNECT was sent.
pub(super) struct ConnectingTree {
    agreed: Agreed,
}

impl ConnectingTree {
    fn reply(
        mut self,
        header: &Header,
        message: &[u8],
        writer: &mut RequestWriter,
        context: &mut Context<'_>,
    ) -> Result<Next, ConnectionError> {
        if header.status != NtStatus::SUCCESS {
            return refused(Stage::TreeConnect, header.status);
        }
        let response = TreeConnectResponse::decode(message)?;
        if response.share_type != ShareType::PIPE {
            return Err(Violation::NoPipeShare.into());
        }
        if response.share_flags.contains(ShareFlags::ENCRYPT_DATA) && self.agreed.ready.encryption.is_none() {
            seal(&mut self.agreed, writer, context.config)?;
        }
        writer.tree_id = header.tree_id().ok_or(Violation::NoTreeId)?;
        if self.agreed.ready.dialect == Dialect::Smb311 {
            return Ok(Next::Ready(self.agreed.ready));
        }
        // Older dialects have no pre-authentication hash: the server has to repeat the offer and its answer
        // in a signed message ([MS-SMB2] 3.2.5.5).
        let offer = &self.agreed.offer;
        let input = ValidateNegotiateRequest {
            capabilities: offer.capabilities,
            guid: offer.client_guid,
            security_mode: offer.security_mode,
            dialects: offer.dialects.clone(),
        }
        .encode();
        let request = IoctlRequest {
            code: ControlCode::VALIDATE_NEGOTIATE_INFO,
            file_id: FileId::ANY,
            max_output: ValidateNegotiateResponse::LEN,
            flags: IoctlFlags::IS_FSCTL,
            input: &input,
        };
        writer.send(Command::IOCTL, Purpose::Handshake, 0, |out, _| request.encode(out));
        Ok(Next::Continue(Box::new(Handshake::Validating(Validating { agreed: self.agreed }))))
    }
}

/// `FSCTL_VALIDATE_NEGOTIATE_INFO` was sent.
pub(super) struct Validating {
    agreed: Agreed,
}

impl Validating {
    fn reply(self, header: &Header, message: &[u8]) -> Result<Next, ConnectionError> {
        /// The answers of servers that do not know the request. The server's signature covers the answer, so
        /// that nobody on the way can have made it up. Samba's and other clients go on then, too.
        const UNKNOWN: [NtStatus; 5] = [
            NtStatus::NOT_SUPPORTED,
            NtStatus::INVALID_DEVICE_REQUEST,
            NtStatus::FS_DRIVER_REQUIRED,
            NtStatus::FILE_CLOSED,
            NtStatus::INVALID_PARAMETER,
        ];
        if header.status == NtStatus::SUCCESS {
            let confirmed = ValidateNegotiateResponse::decode(IoctlResponse::decode(message)?.output)?;
            if confirmed != self.agreed.server {
                return Err(Downgrade::Differs.into());
            }
        } else if !UNKNOWN.contains(&header.status) {
            return refused(Stage::Validate, header.status);
        }
        Ok(Next::Ready(self.agreed.ready))
    }
}
