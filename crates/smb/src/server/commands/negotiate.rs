//! NEGOTIATE, [MS-SMB2] 3.3.5.3 and 3.3.5.4.

use alloc::vec;
use alloc::vec::Vec;

use crate::auth::server::Acceptor;
use crate::crypto::{Cipher, PreauthHash, SigningAlgorithm};
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Negotiated, Outputs, Phase, Random};
use crate::server::{Config, DisconnectReason, Encryption, Event, Now, Violation};
use crate::wire::header::HEADER_LEN;
use crate::wire::negotiate::{Capabilities, CipherId, HashId, SecurityMode};
use crate::wire::{
    DialectRevision, Flags, NegotiateContexts, NegotiateRequest, NegotiateResponse, Smb1Negotiate,
    ValidateNegotiateRequest,
};
use crate::{Dialect, NtStatus};

/// The largest transfer of a client without LARGE_MTU, in bytes.
const SMALL_TRANSFER: u32 = 65_536;

/// What NEGOTIATE may touch.
pub(crate) struct Negotiate<'a> {
    pub(crate) config: &'a Config,
    pub(crate) phase: &'a mut Phase,
    pub(crate) random: &'a mut Random,
    pub(crate) outputs: &'a mut Outputs,
}

impl Negotiate<'_> {
    /// Agrees on a dialect and on what signs and encrypts.
    pub(crate) fn handle(
        self,
        now: Now,
        request: &Request<'_>,
        mut reply: Reply<'_>,
    ) -> Result<Done, Refused> {
        if self.phase.negotiated().is_some() {
            // [MS-SMB2] 3.3.5.4: a second NEGOTIATE ends the connection.
            return Err(DisconnectReason::from(Violation::SecondNegotiate).into());
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
        let mut negotiated = settle_dialect(self.config, dialect, client);
        let mut contexts = None;
        if dialect == Dialect::Smb311 {
            let offered = asked.contexts.unwrap_or_default();
            contexts = Some(agree(&offered, &mut negotiated, self.config.encryption)?);
            let mut preauth = PreauthHash::new();
            preauth.update(request.message);
            negotiated.preauth = Some(preauth);
        }
        let (max_transfer, capabilities) = (negotiated.max_transfer, negotiated.capabilities);
        *self.phase = Phase::Negotiated(negotiated);
        self.outputs.event(Event::Negotiated { dialect });

        let salt = self.random.bytes();
        let response = NegotiateResponse {
            capabilities,
            contexts,
            ..response(self.config, now, dialect.to_wire(), max_transfer)
        };
        let out = reply.body();
        let start = out.len() - HEADER_LEN;
        response.encode(out, start, &salt);
        Ok(Done::Replied(NtStatus::SUCCESS))
    }
}

/// Answers an SMB1 message: only a NEGOTIATE that offers SMB2, and only as the very first.
pub(crate) fn from_smb1(
    now: Now,
    message: &[u8],
    config: &Config,
    phase: &mut Phase,
) -> Result<NegotiateResponse, DisconnectReason> {
    if !matches!(phase, Phase::Fresh) {
        return Err(Violation::LateSmb1.into());
    }
    let offer = Smb1Negotiate::decode(message).map_err(|_| DisconnectReason::Smb1NotServed)?;
    let dialect = if offer.smb2_wildcard {
        *phase = Phase::AfterSmb1;
        DialectRevision::WILDCARD
    } else if offer.smb2_002 && config.min_dialect == Dialect::Smb202 {
        let dialect = Dialect::Smb202.to_wire();
        let client = ValidateNegotiateRequest {
            capabilities: Capabilities::NONE,
            guid: [0; 16],
            security_mode: SecurityMode::NONE,
            dialects: vec![dialect],
        };
        *phase = Phase::Negotiated(settle_dialect(config, Dialect::Smb202, client));
        dialect
    } else {
        return Err(DisconnectReason::Smb1NotServed);
    };
    Ok(response(config, now, dialect, SMALL_TRANSFER))
}

/// What follows from the dialect alone.
fn settle_dialect(config: &Config, dialect: Dialect, client: ValidateNegotiateRequest) -> Negotiated {
    let multi_credit = dialect > Dialect::Smb202;
    // Before 3.1.1 there is one cipher, and a capability for it.
    let encrypts = matches!(dialect, Dialect::Smb300 | Dialect::Smb302)
        && client.capabilities.contains(Capabilities::ENCRYPTION)
        && config.encryption != Encryption::Off;
    Negotiated {
        dialect,
        signing: SigningAlgorithm::AesCmac,
        cipher: encrypts.then_some(Cipher::Aes128Ccm),
        max_transfer: if multi_credit {
            config.limits.max_transfer.max(SMALL_TRANSFER)
        } else {
            SMALL_TRANSFER
        },
        multi_credit,
        preauth: None,
        client,
        capabilities: if multi_credit { Capabilities::LARGE_MTU } else { Capabilities::NONE }
            | if encrypts { Capabilities::ENCRYPTION } else { Capabilities::NONE },
    }
}

/// The response without capabilities and contexts.
fn response(config: &Config, now: Now, dialect: DialectRevision, max_transfer: u32) -> NegotiateResponse {
    NegotiateResponse {
        security_mode: security_mode(config),
        dialect,
        server_guid: config.guid,
        capabilities: Capabilities::NONE,
        max_transact: max_transfer,
        max_read: max_transfer,
        max_write: max_transfer,
        system_time: now.wall,
        security_buffer: Acceptor::hint(),
        contexts: None,
    }
}

/// The server's SecurityMode, in NEGOTIATE and in FSCTL_VALIDATE_NEGOTIATE_INFO.
pub(super) fn security_mode(config: &Config) -> SecurityMode {
    let required = if config.require_signing { SecurityMode::SIGNING_REQUIRED } else { SecurityMode::NONE };
    SecurityMode::SIGNING_ENABLED | required
}

/// Chooses from what the client's contexts offer.
fn agree(
    offered: &NegotiateContexts,
    negotiated: &mut Negotiated,
    encryption: Encryption,
) -> Result<NegotiateContexts, NtStatus> {
    let hashes = offered.preauth_hashes.as_ref().ok_or(NtStatus::INVALID_PARAMETER)?;
    if !hashes.contains(&HashId::SHA512) {
        return Err(NtStatus::SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP);
    }
    let mut chosen =
        NegotiateContexts { preauth_hashes: Some(vec![HashId::SHA512]), ..NegotiateContexts::default() };
    if let Some(ciphers) = &offered.ciphers {
        // The server's order counts: GCM is the fastest. The response names the one chosen, or none
        // of them ([MS-SMB2] 3.3.5.4).
        let preferred = [Cipher::Aes128Gcm, Cipher::Aes256Gcm, Cipher::Aes128Ccm, Cipher::Aes256Ccm];
        negotiated.cipher = preferred
            .into_iter()
            .filter(|_| encryption != Encryption::Off)
            .find(|cipher| ciphers.contains(&cipher.to_wire()));
        chosen.ciphers = Some(vec![negotiated.cipher.map_or(CipherId::NONE, Cipher::to_wire)]);
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
