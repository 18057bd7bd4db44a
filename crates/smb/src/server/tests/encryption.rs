use core::time::Duration;

use super::harness::{Asked, Peer, READ_WRITE, config, credentials, data};
use crate::crypto::encryption::Sealer;
use crate::crypto::{Cipher, SigningAlgorithm};
use crate::server::{Config, Encryption, Event, Malformation, Violation};
use crate::wire::{CloseRequest, Command, ControlCode, Empty, Header, PipeWaitRequest};
use crate::{Dialect, NtStatus};

fn with(encryption: Encryption) -> Config {
    Config { encryption, ..config() }
}

fn log_on(encryption: Encryption, dialect: Dialect, ciphers: &[Cipher]) -> (Peer, NtStatus) {
    let mut peer = Peer::new(with(encryption));
    peer.ciphers = ciphers.to_vec();
    peer.negotiate(&[dialect], Some(SigningAlgorithm::AesGmac));
    let status = peer.log_on(&credentials("serviceUser"));
    (peer, status)
}

/// A client that encrypts everything.
fn sealed(dialect: Dialect, cipher: Cipher) -> Peer {
    let (mut peer, status) = log_on(Encryption::Offered, dialect, &[cipher]);
    assert_eq!(status, NtStatus::SUCCESS);
    assert_eq!(peer.cipher, Some(cipher));
    peer.seal();
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    peer
}

#[test]
fn a_call_works_with_every_cipher() {
    let newest = Cipher::ALL.map(|cipher| (Dialect::Smb311, cipher));
    let older = [(Dialect::Smb300, Cipher::Aes128Ccm), (Dialect::Smb302, Cipher::Aes128Ccm)];
    for (dialect, cipher) in newest.into_iter().chain(older) {
        let mut peer = sealed(dialect, cipher);
        let file_id = peer.open("simple");
        let id = peer.send_write(file_id, b"secret");
        assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS, "{dialect} {cipher:?}");
        assert_eq!(peer.written(), [b"secret"]);
        let id = peer.send_read(file_id, 100);
        peer.pass(Duration::from_secs(1));
        assert_eq!(
            peer.reply_to(id).unwrap().status(),
            NtStatus::PENDING,
            "the interim reply is encrypted too"
        );
        peer.service_writes(file_id, b"terces");
        assert_eq!(data(&peer.reply_to(id).unwrap()), b"terces");
    }
}

#[test]
fn the_fastest_cipher_is_chosen_and_none_where_encryption_is_off() {
    let (peer, _) = log_on(Encryption::Offered, Dialect::Smb311, &[Cipher::Aes256Ccm, Cipher::Aes128Gcm]);
    assert_eq!(peer.cipher, Some(Cipher::Aes128Gcm));
    for dialect in [Dialect::Smb302, Dialect::Smb311] {
        let (peer, status) = log_on(Encryption::Off, dialect, &[Cipher::Aes128Gcm]);
        assert_eq!((peer.cipher, status), (None, NtStatus::SUCCESS));
    }
}

#[test]
fn a_client_that_cannot_encrypt_does_not_get_in_where_all_must() {
    for dialect in [Dialect::Smb202, Dialect::Smb210] {
        assert_eq!(log_on(Encryption::Required, dialect, &[]).1, NtStatus::ACCESS_DENIED, "{dialect}");
    }
    let (peer, status) = log_on(Encryption::Required, Dialect::Smb311, &[]);
    assert_eq!(status, NtStatus::ACCESS_DENIED);
    assert!(peer.events.iter().all(|event| !matches!(event, Event::LoggedOn { .. })));
}

#[test]
fn where_all_must_encrypt_a_plain_request_is_refused() {
    let (mut peer, status) = log_on(Encryption::Required, Dialect::Smb311, &[Cipher::Aes128Gcm]);
    assert_eq!(status, NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::ACCESS_DENIED);
    peer.seal();
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    peer.open("simple");
}

#[test]
fn the_replies_that_end_a_session_are_still_encrypted() {
    let mut peer = sealed(Dialect::Smb311, Cipher::Aes256Gcm);
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    // The harness insists that every reply is encrypted.
    assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::SUCCESS);
    assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN);
    // Afterwards the key is gone.
    peer.send(Command::ECHO, Empty::encode);
    assert_eq!(peer.disconnected, Some(Violation::EncryptedWithoutKeys.into()));
}

#[test]
fn a_changed_message_ends_the_connection_wherever_it_was_changed() {
    let length = {
        let mut peer = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
        let header = peer.header(Command::CREATE, 1);
        peer.message(&header, |out| Peer::create_request("simple", READ_WRITE).encode(out)).len() + 52
    };
    for at in 0..length {
        let mut peer = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
        let header = peer.header(Command::CREATE, 1);
        let mut message = peer.message(&header, |out| Peer::create_request("simple", READ_WRITE).encode(out));
        peer.sealing.as_mut().unwrap().0.seal(&mut message, 0).unwrap();
        message[at] ^= 0x04;
        peer.send_frame(&message);
        // A changed nonce beyond what the cipher uses is authenticated all the same.
        assert!(peer.disconnected.is_some(), "byte {at}");
        assert!(peer.asked.is_empty(), "byte {at}");
    }
}

