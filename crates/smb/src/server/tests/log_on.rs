use core::time::Duration;

use standpipe_security::Accounts;

use super::harness::{Asked, Peer, READ_WRITE, config, credentials};
use crate::auth::client::Credentials;
use crate::crypto::SigningAlgorithm;
use crate::server::{Config, DisconnectReason, Event, Input, LogonGate, Violation};
use crate::wire::negotiate::{Capabilities, SecurityMode};
use crate::wire::{Command, Empty, Flags};
use crate::{Dialect, NtStatus};

fn negotiated() -> Peer {
    let mut peer = Peer::new(config());
    peer.negotiate(&Dialect::ALL, Some(SigningAlgorithm::AesGmac));
    peer
}

#[test]
fn every_dialect_and_signing_algorithm_serves_a_call() {
    let signings = [
        None,
        Some(SigningAlgorithm::HmacSha256),
        Some(SigningAlgorithm::AesCmac),
        Some(SigningAlgorithm::AesGmac),
    ];
    for dialect in Dialect::ALL {
        for signing in signings {
            let mut peer = Peer::connected_with(dialect, signing);
            let file_id = peer.open("simple");
            let id = peer.send_write(file_id, b"text");
            assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS, "{dialect} {signing:?}");
        }
    }
}

#[test]
fn a_refused_log_on_reveals_no_more_than_one_of_windows() {
    for (credentials, expected) in [
        (Credentials::from_password("serviceUser", "", "wrong"), NtStatus::LOGON_FAILURE),
        (Credentials::from_password("nobody", "", "Secret-1"), NtStatus::LOGON_FAILURE),
        (Credentials::from_password("former", "", "wrong"), NtStatus::LOGON_FAILURE),
        (Credentials::from_password("former", "", "Secret-1"), NtStatus::ACCOUNT_DISABLED),
    ] {
        let mut peer = negotiated();
        assert_eq!(peer.log_on(&credentials), expected, "{credentials:?}");
        assert!(peer.events.iter().any(|event| matches!(event, Event::LogonRefused { .. })));
        // The session is gone, and with it every way to go on.
        assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::USER_SESSION_DELETED);
    }
}

#[test]
fn a_user_may_come_with_any_case_and_domain() {
    for (user, domain) in [("SERVICEUSER", ""), ("serviceuser", "SERVER"), ("serviceUser", "WORKGROUP")] {
        let mut peer = negotiated();
        assert_eq!(peer.log_on(&Credentials::from_password(user, domain, "Secret-1")), NtStatus::SUCCESS);
    }
}

#[test]
fn too_many_failures_end_the_connection() {
    let mut peer = negotiated();
    for _ in 0..9 {
        peer.session_id = 0;
        assert_eq!(
            peer.log_on(&Credentials::from_password("serviceUser", "", "guess")),
            NtStatus::LOGON_FAILURE
        );
    }
    assert_eq!(peer.disconnected, None);
    peer.session_id = 0;
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        peer.log_on(&Credentials::from_password("serviceUser", "", "guess"))
    }));
    assert!(outcome.is_err(), "there is no reply any more");
    assert_eq!(peer.disconnected, Some(DisconnectReason::TooManyFailedLogons));
}

#[test]
fn an_unsigned_request_of_a_signed_session_is_refused() {
    let mut peer = Peer::connected();
    let header = peer.header(Command::CREATE, 1);
    let request = Peer::create_request("simple", READ_WRITE);
    let keys = peer.keys.take();
    let message = peer.message(&header, |out| request.encode(out));
    peer.keys = keys;
    peer.send_raw(&message);
    assert_eq!(peer.reply_to(header.message_id).unwrap().status(), NtStatus::ACCESS_DENIED);
    assert!(peer.events.contains(&Event::BadSignature { missing: true }));
    assert!(peer.asked.is_empty(), "nothing reached a service");
}

#[test]
fn a_tampered_request_is_refused_wherever_it_was_changed() {
    for dialect in [Dialect::Smb202, Dialect::Smb302, Dialect::Smb311] {
        let length = {
            let mut peer = Peer::connected_with(dialect, None);
            let header = peer.header(Command::CREATE, 1);
            peer.message(&header, |out| Peer::create_request("simple", READ_WRITE).encode(out)).len()
        };
        // Not the fields that name the session (40..48), which change whose key is used.
        for at in (48..length).chain([4 + 4, 36]) {
            let mut peer = Peer::connected_with(dialect, None);
            let header = peer.header(Command::CREATE, 1);
            let mut message =
                peer.message(&header, |out| Peer::create_request("simple", READ_WRITE).encode(out));
            message[at] ^= 0x10;
            peer.send_raw(&message);
            let reply = peer.reply_to(header.message_id).unwrap();
            assert_eq!(reply.status(), NtStatus::ACCESS_DENIED, "byte {at} in {dialect}");
            assert!(peer.asked.is_empty(), "byte {at} in {dialect}");
        }
    }
}

