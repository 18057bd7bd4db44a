//! Known answers from Microsoft's "SMB 2 and SMB 3 security in Windows 10: the anatomy of signing and
//! cryptographic keys" (Open Specifications blog), appendix "Key derivation examples": a real log-on of a
//! Windows client to a Windows server.

use hex_literal::hex;

use super::*;
use crate::crypto::provider::PROVIDERS;
use crate::crypto::testdata::windows;
use crate::crypto::{PreauthHash, Sender};

#[test]
fn derives_the_keys_of_dialect_3_0() {
    let session_key = hex!("7CD451825D0450D235424E44BA6E78CC");
    let keys = SessionKeys::derive(
        Dialect::Smb300,
        &session_key,
        None,
        SigningAlgorithm::AesGmac,
        Some(Cipher::Aes128Ccm),
    );
    assert_eq!(keys.signing.algorithm(), SigningAlgorithm::AesCmac, "3.0 knows no other");
    assert_eq!(*keys.application, hex!("BB23A4575AA26C721AF525AF15A87B4F"));
    let ciphers = keys.ciphers.expect("a cipher was agreed on");
    // The blog names the keys from the client's side.
    assert_eq!(ciphers.client_to_server.expose_bytes(), hex!("FAD27796665B313EBB578F388632B4F7"));
    assert_eq!(ciphers.server_to_client.expose_bytes(), hex!("B0F0427F7CEB416D1D9DCC0CD4F99447"));
    assert_eq!(
        *derive::<16>(&session_key, b"SMB2AESCMAC\0", b"SmbSign\0"),
        hex!("0B7E9C5CAC36C0F6EA9AB275298CEDCE")
    );
}

#[test]
fn chains_the_preauth_hash_and_derives_the_keys_of_dialect_3_1_1() {
    let mut hash = PreauthHash::new();
    for (message, value) in windows::PREAUTH_CHAIN {
        hash.update(message);
        assert_eq!(hash.value(), *value);
    }
    let keys = SessionKeys::derive(
        Dialect::Smb311,
        &windows::SESSION_KEY,
        Some(&hash.value()),
        SigningAlgorithm::AesCmac,
        Some(Cipher::Aes128Gcm),
    );
    assert_eq!(*keys.application, hex!("6D7AD7954E9EC61E907B4D473DC178FF"));
    let ciphers = keys.ciphers.as_ref().expect("a cipher was agreed on");
    assert_eq!(ciphers.client_to_server.expose_bytes(), hex!("629BCBC54422A0F572B97F45989B6073"));
    assert_eq!(ciphers.server_to_client.expose_bytes(), hex!("E2AF0DCEFAC68DA71A0DFBD0D1350D74"));
    assert_eq!(
        *derive::<16>(&windows::SESSION_KEY, b"SMBSigningKey\0", &hash.value()),
        hex!("73FE7A9A77BEF0BDE49C650D8CCB5F76")
    );
    // The final response of the log-on is signed with that key.
    for provider in PROVIDERS {
        let algorithm = SigningAlgorithm::AesCmac;
        let (key, hash) = (&windows::SESSION_KEY, hash.value());
        let keys = SessionKeys::derive_for(*provider, Dialect::Smb311, key, Some(&hash), algorithm, None);
        assert_eq!(keys.signing.verify(windows::SESSION_SETUP_DONE, Sender::Server), Ok(()), "{provider:?}");
    }
}

#[test]
fn a_256_bit_cipher_lengthens_only_the_cipher_keys() {
    let derive = |cipher| {
        SessionKeys::derive(
            Dialect::Smb311,
            &windows::SESSION_KEY,
            Some(&[7; 64]),
            SigningAlgorithm::AesCmac,
            Some(cipher),
        )
    };
    let (short, long) = (derive(Cipher::Aes128Gcm), derive(Cipher::Aes256Gcm));
    assert_eq!(short.application, long.application);
    let (short, long) = (short.ciphers.unwrap(), long.ciphers.unwrap());
    assert_eq!(long.client_to_server.expose_bytes().len(), 32);
    assert_ne!(long.client_to_server.expose_bytes()[..16], *short.client_to_server.expose_bytes());
}

#[test]
fn two_x_signs_with_the_session_key_itself_and_cannot_encrypt() {
    let keys = SessionKeys::derive(
        Dialect::Smb210,
        &[9; 16],
        None,
        SigningAlgorithm::AesCmac,
        Some(Cipher::Aes128Ccm),
    );
    assert_eq!(keys.signing.algorithm(), SigningAlgorithm::HmacSha256);
    assert_eq!(*keys.application, [9; 16]);
    assert!(keys.ciphers.is_none());
}

#[test]
fn keys_are_never_printed() {
    let keys = SessionKeys::derive(
        Dialect::Smb302,
        &[0xAB; 16],
        None,
        SigningAlgorithm::AesCmac,
        Some(Cipher::Aes128Ccm),
    );
    let printed = std::format!("{keys:?} {:?}", keys.ciphers);
    assert!(!printed.contains("171") && !printed.to_lowercase().contains("ab,"), "{printed}");
}
