//! The system's randomness under its older name, for programs that shall start under Wine 8.
//!
//! Rust's standard library takes its randomness from `ProcessPrng` of `bcryptprimitives.dll`, which Wine 8
//! does not have: a program that imports it ends with exit code 53 before its first line.
//! [`crate::process_prng!`] gives a program a function of that name, and the linker prefers it. It draws from
//! `SystemFunction036` (`RtlGenRandom`), the same generator, which every Windows since XP has and which the
//! standard library itself called before.

/// Makes the program in whose root it stands import no `bcryptprimitives.dll`. It has an effect only where
/// the program is built by MinGW for Windows. A library cannot do it: another library with the system's
/// function may come before it, but the program's own code comes before every library.
#[macro_export]
macro_rules! process_prng {
    () => {
        #[cfg(all(windows, target_env = "gnu"))]
        mod process_prng {
            /// What `bcryptprimitives.dll` offers under this name.
            #[expect(unsafe_code, reason = "the linker finds it by this name")]
            #[expect(non_snake_case, reason = "the name is the system's")]
            // SAFETY: it has the arguments, the result and the effect of the system's function.
            #[unsafe(no_mangle)]
            unsafe extern "system" fn ProcessPrng(buffer: *mut u8, length: usize) -> i32 {
                // SAFETY: the caller vouches for the buffer.
                unsafe { $crate::process_prng::fill(buffer, length) }
            }
        }
    };
}

#[cfg(windows)]
#[link(name = "advapi32")]
#[expect(unsafe_code, reason = "the declaration of a function of the system")]
unsafe extern "system" {
    fn SystemFunction036(buffer: *mut std::ffi::c_void, length: u32) -> u8;
}

/// Fills a buffer with random bytes, and returns 0 only where the system has none.
///
/// # Safety
///
/// `buffer` points at `length` bytes that can be written.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the system's function takes a pointer")]
pub unsafe fn fill(buffer: *mut u8, length: usize) -> i32 {
    let mut filled = 0;
    while filled < length {
        let part = u32::try_from(length - filled).unwrap_or(u32::MAX);
        // SAFETY: `filled` bytes are behind us, and at least `part` bytes of the caller's buffer are left.
        let drawn = unsafe { SystemFunction036(buffer.add(filled).cast(), part) };
        if drawn == 0 {
            return 0;
        }
        filled += part as usize;
    }
    1
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "it is called as the standard library does")]
    fn a_buffer_of_any_length_is_filled_with_other_bytes_each_time() {
        for length in [0, 1, 16, 100_000] {
            let mut buffers = [vec![0_u8; length + 1], vec![0_u8; length + 1]];
            for buffer in &mut buffers {
                // SAFETY: the buffer has one byte more than is asked for.
                let answer = unsafe { fill(buffer.as_mut_ptr(), length) };
                assert_eq!((answer, buffer[length]), (1, 0));
            }
            assert!(length < 16 || buffers[0] != buffers[1]);
        }
    }
}
