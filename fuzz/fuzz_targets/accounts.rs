//! `cargo xtask fuzz accounts`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::accounts(data));
