//! `cargo xtask fuzz initiator`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| standpipe_fuzz::initiator(data));
