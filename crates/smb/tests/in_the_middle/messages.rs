//! Changing, repeating, dropping and inventing what passes after the log-on.

use standpipe_smb::client::{self, ConnectionError, RequestError, Stage};
use standpipe_smb::server::Violation;
use standpipe_smb::wire::Command;
use standpipe_smb::{Dialect, NtStatus};

use crate::world::{
    From, Outcome, REQUEST, Sent, attacked, attacked_on, changing, client_config, command_of, pass,
    server_config,
};

/// Each dialect signs in a way of its own; GMAC and CMAC are both 3.1.1's.
fn on_every_signature(mut test: impl FnMut(client::Config)) {
    use standpipe_smb::crypto::SigningAlgorithm;
    for dialect in Dialect::ALL {
        for algorithm in SigningAlgorithm::ALL {
            if dialect == Dialect::Smb311 || algorithm == SigningAlgorithm::HmacSha256 {
                test(client::Config { signing: vec![algorithm], ..client_config(dialect) });
            }
        }
    }
}

fn unsigned(message: &mut [u8]) {
    message[16] &= !8;
    message[48..64].fill(0);
}

/// The command by which the call reaches the pipe. In older dialects the confirmation has it, too.
fn is_call(message: &[u8]) -> bool {
    command_of(message) == Some(Command::IOCTL)
        && message.windows(REQUEST.len()).any(|bytes| bytes == REQUEST)
}

/// The reply to it.
fn is_answer(message: &[u8]) -> bool {
    let turned: Vec<u8> = REQUEST.iter().rev().copied().collect();
    message.windows(turned.len()).any(|bytes| bytes == turned)
}

#[track_caller]
fn ended(outcome: &Outcome) -> ConnectionError {
    let lost = matches!(outcome.result, Some(Err(RequestError::Lost { sent: true })));
    assert!(lost, "a call that may have arrived must say so: {outcome:?}");
    outcome.error.expect("the connection is over")
}

#[test]
fn a_request_without_its_signature_does_not_reach_the_service() {
    on_every_signature(|config| {
        let outcome = attacked(config, server_config(), |from, mut message| {
            if is_call(&message) {
                unsigned(&mut message);
            }
            pass(from, message)
        });
        assert_eq!(outcome.result, Some(Err(RequestError::Refused(NtStatus::ACCESS_DENIED))));
        assert!(outcome.reached.is_empty());
    });
}

#[test]
fn a_changed_request_does_not_reach_the_service() {
    on_every_signature(|config| {
        let outcome = attacked(config, server_config(), |from, mut message| {
            if is_call(&message) {
                *message.last_mut().expect("a body") ^= 1;
            }
            pass(from, message)
        });
        assert_eq!(outcome.result, Some(Err(RequestError::Refused(NtStatus::ACCESS_DENIED))));
        assert!(outcome.reached.is_empty());
    });
}

#[test]
fn a_tree_connect_without_its_signature_is_refused() {
    for dialect in Dialect::ALL {
        let outcome = attacked_on(dialect, changing(From::Client, Command::TREE_CONNECT, |m| unsigned(m)));
        let refused = ConnectionError::Refused { stage: Stage::TreeConnect, status: NtStatus::ACCESS_DENIED };
        assert_eq!(outcome.failed(), refused, "{dialect}");
    }
}

#[test]
fn a_reply_without_its_signature_or_changed_is_not_believed() {
    on_every_signature(|config| {
        let outcome = attacked(config.clone(), server_config(), |from, mut message| {
            if is_answer(&message) {
                unsigned(&mut message);
            }
            pass(from, message)
        });
        assert!(matches!(ended(&outcome), ConnectionError::Unsigned { .. }), "{outcome:?}");
        // Any part of it: status, credits, message id, file, data.
        for place in [8, 14, 24, 32, 40, 48, 64, 80, 115] {
            let outcome = attacked(config.clone(), server_config(), |from, mut message| {
                if is_answer(&message) {
                    message[place] ^= 1;
                }
                pass(from, message)
            });
            assert_eq!(ended(&outcome), ConnectionError::BadSignature, "{place}");
        }
    });
}

#[test]
fn the_reply_that_vouches_for_the_tree_cannot_be_changed() {
    for dialect in Dialect::ALL {
        // That everything on it is to be encrypted, say.
        let attack = changing(From::Server, Command::TREE_CONNECT, |message| message[69] ^= 0x80);
        assert_eq!(attacked_on(dialect, attack).failed(), ConnectionError::BadSignature);
    }
}

#[test]
fn a_request_that_is_repeated_is_not_carried_out_again() {
    on_every_signature(|config| {
        let outcome = attacked(config, server_config(), |from, message| {
            let mut sent = pass(from, message.clone());
            if is_call(&message) {
                sent.extend(pass(from, message));
            }
            sent
        });
        assert_eq!(outcome.reached, [REQUEST], "{outcome:?}");
        assert_eq!(outcome.disconnect, Some(Violation::MessageId.into()));
    });
}

#[test]
fn a_reply_that_is_repeated_is_nobodys() {
    on_every_signature(|config| {
        let outcome = attacked(config, server_config(), |from, message| {
            let mut sent = pass(from, message.clone());
            if is_answer(&message) {
                sent.extend(pass(from, message));
            }
            sent
        });
        // The call was answered before.
        assert!(outcome.result.as_ref().is_some_and(Result::is_ok), "{outcome:?}");
        assert_eq!(outcome.error, Some(ConnectionError::Violation(client::Violation::UnexpectedReply)));
    });
}

