//! Encrypted connections: when they are, that they hold, and what a server must not get away with.

use super::*;
use crate::client::{Encryption, Unacceptable};
use crate::crypto::Cipher;
use crate::wire::header::PROTOCOL_TRANSFORM;
use crate::wire::negotiate::{Capabilities, CipherId};
use crate::wire::session::{SessionFlags, ShareFlags};

/// Every dialect that can encrypt, with every cipher it has.
const PAIRS: [(Dialect, Cipher); 6] = [
    (Dialect::Smb300, Cipher::Aes128Ccm),
    (Dialect::Smb302, Cipher::Aes128Ccm),
    (Dialect::Smb311, Cipher::Aes128Gcm),
    (Dialect::Smb311, Cipher::Aes256Gcm),
    (Dialect::Smb311, Cipher::Aes128Ccm),
    (Dialect::Smb311, Cipher::Aes256Ccm),
];

fn with(encryption: Encryption) -> Config {
    Config { encryption, ..config() }
}

/// A client that encrypts everything, and a server that does as well.
fn sealed(dialect: Dialect, cipher: Cipher) -> ScriptedPair {
    ScriptedPair::ready_with(with(Encryption::Required), Behaviour::encrypting(dialect, cipher))
}

fn refused(config: Config, behaviour: Behaviour) -> ConnectionError {
    ScriptedPair { client: connect(config), server: Server::new(behaviour) }.error()
}

#[test]
fn the_offer_names_the_ciphers_in_the_clients_order() {
    let ciphers = vec![Cipher::Aes256Gcm, Cipher::Aes128Gcm];
    for (encryption, expected) in [
        (Encryption::Off, None),
        (Encryption::WhenAsked, Some(vec![CipherId::AES_256_GCM, CipherId::AES_128_GCM])),
        (Encryption::Required, Some(vec![CipherId::AES_256_GCM, CipherId::AES_128_GCM])),
    ] {
        let client = connect(Config { ciphers: ciphers.clone(), ..with(encryption) });
        let mut pair = ScriptedPair { client, server: Server::new(Behaviour::good(Dialect::Smb311)) };
        pair.exchange();
        let offer = pair.server.offer.take().expect("an offer");
        assert_eq!(offer.capabilities.contains(Capabilities::ENCRYPTION), expected.is_some());
        assert_eq!(offer.contexts.expect("contexts").ciphers, expected);
    }
}

#[test]
fn the_session_or_the_share_can_ask_for_encryption() {
    for (dialect, cipher) in PAIRS {
        let good = || Behaviour::encrypting(dialect, cipher);
        for asking in [
            Behaviour { session_flags: SessionFlags::ENCRYPT_DATA, ..good() },
            Behaviour { share_flags: ShareFlags::NO_CACHING | ShareFlags::ENCRYPT_DATA, ..good() },
            Behaviour {
                session_flags: SessionFlags::ENCRYPT_DATA,
                share_flags: ShareFlags::NO_CACHING | ShareFlags::ENCRYPT_DATA,
                ..good()
            },
        ] {
            let mut pair = ScriptedPair::ready_with(with(Encryption::WhenAsked), asking);
            assert_eq!(pair.client.ready().expect("ready").encryption, Some(cipher));
            let read = pair.client.read(PIPE, 10);
            let (header, _) = pair.request();
            assert!(pair.server.sealed);
            pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"data" }.encode(out));
            assert_eq!(pair.result(read), Ok(Reply::Data(Data { bytes: b"data".to_vec(), more: false })));
        }
    }
}

#[test]
fn a_demand_that_cannot_be_met_is_refused_and_says_by_whom() {
    for demand in [
        |behaviour: &mut Behaviour| behaviour.session_flags = SessionFlags::ENCRYPT_DATA,
        |behaviour: &mut Behaviour| behaviour.share_flags = ShareFlags::ENCRYPT_DATA,
    ] {
        for dialect in Dialect::ALL {
            let mut behaviour = Behaviour::good(dialect);
            demand(&mut behaviour);
            let error = refused(with(Encryption::Off), behaviour);
            assert_eq!(error, ConnectionError::Policy(Unacceptable::EncryptionOff));

            let mut behaviour = Behaviour::good(dialect);
            demand(&mut behaviour);
            let error = refused(with(Encryption::WhenAsked), behaviour);
            assert_eq!(error, ConnectionError::Violation(Violation::EncryptionWithoutCipher));
        }
    }
}