#[test]
fn a_key_speaks_for_its_own_session_only() {
    let mut peer = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    let mut header = peer.header(Command::ECHO, 1);
    header.session_id ^= 1;
    let message = peer.message(&header, Empty::encode);
    peer.send_raw(&message);
    assert_eq!(peer.disconnected, Some(Violation::EncryptedForeignSession.into()));

    // The key of one session under the name of another.
    let mut peer = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    let keys = peer.keys.as_ref().unwrap().ciphers.clone().unwrap();
    let header = peer.header(Command::ECHO, 1);
    let mut message = peer.message(&header, Empty::encode);
    Sealer::new(&keys.client_to_server, peer.session_id ^ 1).seal(&mut message, 0).unwrap();
    peer.send_frame(&message);
    assert_eq!(peer.disconnected, Some(Violation::EncryptedWithoutKeys.into()));
}

#[test]
fn an_encrypted_message_before_log_on_ends_the_connection() {
    let mut peer = Peer::new(with(Encryption::Offered));
    peer.negotiate(&[Dialect::Smb311], None);
    peer.send_frame(&[b"\xFDSMB".as_slice(), &[1; 80]].concat());
    assert_eq!(peer.disconnected, Some(Malformation::TransformHeader.into()));
}

#[test]
fn later_requests_of_an_encrypted_compound_get_encrypted_replies() {
    let mut peer = sealed(Dialect::Smb311, Cipher::Aes128Gcm);
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"ready");
    let id = peer.send_read(file_id, 10);
    assert_eq!(data(&peer.reply_to(id).unwrap()), b"ready");
    let reply = peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
    assert_eq!(reply.status(), NtStatus::SUCCESS);
}

/// A client that can encrypt, at a server whose pipe `simple` is for encrypted requests only.
fn before_a_secret_pipe(dialect: Dialect, user: &str) -> Peer {
    let mut config = with(Encryption::Offered);
    config.pipes[0].require_encryption = true;
    let mut peer = Peer::new(config);
    peer.ciphers = [Cipher::Aes128Gcm].into();
    peer.negotiate(&[dialect], Some(SigningAlgorithm::AesGmac));
    assert_eq!(peer.log_on(&credentials(user)), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    peer
}

#[test]
fn a_pipe_for_encrypted_requests_is_opened_by_nothing_else() {
    for dialect in Dialect::ALL {
        let mut peer = before_a_secret_pipe(dialect, "serviceUser");
        assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED), "{dialect}");
        assert!(peer.refusal().unwrap().1.contains("encrypted"), "the log has the reason");
        assert!(peer.asked.is_empty(), "nothing reached the service");
        // The share is the same for all pipes, so the others are open as before.
        peer.open("stream");
    }
    let mut peer = before_a_secret_pipe(Dialect::Smb311, "serviceUser");
    peer.seal();
    peer.open("simple");
}

#[test]
fn a_user_who_may_not_open_a_pipe_does_not_learn_how() {
    let mut peer = before_a_secret_pipe(Dialect::Smb311, "visitor");
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED));
    assert!(!peer.refusal().unwrap().1.contains("encrypted"));
}

#[test]
fn nothing_unencrypted_is_done_on_an_open_that_was_encrypted() {
    let mut peer = before_a_secret_pipe(Dialect::Smb311, "serviceUser");
    peer.seal();
    let file_id = peer.open("simple");
    let pending = peer.send_read(file_id, 10);
    // The same client goes on without encryption, rightly signed.
    let sealing = peer.sealing.take();
    let read = peer.send_read(file_id, 10);
    let write = peer.send_write(file_id, b"in the clear");
    let ask = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"in the clear", 10);
    let close = peer.send(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
    for id in [read, write, ask, close] {
        assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::ACCESS_DENIED);
    }
    assert!(peer.written().is_empty());
    let target = Header { message_id: pending, ..peer.header(Command::CANCEL, 0) };
    let message = peer.message(&target, Empty::encode);
    peer.send_raw(&message);
    assert!(peer.reply_to(pending).is_none(), "nor is anything cancelled");
    // Every user who is logged on may know that the pipe exists.
    let wait = PipeWaitRequest { timeout: None, name: "simple".into() }.encode();
    peer.send_ioctl(ControlCode::PIPE_WAIT, crate::wire::FileId::ANY, &wait, 0);
    assert!(matches!(peer.asked.last(), Some(Asked::Wait(_, _, false))), "no place is kept for it");

    peer.sealing = sealing;
    peer.send_ioctl(ControlCode::PIPE_WAIT, crate::wire::FileId::ANY, &wait, 0);
    assert!(matches!(peer.asked.last(), Some(Asked::Wait(_, _, true))));
    peer.service_writes(file_id, b"for those who encrypt");
    assert_eq!(peer.reply_to(pending).unwrap().status(), NtStatus::BUFFER_OVERFLOW);
}
