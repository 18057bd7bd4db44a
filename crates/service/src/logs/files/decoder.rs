//! From the bytes of a log file to its lines.

/// A longer line is cut into pieces of this many bytes of UTF-8.
pub(super) const LONGEST_LINE: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
}

/// Cuts the bytes of a file into lines. The byte order mark at the beginning says the encoding: UTF-8, which
/// is also that of a file without a mark, or UTF-16. What is not valid becomes U+FFFD. A line that is longer
/// than [`LONGEST_LINE`] comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    encoding: Option<Encoding>,
    /// What may be the beginning of a mark, or of a unit of UTF-16.
    pending: Vec<u8>,
    /// The first half of a pair of units.
    high: Option<u16>,
    /// The line so far; in UTF-8, as far as the file has it.
    line: Vec<u8>,
}

/// Takes a line or a piece of it; the flag says that the line goes on.
pub(super) trait TakeLine: FnMut(&str, bool) {}

impl<F: FnMut(&str, bool)> TakeLine for F {}

impl Decoder {
    /// Takes in more bytes of the file.
    pub(super) fn feed(&mut self, bytes: &[u8], mut take: impl TakeLine) {
        let mut bytes = bytes;
        while self.encoding.is_none() {
            let Some((first, rest)) = bytes.split_first() else { return };
            self.pending.push(*first);
            bytes = rest;
            self.recognise();
        }
        let begun = std::mem::take(&mut self.pending);
        if let Some(Encoding::Utf16 { big_endian }) = self.encoding {
            self.pending = begun;
            self.utf16(bytes, big_endian, &mut take);
        } else {
            self.utf8(&begun, &mut take);
            self.utf8(bytes, &mut take);
        }
    }

    /// Skips the beginning of a file that is followed from further on: `head` holds its first bytes. Returns
    /// whether positions in it must be even.
    pub(super) fn skip(&mut self, head: &[u8]) -> bool {
        for byte in head.iter().take(3) {
            if self.encoding.is_none() {
                self.pending.push(*byte);
                self.recognise();
            }
        }
        self.encoding.get_or_insert(Encoding::Utf8);
        self.pending.clear();
        matches!(self.encoding, Some(Encoding::Utf16 { .. }))
    }

    /// Hands out what is left, as a line of its own: the file has ended.
    pub(super) fn finish(&mut self, mut take: impl TakeLine) {
        let pending = std::mem::take(&mut self.pending);
        match self.encoding {
            Some(Encoding::Utf16 { .. }) => {
                if self.high.take().is_some() || !pending.is_empty() {
                    self.push(char::REPLACEMENT_CHARACTER, &mut take);
                }
            }
            _ => self.line.extend_from_slice(&pending),
        }
        if !self.line.is_empty() {
            self.end_line(&mut take);
        }
    }

    /// Decides on the encoding as soon as it can be known.
    fn recognise(&mut self) {
        const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
        self.encoding = match self.pending.as_slice() {
            UTF8_MARK => Some(Encoding::Utf8),
            b"\xff\xfe" => Some(Encoding::Utf16 { big_endian: false }),
            b"\xfe\xff" => Some(Encoding::Utf16 { big_endian: true }),
            b"\xff" | b"\xfe" => None,
            begun if UTF8_MARK.starts_with(begun) => None,
            _ => {
                self.encoding = Some(Encoding::Utf8);
                return;
            }
        };
        if self.encoding.is_some() {
            self.pending.clear();
        }
    }

