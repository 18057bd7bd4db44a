use std::vec;

use proptest::prelude::*;

use super::*;
use crate::crypto::testdata::windows;

#[test]
fn reads_the_tokens_of_a_windows_log_on() {
    let init = NegTokenInit::decode(windows::token(windows::SESSION_SETUP_1)).expect("Windows' first token");
    assert_eq!(init.mech_types, ntlm_only());
    assert_eq!(init.ntlm, Some(0));
    assert!(init.mech_token.is_some_and(|token| token.starts_with(b"NTLMSSP\0\x01")));

    let challenge =
        NegTokenResp::decode(windows::token(windows::SESSION_SETUP_CHALLENGE)).expect("a challenge");
    assert_eq!((challenge.state, challenge.ntlm), (Some(NegState::AcceptIncomplete), Some(true)));
    assert!(challenge.response.is_some_and(|token| token.starts_with(b"NTLMSSP\0\x02")));

    let last = NegTokenResp::decode(windows::token(windows::SESSION_SETUP_2)).expect("an answer");
    assert!(last.response.is_some_and(|token| token.starts_with(b"NTLMSSP\0\x03")));
    assert_eq!(last.mech_list_mic.map(<[u8]>::len), Some(16));

    let done = NegTokenResp::decode(windows::token(windows::SESSION_SETUP_DONE)).expect("the end");
    assert_eq!(done.state, Some(NegState::AcceptCompleted));
    assert_eq!(done.mech_list_mic.map(<[u8]>::len), Some(16));
}

/// What Windows sent, this writes byte for byte.
#[test]
fn writes_what_windows_writes() {
    let token = windows::token(windows::SESSION_SETUP_1);
    let init = NegTokenInit::decode(token).expect("Windows' first token");
    assert_eq!(encode_init(init.mech_token.expect("it has one")), token);
    for message in [windows::SESSION_SETUP_CHALLENGE, windows::SESSION_SETUP_2, windows::SESSION_SETUP_DONE] {
        let token = windows::token(message);
        assert_eq!(NegTokenResp::decode(token).expect("a token of Windows").encode(), token);
    }
}

#[test]
fn a_hint_names_ntlm_and_carries_no_token() {
    let hint = encode_hint();
    let read = NegTokenInit::decode(&hint).expect("our own hint");
    assert_eq!((read.ntlm, read.mech_token), (Some(0), None));
}

#[test]
fn finds_ntlm_behind_other_mechanisms() {
    let kerberos = b"\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02";
    let list = tlv(SEQUENCE, &[&kerberos[..], NTLM].concat());
    let token = initial(&tlv(context(0), &list));
    let read = NegTokenInit::decode(&token).expect("two mechanisms");
    assert_eq!((read.ntlm, read.mech_types), (Some(1), &list[..]));
    let token = initial(&tlv(context(0), &tlv(SEQUENCE, kerberos)));
    assert_eq!(NegTokenInit::decode(&token).expect("one mechanism").ntlm, None);
}

#[test]
fn long_lengths_read_back() {
    for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
        let value = tlv(OCTET_STRING, &vec![7; length]);
        assert_eq!(Der::new(&value, "t").contents(OCTET_STRING), Ok(&vec![7; length][..]));
    }
}

#[test]
fn rejects_indefinite_and_overlong_lengths() {
    for bytes in
        [&[0x04, 0x80, 0, 0][..], &[0x04, 0x85, 0, 0, 0, 0, 0], &[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]]
    {
        assert!(Der::new(bytes, "t").any().is_err(), "{bytes:?}");
    }
}

#[test]
fn rejects_every_cut() {
    let token = windows::token(windows::SESSION_SETUP_2);
    for length in 0..token.len() {
        assert!(NegTokenResp::decode(&token[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_not_but_never_panic(bytes: Vec<u8>) {
        let _ = (NegTokenInit::decode(&bytes), NegTokenResp::decode(&bytes));
    }

    #[test]
    fn a_damaged_token_decodes_or_not_but_never_panics(position: prop::sample::Index, value: u8) {
        for message in [windows::SESSION_SETUP_1, windows::SESSION_SETUP_2] {
            let mut token = windows::token(message).to_vec();
            let position = position.index(token.len());
            token[position] = value;
            let _ = (NegTokenInit::decode(&token), NegTokenResp::decode(&token));
        }
    }
}
