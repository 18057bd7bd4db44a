//! Text that somebody else made up, on its way to a terminal, a log or a document.
//!
//! Names come from packets, files and other programs, and so do the words of services. A terminal obeys some
//! of what they can hold, and a person does not see other parts of it. One rule says what is only shown as
//! its number:
//!
//! - the control characters of C0 and C1 and DEL, which move the cursor, change colours and titles, and end
//!   lines;
//! - U+2028 and U+2029, which end lines;
//! - the controls of direction, with which `exe.txt` looks like `txt.exe`;
//! - what is not seen, so that two names look like one: joiners, fillers, soft hyphens, tags.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character is only shown as its number.
#[must_use]
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}'
                | '\u{2029}'
                | '\u{61C}'
                | '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{AD}'
                | '\u{34F}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{3164}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// A text in one line: `\n`, `\u{202e}` stand for what is not to be obeyed.
#[must_use]
pub fn in_one_line(text: &str) -> Cow<'_, str> {
    but(text, |_| false)
}

/// A text in its lines: its line ends and tabs stay.
#[must_use]
pub fn in_lines(text: &str) -> Cow<'_, str> {
    but(text, |character| matches!(character, '\n' | '\t'))
}

/// Bytes in their lines, as [`in_lines`]; what is no UTF-8 is shown as `\xff`.
#[must_use]
pub fn bytes_in_lines(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&in_lines(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// JSON that means the same and holds nothing harmful but its own line ends: such characters can only be in
/// its strings, where they are written as `\u202e`.
#[must_use]
pub fn in_json(json: &str) -> Cow<'_, str> {
    let stays = |character: char| matches!(character, '\n' | '\t' | '\r');
    if !json.chars().any(|character| is_harmful(character) && !stays(character)) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_harmful(character) && !stays(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn but(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harms = |character: char| is_harmful(character) && !stays(character);
    if !text.chars().any(harms) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if harms(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARMFUL: &str = "\u{0}\u{7}\u{8}\r\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9d}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\
                           \u{2028}\u{2029}\u{202e}\u{2066}\u{2069}\u{2060}\u{feff}\u{fff9}\u{e0041}";

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_shown_as_its_number() {
        for character in HARMFUL.chars() {
            assert!(is_harmful(character), "{:x}", u32::from(character));
            let text = format!("a{character}b");
            for shown in [in_one_line(&text), in_lines(&text), in_json(&text.replace('\r', "\n"))] {
                assert!(!shown.chars().any(|shown| is_harmful(shown) && shown != '\n'), "{shown:?}");
            }
        }
        assert_eq!(in_one_line("a\u{1b}[2Jb\r\nc\u{202e}"), "a\\u{1b}[2Jb\\r\\nc\\u{202e}");
        assert_eq!(in_lines("a\n\tb\u{9b}31m"), "a\n\tb\\u{9b}31m");
        assert_eq!(bytes_in_lines(b"a\x1b[2Jb\xff\x07\r\n"), "a\\u{1b}[2Jb\\xff\\u{7}\\r\n");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["", "Grüße, Zoë", "שלום", "世界您好", "e\u{301}", "👍🏽", "a b", "\u{a0}", "ﷺ"]
        {
            assert!(matches!(in_one_line(text), Cow::Borrowed(shown) if shown == text), "{text}");
            assert!(matches!(in_json(text), Cow::Borrowed(shown) if shown == text), "{text}");
        }
    }

    #[test]
    fn json_means_the_same_afterwards() {
        assert_eq!(
            in_json("{\n\"a\": \"\u{202e}x\u{9b}\u{e0041}\"}"),
            "{\n\"a\": \"\\u202ex\\u009b\\udb40\\udc41\"}"
        );
    }
}
