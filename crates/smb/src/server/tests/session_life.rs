use alloc::sync::Arc;
use core::time::Duration;
use std::sync::Mutex;

use proptest::prelude::*;
use standpipe_security::{Account, AccountSet, Accounts, NtHash, Sid};

use super::harness::{Asked, Peer, READ_WRITE, account_set, config, credentials, data};
use crate::crypto::Cipher;
use crate::server::{Config, DisconnectReason, Event, Input, OpenFailure, OpenId, PipeMode};
use crate::wire::{
    CloseRequest, Command, ControlCode, Empty, FileId, Flags, FlushRequest, Header, PipeWaitRequest,
    TreeConnectRequest,
};
use crate::{Dialect, NtStatus};

const LIFETIME: Duration = Duration::from_hours(8);

/// Accounts that an administrator can change meanwhile.
#[derive(Default)]
struct Changing(Mutex<AccountSet>);

impl Accounts for Changing {
    fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.0.lock().unwrap().find(name)
    }
}

impl Changing {
    fn change(&self, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.0.lock().unwrap();
        let mut account = Account::clone(&accounts.find("serviceUser").unwrap());
        accounts.remove("serviceUser");
        change(&mut account);
        accounts.add(account).unwrap();
    }
}

fn limited() -> Config {
    Config { session_lifetime: Some(LIFETIME), ..config() }
}

fn connected(config: Config) -> Peer {
    Peer::connected_as("serviceUser", config)
}

/// The status of a CREATE, whose backend is not to be asked for the answer.
fn create(peer: &mut Peer) -> NtStatus {
    peer.try_open("simple", READ_WRITE).err().unwrap_or(NtStatus::SUCCESS)
}

#[test]
fn without_a_lifetime_a_session_counts_for_ever() {
    let mut peer = Peer::connected();
    peer.time += Duration::from_hours(24 * 365);
    assert_eq!(create(&mut peer), NtStatus::SUCCESS);
}

#[test]
fn a_session_counts_until_its_time_is_over() {
    let mut peer = connected(limited());
    peer.time = LIFETIME.checked_sub(Duration::from_nanos(1)).unwrap();
    assert_eq!(create(&mut peer), NtStatus::SUCCESS);
    peer.time = LIFETIME;
    assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
    assert!(peer.events.iter().any(|event| matches!(event, Event::SessionExpired { .. })));
}

#[test]
fn an_expired_session_can_only_give_up_what_it_has() {
    let mut peer = connected(limited());
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"unread");
    peer.time += LIFETIME;
    let read = peer.send_read(file_id, 10);
    let write = peer.send_write(file_id, b"x");
    let ask = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"x", 10);
    let peek = peer.send_ioctl(ControlCode::PIPE_PEEK, file_id, b"", 100);
    let wait = PipeWaitRequest { timeout: None, name: "simple".into() }.encode();
    let wait = peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0);
    let flush = peer.send(Command::FLUSH, |out| FlushRequest { file_id }.encode(out));
    let tree = TreeConnectRequest { path: r"\\server\IPC$".into() };
    let tree = peer.send(Command::TREE_CONNECT, |out| tree.encode(out));
    let leave = peer.send(Command::TREE_DISCONNECT, Empty::encode);
    for id in [read, write, ask, peek, wait, flush, tree, leave] {
        assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::NETWORK_SESSION_EXPIRED);
    }
    assert!(peer.written().is_empty(), "nothing reached the service");
    assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS);
    let reply = peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
    assert_eq!(reply.status(), NtStatus::SUCCESS);
    assert_eq!(peer.asked.last(), Some(&Asked::Close(OpenId(file_id.volatile))));
    assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::SUCCESS);
}

#[test]
fn logging_on_again_brings_an_expired_session_back_as_it_was() {
    let mut peer = connected(limited());
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"kept");
    let (session, tree) = (peer.session_id, peer.tree_id);
    for _ in 0..3 {
        peer.time += LIFETIME;
        assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
        // The harness signs with the keys of the first log-on, and verifies each reply with them.
        assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
        assert_eq!((peer.session_id, peer.tree_id), (session, tree));
        assert_eq!(create(&mut peer), NtStatus::SUCCESS);
    }
    let read = peer.send_read(file_id, 10);
    assert_eq!(data(&peer.reply_to(read).unwrap()), b"kept");
    assert!(peer.events.iter().any(|event| matches!(event, Event::LoggedOnAgain { .. })));
}

