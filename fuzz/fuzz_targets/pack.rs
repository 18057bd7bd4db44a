//! `cargo xtask fuzz pack`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::pack(data));
