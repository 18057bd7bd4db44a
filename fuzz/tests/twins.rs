//! What the fuzzer runs, run as plain tests: each target with its seeds, its seeds cut short and changed, and
//! noise.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::fs;
use std::path::Path;

/// Inputs made from each seed, beside the seed itself cut at many lengths.
const MUTATIONS: u64 = 80;
/// Inputs made from nothing.
const NOISE: u64 = 200;
/// A seed is not cut beyond this length.
const MAX_CUT: usize = 4096;

#[test]
fn connection() {
    run("connection", standpipe_fuzz::connection);
}

#[test]
fn descriptor() {
    run("descriptor", standpipe_fuzz::descriptor);
}

#[test]
fn logon() {
    run("logon", standpipe_fuzz::logon);
}

#[test]
fn sessions() {
    run("sessions", standpipe_fuzz::sessions);
}

#[test]
fn client() {
    run("client", standpipe_fuzz::client);
}

#[test]
fn initiator() {
    run("initiator", standpipe_fuzz::initiator);
}

#[test]
fn sddl() {
    run("sddl", standpipe_fuzz::sddl);
}

#[test]
fn import() {
    run("import", standpipe_fuzz::import);
}

#[test]
fn pack() {
    run("pack", standpipe_fuzz::pack);
}

#[test]
fn page() {
    run("page", standpipe_fuzz::page);
}

#[test]
fn accounts() {
    run("accounts", standpipe_fuzz::accounts);
}

fn run(target: &str, entry: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for (name, seed) in &seeds {
        println!("{target}: {name}"); // shown when the test fails
        entry(seed);
        // There are many of those that other programs' messages were made into.
        let (step, mutations) = if name.starts_with("peer-") {
            (1 + seed.len() / 10, 10)
        } else {
            (1 + seed.len() / 80, MUTATIONS)
        };
        for length in (0..seed.len().min(MAX_CUT)).step_by(step) {
            entry(&seed[..length]);
        }
        for round in 0..mutations {
            entry(&changed(seed, &mut Random::new(round)));
        }
    }
    for round in 0..NOISE {
        let mut random = Random::new(round);
        let length = random.below(600);
        let noise: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        println!("{target}: noise {round}");
        entry(&noise);
    }
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

/// The seed with a few bytes changed, taken out, doubled or put in.
fn changed(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len().max(1));
        match random.below(5) {
            0 => bytes.insert(place.min(bytes.len()), random.byte()),
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
            3 if place < bytes.len() => bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
            _ => {
                let end = (place + random.below(16)).min(bytes.len());
                let part = bytes[place.min(end)..end].to_vec();
                bytes.splice(place.min(end)..place.min(end), part);
            }
        }
    }
    bytes
}

/// SplitMix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }
}
