//! Known answers from Microsoft's Open Specifications blog: "Encryption in SMB 3.0: A protocol perspective"
//! and "SMB 3.1.1 Encryption in Windows 10". Both show a WRITE of a client and the server's answer.

use hex_literal::hex;
use proptest::prelude::*;
use std::vec;

use super::*;
use crate::Dialect;
use crate::crypto::provider::{PROVIDERS, Provider};
use crate::crypto::{Cipher, CipherKeys, SessionKeys, SigningAlgorithm};

fn keys(dialect: Dialect, session_key: [u8; 16], preauth: Option<&[u8; 64]>, cipher: Cipher) -> CipherKeys {
    let keys = SessionKeys::derive(dialect, &session_key, preauth, SigningAlgorithm::AesCmac, Some(cipher));
    keys.ciphers.expect("a cipher was agreed on")
}

fn of(provider: &'static dyn Provider, key: &CipherKey) -> CipherKey {
    CipherKey { provider, ..key.clone() }
}

fn assert_seals(key: &CipherKey, session_id: u64, nonce: [u8; 16], plain: &[u8], sealed: &[u8]) {
    for provider in PROVIDERS {
        let mut out = vec![0xEE; 4]; // a frame's prefix, say
        out.extend_from_slice(plain);
        let sealer = Sealer::new(&of(*provider, key), session_id);
        sealer.seal_with(&nonce, &mut out, 4).expect("a short message");
        assert_eq!((&out[..4], &out[4..]), (&[0xEE; 4][..], sealed), "{provider:?}");
    }
}

fn assert_opens(key: &CipherKey, session_id: u64, sealed: &[u8], plain: &[u8]) {
    assert_eq!(TransformHeader::decode(sealed), Ok(TransformHeader { session_id }));
    for provider in PROVIDERS {
        let mut message = sealed.to_vec();
        let opened = Decrypter::new(&of(*provider, key)).open(&mut message).map(|content| &*content);
        assert_eq!(opened, Ok(plain), "{provider:?}");
    }
}

#[test]
fn ccm_as_windows_does_it_in_3_0() {
    let keys = keys(Dialect::Smb300, hex!("B4546771B515F766A86735532DD6C4F0"), None, Cipher::Aes128Ccm);
    assert_eq!(keys.client_to_server.expose_bytes(), hex!("261B72350558F2E9DCF613070383EDBF"));
    assert_eq!(keys.server_to_client.expose_bytes(), hex!("8FE2B57EC34D2DB5B1A9727F526BBDB5"));
    let session_id = 0x0008_E400_1400_0011;
    let request = hex!(
        "FE534D4240000100000000000900400008000000000000000400000000000000FFFE0000010000001100001400E40800"
        "0000000000000000000000000000000031007000170000000000000000000000150100003900000201000000390200"
        "0000000000000000007000000000000000536D623320656E6372797074696F6E2074657374696E67"
    );
    let sealed = hex!(
        "FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A744DA3EE87000000000001001100001400"
        "E4080025C8FEE16605A437832D1CD52DA9F4645333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A44C"
        "29BE5658DE2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5AA1DB43050B33B49182637759AC15D84BF"
        "CDF5B6B238993C0F4CF4D6012023F6C627297075D84B7803912D0A9639634453595EF3E33FFE4E7AC2AB"
    );
    let nonce = hex!("66E69A111892584FB5ED524A744DA3EE");
    assert_seals(&keys.client_to_server, session_id, nonce, &request, &sealed);
    assert_opens(&keys.client_to_server, session_id, &sealed, &request);
    assert_opens(
        &keys.server_to_client,
        session_id,
        &hex!(
            "FD534D42A6015530A18F6D9AFFE22AFAE8E6648486000000000000001100001400E4080050000000000001001100001400"
            "E40800DBF46435C5F14169293CE079E344479BF670227E49873F458672C3098DAC467DD5809F369D674091665157871483"
            "E01F7BECD02064EAC3E235F913668BBC2F097980D4B378F1993EFF6E60D177309E5B"
        ),
        &hex!(
            "FE534D4240000100000000000900210009000000000000000400000000000000FFFE0000010000001100001400E40800"
            "0000000000000000000000000000000011000000170000000000000000000000"
        ),
    );
}

