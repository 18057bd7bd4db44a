//! What a new process does not get from the one that starts it.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::thread::{clear_ambient_capability_set, set_no_new_privs};

/// The first descriptor that a new process does not get.
const FIRST: RawFd = 3;

/// Up to where descriptors are looked at on a kernel that cannot be told of all at once, before Linux 5.11.
const MOST: RawFd = 1 << 16;

/// Makes every descriptor end at exec but the first three. Those that this process opened do so anyway;
/// others came from whoever started it, and may lead to what the new process may not see.
///
/// It makes system calls only, as what runs between fork and exec must.
pub(super) fn end_at_exec() -> io::Result<()> {
    #[expect(unsafe_code, reason = "no safe crate makes this system call")]
    // SAFETY: it takes three numbers, and changes flags of descriptors.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    for number in FIRST..MOST {
        #[expect(unsafe_code, reason = "a descriptor that nobody here owns has a number only")]
        // SAFETY: the number is given to fcntl alone, which answers EBADF where nothing is open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        match fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
            Ok(()) | Err(Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Takes the ambient capabilities away, and the ways to get rights from a program that has them.
pub(super) fn end_rights() -> io::Result<()> {
    match clear_ambient_capability_set() {
        // Linux before 4.3 has none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(set_no_new_privs(true)?)
}
