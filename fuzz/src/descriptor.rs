//! Security descriptors, as bytes and as text.

use standpipe_security::{
    AccessMask, PIPE_MAPPING, SecurityDescriptor, Token, check_access, check_pipe_client,
};

use crate::world;

/// A binary security descriptor: what can be read means the same after it was written and read again.
///
/// # Panics
/// When that does not hold.
pub fn descriptor(data: &[u8]) {
    let Ok(descriptor) = SecurityDescriptor::from_bytes(data) else { return };
    decide(&descriptor);
    let _ = descriptor.to_string();
    let Ok(bytes) = descriptor.to_bytes() else { return };
    let again = SecurityDescriptor::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(descriptor, again, "it changed when it was written");
}

/// SDDL: what can be read is printed as what means the same, in text and in bytes, and a mistake has its
/// place.
///
/// # Panics
/// When that does not hold.
pub fn sddl(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let descriptor = match text.parse::<SecurityDescriptor>() {
        Ok(descriptor) => descriptor,
        Err(error) => {
            assert!(
                text.is_char_boundary(error.offset()),
                "the mistake is inside a character or beyond the text"
            );
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    decide(&descriptor);
    let printed = descriptor.to_string();
    let again: SecurityDescriptor = printed.parse().expect("what was printed can be read");
    assert_eq!(descriptor, again, "it changed when it was printed: {printed}");
    if let Ok(bytes) = descriptor.to_bytes() {
        // Not compared as text: the data of an entry grows to whole groups of four bytes.
        let again = SecurityDescriptor::from_bytes(&bytes).expect("what was written can be read");
        assert_eq!(again.to_bytes().ok(), Some(bytes), "it changed on the way through bytes");
    }
}

/// Checks several requests of two callers. No caller may get more rights than it requested.
fn decide(descriptor: &SecurityDescriptor) {
    for token in [Token::anonymous(), Token::network_logon(&world::account())] {
        for desired in [0, 0x0012_019F, 0x0200_0000, 0x8000_0000, 0xFFFF_FFFF] {
            let desired = AccessMask(desired);
            if let Ok(grant) = check_access(descriptor, &token, desired.into(), &PIPE_MAPPING).result
                && !desired.contains(AccessMask::MAXIMUM_ALLOWED)
            {
                let asked = PIPE_MAPPING.map(desired);
                assert!(asked.contains(grant.access().mask()), "more was granted than asked for");
            }
            let _ = check_pipe_client(descriptor, &token, desired.into());
        }
    }
}
