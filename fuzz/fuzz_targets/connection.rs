//! `cargo xtask fuzz connection`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::connection(data));
