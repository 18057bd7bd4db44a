use super::harness::{Asked, Peer, READ_WRITE, config, credentials, data};
use crate::auth::client::Credentials;
use crate::crypto::{Cipher, SessionKeys, SigningAlgorithm};
use crate::server::{Event, Input, SessionId};
use crate::wire::{Command, ControlCode, Empty, FileId, PipeWaitRequest};
use crate::{Dialect, NtStatus};

/// What a client needs to go on in a session after it was in another one.
struct Former {
    session_id: u64,
    tree_id: u32,
    keys: Option<SessionKeys>,
}

fn leave(peer: &mut Peer) -> Former {
    let former = Former { session_id: peer.session_id, tree_id: peer.tree_id, keys: peer.keys.take() };
    peer.session_id = 0;
    former
}

fn go_back(peer: &mut Peer, former: Former) {
    peer.session_id = former.session_id;
    peer.tree_id = former.tree_id;
    peer.keys = former.keys;
}

/// The first message that is signed rightly.
fn show_key(peer: &mut Peer) {
    assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS);
}

fn replaced(peer: &Peer) -> usize {
    peer.events.iter().filter(|event| matches!(event, Event::SessionReplaced { .. })).count()
}

fn status_of_an_open(peer: &mut Peer) -> NtStatus {
    peer.try_open("simple", READ_WRITE).err().unwrap_or(NtStatus::SUCCESS)
}

#[test]
fn a_user_who_comes_back_ends_the_former_session_with_everything_in_it() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    let wait = PipeWaitRequest { timeout: None, name: "simple".into() }.encode();
    let wait = peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0);
    let former = leave(&mut peer);
    peer.previous_session_id = former.session_id;
    // The last replies of the former session are signed with its own keys, which the harness has put away.
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!(replaced(&peer), 1, "on the same connection the password is enough");
    show_key(&mut peer);
    assert_eq!(replaced(&peer), 1);
    assert_eq!(peer.connection.open_count(), 0);
    assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN);
    assert_eq!(peer.reply_to(wait).unwrap().status(), NtStatus::CANCELLED);
    assert!(peer.asked.iter().any(|asked| matches!(asked, Asked::Close(_))));
    assert!(peer.asked.iter().any(|asked| matches!(asked, Asked::CancelWait(_))));
    assert_eq!(peer.sessions.len(), 1, "only the new one is left");
    go_back(&mut peer, Former { keys: None, ..former });
    assert_eq!(status_of_an_open(&mut peer), NtStatus::USER_SESSION_DELETED);
}

#[test]
fn nothing_ends_before_the_log_on_has_succeeded() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let former = leave(&mut peer);
    peer.previous_session_id = former.session_id;
    let wrong = Credentials::from_password("serviceUser", "", "guess");
    assert_eq!(peer.log_on(&wrong), NtStatus::LOGON_FAILURE);
    assert_eq!((replaced(&peer), peer.connection.open_count()), (0, 1));
    go_back(&mut peer, former);
    let id = peer.send_write(file_id, b"still here");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
}

#[test]
fn a_strangers_session_goes_on() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let former = leave(&mut peer);
    peer.previous_session_id = former.session_id;
    assert_eq!(peer.log_on(&credentials("visitor")), NtStatus::SUCCESS);
    show_key(&mut peer);
    assert_eq!((replaced(&peer), peer.connection.open_count()), (0, 1));
    assert!(!peer.asked.iter().any(|asked| matches!(asked, Asked::EndSession(..))));
    go_back(&mut peer, former);
    peer.service_writes(file_id, b"mine");
    let id = peer.send_read(file_id, 10);
    assert_eq!(data(&peer.reply_to(id).unwrap()), b"mine");
}

#[test]
fn a_session_does_not_end_itself() {
    let mut peer = Peer::connected();
    peer.open("simple");
    peer.previous_session_id = peer.session_id;
    assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
    assert_eq!((replaced(&peer), peer.connection.open_count()), (0, 1));
}

#[test]
fn a_session_of_another_connection_ends_only_after_the_user_is_proved() {
    const ELSEWHERE: u64 = 0x1234_5678_9ABC_DEF0;
    let mut peer = Peer::new(config());
    peer.negotiate(&[Dialect::Smb311], Some(SigningAlgorithm::AesGmac));
    peer.previous_session_id = ELSEWHERE;
    let wrong = Credentials::from_password("serviceUser", "", "guess");
    assert_eq!(peer.log_on(&wrong), NtStatus::LOGON_FAILURE);
    assert_eq!(peer.asked, []);
    peer.session_id = 0;
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!((&peer.asked[..], peer.sessions.len()), (&[][..], 0));
    show_key(&mut peer);
    let own = peer.sessions[&SessionId(peer.session_id)];
    assert_eq!(peer.asked, [Asked::EndSession(SessionId(ELSEWHERE), own)]);
}

#[test]
fn a_session_that_another_connection_replaces_ends() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    let session = SessionId(peer.session_id);
    peer.handle(Input::EndSession { session });
    assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN);
    assert_eq!((replaced(&peer), peer.sessions.len()), (1, 0));
    // Again, and one that never was.
    peer.handle(Input::EndSession { session });
    peer.handle(Input::EndSession { session: SessionId(7) });
    assert_eq!((replaced(&peer), peer.disconnected), (1, None));
}

#[test]
fn the_last_replies_of_an_encrypted_session_are_encrypted() {
    let mut peer = Peer::new(config());
    peer.ciphers = [Cipher::Aes256Gcm].into();
    peer.negotiate(&[Dialect::Smb311], None);
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    peer.seal();
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    peer.handle(Input::EndSession { session: SessionId(peer.session_id) });
    // The harness insists on it.
    assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN);
}

#[test]
fn a_log_on_that_is_not_complete_is_nobodys_session() {
    let mut peer = Peer::connected();
    let former = leave(&mut peer);
    let mut preauth = crate::crypto::PreauthHash::new();
    let initiator = crate::auth::client::Initiator::new(credentials("serviceUser"), None);
    let (_, token) = initiator.start(&[]).unwrap();
    let begun = peer.session_setup(&token, &mut preauth).header.session_id;
    peer.handle(Input::EndSession { session: SessionId(begun) });
    assert_eq!(replaced(&peer), 0);
    peer.previous_session_id = begun;
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    show_key(&mut peer);
    assert_eq!(replaced(&peer), 0);
    assert!(peer.sessions.contains_key(&SessionId(former.session_id)));
}
