//! Known answers, and that every provider gives what an implementation of others gives.

use std::vec;
use std::vec::Vec;

use aes::{Aes128, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U11, U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use ccm::Ccm;
use hex_literal::hex;
use hmac::Mac as _;
use proptest::prelude::*;

use super::*;
use crate::Dialect;
use crate::crypto::{Cipher, SessionKeys};

/// A tag that somebody else's code makes.
type Reference = fn(&[u8; 16], &Nonce, &[u8]) -> Tag;

fn hmac_of_others(key: &[u8; 16], _nonce: &Nonce, message: &[u8]) -> Tag {
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap().chain_update(message);
    mac.finalize().into_bytes()[..16].try_into().unwrap()
}

fn cmac_of_others(key: &[u8; 16], _nonce: &Nonce, message: &[u8]) -> Tag {
    cmac::Cmac::<Aes128>::new(key.into()).chain_update(message).finalize().into_bytes().into()
}

fn gmac_of_others(key: &[u8; 16], nonce: &Nonce, message: &[u8]) -> Tag {
    let gcm = AesGcm::<Aes128, U12>::new(key.into());
    gcm.encrypt_inout_detached(nonce.into(), message, (&mut [][..]).into()).unwrap().into()
}

const ALGORITHMS: [(SigningAlgorithm, Reference); 3] = [
    (SigningAlgorithm::HmacSha256, hmac_of_others),
    (SigningAlgorithm::AesCmac, cmac_of_others),
    (SigningAlgorithm::AesGmac, gmac_of_others),
];

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 256) as u8).collect()
}

/// RFC 4493, section 4.
#[test]
fn cmac_gives_the_answers_of_rfc_4493() {
    let key = hex!("2b7e151628aed2a6abf7158809cf4f3c");
    let message = hex!(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    );
    for provider in PROVIDERS {
        let mac = provider.mac(SigningAlgorithm::AesCmac, &key);
        for (length, expected) in [
            (0, hex!("bb1d6929e95937287fa37d129b756746")),
            (16, hex!("070a16b46b4d4144f79bdd9dd04a287c")),
            (40, hex!("dfa66747de9ae63030ca32611497c827")),
            (64, hex!("51f0bebf7e3b9d92fc49741779363cfe")),
        ] {
            for split in 0..=length {
                let parts = [&message[..split], &message[split..length]];
                assert_eq!(mac.compute(&[0; 12], &parts), Some(expected), "{provider:?}, {length} bytes");
            }
        }
    }
}

/// Test cases 1 and 4 of McGrew and Viega's "The Galois/Counter Mode of Operation", appendix B, to which NIST
/// SP 800-38D refers. The first is an empty message; the second has data that is only authenticated.
#[test]
fn gcm_gives_the_answers_of_its_specification() {
    let key = hex!("feffe9928665731c6d6a8f9467308308");
    let nonce = hex!("cafebabefacedbaddecaf888");
    let header = hex!("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = hex!(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b39"
    );
    let sealed = hex!(
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
        "1ba30b396a0aac973d58e091"
    );
    let tag = hex!("5bc94fbc3221a5db94fae95ae7121a47");
    for provider in PROVIDERS {
        let empty = provider.mac(SigningAlgorithm::AesGmac, &[0; 16]);
        let expected = hex!("58e2fccefa7e3061367f1d57a4e7455a");
        assert_eq!(empty.compute(&[0; 12], &[]), Some(expected), "{provider:?}");

        let key = CipherKey {
            provider: *provider,
            cipher: Cipher::Aes128Gcm,
            bytes: super::super::keys::CipherKeyBytes::Aes128(key.into()),
        };
        let aead = provider.aead(&key);
        let mut content = plain;
        assert_eq!(aead.seal(&nonce, &header, &mut content), Some(tag), "{provider:?}");
        assert_eq!(content, sealed);
        assert!(aead.open(&nonce, &header, &mut content, &tag), "{provider:?}");
        assert_eq!(content, plain);
    }
}

#[test]
fn every_provider_signs_every_length_as_others_do() {
    let nonce = [9; 12];
    for (algorithm, reference) in ALGORITHMS {
        let macs = PROVIDERS.iter().map(|provider| (provider, provider.mac(algorithm, &[7; 16])));
        for (provider, mac) in macs {
            for length in (0..=200).chain([65_471, 65_472, 65_535, 65_536, 65_537, 65_656]) {
                let message = bytes(length);
                let expected = reference(&[7; 16], &nonce, &message);
                assert_eq!(
                    mac.compute(&nonce, &[&message]),
                    Some(expected),
                    "{provider:?} {algorithm} {length}"
                );
                let split = length.min(64);
                let parts = [&message[..split], &message[split..]];
                assert_eq!(
                    mac.compute(&nonce, &parts),
                    Some(expected),
                    "{provider:?} {algorithm} {length} in two"
                );
            }
        }
    }
}

