//! `cargo xtask fuzz client`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::client(data));
