//! How far one file was read, and what a look at it means.

/// As much of the beginning of a file is remembered, to see that it was written anew.
pub(super) const HEAD: usize = 256;

/// What a look at a file showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look<'a> {
    /// Its length, in bytes.
    pub(super) length: u64,
    /// Its first bytes, at most [`HEAD`].
    pub(super) head: &'a [u8],
}

/// What to do after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing new.
    Nothing,
    /// Read on from the position.
    Read,
    /// The file was emptied and written anew: what was begun is over, and it is read from its beginning.
    Anew,
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tail {
    position: u64,
    head: Vec<u8>,
}

impl Tail {
    /// The place of the next byte to read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Begins at `position`, in a file that begins with `head`.
    pub(super) fn begin_at(&mut self, position: u64, head: &[u8]) {
        self.position = position;
        self.remember(head);
    }

    /// `count` bytes were read.
    pub(super) fn advance(&mut self, count: usize) {
        self.position = self.position.saturating_add(count as u64);
    }

    /// Decides what a look means. A file that is shorter than what was read of it, or that begins with other
    /// bytes, was emptied in between (as by `copytruncate` of logrotate), however long it is again.
    pub(super) fn look(&mut self, look: Look<'_>) -> Step {
        let is_anew = look.length < self.position || !look.head.starts_with(&self.head);
        if is_anew {
            self.position = 0;
            self.head.clear();
        }
        // Only of what is read is anything known.
        let seen = usize::try_from(look.length).unwrap_or(usize::MAX).min(look.head.len());
        self.remember(look.head.get(..seen).unwrap_or_default());
        match (is_anew, look.length > self.position) {
            (true, _) => Step::Anew,
            (false, true) => Step::Read,
            (false, false) => Step::Nothing,
        }
    }

    fn remember(&mut self, head: &[u8]) {
        self.head.clear();
        self.head.extend_from_slice(head.get(..HEAD).unwrap_or(head));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(length: u64, head: &str) -> Look<'_> {
        Look { length, head: head.as_bytes() }
    }

    #[test]
    fn a_file_that_grows_is_read_on() {
        let mut tail = Tail::default();
        assert_eq!(tail.look(look(0, "")), Step::Nothing);
        assert_eq!(tail.look(look(3, "one")), Step::Read);
        tail.advance(3);
        assert_eq!(tail.look(look(3, "one")), Step::Nothing);
        assert_eq!(tail.look(look(6, "onetwo")), Step::Read);
        assert_eq!(tail.position(), 3);
    }

    #[test]
    fn a_file_that_is_shorter_was_emptied() {
        let mut tail = Tail::default();
        tail.look(look(6, "onetwo"));
        tail.advance(6);
        assert_eq!(tail.look(look(0, "")), Step::Anew);
        assert_eq!(tail.look(look(0, "")), Step::Nothing);
        assert_eq!(tail.look(look(2, "on")), Step::Read);
    }

    #[test]
    fn a_file_that_is_as_long_again_was_emptied_when_it_begins_otherwise() {
        let mut tail = Tail::default();
        tail.look(look(6, "onetwo"));
        tail.advance(6);
        for (length, head) in [(6, "threes"), (9, "fourfives")] {
            assert_eq!(tail.look(look(length, head)), Step::Anew);
            assert_eq!(tail.position(), 0);
            tail.advance(usize::try_from(length).unwrap());
        }
    }
}
