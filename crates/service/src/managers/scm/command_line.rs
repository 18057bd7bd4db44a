//! A program and its arguments as the one string that Windows keeps for a service.

/// The command line from which `CommandLineToArgvW` and the C runtime get exactly these arguments. The first
/// is the program.
///
/// The program is always in quotes: without them, Windows would look for `C:\Program.exe` first when the path
/// is `C:\Program Files\...`. A program's path cannot contain a quote.
pub fn command_line<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = format!("\"{program}\"");
    for argument in arguments {
        line.push(' ');
        push_argument(&mut line, argument);
    }
    line
}

/// Appends one argument, by the rules of "Parsing C command-line arguments": backslashes stand for
/// themselves, save before a quote.
fn push_argument(line: &mut String, argument: &str) {
    let is_plain = !argument.is_empty() && !argument.contains([' ', '\t', '\n', '\u{b}', '"']);
    if is_plain {
        line.push_str(argument);
        return;
    }
    line.push('"');
    let mut backslashes = 0;
    for character in argument.chars() {
        match character {
            '\\' => backslashes += 1,
            '"' => {
                line.extend(std::iter::repeat_n('\\', 2 * backslashes + 1));
                backslashes = 0;
                line.push('"');
            }
            other => {
                line.extend(std::iter::repeat_n('\\', backslashes));
                backslashes = 0;
                line.push(other);
            }
        }
    }
    line.extend(std::iter::repeat_n('\\', 2 * backslashes));
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_always_in_quotes() {
        assert_eq!(command_line(r"C:\Program Files\a.exe", []), r#""C:\Program Files\a.exe""#);
        assert_eq!(command_line(r"C:\a.exe", ["--pipe", "simple"]), r#""C:\a.exe" --pipe simple"#);
    }

    #[test]
    fn an_argument_with_blanks_quotes_and_backslashes_comes_back_as_it_was() {
        let line = command_line("a", ["", "b c", r#"say "hi""#, r"C:\d e\", r#"x\\"y"#, r"C:\f"]);
        assert_eq!(line, r#""a" "" "b c" "say \"hi\"" "C:\d e\\" "x\\\\\"y" C:\f"#);
    }
}
