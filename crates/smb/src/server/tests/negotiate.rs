use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::harness::{Peer, config};
use crate::crypto::SigningAlgorithm;
use crate::server::{DisconnectReason, Input, Violation};
use crate::wire::DialectRevision;
use crate::wire::negotiate::{Capabilities, HashId, SecurityMode};
use crate::wire::{
    Command, ControlCode, FileId, NegotiateContexts, NegotiateRequest, NegotiateResponse, Smb1Negotiate,
    ValidateNegotiateRequest, ValidateNegotiateResponse,
};
use crate::{Dialect, NtStatus};

fn status_of(peer: &mut Peer, request: &NegotiateRequest) -> NtStatus {
    let header = peer.header(Command::NEGOTIATE, 0);
    let message = peer.message(&header, |out| request.encode(out, 0, &[0; 32]));
    peer.send_raw(&message);
    peer.reply_to(header.message_id).expect("a reply").status()
}

#[test]
fn the_newest_common_dialect_is_chosen() {
    for (offered, expected) in [
        (&Dialect::ALL[..], Dialect::Smb311),
        (&Dialect::ALL[..4], Dialect::Smb302),
        (&[Dialect::Smb202, Dialect::Smb210], Dialect::Smb210),
        (&[Dialect::Smb202], Dialect::Smb202),
    ] {
        let mut peer = Peer::new(config());
        let response = peer.negotiate(offered, None);
        assert_eq!(response.dialect, expected.to_wire());
        assert_eq!(response.security_mode, SecurityMode::SIGNING_ENABLED | SecurityMode::SIGNING_REQUIRED);
        let large = expected > Dialect::Smb202;
        assert_eq!(response.max_read, if large { 1024 * 1024 } else { 65_536 });
        let encrypts = matches!(expected, Dialect::Smb300 | Dialect::Smb302);
        let capabilities = if large { 0x4 } else { 0 } | if encrypts { 0x40 } else { 0 };
        assert_eq!(response.capabilities, Capabilities(capabilities));
        assert!(!response.security_buffer.is_empty());
    }
}

#[test]
fn dialects_outside_the_configured_range_are_not_spoken() {
    let mut strict = config();
    strict.min_dialect = Dialect::Smb311;
    let mut peer = Peer::new(strict);
    assert_eq!(status_of(&mut peer, &Peer::offer(&Dialect::ALL[..4], None)), NtStatus::NOT_SUPPORTED);
    // A refused NEGOTIATE leaves the connection open for a better one.
    assert_eq!(peer.negotiate(&Dialect::ALL, None).dialect, Dialect::Smb311.to_wire());
}

#[test]
fn an_smb1_opening_leads_to_smb2() {
    let mut peer = Peer::new(config());
    peer.send_raw(&Smb1Negotiate::encode(&["NT LM 0.12", "SMB 2.002", "SMB 2.???"]));
    let reply = peer.reply_to(0).unwrap();
    let response = NegotiateResponse::decode(&reply.message).unwrap();
    assert_eq!(response.dialect, DialectRevision::WILDCARD);
    // The SMB1 message used the message id 0.
    let _ = peer.header(Command::NEGOTIATE, 0);
    peer.negotiate(&Dialect::ALL, None);
    assert_eq!(peer.dialect, Dialect::Smb311);
}

#[test]
fn an_smb1_opening_may_settle_on_the_oldest_dialect() {
    let mut peer = Peer::new(config());
    peer.send_raw(&Smb1Negotiate::encode(&["SMB 2.002"]));
    let response = NegotiateResponse::decode(&peer.reply_to(0).unwrap().message).unwrap();
    assert_eq!(response.dialect, Dialect::Smb202.to_wire());
}

#[test]
fn smb1_itself_is_answered_by_closing_the_connection() {
    for message in [Smb1Negotiate::encode(&["NT LM 0.12"]), b"\xFFSMB\x73".to_vec()] {
        let mut peer = Peer::new(config());
        peer.send_raw(&message);
        assert!(peer.replies.is_empty());
        assert_eq!(peer.disconnected, Some(DisconnectReason::Smb1NotServed));
    }
    let mut peer = Peer::connected();
    peer.send_raw(&Smb1Negotiate::encode(&["SMB 2.???"]));
    assert_eq!(peer.disconnected, Some(Violation::LateSmb1.into()));
}

#[test]
fn a_second_negotiate_ends_the_connection() {
    let mut peer = Peer::new(config());
    peer.negotiate(&Dialect::ALL, None);
    let offer = Peer::offer(&Dialect::ALL, None);
    peer.send(Command::NEGOTIATE, |out| offer.encode(out, 0, &[0; 32]));
    assert_eq!(peer.disconnected, Some(Violation::SecondNegotiate.into()));
}

