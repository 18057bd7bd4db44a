//! `cargo xtask fuzz sessions`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::sessions(data));
