#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

mod exposition;
mod histogram;

pub use exposition::{Exposition, Family, MetricKind};
pub use histogram::Histogram;

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
