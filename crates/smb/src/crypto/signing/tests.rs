use std::vec::Vec;

use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::crypto::provider::PROVIDERS;

/// A LOGOFF as sent by a client, from the tests of the crate smb-rs (`src/crypto/signing.rs` there).
#[test]
fn gmac_gives_the_answer_that_smb_rs_recorded() {
    let key = hex!("AC36E9543CD888F0A84123E46BB2A0D7");
    let message = hex!(
        "fe534d42400001000000000002000100180000000000000009000000000000000000000000000000"
        "53200c210000000076234b3c812f51ab8a5cf9fa43d4eb2804000000"
    );
    for provider in PROVIDERS {
        let key = SigningKey::of(*provider, SigningAlgorithm::AesGmac, &key);
        assert_eq!(key.verify(&message, Sender::Client), Ok(()), "{provider:?}");
        assert_eq!(key.verify(&message, Sender::Server), Err(BadSignature), "the sender is part of it");
    }
}

#[test]
fn gmac_tells_a_cancel_from_the_request_that_it_cancels() {
    let mut request = [0u8; 68];
    request[24] = 9;
    let mut cancel = request;
    cancel[12] = 0x0C;
    assert_eq!(gmac_nonce(request.first_chunk().unwrap(), Sender::Client)[8..], [0, 0, 0, 0]);
    assert_eq!(gmac_nonce(request.first_chunk().unwrap(), Sender::Server)[8..], [1, 0, 0, 0]);
    assert_eq!(gmac_nonce(cancel.first_chunk().unwrap(), Sender::Client)[8..], [2, 0, 0, 0]);
}

#[test]
fn an_unsigned_or_short_message_does_not_verify() {
    let key = SigningKey::new(SigningAlgorithm::AesCmac, &[1; 16]);
    let mut message = [0u8; 80];
    key.sign(&mut message, Sender::Client);
    assert_eq!(key.verify(&message, Sender::Client), Ok(()));
    for length in 0..64 {
        assert_eq!(key.verify(&message[..length], Sender::Client), Err(BadSignature));
    }
    message[FLAGS] &= !SIGNED;
    assert_eq!(key.verify(&message, Sender::Client), Err(BadSignature));
}

fn algorithm() -> impl Strategy<Value = SigningAlgorithm> {
    prop::sample::select(&SigningAlgorithm::ALL[..])
}

proptest! {
    #[test]
    fn a_signed_message_verifies_until_a_bit_changes(
        provider in prop::sample::select(PROVIDERS),
        algorithm in algorithm(),
        key in any::<[u8; 16]>(),
        mut message in prop::collection::vec(any::<u8>(), 64..600),
        bit in any::<prop::sample::Index>(),
    ) {
        let key = SigningKey::of(provider, algorithm, &key);
        key.sign(&mut message, Sender::Server);
        prop_assert_eq!(key.verify(&message, Sender::Server), Ok(()));
        let bit = bit.index(message.len() * 8);
        message[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.verify(&message, Sender::Server), Err(BadSignature));
    }

    #[test]
    fn any_bytes_can_be_verified(algorithm in algorithm(), message: Vec<u8>) {
        let key = SigningKey::new(algorithm, &[3; 16]);
        prop_assert_eq!(key.verify(&message, Sender::Client), Err(BadSignature));
    }
}