#[test]
fn an_unsigned_tree_connect_in_3_1_1_ends_the_connection_where_nobody_requires_signatures() {
    for require_signing in [false, true] {
        let mut peer = Peer::new(Config { require_signing, ..config() });
        peer.negotiate(&Dialect::ALL, Some(SigningAlgorithm::AesGmac));
        assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
        let header = peer.header(Command::TREE_CONNECT, 1);
        let request = crate::wire::TreeConnectRequest { path: r"\\server\IPC$".into() };
        let keys = peer.keys.take();
        let message = peer.message(&header, |out| request.encode(out));
        peer.keys = keys;
        peer.send_raw(&message);
        if require_signing {
            assert_eq!(peer.reply_to(header.message_id).unwrap().status(), NtStatus::ACCESS_DENIED);
            assert_eq!(peer.disconnected, None);
        } else {
            assert_eq!(peer.disconnected, Some(Violation::UnsignedTreeConnect.into()));
        }
    }
}

#[test]
fn only_ipc_is_shared() {
    let mut peer = negotiated();
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    for (path, expected) in [
        (r"\\server\C$", NtStatus::BAD_NETWORK_NAME),
        (r"\\server\IPC$\x", NtStatus::BAD_NETWORK_NAME),
        (r"\server\IPC$", NtStatus::INVALID_PARAMETER),
        ("IPC$", NtStatus::INVALID_PARAMETER),
        (r"\\127.0.0.1\ipc$", NtStatus::SUCCESS),
    ] {
        assert_eq!(peer.tree_connect(path), expected, "{path}");
    }
}

#[test]
fn logging_off_closes_everything_and_a_second_time_fails() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 100);
    assert!(peer.reply_to(read).is_none(), "the read waits");
    assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::SUCCESS);
    assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN);
    assert!(matches!(peer.asked.last(), Some(Asked::Close(_))));
    peer.keys = None;
    assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::USER_SESSION_DELETED);
    // No user is logged on any more: the time to log on runs again.
    peer.pass(Duration::from_secs(45));
    assert_eq!(peer.disconnected, Some(DisconnectReason::LogonTimeout));
}

#[test]
fn a_signed_request_of_a_session_that_is_gone_gets_its_signature_back() {
    let mut peer = Peer::connected();
    assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::SUCCESS);
    let header = peer.header(Command::TREE_DISCONNECT, 1);
    let message = peer.message(&header, Empty::encode);
    peer.keys = None;
    peer.send_raw(&message);
    let reply = peer.reply_to(header.message_id).unwrap();
    assert_eq!(reply.status(), NtStatus::USER_SESSION_DELETED);
    assert!(reply.header.flags.contains(Flags::SIGNED));
    assert_eq!(reply.message[48..64], message[48..64]);
    // A client that has logged on once may ask for a sign of life.
    peer.session_id = 0;
    assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS);
}

#[test]
fn a_session_can_log_on_again_as_the_same_user_only() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    assert_eq!(peer.log_on_again("serviceUser"), NtStatus::SUCCESS);
    let id = peer.send_write(file_id, b"still the old keys");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.log_on_again("visitor"), NtStatus::ACCESS_DENIED);
    assert!(matches!(peer.asked.last(), Some(Asked::Close(_))), "the session is gone with its opens");
}

#[test]
fn two_sessions_of_a_connection_are_kept_apart() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let (first, first_tree) = (peer.session_id, peer.tree_id);
    let first_keys = peer.keys.take();
    peer.session_id = 0;
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_ne!(peer.session_id, first);
    // The tree connect and the open belong to the first session.
    let id = peer.send_write(file_id, b"not mine");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::NETWORK_NAME_DELETED);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    let id = peer.send_write(file_id, b"not mine");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::FILE_CLOSED);
    assert_eq!(peer.ask(Command::LOGOFF, Empty::encode).status(), NtStatus::SUCCESS);
    // The first one lives on.
    peer.session_id = first;
    peer.tree_id = first_tree;
    peer.keys = first_keys;
    let id = peer.send_write(file_id, b"mine");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.written(), [b"mine"]);
}