#[test]
fn logging_on_again_in_time_begins_a_new_lifetime() {
    let mut peer = connected(limited());
    peer.time = LIFETIME / 2;
    assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
    peer.time = LIFETIME + LIFETIME / 4;
    assert_eq!(create(&mut peer), NtStatus::SUCCESS);
    peer.time = LIFETIME + LIFETIME / 2;
    assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
}

#[test]
fn a_request_that_waits_when_its_session_expires_goes_on_waiting() {
    let mut peer = connected(limited());
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    let cancelled = peer.send_read(file_id, 10);
    peer.time += LIFETIME;
    peer.service_writes(file_id, b"late");
    assert_eq!(data(&peer.reply_to(read).unwrap()), b"late");
    let target = Header { message_id: cancelled, ..peer.header(Command::CANCEL, 0) };
    let message = peer.message(&target, Empty::encode);
    peer.send_raw(&message);
    assert_eq!(peer.reply_to(cancelled).unwrap().status(), NtStatus::CANCELLED);
}

#[test]
fn an_open_that_its_backend_takes_after_the_session_expired_is_there_when_it_counts_again() {
    let mut peer = connected(limited());
    peer.willing = false;
    let request = Peer::create_request("simple", READ_WRITE);
    let id = peer.send(Command::CREATE, |out| request.encode(out));
    peer.time += LIFETIME;
    peer.answer_open(Ok(PipeMode::Message.into()));
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.connection.open_count(), 1);
    peer.willing = true;
    assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
}

#[test]
fn an_expired_session_still_takes_nothing_unsigned() {
    let mut peer = connected(limited());
    let file_id = peer.open("simple");
    peer.time += LIFETIME;
    let keys = peer.keys.take();
    let header = peer.header(Command::CLOSE, 1);
    let message = peer.message(&header, |out| CloseRequest { file_id }.encode(out));
    peer.keys = keys;
    peer.send_raw(&message);
    let reply = peer.reply_to(header.message_id).unwrap();
    assert_eq!(reply.status(), NtStatus::ACCESS_DENIED);
    assert!(reply.header.flags.contains(Flags::SIGNED));
    assert_eq!(peer.connection.open_count(), 1);
}

#[test]
fn an_expired_session_stays_encrypted() {
    let mut peer = Peer::new(limited());
    peer.ciphers = [Cipher::Aes128Gcm].into();
    peer.negotiate(&[Dialect::Smb311], None);
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    peer.seal();
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    let file_id = peer.open("simple");
    peer.time += LIFETIME;
    // The harness insists on encrypted replies.
    assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
    assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
    let id = peer.send_write(file_id, b"on");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
}

#[test]
fn a_user_who_may_no_longer_log_on_loses_the_session() {
    type Change = fn(&Changing);
    let changes: [(&str, Change, NtStatus); 4] = [
        (
            "removed",
            |accounts| drop(accounts.0.lock().unwrap().remove("serviceUser")),
            NtStatus::LOGON_FAILURE,
        ),
        (
            "disabled",
            |accounts| accounts.change(|account| account.enabled = false),
            NtStatus::ACCOUNT_DISABLED,
        ),
        (
            "another password",
            |accounts| accounts.change(|account| account.nt_hash = NtHash::of_password("changed")),
            NtStatus::LOGON_FAILURE,
        ),
        (
            "another account of the same name",
            |accounts| accounts.change(|account| account.sid = Sid::new(5, &[21, 1, 2, 3, 2000]).unwrap()),
            NtStatus::ACCESS_DENIED,
        ),
    ];
    for (what, change, expected) in changes {
        for lifetimes in [0, 1] {
            let accounts = Arc::new(Changing(Mutex::new(account_set())));
            let mut peer = connected(Config { accounts: Arc::clone(&accounts) as _, ..limited() });
            let file_id = peer.open("simple");
            let read = peer.send_read(file_id, 10);
            peer.time += LIFETIME * lifetimes;
            change(&accounts);
            assert_eq!(peer.log_on_again("serviceUser"), expected, "{what}");
            // [MS-SMB2] 3.3.5.5.3: the session goes with all it had.
            assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN, "{what}");
            assert_eq!(peer.connection.open_count(), 0, "{what}");
            peer.keys = None;
            assert_eq!(create(&mut peer), NtStatus::USER_SESSION_DELETED, "{what}");
            peer.pass(Duration::from_secs(45));
            assert_eq!(peer.disconnected, Some(DisconnectReason::LogonTimeout), "{what}");
        }
    }
}