#[test]
fn ciphers_that_were_not_offered_are_refused() {
    let says = |ciphers: &[CipherId]| Behaviour {
        ciphers: Some(ciphers.to_vec()),
        ..Behaviour::good(Dialect::Smb311)
    };
    let one = || Config { ciphers: vec![Cipher::Aes128Gcm], ..with(Encryption::WhenAsked) };
    let not_offered = ConnectionError::Violation(Violation::CipherNotOffered);
    for cipher in [1, 3, 4, 7] {
        assert_eq!(refused(one(), says(&[CipherId(cipher)])), not_offered);
    }
    assert_eq!(refused(with(Encryption::Off), says(&[CipherId(2)])), not_offered);
    assert_eq!(
        refused(one(), says(&[CipherId(2), CipherId(1)])),
        ConnectionError::Violation(Violation::SeveralCiphers)
    );
    // How servers say that none of those offered suits them.
    let client = Config { ciphers: vec![Cipher::Aes128Gcm], ..with(Encryption::Required) };
    assert!(matches!(refused(client, says(&[CipherId(0)])), ConnectionError::Policy(_)));
    ScriptedPair::ready_with(one(), says(&[CipherId(0)]));
}

#[test]
fn a_capability_that_somebody_took_away_is_found_by_asking_again() {
    for dialect in [Dialect::Smb300, Dialect::Smb302] {
        let behaviour = Behaviour {
            tamper: |message| {
                if message[12] == 0 {
                    message[HEADER_LEN + 24] &= !0x40; // the capabilities in the NEGOTIATE response
                }
            },
            ..Behaviour::encrypting(dialect, Cipher::Aes128Ccm)
        };
        let error = refused(with(Encryption::WhenAsked), behaviour);
        assert!(matches!(error, ConnectionError::Downgrade(_)), "{error:?}");
    }
}

#[test]
fn a_plain_reply_to_an_encrypted_request_ends_the_connection() {
    for (dialect, cipher) in PAIRS {
        let mut pair = sealed(dialect, cipher);
        let read = pair.client.read(PIPE, 10);
        let (header, _) = pair.request();
        pair.server.behaviour.answers_plain = true;
        pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"data" }.encode(out));
        let events = pair.exchange();
        let [Event::Completed { request, result }, Event::Closed(error)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((*request, result), (read, &Err(RequestError::Lost { sent: true })));
        assert_eq!(*error, ConnectionError::Unencrypted { status: NtStatus::SUCCESS });
    }
}

#[test]
fn a_plain_interim_reply_to_an_encrypted_request_ends_the_connection() {
    let mut pair = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    pair.client.read(PIPE, 10);
    let (header, _) = pair.request();
    pair.server.behaviour.answers_plain = true;
    pair.server.interim(&header, 77);
    assert_eq!(pair.error(), ConnectionError::Unencrypted { status: NtStatus::PENDING });
}

#[test]
fn a_plain_reply_in_the_handshake_ends_the_connection() {
    for dialect in [Dialect::Smb300, Dialect::Smb302, Dialect::Smb311] {
        let behaviour =
            Behaviour { answers_plain: true, ..Behaviour::encrypting(dialect, Cipher::Aes128Ccm) };
        let error = refused(with(Encryption::Required), behaviour);
        assert_eq!(error, ConnectionError::Unencrypted { status: NtStatus::SUCCESS }, "{dialect}");
    }
}

#[test]
fn an_interim_reply_can_be_encrypted() {
    let mut pair = sealed(Dialect::Smb311, Cipher::Aes256Gcm);
    let read = pair.client.read(PIPE, 10);
    let (header, _) = pair.request();
    let pending = pair.server.interim(&header, 77);
    assert!(pair.exchange().is_empty());
    pair.server.reply(&pending, NtStatus::SUCCESS, |out| ReadResponse { data: b"late" }.encode(out));
    assert_eq!(pair.result(read), Ok(Reply::Data(Data { bytes: b"late".to_vec(), more: false })));
}

