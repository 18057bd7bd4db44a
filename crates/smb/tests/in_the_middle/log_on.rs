//! Weakening the log-on.

use standpipe_smb::auth::client::InitiatorError;
use standpipe_smb::client::{ConnectionError, Stage};
use standpipe_smb::wire::Command;
use standpipe_smb::{Dialect, NtStatus, server};

use crate::world::{
    From, Outcome, Sent, attacked, attacked_on, changing, client_config, command_of, pass, server_config,
};

/// `NTLMSSP_NEGOTIATE_*`, [MS-NLMP] 2.2.2.5.
const SIGN: u32 = 0x10;
const ALWAYS_SIGN: u32 = 0x8000;
const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
const KEY_128: u32 = 0x2000_0000;
const KEY_EXCHANGE: u32 = 0x4000_0000;

/// Where in a message its NTLM message of this type begins.
fn ntlm(message: &[u8], kind: u8) -> Option<usize> {
    let start = [&b"NTLMSSP\0"[..], &[kind, 0, 0, 0]].concat();
    message.windows(start.len()).position(|bytes| bytes == start)
}

/// Changes the NTLM message of this type wherever it passes.
fn ntlm_changed(dialect: Dialect, kind: u8, mut change: impl FnMut(&mut [u8])) -> Outcome {
    attacked_on(dialect, move |from, mut message| {
        if let Some(start) = ntlm(&message, kind) {
            change(&mut message[start..]);
        }
        pass(from, message)
    })
}

fn without(flags: u32, place: usize) -> impl FnMut(&mut [u8]) {
    move |ntlm| {
        for (byte, flags) in ntlm[place..place + 4].iter_mut().zip(flags.to_le_bytes()) {
            *byte &= !flags;
        }
    }
}

fn refused(outcome: &Outcome) -> NtStatus {
    match outcome.failed() {
        ConnectionError::Refused { stage: Stage::LogOn, status } => status,
        other => panic!("{other:?}"),
    }
}

/// The integrity code covers all three messages, so that it does not matter which of them is changed.
#[test]
fn no_flag_of_ntlm_can_be_taken_out() {
    for dialect in [Dialect::Smb202, Dialect::Smb302, Dialect::Smb311] {
        for flag in [SIGN, ALWAYS_SIGN, KEY_EXCHANGE] {
            for (kind, place) in [(1, 12), (2, 20)] {
                let outcome = ntlm_changed(dialect, kind, without(flag, place));
                assert_eq!(
                    refused(&outcome),
                    NtStatus::INVALID_PARAMETER,
                    "{flag:#x} in {kind}: {outcome:?}"
                );
            }
            let outcome = ntlm_changed(dialect, 3, without(flag, 60));
            assert_eq!(
                refused(&outcome),
                NtStatus::INVALID_PARAMETER,
                "{flag:#x} in the answer: {outcome:?}"
            );
        }
    }
}

#[test]
fn ntlm_2_cannot_be_talked_down() {
    // The client does not answer such a challenge at all.
    for flag in [EXTENDED_SESSION_SECURITY, KEY_128] {
        let outcome = ntlm_changed(Dialect::Smb311, 2, without(flag, 20));
        assert_eq!(outcome.failed(), ConnectionError::LogOn(InitiatorError::TooWeak));
    }
    let outcome = ntlm_changed(Dialect::Smb311, 1, without(EXTENDED_SESSION_SECURITY, 12));
    assert_eq!(refused(&outcome), NtStatus::LOGON_FAILURE);
    let outcome = ntlm_changed(Dialect::Smb311, 3, without(EXTENDED_SESSION_SECURITY, 60));
    assert_eq!(refused(&outcome), NtStatus::LOGON_FAILURE);
}

