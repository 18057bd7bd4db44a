//! NEGOTIATE, [MS-SMB2] 3.3.5.3 and 3.3.5.4.

use alloc::vec;
use alloc::vec::Vec;

use chacha20::rand_core::Rng;

use super::dispatch::{Handled, Request};
use super::{Connection, DisconnectReason, Encryption, Event, Now};
use crate::auth::server::Acceptor;
use crate::crypto::{Cipher, PreauthHash, SigningAlgorithm};
use crate::wire::negotiate::{
    CAPABILITY_ENCRYPTION, CAPABILITY_LARGE_MTU, DIALECT_WILDCARD, HASH_SHA512, SECURITY_SIGNING_ENABLED,
    SECURITY_SIGNING_REQUIRED,
};
use crate::wire::{
    Command, ControlCode, FileId, Flags, Header, IoctlResponse, NegotiateContexts, NegotiateRequest,
    NegotiateResponse, Smb1Negotiate, ValidateNegotiateRequest, ValidateNegotiateResponse,
};
use crate::{Dialect, NtStatus};

/// The largest transfer of a client without LARGE_MTU, in bytes.
const SMALL_TRANSFER: u32 = 65_536;

/// How far a connection has come.
pub(super) enum Phase {
    /// Nothing was received.
    Fresh,
    /// An SMB1 NEGOTIATE was answered with the wildcard: SMB2's own NEGOTIATE comes next.
    AfterSmb1,
    /// The dialect is agreed on.
    Negotiated(Negotiated),
    /// The connection is to be closed; nothing more is taken in.
    Closed,
}

/// What NEGOTIATE settled.
pub(super) struct Negotiated {
    pub(super) dialect: Dialect,
    pub(super) signing: SigningAlgorithm,
    /// With what messages can be encrypted, if at all.
    pub(super) cipher: Option<Cipher>,
    /// The largest read, write or transceive in bytes.
    pub(super) max_transfer: u32,
    /// Whether requests may cost several credits.
    pub(super) multi_credit: bool,
    /// The hash over the NEGOTIATE messages, in 3.1.1.
    pub(super) preauth: Option<PreauthHash>,
    /// What the client said, for FSCTL_VALIDATE_NEGOTIATE_INFO.
    client: ValidateNegotiateRequest,
    capabilities: u32,
}

impl Connection {
    /// An SMB1 message: only a NEGOTIATE that offers SMB2, and only as the very first.
    pub(super) fn smb1(&mut self, now: Now, message: &[u8]) {
        if !matches!(self.phase, Phase::Fresh) {
            return self.disconnect(DisconnectReason::Protocol("SMB1 after the first message"));
        }
        let Ok(offer) = Smb1Negotiate::decode(message) else {
            return self.disconnect(DisconnectReason::Protocol("SMB1 is not served"));
        };
        let (dialect, phase) = if offer.smb2_wildcard {
            (DIALECT_WILDCARD, Phase::AfterSmb1)
        } else if offer.smb2_002 && self.config.min_dialect == Dialect::Smb202 {
            let client = ValidateNegotiateRequest {
                capabilities: 0,
                guid: [0; 16],
                security_mode: 0,
                dialects: vec![Dialect::Smb202.to_wire()],
            };
            (Dialect::Smb202.to_wire(), Phase::Negotiated(self.settle_dialect(Dialect::Smb202, client)))
        } else {
            return self.disconnect(DisconnectReason::Protocol("SMB1 is not served"));
        };
        self.phase = phase;
        // The SMB1 message used the message id 0 ([MS-SMB2] 3.3.5.3.1).
        let credits = self.open_window();
        let header = Header {
            credit_charge: 0,
            status: NtStatus::SUCCESS,
            command: Command::NEGOTIATE,
            credits,
            flags: Flags::RESPONSE,
            next_command: 0,
            message_id: 0,
            tree_or_async: 0,
            session_id: 0,
        };
        let response = self.negotiate_response(now, dialect, SMALL_TRANSFER, 0, None);
        self.frames.begin();
        let out = self.frames.reply(&header, None);
        let start = out.len() - crate::wire::header::HEADER_LEN;
        response.encode(out, start, &[0; 32]);
        self.end_frame(None);
    }

    pub(super) fn negotiate(&mut self, now: Now, request: &Request<'_>) -> Result<Handled, Handled> {
        if self.negotiated().is_some() {
            // [MS-SMB2] 3.3.5.4: a second NEGOTIATE ends the connection.
            return Err(Handled::Disconnect(DisconnectReason::Protocol("a second NEGOTIATE")));
        }
        if request.header.flags.contains(Flags::SIGNED) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let asked = NegotiateRequest::decode(request.message)?;
        let dialect = Dialect::ALL
            .into_iter()
            .rev()
            .filter(|dialect| (self.config.min_dialect..=self.config.max_dialect).contains(dialect))
            .find(|dialect| asked.dialects.contains(&dialect.to_wire()))
            .ok_or(NtStatus::NOT_SUPPORTED)?;

        let client = ValidateNegotiateRequest {
            capabilities: asked.capabilities,
            guid: asked.client_guid,
            security_mode: asked.security_mode,
            dialects: asked.dialects,
        };
        let mut negotiated = self.settle_dialect(dialect, client);
        let mut contexts = None;
        if dialect == Dialect::Smb311 {
            let offered = asked.contexts.unwrap_or_default();
            contexts = Some(agree(&offered, &mut negotiated, self.config.encryption)?);
            let mut preauth = PreauthHash::new();
            preauth.update(request.message);
            negotiated.preauth = Some(preauth);
        }
        let (max_transfer, capabilities) = (negotiated.max_transfer, negotiated.capabilities);
        self.phase = Phase::Negotiated(negotiated);
        self.event(Event::Negotiated { dialect });

        let mut salt = [0; 32];
        self.random.fill_bytes(&mut salt);
        let response = self.negotiate_response(now, dialect.to_wire(), max_transfer, capabilities, contexts);
        let out = self.frames.clear_body();
        let start = out.len() - crate::wire::header::HEADER_LEN;
        response.encode(out, start, &salt);
        Ok(Handled::Done(NtStatus::SUCCESS))
    }

