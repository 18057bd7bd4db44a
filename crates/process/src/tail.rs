//! The end of what a process wrote.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(any(target_os = "linux", windows))]
/// How many lines of output are kept.
const KEPT_LINES: usize = 10;

#[cfg(any(target_os = "linux", windows))]
/// How many bytes of each kept line are kept.
const KEPT_BYTES: usize = 512;

/// The last lines that a process wrote, standard output and error together.
#[derive(Debug, Clone, Default)]
pub struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// The lines, oldest first: at most 10, each at most 512 bytes.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    #[cfg(any(target_os = "linux", windows))]
    pub(super) fn push(&self, line: &str) {
        let mut end = line.len().min(KEPT_BYTES);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line[..end].to_owned());
    }
}

#[cfg(test)]
#[cfg(any(target_os = "linux", windows))]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = Tail::default();
        for number in 0..25 {
            tail.push(&format!("line {number}"));
        }
        tail.push(&"ü".repeat(1000));
        let lines = tail.lines();
        assert_eq!(lines.len(), KEPT_LINES);
        assert_eq!(lines[0], "line 16");
        assert_eq!(lines[9].len(), KEPT_BYTES);
    }
}
