//! From the first message to a session, and every way in which that must end early.

use super::*;
use crate::wire::DialectRevision;
use crate::wire::negotiate::{HashId, SigningId};
use crate::wire::session::{SessionFlags, ShareType};

fn refused_handshake(change: impl FnOnce(&mut Behaviour)) -> ConnectionError {
    refused_handshake_of(Dialect::Smb311, change)
}

fn refused_handshake_of(dialect: Dialect, change: impl FnOnce(&mut Behaviour)) -> ConnectionError {
    let mut behaviour = Behaviour::good(dialect);
    change(&mut behaviour);
    let mut pair = ScriptedPair::new(behaviour);
    let error = pair.error();
    assert!(pair.client.is_closed());
    error
}

#[test]
fn every_dialect_gets_ready() {
    for dialect in Dialect::ALL {
        let mut pair = ScriptedPair::new(Behaviour::good(dialect));
        let events = pair.exchange();
        let [Event::Ready(ready)] = events[..] else { panic!("{dialect}: {events:?}") };
        assert_eq!(ready.dialect, dialect);
        assert_eq!(ready.max_read, if dialect == Dialect::Smb202 { 65_536 } else { 1 << 20 });
        assert_eq!(pair.client.ready(), Some(ready));
        assert_eq!(pair.client.next_timeout(), None);
    }
}

#[test]
fn every_signing_algorithm_works_in_3_1_1() {
    for algorithm in SigningAlgorithm::ALL {
        let signing = Some(vec![algorithm.to_wire()]);
        let mut pair = ScriptedPair::new(Behaviour { signing, ..Behaviour::good(Dialect::Smb311) });
        let events = pair.exchange();
        assert!(
            matches!(events[..], [Event::Ready(Ready { signing, .. })] if signing == algorithm),
            "{events:?}"
        );
    }
    // A server that does not know the choice signs with AES-CMAC.
    let mut pair = ScriptedPair::new(Behaviour { signing: None, ..Behaviour::good(Dialect::Smb311) });
    let signing = SigningAlgorithm::AesCmac;
    assert!(
        matches!(pair.exchange()[..], [Event::Ready(Ready { signing: agreed, .. })] if agreed == signing)
    );
}

#[test]
fn the_stream_may_be_cut_anywhere() {
    let mut pair = ScriptedPair::new(Behaviour::good(Dialect::Smb311));
    for _ in 0..10 {
        let mut bytes = vec![];
        if pair.client.take_transmit(&mut bytes) {
            pair.server.receive(&bytes);
        }
        for byte in pair.server.take() {
            pair.client.handle(NOW, Input::Received(&[byte]));
        }
    }
    assert!(matches!(pair.events()[..], [Event::Ready(_)]));
}

#[test]
fn keep_alives_of_netbios_are_ignored_while_there_is_something_else() {
    let keep_alive = crate::wire::NETBIOS_KEEP_ALIVE;
    let mut pair = ScriptedPair::new(Behaviour::good(Dialect::Smb311));
    for _ in 0..10 {
        let mut bytes = vec![];
        if pair.client.take_transmit(&mut bytes) {
            pair.server.receive(&bytes);
        }
        let reply = pair.server.take();
        pair.client.handle(NOW, Input::Received(&[&keep_alive[..], &reply, &keep_alive].concat()));
    }
    assert!(matches!(pair.events()[..], [Event::Ready(_)]));
    pair.client.handle(NOW, Input::Received(&keep_alive.repeat(5000)));
    assert!(matches!(pair.events()[..], [Event::Closed(ConnectionError::Violation(Violation::KeepAlives))]));
}

