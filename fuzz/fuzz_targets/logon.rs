//! `cargo xtask fuzz logon`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::logon(data));