#[test]
fn anything_before_negotiate_ends_the_connection() {
    let mut peer = Peer::new(config());
    peer.send(Command::ECHO, crate::wire::Empty::encode);
    assert!(peer.replies.is_empty());
    assert_eq!(peer.disconnected, Some(Violation::BeforeNegotiate.into()));
}

#[test]
fn signing_follows_what_both_can_do() {
    use SigningAlgorithm::{AesCmac, AesGmac, HmacSha256};
    for (offered, expected) in [
        (Some(vec![AesCmac, AesGmac]), Some(AesGmac)),
        (Some(vec![HmacSha256]), Some(HmacSha256)),
        (None, None),
    ] {
        let mut offer = Peer::offer(&[Dialect::Smb311], None);
        if let Some(contexts) = &mut offer.contexts {
            contexts.signing = offered.map(|list| list.into_iter().map(SigningAlgorithm::to_wire).collect());
        }
        let mut peer = Peer::new(config());
        let header = peer.header(Command::NEGOTIATE, 0);
        let message = peer.message(&header, |out| offer.encode(out, 0, &[0; 32]));
        peer.send_raw(&message);
        let reply = peer.reply_to(0).unwrap();
        let contexts = NegotiateResponse::decode(&reply.message).unwrap().contexts.unwrap();
        assert_eq!(contexts.preauth_hashes, Some(vec![HashId::SHA512]));
        assert_eq!(contexts.signing, expected.map(|algorithm| vec![algorithm.to_wire()]));
    }
}

#[test]
fn contexts_without_a_usable_hash_are_refused() {
    let mut offer = Peer::offer(&[Dialect::Smb311], None);
    offer.contexts =
        Some(NegotiateContexts { preauth_hashes: Some(vec![HashId(9)]), ..NegotiateContexts::default() });
    assert_eq!(status_of(&mut Peer::new(config()), &offer), NtStatus::SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP);
    offer.contexts = Some(NegotiateContexts::default());
    assert_eq!(status_of(&mut Peer::new(config()), &offer), NtStatus::INVALID_PARAMETER);
}

fn validate(peer: &mut Peer, sent: &ValidateNegotiateRequest) -> Option<ValidateNegotiateResponse> {
    let id = peer.send_ioctl(ControlCode::VALIDATE_NEGOTIATE_INFO, FileId::ANY, &sent.encode(), 24);
    let reply = peer.reply_to(id)?;
    assert_eq!(reply.status(), NtStatus::SUCCESS);
    Some(ValidateNegotiateResponse::decode(super::harness::data(&reply)).unwrap())
}

#[test]
fn a_client_below_3_1_1_can_validate_its_negotiation() {
    for dialect in &Dialect::ALL[..4] {
        let mut peer = Peer::connected_with(*dialect, None);
        let sent = ValidateNegotiateRequest {
            capabilities: Capabilities(0x7F),
            guid: [3; 16],
            security_mode: SecurityMode(1),
            dialects: vec![dialect.to_wire()],
        };
        let response = validate(&mut peer, &sent).unwrap();
        assert_eq!(response.dialect, dialect.to_wire());
        assert_eq!(response.guid, [0x5A; 16]);
    }
}

#[test]
fn a_changed_negotiation_ends_the_connection() {
    let sent = ValidateNegotiateRequest {
        capabilities: Capabilities(0x7F),
        guid: [3; 16],
        security_mode: SecurityMode(1),
        dialects: vec![Dialect::Smb302.to_wire()],
    };
    let changed: Vec<ValidateNegotiateRequest> = vec![
        ValidateNegotiateRequest { capabilities: Capabilities(0x3F), ..sent.clone() },
        ValidateNegotiateRequest { guid: [4; 16], ..sent.clone() },
        ValidateNegotiateRequest { security_mode: SecurityMode(3), ..sent.clone() },
        ValidateNegotiateRequest {
            dialects: vec![DialectRevision(0x0302), DialectRevision(0x0311)],
            ..sent.clone()
        },
    ];
    for sent in changed {
        let mut peer = Peer::connected_with(Dialect::Smb302, None);
        assert_eq!(validate(&mut peer, &sent), None);
        assert_eq!(peer.disconnected, Some(DisconnectReason::NegotiationTampered));
    }
    // In 3.1.1 the hash protects the negotiation; asking is an attack.
    let mut peer = Peer::connected();
    assert_eq!(validate(&mut peer, &sent), None);
    assert_eq!(peer.disconnected, Some(DisconnectReason::NegotiationTampered));
}

#[test]
fn nobody_stays_without_logging_on() {
    let mut peer = Peer::new(config());
    peer.negotiate(&Dialect::ALL, None);
    peer.pass(Duration::from_secs(44));
    assert_eq!(peer.disconnected, None);
    peer.pass(Duration::from_secs(1));
    assert_eq!(peer.disconnected, Some(DisconnectReason::LogonTimeout));
    peer.handle(Input::Received(b"more"));
    assert!(peer.replies.is_empty());
}
