//! What the run counted, and what must not have happened.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// As many findings as are kept word for word.
const KEPT: usize = 20;

/// Counts, and findings: what a server must not do.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<String, u64>,
    found: u64,
    kept: Vec<String>,
}

impl Findings {
    /// Counts something by its name.
    pub(crate) fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&self, what: &str, count: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.counts.get_mut(what) {
            Some(counted) => *counted += count,
            None => {
                inner.counts.insert(what.to_owned(), count);
            }
        }
    }

    /// Something is wrong.
    pub(crate) fn wrong(&self, what: String) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.found += 1;
        if inner.kept.len() < KEPT {
            eprintln!("FOUND: {what}");
            inner.kept.push(what);
        }
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.counts.get(what).copied().unwrap_or_default()
    }

    /// Every count, by name.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    /// How many findings there are, and the first of them.
    pub(crate) fn found(&self) -> (u64, Vec<String>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.found, inner.kept.clone())
    }
}