    fn settle_dialect(&self, dialect: Dialect, client: ValidateNegotiateRequest) -> Negotiated {
        let multi_credit = dialect > Dialect::Smb202;
        // Before 3.1.1 there is one cipher, and a capability that says whether both know it.
        let encrypts = matches!(dialect, Dialect::Smb300 | Dialect::Smb302)
            && client.capabilities & CAPABILITY_ENCRYPTION != 0
            && self.config.encryption != Encryption::Off;
        Negotiated {
            dialect,
            signing: SigningAlgorithm::AesCmac,
            cipher: encrypts.then_some(Cipher::Aes128Ccm),
            max_transfer: if multi_credit {
                self.config.limits.max_transfer.max(SMALL_TRANSFER)
            } else {
                SMALL_TRANSFER
            },
            multi_credit,
            preauth: None,
            client,
            capabilities: if multi_credit { CAPABILITY_LARGE_MTU } else { 0 }
                | if encrypts { CAPABILITY_ENCRYPTION } else { 0 },
        }
    }

    fn security_mode(&self) -> u16 {
        let required = if self.config.require_signing { SECURITY_SIGNING_REQUIRED } else { 0 };
        SECURITY_SIGNING_ENABLED | required
    }

    fn negotiate_response(
        &self,
        now: Now,
        dialect: u16,
        max_transfer: u32,
        capabilities: u32,
        contexts: Option<NegotiateContexts>,
    ) -> NegotiateResponse {
        NegotiateResponse {
            security_mode: self.security_mode(),
            dialect,
            server_guid: self.config.guid,
            capabilities,
            max_transact: max_transfer,
            max_read: max_transfer,
            max_write: max_transfer,
            system_time: now.wall,
            security_buffer: Acceptor::hint(),
            contexts,
        }
    }

    /// FSCTL_VALIDATE_NEGOTIATE_INFO, [MS-SMB2] 3.3.5.15.12: whatever differs from what was negotiated was
    /// changed on the way, and the only answer is to close the connection.
    pub(super) fn validate_negotiate(&mut self, input: &[u8], max_output: u32) -> Result<Handled, Handled> {
        let tampered = || Handled::Disconnect(DisconnectReason::NegotiationTampered);
        let told = ValidateNegotiateRequest::decode(input).map_err(|_| tampered())?;
        let negotiated = self.negotiated().ok_or_else(tampered)?;
        if negotiated.dialect == Dialect::Smb311
            || max_output < ValidateNegotiateResponse::LEN
            || told != negotiated.client
        {
            return Err(tampered());
        }
        let response = ValidateNegotiateResponse {
            capabilities: negotiated.capabilities,
            guid: self.config.guid,
            security_mode: self.security_mode(),
            dialect: negotiated.dialect.to_wire(),
        }
        .encode();
        let response = IoctlResponse {
            code: ControlCode::VALIDATE_NEGOTIATE_INFO,
            file_id: FileId::ANY,
            output: &response,
        };
        response.encode(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
    }
}

/// Chooses from what the client's contexts offer.
fn agree(
    offered: &NegotiateContexts,
    negotiated: &mut Negotiated,
    encryption: Encryption,
) -> Result<NegotiateContexts, Handled> {
    let hashes = offered.preauth_hashes.as_ref().ok_or(NtStatus::INVALID_PARAMETER)?;
    if !hashes.contains(&HASH_SHA512) {
        return Err(NtStatus::SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP.into());
    }
    let mut chosen =
        NegotiateContexts { preauth_hashes: Some(vec![HASH_SHA512]), ..NegotiateContexts::default() };
    if let Some(ciphers) = &offered.ciphers {
        // The server's order counts: GCM is the fastest. A client that offers ciphers is told which one; 0 stands
        // for none of them ([MS-SMB2] 3.3.5.4).
        let preferred = [Cipher::Aes128Gcm, Cipher::Aes256Gcm, Cipher::Aes128Ccm, Cipher::Aes256Ccm];
        negotiated.cipher = preferred
            .into_iter()
            .filter(|_| encryption != Encryption::Off)
            .find(|cipher| ciphers.contains(&cipher.to_wire()));
        chosen.ciphers = Some(vec![negotiated.cipher.map_or(0, Cipher::to_wire)]);
    }
    if let Some(algorithms) = &offered.signing {
        // The server's order counts: GMAC is the fastest.
        let known: Vec<SigningAlgorithm> =
            algorithms.iter().filter_map(|id| SigningAlgorithm::from_wire(*id)).collect();
        negotiated.signing =
            [SigningAlgorithm::AesGmac, SigningAlgorithm::AesCmac, SigningAlgorithm::HmacSha256]
                .into_iter()
                .find(|algorithm| known.contains(algorithm))
                .unwrap_or(SigningAlgorithm::AesCmac);
        chosen.signing = Some(vec![negotiated.signing.to_wire()]);
    }
    Ok(chosen)
}