#[test]
fn gcm_as_windows_does_it_in_3_1_1() {
    let preauth = hex!(
        "B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDBA7DB256BA2EA30E9"
        "77F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770"
    );
    let session_key = hex!("419FDDF34C1E001909D362AE7FB6AF79");
    let keys = keys(Dialect::Smb311, session_key, Some(&preauth), Cipher::Aes128Gcm);
    assert_eq!(keys.client_to_server.expose_bytes(), hex!("A2F5E80E5D59103034F32E52F698E5EC"));
    assert_eq!(keys.server_to_client.expose_bytes(), hex!("748C50868C90F302962A5C35F5F9A8BF"));
    let session_id = 0x1000_0000_0025;
    let request = hex!(
        "FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000250000000010000000"
        "00000000000000000000000000000031007000170000000000000000000000060000000400000001000000040000000000"
        "0000000000007000000000000000536D623320656E6372797074696F6E2074657374696E67"
    );
    let sealed = hex!(
        "FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000000087000000"
        "0000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02"
        "D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB4"
        "4576545567C24D4C014D47C9FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E9"
        "1AF013F00D17E3ABC2FC3D36C8C1B6B93973253852DBD442E46EE8"
    );
    let nonce = hex!("C7D6822D269CAF48904C664C00000000");
    assert_seals(&keys.client_to_server, session_id, nonce, &request, &sealed);
    assert_opens(
        &keys.server_to_client,
        session_id,
        &hex!(
            "FD534D42ACBE1CB7ED343ADF1725EF144D90D4B0E06831DD2E8EB7B4000000000000000050000000"
            "00000100250000000010000026BBBF949983A6C1C796559D0F2C510CB651D1F7B6AC8DED32A2A0B8"
            "F2D793A815C6F6B848D69767A215841A42D400AE6DDB5F0B44173A014973321FDD7950DA6179159B"
            "82E03C9E18A050FF0EA1C967"
        ),
        &hex!(
            "FE534D4240000100000000000900010001000000000000000500000000000000FFFE000001000000"
            "25000000001000000000000000000000000000000000000011000000170000000000000000000000"
        ),
    );
}

fn some_keys(cipher: Cipher) -> CipherKeys {
    keys(Dialect::Smb311, [3; 16], Some(&[4; 64]), cipher)
}

#[test]
fn no_nonce_is_used_twice() {
    let mut sealer = Sealer::new(&some_keys(Cipher::Aes256Gcm).client_to_server, 1);
    let (mut first, mut second) = (vec![7; 80], vec![7; 80]);
    assert!(sealer.seal(&mut first, 0).is_some() && sealer.seal(&mut second, 0).is_some());
    assert_ne!(first[NONCE], second[NONCE]);
    sealer.next_nonce = u64::MAX;
    assert!(sealer.seal(&mut second, 0).is_none());
}

#[test]
fn rejects_what_is_no_encrypted_message() {
    let mut sealed = vec![7; 80];
    let key = some_keys(Cipher::Aes128Ccm).client_to_server;
    Sealer::new(&key, 1).seal(&mut sealed, 0).expect("a short message");
    for length in 0..sealed.len() {
        assert!(TransformHeader::decode(&sealed[..length]).is_err(), "{length} bytes");
    }
    for (place, value) in [(0, 0xFE), (36, 81), (42, 2)] {
        let mut changed = sealed.clone();
        changed[place] = value;
        assert!(matches!(Decrypter::new(&key).open(&mut changed), Err(DecryptError::Malformed(_))));
    }
    let mut empty = sealed[..TRANSFORM_LEN].to_vec();
    empty[36..40].fill(0);
    assert!(matches!(Decrypter::new(&key).open(&mut empty), Err(DecryptError::Malformed(_))));
}

proptest! {
    #[test]
    fn an_encrypted_message_opens_until_a_bit_changes(
        provider in prop::sample::select(PROVIDERS),
        cipher in prop::sample::select(&Cipher::ALL[..]),
        plain in prop::collection::vec(any::<u8>(), 1..300),
        bit: prop::sample::Index,
    ) {
        let key = of(provider, &some_keys(cipher).server_to_client);
        let mut sealed = plain.clone();
        Sealer::new(&key, 9).seal(&mut sealed, 0).expect("a short message");
        let decrypter = Decrypter::new(&key);
        let mut message = sealed.clone();
        prop_assert_eq!(decrypter.open(&mut message).map(|content| content.to_vec()), Ok(plain));
        let bit = bit.index(sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(decrypter.open(&mut sealed).is_err());
    }

    #[test]
    fn any_bytes_can_be_opened(mut message: Vec<u8>) {
        let decrypter = Decrypter::new(&some_keys(Cipher::Aes128Gcm).server_to_client);
        prop_assert!(decrypter.open(&mut message).is_err());
    }
}
