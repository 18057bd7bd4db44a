use std::string::ToString;
use std::vec;

use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::auth::ntlm::{Authenticate, SIGNATURE};
use crate::crypto::testdata::windows;

fn credentials() -> Credentials {
    Credentials::from_password("administrator", "SUT311", "Password01!")
}

fn nonces() -> Nonces {
    Nonces { client_challenge: hex!("BC4AD05F223CC90F"), session_key: Zeroizing::new(windows::SESSION_KEY) }
}

fn started() -> Challenging {
    Initiator::new(credentials(), Some("cifs/SUT311".to_string())).start(&[]).expect("a start").0
}

fn answer(token: &[u8]) -> Result<(Finishing, Vec<u8>), InitiatorError> {
    started().answer(token, &nonces(), FileTime(0))
}

/// The challenge of a Windows server, wrapped as it sent it.
fn challenge() -> &'static [u8] {
    windows::token(windows::SESSION_SETUP_CHALLENGE)
}

#[test]
fn answers_a_windows_server_as_a_windows_client_did() {
    let (client, token) = answer(challenge()).expect("an answer");
    let ours = NegTokenResp::decode(&token).expect("our token").response.expect("a message");
    let ours = Authenticate::decode(ours).expect("our message");
    let windows = NegTokenResp::decode(windows::token(windows::SESSION_SETUP_2)).expect("Windows' token");
    let windows_message =
        Authenticate::decode(windows.response.expect("a message")).expect("Windows' message");
    assert_eq!((ours.user, ours.domain), (windows_message.user, windows_message.domain));
    // Time, challenge and the server's pairs are the same; ours lack a restriction that only Windows sends.
    assert_eq!(ours.nt_response[16..128], windows_message.nt_response[16..128]);
    // With the same key, both protect the list of mechanisms in the same way, and so did the server.
    assert_eq!(NegTokenResp::decode(&token).expect("our token").mech_list_mic, windows.mech_list_mic);
    let key = client.finish(windows::token(windows::SESSION_SETUP_DONE)).expect("Windows' last word");
    assert_eq!(*key, windows::SESSION_KEY);
}

#[test]
fn a_server_without_ntlm_is_given_up() {
    let kerberos_only = hex!("601b06062b0601050502a011300fa00d300b06092a864886f712010202");
    let started = Initiator::new(credentials(), None).start(&kerberos_only);
    assert_eq!(started.err(), Some(InitiatorError::NoNtlm));
    let reject = NegTokenResp { state: Some(NegState::Reject), ..NegTokenResp::default() }.encode();
    assert_eq!(answer(&reject).err(), Some(InitiatorError::Rejected));
}

fn wrapped(challenge: &Challenge) -> Vec<u8> {
    NegTokenResp {
        state: Some(NegState::AcceptIncomplete),
        ntlm: Some(true),
        response: Some(&challenge.encode()),
        mech_list_mic: None,
    }
    .encode()
}

fn sample() -> Challenge {
    let mut target_info = AvPairs::new();
    target_info.push_name(AvId::NETBIOS_COMPUTER, "SERVER");
    Challenge {
        flags: REQUIRED.with(Flags::TARGET_INFO).with(Flags::KEY_EXCHANGE),
        nonce: [7; 8],
        target_name: String::new(),
        target_info,
    }
}

#[test]
fn a_weak_or_nameless_server_is_given_up() {
    assert!(answer(&wrapped(&sample())).is_ok());
    for missing in [Flags::EXTENDED_SESSION_SECURITY, Flags::KEY_128, Flags::UNICODE, Flags::NTLM] {
        let flags = Flags(sample().flags.0 & !missing.0);
        let weak = Challenge { flags, ..sample() };
        assert_eq!(answer(&wrapped(&weak)).err(), Some(InitiatorError::TooWeak), "{missing:?}");
    }
    let nameless = Challenge { target_info: AvPairs::new(), ..sample() };
    assert_eq!(answer(&wrapped(&nameless)).err(), Some(InitiatorError::Unnamed));
}

#[test]
fn without_key_exchange_the_key_is_not_the_clients() {
    let flags = Flags(sample().flags.0 & !Flags::KEY_EXCHANGE.0);
    let (client, token) = answer(&wrapped(&Challenge { flags, ..sample() })).expect("an answer");
    let message = NegTokenResp::decode(&token).expect("our token").response.expect("a message");
    assert!(Authenticate::decode(message).expect("our message").encrypted_session_key.is_empty());
    assert_ne!(*client.finish(&[]).expect("an end"), windows::SESSION_KEY);
}

#[test]
fn the_servers_last_word_is_looked_at() {
    let last = |state, mic: Option<&[u8]>| {
        let (client, _) = answer(challenge()).expect("an answer");
        let token = NegTokenResp { state, mech_list_mic: mic, ..NegTokenResp::default() }.encode();
        client.finish(&token).err()
    };
    assert_eq!(last(Some(NegState::AcceptCompleted), None), None);
    assert_eq!(last(Some(NegState::Reject), None), Some(InitiatorError::Rejected));
    assert_eq!(last(Some(NegState::AcceptIncomplete), None), Some(InitiatorError::Rejected));
    let wrong = InitiatorError::BadMechListMic;
    assert_eq!(last(Some(NegState::AcceptCompleted), Some(&[0; 16])), Some(wrong));
    assert_eq!(last(Some(NegState::AcceptCompleted), Some(&[])), Some(wrong));
}

#[test]
fn a_name_that_does_not_fit_is_an_error() {
    let credentials = Credentials::from_password(&"x".repeat(40_000), "", "");
    let (client, _) = Initiator::new(credentials, None).start(&[]).expect("a start");
    let answered = client.answer(challenge(), &nonces(), FileTime(0));
    assert_eq!(answered.err(), Some(InitiatorError::TooLong));
}

#[test]
fn credentials_are_printed_without_the_hash() {
    let printed = std::format!("{:?}", started());
    assert!(printed.contains("administrator") && !printed.contains("7c4f"), "{printed}");
    assert!(!printed.to_lowercase().contains("hash"), "{printed}");
}

proptest! {
    #[test]
    fn any_bytes_from_a_server_never_panic(bytes: Vec<u8>) {
        let _ = Initiator::new(credentials(), None).start(&bytes).map(drop);
        let _ = answer(&bytes).map(drop);
        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&[2, 0, 0, 0]);
        message.extend_from_slice(&bytes);
        let _ = answer(&NegTokenResp { response: Some(&message), ..NegTokenResp::default() }.encode());
        let (client, _) = answer(challenge()).expect("an answer");
        let _ = client.finish(&bytes);
    }

    #[test]
    fn a_damaged_challenge_never_panics(position: prop::sample::Index, value: u8) {
        let mut token = challenge().to_vec();
        let position = position.index(token.len());
        token[position] = value;
        let _ = answer(&token);
    }
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    assert!(matches!(answer(&vec![0; MAX_TOKEN + 1]), Err(InitiatorError::Malformed(_))));
}
