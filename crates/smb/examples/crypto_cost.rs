//! Signs, verifies, encrypts or decrypts one message many times, for a profiler that counts instructions:
//!
//! ```sh
//! cargo build --release -p standpipe-smb --example crypto_cost --features aws-lc
//! valgrind --tool=callgrind target/release/examples/crypto_cost RustCrypto sign-gmac 184 1000
//! ```
//!
//! Without arguments it prints the best time of each, for 184 and 65,656 bytes.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for its developers, which measures time and prints it"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use standpipe_smb::Dialect;
use standpipe_smb::crypto::encryption::{Decrypter, Sealer};
use standpipe_smb::crypto::provider::{PROVIDERS, Provider};
use standpipe_smb::crypto::{Cipher, CipherKeys, Sender, SessionKeys, SigningAlgorithm, SigningKey};

/// The length of a request or reply with 64 bytes, and with 64 KiB.
const LENGTHS: [usize; 2] = [184, 65_656];

const STEPS: [&str; 7] =
    ["sign-gmac", "verify-gmac", "sign-cmac", "verify-cmac", "seal-gcm", "open-gcm", "seal-ccm"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [provider, step, length, times] = &arguments[..] {
        let named = PROVIDERS.iter().find(|candidate| candidate.name() == provider);
        let provider = *named.expect("the name of a provider");
        let mut run = step_of(provider, step, length.parse().expect("a length in bytes"));
        (0..times.parse().expect("a number")).for_each(|_: u32| run());
        return;
    }
    for provider in PROVIDERS {
        for step in STEPS {
            let [short, long] = LENGTHS.map(|length| best(&mut *step_of(*provider, step, length)));
            println!("{:11} {step:12} {short:>12?} {long:>12?}", provider.name());
        }
    }
}

/// The shortest mean time of 40 tries.
fn best(run: &mut dyn FnMut()) -> Duration {
    const RUNS: u32 = 100;
    let once = |_| {
        let start = Instant::now();
        (0..RUNS).for_each(|_| run());
        start.elapsed() / RUNS
    };
    (0..40).map(once).min().unwrap_or_default()
}

fn step_of(provider: &'static dyn Provider, step: &str, length: usize) -> Box<dyn FnMut()> {
    let mut message = vec![3; length];
    let (action, algorithm) = step.split_once('-').expect("a step");
    let signing = match algorithm {
        "cmac" => SigningAlgorithm::AesCmac,
        _ => SigningAlgorithm::AesGmac,
    };
    let cipher = if algorithm == "ccm" { Cipher::Aes128Ccm } else { Cipher::Aes128Gcm };
    let key = SigningKey::of(provider, signing, &[7; 16]);
    let ciphers = ciphers(provider, cipher);
    let mut sealer = Sealer::new(&ciphers.client_to_server, 1);
    match action {
        "sign" => Box::new(move || key.sign(black_box(&mut message), Sender::Server)),
        "verify" => {
            key.sign(&mut message, Sender::Server);
            Box::new(move || key.verify(black_box(&message), Sender::Server).expect("a signed message"))
        }
        "seal" => Box::new(move || {
            message.truncate(length);
            sealer.seal(black_box(&mut message), 0).expect("a short message");
        }),
        "open" => {
            sealer.seal(&mut message, 0).expect("a short message");
            let decrypter = Decrypter::new(&ciphers.client_to_server);
            let mut copy = message.clone();
            Box::new(move || {
                copy.copy_from_slice(black_box(&message));
                decrypter.open(&mut copy).expect("an encrypted message");
            })
        }
        _ => unreachable!("no such step"),
    }
}

fn ciphers(provider: &'static dyn Provider, cipher: Cipher) -> CipherKeys {
    let signing = SigningAlgorithm::AesGmac;
    let keys = SessionKeys::derive_for(provider, Dialect::Smb311, &[3; 16], None, signing, Some(cipher));
    keys.ciphers.expect("a cipher was agreed on")
}