#[test]
fn the_integrity_code_cannot_be_dropped() {
    for dialect in [Dialect::Smb202, Dialect::Smb311] {
        let outcome = ntlm_changed(dialect, 3, |ntlm| ntlm[72..88].fill(0));
        assert_eq!(refused(&outcome), NtStatus::INVALID_PARAMETER);
        // Nor can the client's word that there is one, which its proof covers.
        let outcome = ntlm_changed(dialect, 3, |ntlm| {
            let said = [6, 0, 4, 0, 2, 0, 0, 0];
            let place = ntlm.windows(8).position(|bytes| bytes == said).expect("MsvAvFlags");
            ntlm[place + 4] = 0;
        });
        assert_eq!(refused(&outcome), NtStatus::LOGON_FAILURE);
    }
}

#[test]
fn another_servers_name_or_challenge_is_found_out() {
    for dialect in [Dialect::Smb202, Dialect::Smb311] {
        let outcome = ntlm_changed(dialect, 2, |ntlm| ntlm[24] ^= 1);
        assert_eq!(refused(&outcome), NtStatus::LOGON_FAILURE);
        // The name in the target information, as of a server to which this log-on is relayed.
        let outcome = ntlm_changed(dialect, 2, |ntlm| {
            let place = ntlm.len() - 60;
            ntlm[place] ^= 0x20;
        });
        assert!(outcome.failed() != ConnectionError::Disconnected, "{outcome:?}");
    }
}

/// A mechanism before NTLM in the client's list: the server then asks for the protection of the list.
#[test]
fn the_list_of_mechanisms_is_protected() {
    let outcome = attacked_on(
        Dialect::Smb302,
        changing(From::Client, Command::SESSION_SETUP, |message| {
            // Kerberos 5 in the place of NTLM's name, whose arcs are one byte longer.
            let ntlm = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
            if let Some(place) = message.windows(ntlm.len()).position(|bytes| bytes == ntlm) {
                message[place + 11] = 0x0B; // a mechanism that nobody has
            }
        }),
    );
    assert_eq!(refused(&outcome), NtStatus::LOGON_FAILURE, "{outcome:?}");
    // The server's list, in its hint, without NTLM.
    let outcome = attacked_on(
        Dialect::Smb302,
        changing(From::Server, Command::NEGOTIATE, |message| {
            let ntlm = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
            let place = message.windows(ntlm.len()).position(|bytes| bytes == ntlm).expect("NTLM");
            message[place + 9] = 0x0B;
        }),
    );
    assert_eq!(outcome.failed(), ConnectionError::LogOn(InitiatorError::NoNtlm));
}

#[test]
fn the_clients_protection_of_the_list_cannot_be_changed() {
    let outcome = attacked_on(
        Dialect::Smb302,
        changing(From::Client, Command::SESSION_SETUP, |message| {
            if ntlm(message, 3).is_some() {
                *message.last_mut().expect("a body") ^= 1; // the last field of the token
            }
        }),
    );
    assert_eq!(refused(&outcome), NtStatus::ACCESS_DENIED, "{outcome:?}");
}

#[test]
fn a_session_is_not_made_a_guests_or_nobodys() {
    for dialect in Dialect::ALL {
        for flag in [1, 2] {
            let outcome = attacked_on(dialect, last_word_changed(|message| message[66] |= flag));
            assert!(matches!(outcome.failed(), ConnectionError::Policy(_)), "{dialect}: {outcome:?}");
        }
    }
}

#[test]
fn the_demand_for_encryption_cannot_be_taken_out() {
    for dialect in [Dialect::Smb300, Dialect::Smb302, Dialect::Smb311] {
        let required = server::Config { encryption: server::Encryption::Required, ..server_config() };
        let attack = last_word_changed(|message| message[66] &= !4);
        let outcome = attacked(client_config(dialect), required, attack);
        assert_eq!(outcome.failed(), ConnectionError::BadSignature, "{dialect}");
    }
}