#[test]
fn nothing_is_done_for_a_session_that_has_not_logged_on() {
    let mut peer = negotiated();
    let mut preauth = crate::crypto::PreauthHash::new();
    let (_, token) =
        crate::auth::client::Initiator::new(credentials("serviceUser"), None).start(&[]).unwrap();
    let reply = peer.session_setup(&token, &mut preauth);
    assert_eq!(reply.status(), NtStatus::MORE_PROCESSING_REQUIRED);
    peer.session_id = reply.header.session_id;
    for command in [Command::TREE_CONNECT, Command::CREATE, Command::IOCTL, Command::WRITE] {
        let status = peer.ask(command, Empty::encode).status();
        assert!(status.is_error(), "{command:?}: {status:?}");
    }
    assert!(peer.asked.is_empty());
}

#[test]
fn a_signed_flag_without_a_key_is_no_way_in() {
    let mut peer = negotiated();
    let mut header = peer.header(Command::TREE_CONNECT, 1);
    header.flags = Flags::SIGNED;
    header.session_id = 77;
    let message = peer.message(&header, |out| {
        crate::wire::TreeConnectRequest { path: r"\\server\IPC$".into() }.encode(out);
    });
    peer.send_raw(&message);
    assert_eq!(peer.reply_to(header.message_id).unwrap().status(), NtStatus::USER_SESSION_DELETED);
}

/// The account of an attempt, and whether it succeeded.
type Seen = (Option<alloc::string::String>, bool);

/// Lets this many failures pass.
struct Strict {
    failures: u32,
    seen: alloc::sync::Arc<std::sync::Mutex<alloc::vec::Vec<Seen>>>,
}

impl LogonGate for Strict {
    fn admits(&mut self, _: &str) -> bool {
        self.failures < 2
    }

    fn failed(&mut self, account: Option<&str>) {
        self.failures += 1;
        self.seen.lock().unwrap().push((account.map(Into::into), false));
    }

    fn succeeded(&mut self, user: &str) {
        self.seen.lock().unwrap().push((Some(user.into()), true));
    }
}

#[test]
fn the_gate_judges_every_attempt() {
    let seen = alloc::sync::Arc::<std::sync::Mutex<_>>::default();
    let mut peer = Peer::new(config());
    let gate = Strict { failures: 0, seen: alloc::sync::Arc::clone(&seen) };
    peer.connection = crate::server::Connection::new(alloc::sync::Arc::new(config()), [7; 32], peer.now())
        .with_gate(alloc::boxed::Box::new(gate));
    peer.negotiate(&Dialect::ALL, None);
    for user in ["serviceUser", "nobody"] {
        peer.session_id = 0;
        let wrong = Credentials::from_password(user, "", "wrong");
        assert_eq!(peer.log_on(&wrong), NtStatus::LOGON_FAILURE);
    }
    assert_eq!(*seen.lock().unwrap(), [(Some("serviceUser".into()), false), (None, false)]);
    // The right password is answered like a wrong one now.
    peer.session_id = 0;
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::LOGON_FAILURE);
    assert!(
        matches!(peer.events.last(), Some(Event::LogonRefused { reason, .. }) if reason.contains("too many"))
    );
    assert_eq!(seen.lock().unwrap().len(), 2, "an attempt that does not count is no failure either");
}

/// Somebody who relays another's log-on has everything but the key.
#[test]
fn a_log_on_has_no_effects_before_the_client_shows_the_key() {
    let seen = alloc::sync::Arc::<std::sync::Mutex<_>>::default();
    let mut peer = Peer::new(config());
    let gate = Strict { failures: 0, seen: alloc::sync::Arc::clone(&seen) };
    peer.connection = crate::server::Connection::new(alloc::sync::Arc::new(config()), [7; 32], peer.now())
        .with_gate(alloc::boxed::Box::new(gate));
    peer.negotiate(&[Dialect::Smb210], None);
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    let keys = peer.keys.take();
    for command in [Command::ECHO, Command::LOGOFF, Command::TREE_CONNECT] {
        assert_eq!(peer.ask(command, crate::wire::Empty::encode).status(), NtStatus::ACCESS_DENIED);
    }
    let logged_on = |peer: &Peer| peer.events.iter().any(|event| matches!(event, Event::LoggedOn { .. }));
    assert!(peer.events.contains(&Event::Answered) && !logged_on(&peer));
    assert_eq!((peer.sessions.len(), seen.lock().unwrap().len()), (0, 1), "the gate knows of it");
    // Its keep-alives, its frames and its time are a stranger's.
    assert_eq!(peer.connection.next_timeout(), Some(core::time::Duration::from_secs(45)));
    // The key changes all that, once.
    peer.keys = keys;
    for _ in 0..2 {
        assert_eq!(peer.ask(Command::ECHO, crate::wire::Empty::encode).status(), NtStatus::SUCCESS);
    }
    assert!(logged_on(&peer));
    assert_eq!((peer.sessions.len(), seen.lock().unwrap().len()), (1, 1));
    assert_eq!(peer.connection.next_timeout(), Some(core::time::Duration::from_mins(15)), "only when idle");
}

