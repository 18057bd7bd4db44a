//! The text of the environment that a process was started with, as the kernel shows it to others.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::{fs, io, ptr};

/// What others may still read: by these variables they know which processes belong together, and which of
/// them nobody keeps any more.
const SHOWN: [&[u8]; 3] = [b"STANDPIPE_TREE=", b"STANDPIPE_TARGETS=", b"STANDPIPE_PIPES="];

/// Fields of `/proc/self/stat` after the name, from 0: the number of threads, and where the environment is.
const THREADS: usize = 17;
const ENVIRONMENT_START: usize = 47;
const ENVIRONMENT_END: usize = 48;

pub(crate) fn hide_environment() -> io::Result<()> {
    // Where there is no /proc, nobody reads the environment from it.
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else { return Ok(()) };
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |field: usize| fields.get(field).and_then(|text| text.parse::<usize>().ok());
    if number(THREADS) != Some(1) {
        return Err(io::Error::other("the environment can be hidden only while there is one thread"));
    }
    let (Some(start), Some(end)) = (number(ENVIRONMENT_START), number(ENVIRONMENT_END)) else {
        return Err(io::Error::other("/proc/self/stat does not say where the environment is"));
    };
    let shown = shown(start..end);
    copy_variables();
    for place in (start..end).filter(|place| !shown.iter().any(|kept| kept.contains(place))) {
        #[expect(unsafe_code, reason = "no safe crate writes there")]
        // SAFETY: the kernel put the environment's text there, on this process's stack, and nobody refers to
        // it any more but for what is kept: the C library has copies of all variables, and whatever has no
        // name, which nobody asks for, becomes an empty text. No other thread runs.
        unsafe {
            ptr::with_exposed_provenance_mut::<u8>(place).write_volatile(0);
        }
    }
    Ok(())
}

/// Where the variables stand that stay.
fn shown(block: Range<usize>) -> Vec<Range<usize>> {
    #[expect(unsafe_code, reason = "no safe crate reads there")]
    // SAFETY: as the kernel says, this is text on this process's stack. Nobody writes there while it is read:
    // no other thread runs.
    let text =
        unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance::<u8>(block.start), block.len()) };
    let mut start = block.start;
    let mut shown = Vec::new();
    for variable in text.split(|byte| *byte == 0) {
        let end = start + variable.len();
        if SHOWN.iter().any(|name| variable.starts_with(name)) {
            shown.push(start..end);
        }
        start = end + 1;
    }
    shown
}

/// Gives each variable the value that it has. The C library makes a copy for that, and lets go of the text
/// that it was started with.
fn copy_variables() {
    let mut copied = BTreeSet::<OsString>::new();
    for (name, value) in std::env::vars_os() {
        // Of two with one name, the C library finds the first. A name that begins with `=` is none.
        if !name.as_bytes().contains(&b'=') && copied.insert(name.clone()) {
            #[expect(unsafe_code, reason = "so is the function of the standard library")]
            // SAFETY: no other thread runs.
            unsafe {
                std::env::set_var(name, value);
            }
        }
    }
}
