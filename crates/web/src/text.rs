//! Between the text that people write and the messages that services read.

use standpipe_client::text::without_nul;

/// What is said of a text that holds a NUL.
pub(crate) const HOLDS_NUL: &str =
    "the text holds a NUL character (U+0000), where the service would stop reading; take it out";

/// A reply without its closing NUL, and whether it is text; where it is not, bytes are replaced when it is
/// shown as one.
pub(crate) fn from_reply(mut data: Vec<u8>) -> (Vec<u8>, bool) {
    data.truncate(without_nul(&data).len());
    let is_text = std::str::from_utf8(&data).is_ok();
    (data, is_text)
}

/// Cuts a reply to at most `longest` bytes, not within a character.
pub(crate) fn cut(data: &mut Vec<u8>, longest: usize) {
    if data.len() > longest {
        let is_inside = |at: &usize| data.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
        let end = (longest.saturating_sub(3)..=longest).rev().find(|at| !is_inside(at)).unwrap_or(longest);
        data.truncate(end);
        data.shrink_to_fit();
    }
}

/// Browsers send the line ends of a text box as CR LF; what was typed is LF.
pub(crate) fn from_form(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// A text in which nothing is markup any more, for element content and for attribute values in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape_into(text, &mut escaped);
    escaped
}

/// The same, behind what is there.
pub(crate) fn escape_into(text: &str, escaped: &mut String) {
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What HTML cannot hold at all.
            '\0' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_closing_nul_of_a_reply_is_dropped() {
        for (data, shown, is_text) in [
            (&b"ba\0"[..], &b"ba"[..], true),
            (b"ba", b"ba", true),
            (b"\0\0", b"\0", true),
            (b"\xff", b"\xff", false),
        ] {
            assert_eq!(from_reply(data.to_vec()), (shown.to_vec(), is_text));
        }
    }

    #[test]
    fn a_reply_is_cut_between_two_characters() {
        for (longest, kept) in [(9, "é€😀"), (8, "é€"), (5, "é€"), (4, "é"), (1, "")] {
            let mut data = "é€😀".as_bytes().to_vec();
            cut(&mut data, longest);
            assert_eq!(data, kept.as_bytes(), "{longest}");
        }
    }

    #[test]
    fn nothing_that_is_markup_survives() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