#[test]
fn an_encrypted_reply_to_a_plain_request_ends_the_connection() {
    let behaviour = Behaviour::encrypting(Dialect::Smb311, Cipher::Aes128Gcm);
    let mut pair = ScriptedPair::ready_with(with(Encryption::WhenAsked), behaviour);
    pair.client.echo();
    let (header, _) = pair.request();
    pair.server.sealed = true;
    pair.server.reply(&header, NtStatus::SUCCESS, Empty::encode);
    assert_eq!(pair.error(), ConnectionError::Violation(Violation::EncryptedForPlain));
}

#[test]
fn an_encrypted_reply_speaks_of_its_own_session_only() {
    // Another session in the header, which the key vouches for.
    let behaviour = Behaviour { sealed_for: 1, ..Behaviour::encrypting(Dialect::Smb311, Cipher::Aes128Gcm) };
    let error = refused(with(Encryption::Required), behaviour);
    assert_eq!(error, ConnectionError::Violation(Violation::EncryptedForeignSession));

    // Another session inside.
    let mut pair = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    pair.client.echo();
    let (header, _) = pair.request();
    let other = Header { session_id: header.session_id + 1, ..header };
    pair.server.reply(&other, NtStatus::SUCCESS, Empty::encode);
    assert_eq!(pair.error(), ConnectionError::Violation(Violation::ForeignSession));
}

#[test]
fn a_clients_own_message_cannot_be_sent_back_to_it() {
    let mut pair = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    pair.client.echo();
    let mut request = vec![];
    assert!(pair.client.take_transmit(&mut request));
    pair.client.handle(NOW, Input::Received(&request));
    assert_eq!(pair.error(), ConnectionError::BadSignature);
}

#[test]
fn an_encrypted_message_inside_an_encrypted_one_ends_the_connection() {
    let mut pair = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    pair.client.echo();
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::SUCCESS, |out| {
        Empty::encode(out);
        out[..4].copy_from_slice(&PROTOCOL_TRANSFORM);
    });
    assert!(matches!(pair.error(), ConnectionError::Malformed(_)));
}

proptest! {
    /// One changed byte anywhere in an encrypted reply ends the connection; no wrong answer gets through.
    #[test]
    fn a_changed_byte_never_gives_a_wrong_answer(
        (dialect, cipher) in prop::sample::select(&PAIRS[..]),
        position: prop::sample::Index,
        change in 1u8..,
    ) {
        let mut pair = sealed(dialect, cipher);
        let read = pair.client.read(PIPE, 10);
        let (header, _) = pair.request();
        pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"answer" }.encode(out));
        let mut bytes = pair.server.take();
        let position = position.index(bytes.len());
        bytes[position] ^= change;
        pair.client.handle(NOW, Input::Received(&bytes));
        pair.client.handle(NOW, Input::Disconnected);
        let events = pair.events();
        let expected = Err(RequestError::Lost { sent: true });
        prop_assert!(matches!(&events[..], [Event::Completed { request, result }, Event::Closed(_)]
            if *request == read && *result == expected), "{:?}", events);
    }

    #[test]
    fn a_changed_byte_in_the_handshake_never_panics(
        (dialect, cipher) in prop::sample::select(&PAIRS[..]),
        message in 0usize..5,
        position: prop::sample::Index,
        change in 1u8..,
    ) {
        let behaviour =
            Behaviour { session_flags: SessionFlags::ENCRYPT_DATA, ..Behaviour::encrypting(dialect, cipher) };
        let mut pair = ScriptedPair { client: connect(config()), server: Server::new(behaviour) };
        for round in 0..8 {
            let mut bytes = vec![];
            if pair.client.take_transmit(&mut bytes) {
                pair.server.receive(&bytes);
            }
            let mut bytes = pair.server.take();
            if round == message && !bytes.is_empty() {
                let position = position.index(bytes.len());
                bytes[position] ^= change;
            }
            pair.client.handle(NOW, Input::Received(&bytes));
            if pair.client.is_closed() {
                break;
            }
        }
    }
}