#[test]
fn a_wrong_password_is_refused_by_the_server() {
    let config = Config::new("server", Credentials::from_password(USER, "", "guess"));
    let server = Server::new(Behaviour::good(Dialect::Smb311));
    let mut pair = ScriptedPair { client: connect(config), server };
    let request = pair.client.open("simple", READ_WRITE);
    let events = pair.exchange();
    let [Event::Completed { request: ended, result: Err(lost) }, Event::Closed(error)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((*ended, *lost), (request, RequestError::Lost { sent: false }));
    assert_eq!(*error, ConnectionError::Refused { stage: Stage::LogOn, status: NtStatus::LOGON_FAILURE });
}

#[test]
fn sessions_without_a_proof_are_refused() {
    use ConnectionError::Policy;
    for flag in [1, 2] {
        assert!(matches!(refused_handshake(|server| server.session_flags = SessionFlags(flag)), Policy(_)));
    }
    assert!(matches!(refused_handshake(|server| server.log_on_at_once = true), Policy(_)));
}

#[test]
fn the_end_of_the_log_on_must_be_signed() {
    for dialect in Dialect::ALL {
        let error = refused_handshake_of(dialect, |server| server.sign_final_session_setup = false);
        assert_eq!(error, ConnectionError::Unsigned { status: NtStatus::SUCCESS }, "{dialect}");
    }
}

#[test]
fn answers_that_were_not_offered_are_refused() {
    use ConnectionError::Violation;
    for dialect in [0x02FF, 0x0312, 0] {
        assert!(matches!(
            refused_handshake(|server| server.dialect = DialectRevision(dialect)),
            Violation(_)
        ));
    }
    assert!(matches!(refused_handshake(|server| server.signing = Some(vec![SigningId(7)])), Violation(_)));
    assert!(matches!(
        refused_handshake(|server| server.signing = Some(vec![SigningId(1), SigningId(2)])),
        Violation(_)
    ));
    assert!(matches!(refused_handshake(|server| server.preauth_hashes = None), Violation(_)));
    assert!(matches!(
        refused_handshake(|server| server.preauth_hashes = Some(vec![HashId(2)])),
        Violation(_)
    ));
    assert!(matches!(refused_handshake(|server| server.max_read = 65_535), Violation(_)));
    assert!(matches!(refused_handshake(|server| server.share_type = ShareType(1)), Violation(_)));
}

#[test]
fn a_server_that_gives_no_credit_is_given_up() {
    let error = refused_handshake(|server| server.credits = 0);
    assert_eq!(error, ConnectionError::Violation(Violation::NoCredits));
}

#[test]
fn a_dialect_outside_of_the_configured_range_is_refused() {
    let config = Config { min_dialect: Dialect::Smb300, max_dialect: Dialect::Smb302, ..config() };
    for (dialect, good) in
        [(Dialect::Smb210, false), (Dialect::Smb300, true), (Dialect::Smb302, true), (Dialect::Smb311, false)]
    {
        let server = Server::new(Behaviour::good(dialect));
        let mut pair = ScriptedPair { client: connect(config.clone()), server };
        pair.exchange();
        assert_eq!(pair.client.ready().is_some(), good, "{dialect}");
    }
}

#[test]
fn in_3_1_1_a_changed_negotiation_breaks_the_signature() {
    // A change of the NEGOTIATE response leaves the two sides with different keys.
    let error = refused_handshake(|server| {
        server.tamper = |message| {
            if message[12] == 0 {
                message[SIGNATURE_RANGE.end + 8] ^= 1; // the server's GUID
            }
        };
    });
    assert_eq!(error, ConnectionError::BadSignature);
}

#[test]
fn below_3_1_1_a_changed_negotiation_is_found_by_asking_again() {
    for dialect in [Dialect::Smb202, Dialect::Smb210, Dialect::Smb300, Dialect::Smb302] {
        let error = refused_handshake_of(dialect, |server| server.validate = Validate::Deny);
        assert!(matches!(error, ConnectionError::Downgrade(_)), "{error:?}");
        let status = NtStatus::ACCESS_DENIED;
        let error = refused_handshake_of(dialect, |server| server.validate = Validate::Refuse(status));
        assert_eq!(error, ConnectionError::Refused { stage: Stage::Validate, status });
        // Servers that do not know the question say so under their signature.
        let behaviour =
            Behaviour { validate: Validate::Refuse(NtStatus::NOT_SUPPORTED), ..Behaviour::good(dialect) };
        assert!(matches!(ScriptedPair::new(behaviour).exchange()[..], [Event::Ready(_)]));
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    let error = refused_handshake(|server| {
        server.tamper = |message| {
            if message[12] == 1 && message[8..12] == [0; 4] {
                let last = message.len() - 1; // in the protection of the list of mechanisms
                message[last] ^= 1;
            }
        };
    });
    assert_eq!(error, ConnectionError::LogOn(InitiatorError::BadMechListMic));
}

#[test]
fn the_handshake_has_a_deadline() {
    let mut client = connect(config());
    let deadline = NOW + Duration::from_secs(10);
    assert_eq!(client.next_timeout(), Some(deadline));
    client.handle(NOW, Input::Timeout);
    assert!(!client.is_closed());
    client.handle(deadline, Input::Timeout);
    let event = client.poll_event();
    assert!(matches!(event, Some(Event::Closed(ConnectionError::HandshakeTimeout))), "{event:?}");
    assert_eq!(client.next_timeout(), None);
}

proptest! {
    #[test]
    fn a_changed_byte_in_the_handshake_never_panics(
        dialect in prop::sample::select(&Dialect::ALL[..]),
        message in 0usize..5,
        position: prop::sample::Index,
        change in 1u8..,
    ) {
        let mut pair = ScriptedPair::new(Behaviour::good(dialect));
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
            if pair.client.is_closed() || pair.client.ready().is_some() {
                break;
            }
        }
    }
}