#[test]
fn nobody_else_takes_an_expired_session_over() {
    let mut peer = connected(limited());
    peer.open("simple");
    peer.time += LIFETIME;
    assert_eq!(peer.log_on_again("visitor"), NtStatus::ACCESS_DENIED);
    assert_eq!(peer.connection.open_count(), 0);
}

#[test]
fn each_session_has_its_own_time() {
    let mut peer = connected(limited());
    let (first, first_tree, first_keys) = (peer.session_id, peer.tree_id, peer.keys.take());
    peer.session_id = 0;
    peer.time = LIFETIME / 2;
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    peer.time = LIFETIME;
    assert_eq!(create(&mut peer), NtStatus::SUCCESS);
    (peer.session_id, peer.tree_id, peer.keys) = (first, first_tree, first_keys);
    assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
}

#[test]
fn an_expired_session_gets_no_answer_but_its_own_from_a_backend_that_fails() {
    let mut peer = connected(limited());
    peer.willing = false;
    let request = Peer::create_request("simple", READ_WRITE);
    let id = peer.send(Command::CREATE, |out| request.encode(out));
    peer.time += LIFETIME;
    peer.answer_open(Err(OpenFailure::NotListening));
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::PIPE_NOT_AVAILABLE);
    peer.handle(Input::Timeout);
    assert_eq!(peer.disconnected, None, "an expired session keeps its connection");
}

/// What happens to a session.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Minutes pass.
    Pass(u32),
    Open,
    LogOnAgain,
    Close,
    Echo,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..300u32).prop_map(Step::Pass),
        Just(Step::Open),
        Just(Step::LogOnAgain),
        Just(Step::Close),
        Just(Step::Echo),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens in whatever order: an open succeeds exactly while the log-on counts, and what is open
    /// can be closed at any time.
    #[test]
    fn a_session_counts_exactly_as_long_as_its_last_log_on(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut peer = connected(limited());
        let (mut until, mut open) = (LIFETIME, alloc::vec::Vec::new());
        for step in steps {
            match step {
                Step::Pass(minutes) => {
                    // What comes later is the end of it.
                    let last = (until + LIFETIME).checked_sub(Duration::from_nanos(1)).unwrap();
                    peer.time = last.min(peer.time + Duration::from_mins(u64::from(minutes)));
                }
                Step::Open => match peer.try_open("simple", READ_WRITE) {
                    Ok(file_id) => {
                        prop_assert!(peer.time < until);
                        open.push(file_id);
                    }
                    Err(status) => {
                        prop_assert_eq!(status, NtStatus::NETWORK_SESSION_EXPIRED);
                        prop_assert!(peer.time >= until);
                    }
                },
                Step::LogOnAgain => {
                    prop_assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
                    until = peer.time + LIFETIME;
                }
                Step::Close => if let Some(file_id) = open.pop() {
                    let reply = peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
                    prop_assert_eq!(reply.status(), NtStatus::SUCCESS);
                },
                Step::Echo => {
                    prop_assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS);
                }
            }
            prop_assert_eq!(peer.connection.open_count(), open.len());
            prop_assert_eq!(peer.sessions.len(), 1);
            prop_assert!(peer.disconnected.is_none());
        }
    }
}

#[test]
fn an_open_ends_when_its_user_does_not_log_on_again_within_another_lifetime() {
    let mut peer = connected(limited());
    peer.open("simple");
    // The client sends nothing more, nor does the service.
    peer.pass((2 * LIFETIME).checked_sub(Duration::from_nanos(1)).unwrap());
    assert_eq!((peer.connection.open_count(), peer.sessions.len()), (1, 1));
    peer.pass(Duration::from_nanos(1));
    assert_eq!((peer.connection.open_count(), peer.sessions.len()), (0, 0));
    assert!(matches!(peer.events.last(), Some(Event::SessionLapsed { .. })));
    peer.pass(Duration::from_secs(45));
    assert_eq!(peer.disconnected, Some(DisconnectReason::LogonTimeout));
}

#[test]
fn an_expired_session_that_came_back_does_not_end_with_its_former_time() {
    let mut peer = connected(limited());
    peer.time = LIFETIME;
    assert_eq!(create(&mut peer), NtStatus::NETWORK_SESSION_EXPIRED);
    peer.time = LIFETIME + LIFETIME / 2;
    assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
    peer.open("simple");
    peer.pass(LIFETIME / 2);
    assert_eq!(peer.connection.open_count(), 1);
    peer.pass(LIFETIME + LIFETIME / 2);
    assert_eq!(peer.connection.open_count(), 0);
}
