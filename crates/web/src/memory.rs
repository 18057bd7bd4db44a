//! How much all requests and replies of a site hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a site may hold, in bytes, over all of its requests.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    used: AtomicUsize,
    limit: usize,
}

impl Memory {
    /// Of this size.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Pool { used: AtomicUsize::new(0), limit }))
    }

    /// How much it is.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// How much is held now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// For one request, which holds nothing yet.
    #[must_use]
    pub fn room(&self) -> Room {
        Room { memory: self.clone(), held: AtomicUsize::new(0) }
    }
}

/// What one request and its reply hold of it; free again when it is dropped.
#[derive(Debug)]
pub struct Room {
    memory: Memory,
    held: AtomicUsize,
}

impl Room {
    /// Takes so many bytes more, before they are held; `false` if the site has no room for them.
    #[must_use]
    pub fn take(&self, bytes: usize) -> bool {
        let Pool { used, limit } = &*self.memory.0;
        if used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > *limit {
            used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.held.fetch_add(bytes, Ordering::Relaxed);
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.memory.0.used.fetch_sub(*self.held.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_share_what_there_is_and_give_it_back() {
        let memory = Memory::new(100);
        let (one, two) = (memory.room(), memory.room());
        assert!(one.take(60) && !two.take(41) && two.take(40));
        assert_eq!(memory.used(), 100);
        drop(one);
        assert_eq!(memory.used(), 40);
        drop(two);
        assert_eq!(memory.used(), 0);
    }
}
