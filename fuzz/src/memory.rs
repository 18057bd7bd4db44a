//! How much memory a piece of code takes.
//!
//! Every program with this crate in it counts what each of its threads allocates, so that a target can say
//! how much its input made the code under test hold.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone, Copy)]
struct Counts {
    /// Bytes that are allocated now. What one thread allocates another may free, hence the sign.
    held: isize,
    /// The most that `held` has been since somebody asked.
    peak: isize,
    /// Bytes that were ever allocated.
    total: usize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { held: 0, peak: 0, total: 0 }) };
}

/// Counts an allocation, or with `-1` its end. A thread that is ending does not count any more.
fn count(bytes: usize, sign: isize) {
    let _ = COUNTS.try_with(|counts| {
        let mut now = counts.get();
        now.held += sign * bytes.cast_signed();
        if sign > 0 {
            now.total += bytes;
            now.peak = now.peak.max(now.held);
        }
        counts.set(now);
    });
}

// SAFETY: every call goes to the system's allocator as it came, and counting does not allocate: the counts
// are a constant-initialized thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment there may be both.
        count(size, 1);
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

/// What was taken since the meter was made, by this thread.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    held: isize,
    total: usize,
}

impl Meter {
    /// Counts from now on. Of several meters in one thread, the newest makes those before it forget their
    /// peak.
    pub fn start() -> Self {
        COUNTS.with(|counts| {
            let now = counts.get();
            counts.set(Counts { peak: now.held, ..now });
            Self { held: now.held, total: now.total }
        })
    }

    /// The most bytes that were allocated at once, beyond those at the start.
    pub fn peak(self) -> usize {
        usize::try_from(COUNTS.get().peak - self.held).unwrap_or(0)
    }

    /// The bytes that are allocated now, beyond those at the start.
    pub fn held(self) -> usize {
        usize::try_from(COUNTS.get().held - self.held).unwrap_or(0)
    }

    /// All bytes allocated, those included that were freed again.
    pub fn total(self) -> usize {
        COUNTS.get().total - self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_held_and_what_was() {
        let meter = Meter::start();
        let kept = vec![1_u8; 1000];
        drop(vec![1_u8; 5000]);
        let mut grown = Vec::with_capacity(10);
        grown.extend_from_slice(&[1_u8; 200]);
        assert_eq!((meter.held(), meter.peak()), (1000 + grown.capacity(), 6000));
        assert_eq!(meter.total(), 6010 + grown.capacity());
        let later = Meter::start();
        assert_eq!((later.peak(), later.total()), (0, 0));
        drop(kept);
        assert_eq!(later.held(), 0, "less than at its start");
    }
}