#[test]
fn what_is_refused_beside_passwords_and_pipes_is_reported_too() {
    let mut peer = Peer::connected();
    for path in [r"\\server\C$", r"\\server\IPC$\x", "IPC$"] {
        assert_ne!(peer.tree_connect(path), NtStatus::SUCCESS);
        let reported = peer.events.iter().any(
            |event| matches!(event, Event::TreeRefused { path: reported, user, .. } if reported == path && &**user == "serviceUser"),
        );
        assert!(reported, "{path}: {:?}", peer.events);
    }
    peer.keys = None;
    for _ in 0..16 {
        peer.session_id = 0;
        let mut preauth = crate::crypto::PreauthHash::new();
        let (_, token) =
            crate::auth::client::Initiator::new(credentials("visitor"), None).start(&[]).unwrap();
        peer.session_setup(&token, &mut preauth);
    }
    assert!(
        matches!(peer.events.last(), Some(Event::LogonRefused { reason, .. }) if reason.contains("16 sessions")),
        "{:?}",
        peer.events.last()
    );
}

#[test]
fn a_session_without_an_account_ends_with_everything_in_it() {
    let mut peer = Peer::connected();
    peer.open("simple");
    let session = crate::server::SessionId(peer.session_id);
    peer.handle(Input::AccountGone { session });
    assert!(matches!(peer.events.last(), Some(Event::AccountGone { user }) if &**user == "serviceUser"));
    assert_eq!((peer.connection.open_count(), peer.sessions.len()), (0, 0));
    peer.handle(Input::AccountGone { session });
    assert_eq!(peer.disconnected, None);
}

#[test]
fn an_administrator_is_filtered_unless_the_configuration_says_otherwise() {
    for (filter_administrators, expected) in [(true, NtStatus::ACCESS_DENIED), (false, NtStatus::SUCCESS)] {
        let mut accounts = standpipe_security::AccountSet::new();
        let groups = alloc::vec![standpipe_security::well_known::BUILTIN_ADMINISTRATORS];
        let found = super::harness::account_set().find("serviceUser").unwrap();
        accounts.add(standpipe_security::Account { groups, ..(*found).clone() }).unwrap();
        let mut config = Config { filter_administrators, ..config() };
        config.accounts = alloc::sync::Arc::new(accounts);
        config.pipes[0].security_descriptor = Some("D:(A;;GRGW;;;BA)".parse().unwrap());
        let mut peer = Peer::new(config);
        peer.negotiate(&[Dialect::Smb311], None);
        assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
        assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
        let status = peer.try_open("simple", super::harness::READ_WRITE).err().unwrap_or(NtStatus::SUCCESS);
        assert_eq!(status, expected);
    }
}

#[test]
fn a_session_is_not_bound_to_a_second_connection() {
    let mut peer = Peer::connected();
    let own = peer.session_id;
    for (session_id, expected) in [
        (own, NtStatus::REQUEST_NOT_ACCEPTED),
        (0, NtStatus::INVALID_PARAMETER),
        (own ^ 1, NtStatus::USER_SESSION_DELETED),
    ] {
        peer.session_id = session_id;
        let keys = if session_id == own { None } else { peer.keys.take() };
        let request = crate::wire::SessionSetupRequest {
            flags: crate::wire::session::SessionSetupFlags::BINDING,
            security_mode: SecurityMode(1),
            capabilities: Capabilities::NONE,
            previous_session_id: 0,
            token: b"",
        };
        let status = peer.ask(Command::SESSION_SETUP, |out| request.encode(out)).status();
        peer.keys = keys.or(peer.keys.take());
        assert_eq!(status, expected, "{session_id:#x}");
    }
    peer.session_id = own;
    peer.open("simple");
}
