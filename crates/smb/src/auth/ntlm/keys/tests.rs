use hex_literal::hex;

use super::super::AvId;
use super::*;

/// [MS-NLMP] 4.2.4: the example of NTLMv2.
mod specification {
    use super::*;

    fn key() -> ResponseKey {
        ResponseKey::new(&NtHash::of_password("Password"), "User", "Domain")
    }

    fn pairs() -> AvPairs {
        let mut pairs = AvPairs::new();
        pairs.push_name(AvId::NETBIOS_DOMAIN, "Domain");
        pairs.push_name(AvId::NETBIOS_COMPUTER, "Server");
        pairs
    }

    /// 4.2.4.1.1
    #[test]
    fn ntowf_v2() {
        assert_eq!(*key().0, hex!("0c868a403bfd7a93a3001ef22ef02e3f"));
    }

    /// 4.2.4.1.3, 4.2.4.2.2 and 4.2.4.1.2
    #[test]
    fn the_proof_and_the_session_base_key() {
        let part = client_part(FileTime(0), [0xAA; 8], &pairs());
        let proof = key().proof(hex!("0123456789abcdef"), &part);
        assert_eq!(proof, hex!("68cd0ab851e51c96aabc927bebef6a1c"));
        assert_eq!(*key().session_base_key(&proof), hex!("8de40ccadbc14a82f15cb0ad0de95ca3"));
    }

    /// 4.2.4.2.3: the random session key is 16 times 55.
    #[test]
    fn the_encrypted_session_key() {
        let encrypted = rc4(&hex!("8de40ccadbc14a82f15cb0ad0de95ca3"), &[0x55; 16]);
        assert_eq!(*encrypted, hex!("c5dad2544fc9799094ce1ce90bc9d03e"));
    }

    /// 4.2.4.4: `SIGNKEY` and `SEALKEY` of the client, of the random session key.
    #[test]
    fn the_keys_of_the_security_context() {
        assert_eq!(
            *derive(&[0x55; 16], b"session key to client-to-server sealing key magic constant\0"),
            hex!("59f600973cc4960a25480a7c196e4c58")
        );
        assert_eq!(
            *derive(&[0x55; 16], b"session key to client-to-server signing key magic constant\0"),
            hex!("4788dc861b4782f35d43fd98fe1a2d39")
        );
    }
}

/// The context keys that Microsoft's blog gives for its recorded log-on (see `crypto::testdata`).
#[test]
fn the_context_keys_of_a_real_log_on() {
    let exported = crate::crypto::testdata::windows::SESSION_KEY;
    for (purpose, key) in [
        ("server-to-client signing", hex!("E1BD8B416B0B709D295E12F2CF18E6C5")),
        ("client-to-server signing", hex!("D43F36C44BCE0630250A09EA0C2E8C2C")),
        ("server-to-client sealing", hex!("B0F5A0B32C81FF34A878E1409B3B0EF2")),
        ("client-to-server sealing", hex!("31E5557D99BE13F1B2665C7C7C52CE70")),
    ] {
        let magic = std::format!("session key to {purpose} key magic constant\0");
        assert_eq!(*derive(&exported, magic.as_bytes()), key, "{purpose}");
    }
}

#[test]
fn a_signature_verifies_for_its_direction_and_text_only() {
    let flags = Flags::KEY_EXCHANGE.with(Flags::KEY_128);
    let key = ExportedKey::new(Zeroizing::new([7; 16]), flags);
    let signature = key.sign(Direction::ClientToServer, b"text");
    assert!(key.verify(Direction::ClientToServer, b"text", &signature));
    assert!(!key.verify(Direction::ServerToClient, b"text", &signature));
    assert!(!key.verify(Direction::ClientToServer, b"test", &signature));
    assert!(!key.verify(Direction::ClientToServer, b"text", &signature[..15]));
    assert!(!key.verify(Direction::ClientToServer, b"text", &[]));
}

#[test]
fn the_integrity_code_does_not_count_its_own_place() {
    let mut authenticate = [1u8; 100];
    let code = message_integrity_code(&[1; 16], b"n", b"c", &authenticate);
    authenticate[MIC_RANGE].fill(9);
    assert_eq!(message_integrity_code(&[1; 16], b"n", b"c", &authenticate), code);
    authenticate[MIC_RANGE.end] = 9;
    assert_ne!(message_integrity_code(&[1; 16], b"n", b"c", &authenticate), code);
    for length in 0..100 {
        let _ = message_integrity_code(&[1; 16], b"n", b"c", &authenticate[..length]);
    }
}
