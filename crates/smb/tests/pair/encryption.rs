//! Encrypted connections of this client to this server: when they are, and that they hold.

use std::time::Duration;

use standpipe_pair::{Pair, client_config, server_config};
use standpipe_smb::client::{
    Config, Connection, ConnectionError, Encryption, Reply, RequestError, Stage, Unacceptable,
};
use standpipe_smb::crypto::Cipher;
use standpipe_smb::wire::header::PROTOCOL_TRANSFORM;
use standpipe_smb::{Dialect, NtStatus, server};

use crate::calls::whole;

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
    Config { encryption, ..client_config() }
}

fn up_to(max_dialect: Dialect, encryption: Encryption) -> Config {
    Config { max_dialect, ..with(encryption) }
}

fn between(client: Config, encryption: server::Encryption) -> Pair<'static> {
    Pair::new(client, server::Config { encryption, ..server_config() })
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[test]
fn calls_are_encrypted_in_every_dialect_and_with_every_cipher() {
    for (dialect, cipher) in PAIRS {
        for (policy, server) in [
            (Encryption::Required, server::Encryption::Offered),
            (Encryption::Required, server::Encryption::Required),
            (Encryption::WhenAsked, server::Encryption::Required),
        ] {
            let client = Config { ciphers: vec![cipher], ..up_to(dialect, policy) };
            let mut pair = between(client, server);
            let pipe = pair.open("simple");
            let ready = pair.became_ready.expect("ready before anything is answered");
            assert_eq!((ready.dialect, ready.encryption), (dialect, Some(cipher)));
            let call = pair.client.transceive(pipe, b"Standpipe", 100);
            assert_eq!(pair.result(call), Ok(whole(b"epipdnatS")), "{dialect} {cipher:?}");
            for ask in [Connection::echo, Connection::log_off] {
                let request = ask(&mut pair.client);
                assert_eq!(pair.result(request), Ok(Reply::Done));
            }
            assert_eq!(pair.closed, Some(ConnectionError::LoggedOff));
            // NEGOTIATE and two SESSION_SETUP, with their replies, and nothing else in the clear.
            let plain =
                pair.sent.iter().filter(|(_, message)| !message.starts_with(&PROTOCOL_TRANSFORM)).count();
            assert_eq!(plain, 6, "{dialect} {cipher:?}");
            assert!(pair.sent.iter().all(|(_, message)| position(message, b"Standpipe").is_none()));
        }
    }
}

#[test]
fn nothing_is_encrypted_where_nobody_asks_for_it() {
    for (policy, server) in [
        (Encryption::WhenAsked, server::Encryption::Offered),
        (Encryption::WhenAsked, server::Encryption::Off),
        (Encryption::Off, server::Encryption::Offered),
    ] {
        for dialect in Dialect::ALL {
            let mut pair = between(up_to(dialect, policy), server);
            pair.open("simple");
            assert_eq!(pair.became_ready.expect("ready").encryption, None);
            assert!(pair.sent.iter().all(|(_, message)| !message.starts_with(&PROTOCOL_TRANSFORM)));
        }
    }
}

#[test]
fn a_server_that_cannot_encrypt_is_refused_before_anybody_logs_on() {
    for dialect in Dialect::ALL {
        let mut pair = between(up_to(dialect, Encryption::Required), server::Encryption::Off);
        pair.run();
        let expected = if dialect.is_smb3() { Unacceptable::NoSharedCipher } else { Unacceptable::NoSmb3 };
        assert_eq!(pair.closed, Some(ConnectionError::Policy(expected)), "{dialect}");
        assert_eq!(pair.sent.len(), 2, "only the negotiation");
    }
}

#[test]
fn a_client_that_must_not_encrypt_does_not_get_in_where_all_must() {
    for dialect in Dialect::ALL {
        let mut pair = between(up_to(dialect, Encryption::Off), server::Encryption::Required);
        pair.run();
        let expected = ConnectionError::Refused { stage: Stage::LogOn, status: NtStatus::ACCESS_DENIED };
        assert_eq!(pair.closed, Some(expected), "{dialect}");
    }
}

#[test]
fn large_messages_waiting_and_cancelling_work_encrypted() {
    let mut pair = between(with(Encryption::Required), server::Encryption::Offered);
    let pipe = pair.open("simple");
    let message: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
    let call = pair.client.transceive(pipe, &message, 300_000);
    let turned: Vec<u8> = message.into_iter().rev().collect();
    assert_eq!(pair.result(call), Ok(whole(&turned)));

    let [late, given_up] = [(); 2].map(|()| pair.client.read(pipe, 100));
    pair.run();
    pair.pass(Duration::from_secs(1));
    assert!(pair.results.is_empty(), "both are pending");
    pair.client.cancel(given_up);
    assert_eq!(pair.result(given_up), Err(RequestError::Refused(NtStatus::CANCELLED)));
    let open = pair.service.opened[0];
    pair.tell(server::Input::Data { open, bytes: b"at last" });
    assert_eq!(pair.result(late), Ok(whole(b"at last")));
}
