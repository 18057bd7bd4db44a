//! Between the text that people write and the messages that services read.

use standpipe_client::text::without_nul;

/// What is said of a text that holds a NUL.
pub(crate) const HOLDS_NUL: &str =
    "the text holds a NUL character (U+0000), where the service would stop reading; take it out";

/// A reply without its closing NUL, as text; the second part says whether bytes had to be replaced.
pub(crate) fn from_reply(data: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(without_nul(data));
    let lossy = matches!(text, std::borrow::Cow::Owned(_));
    (text.into_owned(), lossy)
}

/// Browsers send the line ends of a text box as CR LF; what was typed is LF.
pub(crate) fn from_form(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// A text in which nothing is markup any more, for element content and for attribute values in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
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
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_closing_nul_of_a_reply_is_dropped() {
        assert_eq!(from_reply(b"ba\0"), ("ba".to_owned(), false));
        assert_eq!(from_reply(b"ba"), ("ba".to_owned(), false));
        assert_eq!(from_reply(b"\0\0"), ("\0".to_owned(), false));
        assert_eq!(from_reply(b"\xff"), ("\u{fffd}".to_owned(), true));
    }

    #[test]
    fn nothing_that_is_markup_survives() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
