//! `cargo xtask fuzz page`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::page(data));