#[test]
fn the_last_word_of_the_log_on_must_be_signed() {
    for dialect in Dialect::ALL {
        let outcome = attacked_on(
            dialect,
            last_word_changed(|message| {
                message[16] &= !8;
                message[48..64].fill(0);
            }),
        );
        assert!(matches!(outcome.failed(), ConnectionError::Unsigned { .. }), "{dialect}: {outcome:?}");
    }
}

/// A log-on that goes on under the nose of a client, in a server's name, without any proof.
#[test]
fn a_log_on_cannot_be_answered_by_somebody_else() {
    let outcome = attacked_on(Dialect::Smb302, |from, mut message| {
        if from == From::Client && ntlm(&message, 3).is_some() {
            message.truncate(64);
            message[14] = 1;
            message[16] = 1;
            message.extend_from_slice(&[9, 0, 0, 0, 72, 0, 0, 0]);
            return vec![Sent { from: From::Server, bytes: message }];
        }
        pass(from, message)
    });
    assert!(matches!(outcome.failed(), ConnectionError::Unsigned { .. }), "{outcome:?}");
}

/// Somebody lets a genuine log-on pass and goes on in its session, as a relay would: nothing of what it asks
/// is done, for it cannot sign.
#[test]
fn an_attacker_that_relays_a_log_on_can_do_nothing_with_it() {
    for dialect in Dialect::ALL {
        for signed in [false, true] {
            let mut statuses = vec![];
            let outcome = attacked_on(dialect, |from, message| {
                if from == From::Server {
                    if command_of(&message).is_some_and(|command| command > Command::SESSION_SETUP) {
                        statuses.push(u32::from_le_bytes([message[8], message[9], message[10], message[11]]));
                    }
                    return pass(from, message);
                }
                if command_of(&message) != Some(Command::TREE_CONNECT) {
                    return pass(from, message);
                }
                // The same in the relay's hands, a tree that nobody connected, an open, and a write to any
                // pipe.
                let bodies: [(u8, &[u8]); 3] =
                    [(3, &message[64..]), (5, &[57, 0, 0, 0, 2, 0, 0, 0]), (9, &[49, 0, 112, 0, 5, 0, 0, 0])];
                let mut sent = vec![];
                for ((command, body), id) in bodies.into_iter().zip(message[24]..) {
                    let mut bytes = message[..64].to_vec();
                    bytes[12] = command;
                    bytes[24] = id;
                    bytes[48..64].fill(if signed { 0x5A } else { 0 });
                    bytes[16] = if signed { 8 } else { 0 };
                    bytes.extend_from_slice(body);
                    bytes.resize(bytes.len().max(64 + 120), 0);
                    sent.push(Sent { from, bytes });
                }
                sent
            });
            assert!(outcome.opens == 0 && outcome.reached.is_empty(), "{dialect}: {outcome:?}");
            let all_refused = statuses.iter().all(|status| *status == NtStatus::ACCESS_DENIED.0);
            assert!(
                all_refused && (statuses.len() == 3 || outcome.disconnect.is_some()),
                "{dialect}: {statuses:x?}"
            );
        }
    }
}

/// In 3.1.1, whether the client demands signing is covered by the hash; in older dialects this server demands
/// it.
#[test]
fn the_demand_for_signing_cannot_be_taken_out_of_the_log_on() {
    for dialect in Dialect::ALL {
        let outcome =
            attacked_on(dialect, changing(From::Client, Command::SESSION_SETUP, |message| message[67] = 0));
        if dialect == Dialect::Smb311 {
            assert_eq!(outcome.failed(), ConnectionError::BadSignature);
        } else {
            outcome.went_well();
        }
    }
}

/// Changes the answer that completes the log-on.
fn last_word_changed(change: impl Fn(&mut Vec<u8>)) -> impl FnMut(From, Vec<u8>) -> Vec<Sent> {
    changing(From::Server, Command::SESSION_SETUP, move |message| {
        if message[8..12] == [0; 4] {
            change(message);
        }
    })
}
