//! `cargo xtask fuzz import`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::import(data));
