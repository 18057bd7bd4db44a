//! Talking down what client and server agree on.

use standpipe_smb::Dialect;
use standpipe_smb::client::{self, ConnectionError};
use standpipe_smb::server::{self, DisconnectReason};
use standpipe_smb::wire::negotiate::{Capabilities, CipherId, SecurityMode, SigningId};
use standpipe_smb::wire::{Command, NegotiateRequest, NegotiateResponse};

use crate::world::{From, attacked, attacked_on, changing, client_config, command_of, pass, server_config};

const OLDER: [Dialect; 4] = [Dialect::Smb202, Dialect::Smb210, Dialect::Smb300, Dialect::Smb302];

/// What is changed, and how.
type Attack<T> = (&'static str, fn(&mut T));

/// Rewrites the client's NEGOTIATE.
fn offering(message: &mut Vec<u8>, change: impl FnOnce(&mut NegotiateRequest)) {
    let mut request = NegotiateRequest::decode(message).expect("the client's offer");
    change(&mut request);
    message.truncate(64);
    request.encode(message, 0, &[7; 32]);
}

/// Rewrites the server's answer to it.
fn answering(message: &mut Vec<u8>, change: impl FnOnce(&mut NegotiateResponse)) {
    let mut response = NegotiateResponse::decode(message).expect("the server's answer");
    change(&mut response);
    message.truncate(64);
    response.encode(message, 0, &[7; 32]);
}

#[test]
fn a_dialect_that_is_talked_down_is_found_out() {
    for dialect in OLDER {
        let outcome = attacked_on(
            Dialect::Smb311,
            changing(From::Client, Command::NEGOTIATE, |message| {
                offering(message, |offer| {
                    offer.dialects = vec![dialect.to_wire()];
                    offer.contexts = None;
                });
            }),
        );
        // The server compares, under the client's signature, what it got with what the client sent.
        assert!(matches!(outcome.failed(), ConnectionError::Downgrade(_)), "{dialect}: {outcome:?}");
        assert_eq!(outcome.disconnect, Some(DisconnectReason::NegotiationTampered), "{dialect}");
    }
}

#[test]
fn a_list_without_the_newest_dialect_is_found_out() {
    let outcome = attacked_on(
        Dialect::Smb311,
        changing(From::Client, Command::NEGOTIATE, |message| {
            offering(message, |offer| {
                offer.dialects.retain(|id| *id != Dialect::Smb311.to_wire());
                offer.contexts = None;
            });
        }),
    );
    assert!(matches!(outcome.failed(), ConnectionError::Downgrade(_)), "{outcome:?}");
}

#[test]
fn an_opening_of_smb1_in_the_clients_name_is_found_out() {
    for (names, expect_violation) in [
        (&b"\x02NT LM 0.12\0\x02SMB 2.002\0"[..], false),
        (b"\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0", true),
    ] {
        let outcome = attacked_on(
            Dialect::Smb311,
            changing(From::Client, Command::NEGOTIATE, |message| {
                *message = b"\xFFSMB\x72".to_vec();
                message.resize(32, 0);
                message.push(0);
                message.extend_from_slice(&u16::try_from(names.len()).expect("short").to_le_bytes());
                message.extend_from_slice(names);
            }),
        );
        let error = outcome.failed();
        let expected = if expect_violation {
            matches!(error, ConnectionError::Violation(client::Violation::DialectNotOffered))
        } else {
            matches!(error, ConnectionError::Downgrade(_))
        };
        assert!(expected, "{error:?}, {outcome:?}");
    }
}

#[test]
fn the_servers_choice_of_dialect_cannot_be_rewritten() {
    for dialect in OLDER {
        let outcome = attacked_on(
            Dialect::Smb311,
            changing(From::Server, Command::NEGOTIATE, |message| {
                answering(message, |answer| {
                    answer.dialect = dialect.to_wire();
                    answer.contexts = None;
                });
            }),
        );
        // The two have keys of different dialects.
        assert_eq!(outcome.failed(), ConnectionError::BadSignature, "{dialect}");
    }
}

/// Everything in the offer, in 3.1.1: it is part of the hash from which the keys are made.
#[test]
fn in_3_1_1_no_part_of_the_offer_can_be_changed() {
    let attacks: [Attack<NegotiateRequest>; 8] = [
        ("signing is not required", |offer| offer.security_mode = SecurityMode(1)),
        ("no capabilities", |offer| offer.capabilities = Capabilities(0)),
        ("another client", |offer| offer.client_guid[0] ^= 1),
        ("only the oldest cipher", |offer| {
            offer.contexts.as_mut().expect("3.1.1").ciphers = Some(vec![CipherId(1)]);
        }),
        ("no cipher that anybody knows", |offer| {
            offer.contexts.as_mut().expect("3.1.1").ciphers = Some(vec![CipherId(0x7777)]);
        }),
        ("no encryption", |offer| offer.contexts.as_mut().expect("3.1.1").ciphers = None),
        ("only the oldest signing", |offer| {
            offer.contexts.as_mut().expect("3.1.1").signing = Some(vec![SigningId(0)]);
        }),
        ("no choice of signing", |offer| offer.contexts.as_mut().expect("3.1.1").signing = None),
    ];
    for (name, attack) in attacks {
        let outcome = attacked_on(
            Dialect::Smb311,
            changing(From::Client, Command::NEGOTIATE, |message| offering(message, attack)),
        );
        assert_eq!(outcome.failed(), ConnectionError::BadSignature, "{name}");
    }
}

#[test]
fn in_3_1_1_no_part_of_the_answer_can_be_changed() {
    let attacks: [Attack<NegotiateResponse>; 7] = [
        ("signing is not required", |answer| answer.security_mode = SecurityMode(1)),
        ("no signing at all", |answer| answer.security_mode = SecurityMode(0)),
        ("another server", |answer| answer.server_guid[0] ^= 1),
        ("another cipher", |answer| {
            answer.contexts.as_mut().expect("3.1.1").ciphers = Some(vec![CipherId(1)]);
        }),
        ("no encryption", |answer| answer.contexts.as_mut().expect("3.1.1").ciphers = None),
        ("another signing", |answer| {
            answer.contexts.as_mut().expect("3.1.1").signing = Some(vec![SigningId(0)]);
        }),
        ("no choice of signing", |answer| answer.contexts.as_mut().expect("3.1.1").signing = None),
    ];
    for (name, attack) in attacks {
        let outcome = attacked_on(
            Dialect::Smb311,
            changing(From::Server, Command::NEGOTIATE, |message| answering(message, attack)),
        );
        assert_eq!(outcome.failed(), ConnectionError::BadSignature, "{name}");
    }
}

/// Older dialects have no hash: the server has to say again, signed, what it was asked and what it answered.
#[test]
fn before_3_1_1_a_changed_negotiation_does_not_pass_the_confirmation() {
    let offers: [Attack<NegotiateRequest>; 3] = [
        ("signing is not required", |offer| offer.security_mode = SecurityMode(1)),
        ("no capabilities", |offer| offer.capabilities = Capabilities(0)),
        ("another client", |offer| offer.client_guid[0] ^= 1),
    ];
    let answers: [Attack<NegotiateResponse>; 4] = [
        ("signing is not required", |answer| answer.security_mode = SecurityMode(1)),
        ("no signing at all", |answer| answer.security_mode = SecurityMode(0)),
        ("no capabilities", |answer| answer.capabilities = Capabilities(0)),
        ("another server", |answer| answer.server_guid[0] ^= 1),
    ];
    for dialect in OLDER {
        let has_capabilities = dialect > Dialect::Smb202;
        for (name, attack) in offers {
            if name == "no capabilities" && dialect < Dialect::Smb300 {
                continue; // there are none that could be taken
            }
            let outcome = attacked_on(
                dialect,
                changing(From::Client, Command::NEGOTIATE, |message| offering(message, attack)),
            );
            assert!(
                matches!(outcome.failed(), ConnectionError::Downgrade(_)),
                "{dialect}, {name}: {outcome:?}"
            );
            assert_eq!(outcome.disconnect, Some(DisconnectReason::NegotiationTampered), "{dialect}, {name}");
        }
        for (name, attack) in answers {
            if name == "no capabilities" && !has_capabilities {
                continue;
            }
            let outcome = attacked_on(
                dialect,
                changing(From::Server, Command::NEGOTIATE, |message| answering(message, attack)),
            );
            assert!(
                matches!(outcome.failed(), ConnectionError::Downgrade(_)),
                "{dialect}, {name}: {outcome:?}"
            );
        }
    }
}

#[test]
fn an_attacker_that_keeps_the_confirmation_back_ends_the_connection() {
    for dialect in OLDER {
        // In the server's name, that it does not know the question.
        let outcome = attacked_on(dialect, |from, mut message| {
            if from == From::Client && command_of(&message) == Some(Command::IOCTL) {
                message.truncate(64);
                message[8..12].copy_from_slice(&0xC000_0010_u32.to_le_bytes()); // STATUS_INVALID_DEVICE_REQUEST
                message[14] = 1;
                message[16] = 1;
                message.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
                return pass(From::Server, message);
            }
            pass(from, message)
        });
        assert!(matches!(outcome.failed(), ConnectionError::Unsigned { .. }), "{dialect}: {outcome:?}");
        // The question itself changed: it is signed.
        let outcome = attacked_on(
            dialect,
            changing(From::Client, Command::IOCTL, |message| *message.last_mut().expect("a body") ^= 1),
        );
        assert!(matches!(outcome.failed(), ConnectionError::Refused { .. }), "{dialect}: {outcome:?}");
    }
}

#[test]
fn encryption_that_is_required_cannot_be_taken_away() {
    let client =
        |dialect| client::Config { encryption: client::Encryption::Required, ..client_config(dialect) };
    for dialect in [Dialect::Smb300, Dialect::Smb302] {
        let outcome = attacked(
            client(dialect),
            server_config(),
            changing(From::Server, Command::NEGOTIATE, |message| {
                answering(message, |answer| {
                    answer.capabilities = answer.capabilities.without(Capabilities::ENCRYPTION);
                });
            }),
        );
        assert!(matches!(outcome.failed(), ConnectionError::Policy(_)), "{outcome:?}");
        // A server that insists is not talked out of it, either.
        let required = server::Config { encryption: server::Encryption::Required, ..server_config() };
        let outcome = attacked(
            client_config(dialect),
            required,
            changing(From::Client, Command::NEGOTIATE, |message| {
                offering(message, |offer| {
                    offer.capabilities = offer.capabilities.without(Capabilities::ENCRYPTION);
                });
            }),
        );
        assert!(matches!(outcome.failed(), ConnectionError::Refused { .. }), "{outcome:?}");
    }
    let outcome = attacked(
        client(Dialect::Smb311),
        server_config(),
        changing(From::Client, Command::NEGOTIATE, |message| {
            offering(message, |offer| offer.contexts.as_mut().expect("3.1.1").ciphers = None);
        }),
    );
    assert!(matches!(outcome.failed(), ConnectionError::Policy(_)), "{outcome:?}");
}
