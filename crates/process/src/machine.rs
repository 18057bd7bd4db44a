//! Whether a program of Windows is one that this Windows, or this Wine, can run.
//!
//! A Wine without a 32-bit part starts a 32-bit program, which ends at once, with exit code 0: nothing else
//! would say what is wrong.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How much of a program is read: its headers are at its beginning.
const HEAD: u64 = 4096;

/// `IMAGE_FILE_MACHINE_I386`.
const I386: u16 = 0x014c;

/// What a 32-bit program needs, relative to the folder of Windows.
pub const PART_32: &str = "syswow64/ntdll.dll";

/// Why a 32-bit program is not started.
pub const NO_PART_32: &str = "it is a 32-bit program, and this system has no 32-bit part";

/// Whether the file is a 32-bit program. One that is none at all is not.
///
/// # Errors
/// When it cannot be read.
pub fn is_32_bit(file: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(file)?.take(HEAD).read_to_end(&mut head)?;
    Ok(machine(&head) == Some(I386))
}

/// The machine that a program is for ([PE
/// Format](https://learn.microsoft.com/en-us/windows/win32/debug/pe-format)).
fn machine(head: &[u8]) -> Option<u16> {
    if !head.starts_with(b"MZ") {
        return None;
    }
    let place = head.get(0x3c..0x40)?.try_into().ok().map(u32::from_le_bytes)? as usize;
    let rest = head.get(place..)?.strip_prefix(b"PE\0\0")?;
    rest.get(..2)?.try_into().ok().map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(machine: u16) -> Vec<u8> {
        let mut head = vec![0; 0x80];
        head[..2].copy_from_slice(b"MZ");
        head[0x3c] = 0x80;
        head.extend_from_slice(b"PE\0\0");
        head.extend_from_slice(&machine.to_le_bytes());
        head
    }

    #[test]
    fn the_headers_say_which_machine_a_program_is_for() {
        assert_eq!(machine(&program(I386)), Some(I386));
        assert_eq!(machine(&program(0x8664)), Some(0x8664));
    }

    #[test]
    fn what_is_no_program_is_for_no_machine() {
        let whole = program(I386);
        for length in 0..whole.len() {
            assert_eq!(machine(&whole[..length]), None);
        }
        let mut far = whole;
        far[0x3c..0x40].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(machine(&far), None);
    }
}
