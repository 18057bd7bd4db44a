//! The encodings in which programs on Windows write, told by a mark at the beginning.

/// Turns a stream into UTF-8 that begins with a byte order mark: UTF-16, least significant byte first, as
/// PowerShell and `cmd /u` write it, or UTF-8, whose mark is left out. A stream without a mark stays what it
/// is.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    encoding: Encoding,
    /// Bytes that say nothing yet: the beginning of a mark, or half of a unit.
    held: Vec<u8>,
    /// The first half of a character outside of the basic plane.
    surrogate: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Encoding {
    /// The mark, if there is one, has not arrived as a whole.
    #[default]
    Unknown,
    Bytes,
    Utf16,
}

const UTF_16: &[u8] = &[0xff, 0xfe];
const UTF_8: &[u8] = &[0xef, 0xbb, 0xbf];

impl Decoder {
    /// Appends to `out` what the next bytes of the stream say.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Bytes => out.extend_from_slice(bytes),
            Encoding::Utf16 => {
                self.held.extend_from_slice(bytes);
                self.utf16(out);
            }
            Encoding::Unknown => {
                self.held.extend_from_slice(bytes);
                if self.held.starts_with(UTF_16) {
                    self.held.drain(..UTF_16.len());
                    self.encoding = Encoding::Utf16;
                    self.utf16(out);
                } else if self.held.starts_with(UTF_8) {
                    self.encoding = Encoding::Bytes;
                    out.extend(self.held.drain(..).skip(UTF_8.len()));
                } else if !UTF_16.starts_with(&self.held) && !UTF_8.starts_with(&self.held) {
                    self.encoding = Encoding::Bytes;
                    out.append(&mut self.held);
                }
            }
        }
    }

    /// Appends what is left when nothing more comes for now.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.encoding == Encoding::Unknown {
            self.encoding = Encoding::Bytes;
            out.append(&mut self.held);
        }
    }

    fn utf16(&mut self, out: &mut Vec<u8>) {
        let whole = self.held.len() / 2 * 2;
        let units: Vec<u16> =
            self.held.drain(..whole).collect::<Vec<u8>>().chunks_exact(2).map(unit).collect();
        let mut units: Vec<u16> = self.surrogate.take().into_iter().chain(units).collect();
        // A first half waits for its second one, which the next bytes bring.
        self.surrogate = units.pop_if(|last| (0xd800..0xdc00).contains(last));
        out.extend(String::from_utf16_lossy(&units).into_bytes());
    }
}

fn unit(bytes: &[u8]) -> u16 {
    bytes.iter().rev().fold(0, |unit, &byte| unit << 8 | u16::from(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for chunk in chunks {
            decoder.feed(chunk, &mut out);
        }
        decoder.finish(&mut out);
        out
    }

    fn utf16(text: &str) -> Vec<u8> {
        UTF_16.iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    }

    #[test]
    fn a_mark_says_how_the_stream_is_encoded() {
        assert_eq!(decoded(&[&utf16("ä€😀\r\n")]), "ä€😀\r\n".as_bytes());
        assert_eq!(decoded(&[b"\xef\xbb\xbfyes"]), b"yes");
        assert_eq!(decoded(&[b"\xef", b"\xbb"]), b"\xef\xbb");
        assert_eq!(decoded(&[b"\x84\xff\xfe"]), b"\x84\xff\xfe");
    }

    proptest! {
        #[test]
        fn cutting_the_stream_differently_changes_nothing(text in "\\PC{0,20}", cut in 0usize..40) {
            let bytes = utf16(&text);
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(decoded(&[head, tail]), text.into_bytes());
        }
    }
}
