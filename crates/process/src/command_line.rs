//! Command lines of Windows, on which a program finds its arguments by rules of its own.

#[cfg(any(windows, test))]
use std::fmt::Write as _;

/// The command line from which a program that follows the rules of `CommandLineToArgvW`, as nearly all do,
/// reads exactly these words.
///
/// The program is always in quotes: without them, Windows would look for `C:\Program.exe` first when the path
/// is `C:\Program Files\...`.
pub fn command_line<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let arguments: Vec<Vec<u16>> = arguments.into_iter().map(wide).collect();
    // Only whole words of text were joined, with nothing but text between them.
    String::from_utf16_lossy(&of_program(&wide(program), &arguments))
}

/// The same in UTF-16, because a word of a process need not be valid text.
///
/// See <https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments>.
pub(crate) fn of_program(program: &[u16], arguments: &[Vec<u16>]) -> Vec<u16> {
    // The program's name has simpler rules: it ends at the next quote, and no file has one in its name.
    let mut line = vec![QUOTE];
    line.extend(program.iter().filter(|&&unit| unit != QUOTE));
    line.push(QUOTE);
    for argument in arguments {
        line.push(SPACE);
        quote(argument, &mut line);
    }
    line
}

/// The command line with which `cmd.exe` runs a batch file: `/d` leaves out the commands of the registry,
/// `/v:off` the second expansion, and `/s` makes it take off the outer quotes and nothing else.
///
/// `cmd.exe` reads the line before the batch file does, and what it expands cannot be quoted. So an argument
/// with one of these characters is refused, and the character is returned.
#[cfg(any(windows, test))]
pub(crate) fn of_batch_file(cmd: &[u16], file: &[u16], arguments: &[Vec<u16>]) -> Result<Vec<u16>, char> {
    let mut inner = String::new();
    for (index, word) in std::iter::once(file).chain(arguments.iter().map(Vec::as_slice)).enumerate() {
        // Half a character means nothing to a batch file.
        let text = String::from_utf16(word).map_err(|_| char::REPLACEMENT_CHARACTER)?;
        if let Some(unsafe_one) = text.chars().find(|&c| "\"%\r\n\0".contains(c)) {
            return Err(unsafe_one);
        }
        if index > 0 {
            inner.push(' ');
        }
        let is_plain =
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:\\".contains(c));
        // Between quotes, `cmd.exe` takes every other character for itself.
        let _ = if is_plain && index > 0 { write!(inner, "{text}") } else { write!(inner, "\"{text}\"") };
    }
    let switches: Vec<Vec<u16>> =
        ["/e:on", "/v:off", "/d", "/s", "/c"].iter().map(|word| wide(word)).collect();
    let mut line = of_program(cmd, &switches);
    line.extend(wide(&format!(" \"{inner}\"")));
    Ok(line)
}

/// Whether `cmd.exe` runs a file of this name. Windows takes dots and spaces at the end of a name for
/// nothing.
#[cfg(any(windows, test))]
pub(crate) fn is_batch_file(name: &str) -> bool {
    let name = name.trim_end_matches(['.', ' ']);
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        extension.eq_ignore_ascii_case("cmd") || extension.eq_ignore_ascii_case("bat")
    })
}

const SPACE: u16 = b' ' as u16;
const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// Appends one argument. Backslashes mean themselves except before a quote, where each has to be doubled.
fn quote(argument: &[u16], line: &mut Vec<u16>) {
    const SPECIAL: [u16; 4] = [SPACE, b'\t' as u16, b'\n' as u16, 0x0b];
    let needs_quotes = argument.is_empty() || argument.iter().any(|unit| SPECIAL.contains(unit));
    if needs_quotes {
        line.push(QUOTE);
    }
    let mut backslashes = 0;
    for &unit in argument {
        if unit == QUOTE {
            line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
        }
        backslashes = if unit == BACKSLASH { backslashes + 1 } else { 0 };
        line.push(unit);
    }
    if needs_quotes {
        line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
        line.push(QUOTE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<Vec<u16>> {
        words.iter().map(|word| wide(word)).collect()
    }

    fn program(arguments: &[&str]) -> String {
        String::from_utf16(&of_program(&wide("C:\\a b\\c.exe"), &words(arguments))).unwrap()
    }

    fn batch(arguments: &[&str]) -> Result<String, char> {
        of_batch_file(&wide("C:\\cmd.exe"), &wide("C:\\a b\\c.cmd"), &words(arguments))
            .map(|line| String::from_utf16(&line).unwrap())
    }

    #[test]
    fn a_program_reads_the_words_that_were_meant() {
        assert_eq!(program(&["plain", "two words", ""]), r#""C:\a b\c.exe" plain "two words" """#);
        assert_eq!(program(&[r#"a"b"#, r#"a\"b c"#]), r#""C:\a b\c.exe" a\"b "a\\\"b c""#);
        assert_eq!(program(&[r"a\\b", r"c d\", r"e\"]), r#""C:\a b\c.exe" a\\b "c d\\" e\"#);
    }

    #[test]
    fn a_program_without_arguments_is_in_quotes_too() {
        assert_eq!(command_line(r"C:\Program Files\a.exe", []), r#""C:\Program Files\a.exe""#);
    }

    #[test]
    fn a_batch_file_gets_its_words_between_quotes() {
        assert_eq!(
            batch(&["/flag", "a b & c", "^!"]).unwrap(),
            r#""C:\cmd.exe" /e:on /v:off /d /s /c ""C:\a b\c.cmd" /flag "a b & c" "^!"""#
        );
    }

    #[test]
    fn a_batch_file_gets_no_word_that_cmd_would_read_differently() {
        for (word, character) in [("100%", '%'), ("a\"&calc", '"'), ("a\nb", '\n'), ("\r", '\r')] {
            assert_eq!(batch(&[word]), Err(character), "{word:?}");
        }
    }

    #[test]
    fn a_batch_file_is_known_by_its_name_however_it_is_written() {
        for name in ["a.cmd", "A.BAT", "a.bat. .", "x.y.Cmd "] {
            assert!(is_batch_file(name), "{name}");
        }
        for name in ["a.exe", "cmd", "bat", "a.cmd.exe", "a.batch"] {
            assert!(!is_batch_file(name), "{name}");
        }
    }
}