#[test]
fn every_provider_encrypts_every_length_as_others_do() {
    let nonce: Nonce = core::array::from_fn(|place| place as u8);
    for cipher in Cipher::ALL {
        for provider in PROVIDERS {
            let key = key_of(*provider, cipher, &[5; 16]);
            let aead = provider.aead(&key);
            for length in (1..=200).chain([65_535, 65_600]) {
                let plain = bytes(length);
                let (mut expected, mut content) = (plain.clone(), plain.clone());
                let tag = seal_of_others(&key, &nonce, &[3; 32], &mut expected);
                assert_eq!(
                    aead.seal(&nonce, &[3; 32], &mut content),
                    Some(tag),
                    "{provider:?} {cipher} {length}"
                );
                assert_eq!(content, expected, "{provider:?} {cipher} {length}");
                assert!(aead.open(&nonce, &[3; 32], &mut content, &tag), "{provider:?} {cipher} {length}");
                assert_eq!(content, plain, "{provider:?} {cipher} {length}");
            }
        }
    }
}

fn key_of(provider: &'static dyn Provider, cipher: Cipher, session_key: &[u8; 16]) -> CipherKey {
    let signing = SigningAlgorithm::AesGmac;
    let keys = SessionKeys::derive_for(provider, Dialect::Smb311, session_key, None, signing, Some(cipher));
    keys.ciphers.expect("a cipher was agreed on").client_to_server
}

fn seal_of_others(key: &CipherKey, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Tag {
    let bytes = key.expose_bytes();
    let short = <&[u8; 11]>::try_from(&nonce[..11]).unwrap();
    match key.cipher() {
        Cipher::Aes128Ccm => {
            let aead = Ccm::<Aes128, U16, U11>::new_from_slice(bytes).unwrap();
            aead.encrypt_inout_detached(short.into(), header, content.into())
        }
        Cipher::Aes256Ccm => {
            let aead = Ccm::<Aes256, U16, U11>::new_from_slice(bytes).unwrap();
            aead.encrypt_inout_detached(short.into(), header, content.into())
        }
        Cipher::Aes128Gcm => {
            let aead = AesGcm::<Aes128, U12>::new_from_slice(bytes).unwrap();
            aead.encrypt_inout_detached(nonce.into(), header, content.into())
        }
        Cipher::Aes256Gcm => {
            let aead = AesGcm::<Aes256, U12>::new_from_slice(bytes).unwrap();
            aead.encrypt_inout_detached(nonce.into(), header, content.into())
        }
    }
    .unwrap()
    .into()
}

fn pieces<'a>(mut message: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut pieces = vec![];
    for cut in cuts {
        let (piece, rest) = message.split_at(cut.index(message.len() + 1));
        pieces.push(piece);
        message = rest;
    }
    pieces.push(message);
    pieces
}

proptest! {
    #[test]
    fn every_provider_signs_as_others_do_however_a_message_is_cut(
        (algorithm, reference) in prop::sample::select(&ALGORITHMS[..]),
        key: [u8; 16],
        nonce: Nonce,
        message in prop::collection::vec(any::<u8>(), 0..700),
        cuts: [prop::sample::Index; 4],
    ) {
        let expected = reference(&key, &nonce, &message);
        for provider in PROVIDERS {
            let mac = provider.mac(algorithm, &key);
            prop_assert_eq!(mac.compute(&nonce, &pieces(&message, &cuts)), Some(expected), "{:?}", provider);
        }
    }

    #[test]
    fn every_provider_opens_what_others_sealed_unless_a_bit_changed(
        cipher in prop::sample::select(&Cipher::ALL[..]),
        key: [u8; 16],
        nonce: Nonce,
        header: [u8; 32],
        plain in prop::collection::vec(any::<u8>(), 1..700),
        bit: prop::sample::Index,
    ) {
        for provider in PROVIDERS {
            let key = key_of(*provider, cipher, &key);
            let (mut sealed, mut ours) = (plain.clone(), plain.clone());
            let tag = seal_of_others(&key, &nonce, &header, &mut sealed);
            let aead = provider.aead(&key);
            prop_assert_eq!(aead.seal(&nonce, &header, &mut ours), Some(tag), "{:?}", provider);
            prop_assert_eq!(&ours, &sealed, "{:?}", provider);
            prop_assert!(aead.open(&nonce, &header, &mut ours, &tag), "{:?}", provider);
            prop_assert_eq!(&ours, &plain, "{:?}", provider);

            // One bit of header, content or tag.
            let (mut header, mut tag) = (header, tag);
            let bit = bit.index((header.len() + sealed.len() + tag.len()) * 8);
            let mut whole = header.iter_mut().chain(&mut sealed).chain(&mut tag);
            *whole.nth(bit / 8).unwrap() ^= 1 << (bit % 8);
            prop_assert!(!aead.open(&nonce, &header, &mut sealed, &tag), "{:?}", provider);
        }
    }
}
