//! Cuts output into lines.

/// A longer line is cut into pieces of this many bytes.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// Cuts a stream of bytes into lines. A line longer than [`MAX_LINE`] comes in pieces.
#[derive(Debug)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    /// What the bytes of a line say that are not UTF-8.
    otherwise: fn(&[u8]) -> String,
}

/// Bytes that are not UTF-8 become U+FFFD.
impl Default for Lines {
    fn default() -> Self {
        Self::with_fallback(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

impl Lines {
    /// Lines whose bytes mean what `otherwise` says where they are not UTF-8.
    pub(crate) fn with_fallback(otherwise: fn(&[u8]) -> String) -> Self {
        Self { partial: Vec::new(), otherwise }
    }

    /// Takes in more bytes and hands out the lines that they complete, without their ends.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let mut rest = text;
            loop {
                let room = MAX_LINE - self.partial.len();
                let (now, later) = rest.split_at(room.min(rest.len()));
                self.partial.extend_from_slice(now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
                self.cut(&mut line);
            }
            if ended {
                self.finish(&mut line);
            } else if self.partial.len() == MAX_LINE {
                self.cut(&mut line);
            }
        }
    }

    /// Hands out a full piece of a long line, but no half of a character.
    fn cut(&mut self, line: &mut impl FnMut(&str)) {
        let keep = match std::str::from_utf8(&self.partial) {
            // `error_len` of `None`: what follows is the beginning of a character.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.partial.len(),
        };
        self.hand_out(&self.partial[..keep], line);
        self.partial.drain(..keep);
    }

    /// Hands out what is left, as a line of its own: at the end of a line, or of the stream.
    pub(crate) fn finish(&mut self, line: &mut impl FnMut(&str)) {
        let text = self.partial.strip_suffix(b"\r").unwrap_or(&self.partial);
        self.hand_out(text, line);
        self.partial.clear();
    }

    fn hand_out(&self, text: &[u8], line: &mut impl FnMut(&str)) {
        match std::str::from_utf8(text) {
            Ok(text) => line(text),
            Err(_) => line(&(self.otherwise)(text)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.feed(chunk, |line| out.push(line.to_owned()));
        }
        if !lines.is_empty() {
            lines.finish(&mut |line: &str| out.push(line.to_owned()));
        }
        out
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(lines_of(&[b"on", b"e\ntw", b"o\r\n\nlast"]), ["one", "two", "", "last"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(lines_of(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_that_is_not_utf8_says_what_its_reader_makes_of_it() {
        let mut lines = Lines::with_fallback(|bytes| bytes.iter().copied().map(char::from).collect());
        let mut out = Vec::new();
        lines.feed(b"\xe9\n\xc3\xa9\n", |line| out.push(line.to_owned()));
        assert_eq!(out, ["\u{e9}", "\u{e9}"]);
    }

    #[test]
    fn a_character_split_between_reads_survives() {
        assert_eq!(lines_of(&[b"\xc3", b"\xa9\n"]), ["é"]);
    }

    #[test]
    fn long_lines_come_in_pieces_of_whole_characters() {
        let text = "€".repeat(MAX_LINE);
        let pieces = lines_of(&[text.as_bytes(), b"\n"]);
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_LINE));
        assert_eq!(pieces.concat(), text);
    }

    proptest! {
        #[test]
        fn cutting_the_stream_differently_changes_nothing(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cut in 0usize..200,
        ) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(lines_of(&[&bytes]), lines_of(&[head, tail]));
        }
    }
}