#[test]
fn a_side_does_not_take_its_own_message_for_the_other_sides() {
    on_every_signature(|config| {
        let outcome = attacked(config.clone(), server_config(), |from, message| {
            if is_call(&message) { pass(From::Server, message) } else { pass(from, message) }
        });
        assert_eq!(ended(&outcome), ConnectionError::Violation(client::Violation::Request));
        assert!(outcome.reached.is_empty());
        // With the mark of a reply, which is signed as well.
        let outcome = attacked(config.clone(), server_config(), |from, mut message| {
            if is_call(&message) {
                message[16] |= 1;
                return pass(From::Server, message);
            }
            pass(from, message)
        });
        assert_eq!(ended(&outcome), ConnectionError::BadSignature);
        let outcome = attacked(config, server_config(), |from, message| {
            if is_answer(&message) { pass(From::Client, message) } else { pass(from, message) }
        });
        assert_eq!(outcome.error, Some(ConnectionError::Disconnected));
        let expected = [Violation::Response, Violation::MessageId].map(|violation| Some(violation.into()));
        assert!(expected.contains(&outcome.disconnect), "{outcome:?}");
    });
}

/// The call and an echo are under way at the same time; their answers change places.
#[test]
fn replies_that_change_places_still_find_their_own_request() {
    on_every_signature(|config| {
        let mut held: Option<Vec<u8>> = None;
        let outcome = attacked(config.clone(), server_config(), |from, message| {
            if is_answer(&message) {
                held = Some(message);
                return vec![];
            }
            let mut sent = pass(from, message);
            sent.extend(held.take().map(|bytes| Sent { from: From::Server, bytes }));
            sent
        });
        outcome.went_well();
        // The one in the envelope of the other: its message id.
        let outcome = attacked(config, server_config(), |from, mut message| {
            if is_answer(&message) {
                message[24] += 1;
            }
            pass(from, message)
        });
        assert_eq!(ended(&outcome), ConnectionError::BadSignature);
    });
}

#[test]
fn an_interim_reply_that_somebody_invents_ends_nothing() {
    on_every_signature(|config| {
        let outcome = attacked(config, server_config(), |from, message| {
            let mut sent = vec![];
            if is_call(&message) {
                let mut interim = message[..64].to_vec();
                unsigned(&mut interim);
                interim[8..12].copy_from_slice(&NtStatus::PENDING.0.to_le_bytes());
                interim[16] |= 3;
                interim.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
                sent.extend(pass(From::Server, interim));
            }
            sent.extend(pass(from, message));
            sent
        });
        // It is the one reply that has no signature. What it says must fit what comes later, or the
        // connection ends.
        let error = ended(&outcome);
        assert_eq!(error, ConnectionError::Violation(client::Violation::OtherAsyncId));
    });
}

#[test]
fn an_encrypted_message_cannot_be_changed_repeated_or_replaced() {
    use standpipe_smb::crypto::Cipher;
    for cipher in [Cipher::Aes128Ccm, Cipher::Aes128Gcm, Cipher::Aes256Ccm, Cipher::Aes256Gcm] {
        let config = || client::Config {
            encryption: client::Encryption::Required,
            ciphers: vec![cipher],
            ..client_config(Dialect::Smb311)
        };
        attacked(config(), server_config(), pass).went_well();
        // The nth encrypted message of a side: the tree connect, the open, the call and the echo.
        for place in [4, 20, 36, 44, 60] {
            let outcome = attacked(
                config(),
                server_config(),
                nth_sealed(From::Server, 1, |message| {
                    message[place] ^= 1;
                }),
            );
            let error = outcome.error.expect("it is found out");
            let session =
                matches!(error, ConnectionError::Violation(client::Violation::EncryptedForeignSession));
            let size = matches!(error, ConnectionError::Malformed(_));
            assert!(error == ConnectionError::BadSignature || session || size, "{place}: {error:?}");
            assert!(outcome.reached.is_empty());
            let outcome = attacked(
                config(),
                server_config(),
                nth_sealed(From::Client, 2, |message| {
                    message[place] ^= 1;
                }),
            );
            assert!(outcome.reached.is_empty() && outcome.disconnect.is_some(), "{place}: {outcome:?}");
        }
        // In the clear, in the server's name.
        let outcome = attacked(config(), server_config(), |from, message| {
            if from == From::Server && message.starts_with(b"\xFDSMB") {
                let mut plain = b"\xFESMB\x40\0".to_vec();
                plain.resize(64, 0);
                plain[12] = 3;
                plain[16] = 1;
                plain[24] = 3;
                plain.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
                return pass(from, plain);
            }
            pass(from, message)
        });
        assert!(matches!(outcome.failed(), ConnectionError::Unencrypted { .. }), "{outcome:?}");
        // Twice.
        let outcome = attacked(config(), server_config(), |from, message| {
            let mut sent = pass(from, message.clone());
            if message.starts_with(b"\xFDSMB") && from == From::Client {
                sent.extend(pass(from, message));
            }
            sent
        });
        assert!(outcome.reached.len() <= 1 && outcome.disconnect.is_some(), "{outcome:?}");
    }
}

/// Changes a side's nth encrypted message.
fn nth_sealed(
    side: From,
    nth: usize,
    change: impl Fn(&mut Vec<u8>),
) -> impl FnMut(From, Vec<u8>) -> Vec<Sent> {
    let mut seen = 0;
    move |from, mut message| {
        if from == side && message.starts_with(b"\xFDSMB") {
            if seen == nth {
                change(&mut message);
            }
            seen += 1;
        }
        pass(from, message)
    }
}
