use std::string::ToString;
use std::vec;

use hex_literal::hex;
use proptest::prelude::*;

use super::super::AvId;
use super::*;

/// [MS-NLMP] 4.2.4.3: the AUTHENTICATE message of the NTLMv2 example. It has no room for an integrity code:
/// its payload starts where that would be.
const SPECIFICATION: &[u8] = &hex!(
    "4e544c4d5353500003000000180018006c00000054005400840000000c000c0048000000080008005400000010001000"
    "5c00000010001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f00"
    "4d005000550054004500520086c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927b"
    "ebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e00"
    "01000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e"
);

#[test]
fn reads_the_specifications_authenticate_message() {
    let message = Authenticate::decode(SPECIFICATION).expect("a message of the specification");
    assert_eq!((message.domain.as_str(), message.user.as_str()), ("Domain", "User"));
    assert_eq!(message.nt_response[..16], hex!("68cd0ab851e51c96aabc927bebef6a1c"));
    assert_eq!(message.encrypted_session_key, hex!("c5dad2544fc9799094ce1ce90bc9d03e"));
    assert_eq!(message.flags, Flags(0xE288_8235));
}

#[test]
fn messages_read_back() {
    let negotiate = Negotiate { flags: Flags(0xE208_8297) };
    assert_eq!(Negotiate::decode(&negotiate.encode()), Ok(negotiate));

    let mut target_info = AvPairs::new();
    target_info.push_name(AvId::NETBIOS_COMPUTER, "SERVER");
    let challenge = Challenge {
        flags: Flags::UNICODE.with(Flags::TARGET_INFO),
        nonce: [1, 2, 3, 4, 5, 6, 7, 8],
        target_name: "SERVER".to_string(),
        target_info,
    };
    let read = Challenge::decode(&challenge.encode()).expect("what was written");
    assert_eq!(Challenge { target_name: String::new(), ..challenge }, read);

    let written = AuthenticateFields {
        flags: Flags::UNICODE,
        user: "Jörg",
        domain: "",
        nt_response: &[5; 44],
        encrypted_session_key: &[6; 16],
    };
    let message = written.encode().expect("short parts");
    let read = Authenticate::decode(&message).expect("what was written");
    assert_eq!((read.user.as_str(), read.domain.as_str()), ("Jörg", ""));
    assert_eq!((read.nt_response, read.encrypted_session_key), (&[5; 44][..], &[6; 16][..]));
    assert_eq!(read.mic, Some([0; 16]));
}

#[test]
fn rejects_parts_outside_of_the_message() {
    let whole = SPECIFICATION.len();
    for length in 0..whole {
        assert!(Authenticate::decode(&SPECIFICATION[..length]).is_err(), "{length} of {whole} bytes");
    }
    let mut message = SPECIFICATION.to_vec();
    message[40..44].fill(0xFF); // the user's offset
    assert!(Authenticate::decode(&message).is_err());
}

#[test]
fn rejects_other_types_and_names_that_are_too_long() {
    assert!(Negotiate::decode(SPECIFICATION).is_err());
    assert!(Challenge::decode(SPECIFICATION).is_err());
    let long = "x".repeat(257);
    let message = AuthenticateFields {
        flags: Flags::UNICODE,
        user: &long,
        domain: "",
        nt_response: &[],
        encrypted_session_key: &[],
    };
    assert!(Authenticate::decode(&message.encode().expect("short enough to write")).is_err());
    let message = AuthenticateFields { nt_response: &vec![0; 65_536], ..message };
    assert!(message.encode().is_none());
}

proptest! {
    #[test]
    fn any_bytes_decode_or_not_but_never_panic(kind in 0u8..5, rest: Vec<u8>) {
        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&[kind, 0, 0, 0]);
        message.extend_from_slice(&rest);
        let _ = (Negotiate::decode(&message), Challenge::decode(&message));
        let _ = Authenticate::decode(&message).map(|message| message.mic);
    }

    #[test]
    fn a_damaged_message_decodes_or_not_but_never_panics(
        position in 0..SPECIFICATION.len(),
        value: u8,
    ) {
        let mut message = SPECIFICATION.to_vec();
        message[position] = value;
        let _ = Authenticate::decode(&message).map(|message| message.mic);
    }
}