    fn utf8(&mut self, bytes: &[u8], take: &mut impl TakeLine) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let mut rest = text;
            while self.line.len() + rest.len() > LONGEST_LINE {
                let (now, later) =
                    rest.split_at(LONGEST_LINE.saturating_sub(self.line.len()).min(rest.len()));
                self.line.extend_from_slice(now);
                rest = later;
                self.cut(take);
            }
            self.line.extend_from_slice(rest);
            if ended {
                self.end_line(take);
            }
        }
    }

    fn utf16(&mut self, bytes: &[u8], big_endian: bool, take: &mut impl TakeLine) {
        for byte in bytes {
            self.pending.push(*byte);
            let Ok(unit) = <[u8; 2]>::try_from(self.pending.as_slice()) else { continue };
            self.pending.clear();
            let unit = if big_endian { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) };
            self.unit(unit, take);
        }
    }

    fn unit(&mut self, unit: u16, take: &mut impl TakeLine) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(character)) = char::decode_utf16([high, unit]).next() {
                self.push(character, take);
                return;
            }
            self.push(char::REPLACEMENT_CHARACTER, take);
        }
        match char::decode_utf16([unit]).next() {
            Some(Ok('\n')) => self.end_line(take),
            Some(Ok(character)) => self.push(character, take),
            _ if (0xd800..0xdc00).contains(&unit) => self.high = Some(unit),
            _ => self.push(char::REPLACEMENT_CHARACTER, take),
        }
    }

    fn push(&mut self, character: char, take: &mut impl TakeLine) {
        let mut buffer = [0; 4];
        let text = character.encode_utf8(&mut buffer);
        if self.line.len() + text.len() > LONGEST_LINE {
            self.cut(take);
        }
        self.line.extend_from_slice(text.as_bytes());
    }

    /// Hands out a piece of a long line, but no half of a character.
    fn cut(&mut self, take: &mut impl TakeLine) {
        let keep = match std::str::from_utf8(&self.line) {
            // `error_len` of `None`: what follows is the beginning of a character.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.line.len(),
        };
        take(&String::from_utf8_lossy(self.line.get(..keep).unwrap_or_default()), true);
        self.line.drain(..keep);
    }

    fn end_line(&mut self, take: &mut impl TakeLine) {
        let text = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        take(&String::from_utf8_lossy(text), false);
        self.line.clear();
        // A long line is rare; its room is not kept for the many short ones.
        self.line.shrink_to(64 * 1024);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            decoder.feed(chunk, |line: &str, _| lines.push(line.to_owned()));
        }
        decoder.finish(|line: &str, _| lines.push(line.to_owned()));
        lines
    }

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_lines() {
        let text = "one\r\ntwo € \u{1f600}\n\nlast";
        let expected = ["one", "two € \u{1f600}", "", "last"];
        assert_eq!(lines_of(&[text.as_bytes()]), expected);
        assert_eq!(lines_of(&[b"\xef\xbb\xbf", text.as_bytes()]), expected);
        for big_endian in [false, true] {
            assert_eq!(lines_of(&[&utf16(text, big_endian)]), expected);
        }
    }

    #[test]
    fn what_is_not_valid_is_replaced() {
        assert_eq!(lines_of(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
        assert_eq!(lines_of(&[b"\xffab\n"]), ["\u{fffd}ab"], "the beginning of a mark that is none");
        assert_eq!(lines_of(&[b"\xef\xbbx\n"]), ["\u{fffd}x"]);
        let lonely = [b"\xff\xfe".as_slice(), &0xd800_u16.to_le_bytes(), b"x\0\n\0y"].concat();
        assert_eq!(lines_of(&[&lonely]), ["\u{fffd}x", "\u{fffd}"]);
    }

    #[test]
    fn a_line_of_a_megabyte_is_whole_and_a_longer_one_comes_in_pieces() {
        let long = "€".repeat(LONGEST_LINE / 3);
        assert_eq!(lines_of(&[long.as_bytes(), b"\n"]), [long.as_str()]);
        for bytes in [[long.as_bytes(), long.as_bytes()].concat(), utf16(&long.repeat(2), false)] {
            let mut decoder = Decoder::default();
            let mut pieces = Vec::new();
            for chunk in bytes.chunks(1000) {
                decoder.feed(chunk, |piece: &str, goes_on| pieces.push((piece.to_owned(), goes_on)));
                assert!(decoder.line.len() <= LONGEST_LINE);
            }
            decoder.finish(|piece: &str, goes_on| pieces.push((piece.to_owned(), goes_on)));
            let (last, first) = pieces.split_last().unwrap();
            assert!(!last.1 && !first.is_empty() && first.iter().all(|(_, goes_on)| *goes_on));
            let all: String = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
            assert_eq!(all, long.repeat(2));
        }
    }

    proptest! {
        #[test]
        fn reading_the_file_in_other_pieces_changes_nothing(
            mark in proptest::sample::select(vec![&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]),
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(0), any::<u8>()], 0..200),
            cut in 0usize..200,
        ) {
            let bytes = [mark, bytes.as_slice()].concat();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(lines_of(&[&bytes]), lines_of(&[head, tail]));
        }
    }
}
