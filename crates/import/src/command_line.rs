//! Command lines of Windows.

/// A command line, cut into what the deployment file has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CommandLine {
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    /// What cmd.exe would have done beside: redirections, pipes and further commands, as they were written.
    pub(crate) shell: Option<String>,
}

/// Cuts a command line as `CommandLineToArgvW` does, up to the first redirection or operator of cmd.exe.
pub(crate) fn split(line: &str) -> CommandLine {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => {
                let mut count = 1;
                while characters.next_if(|(_, next)| *next == '\\').is_some() {
                    count += 1;
                }
                let text = word.get_or_insert_default();
                if characters.peek().is_some_and(|(_, next)| *next == '"') {
                    text.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        characters.next();
                        text.push('"');
                    }
                } else {
                    text.extend(std::iter::repeat_n('\\', count));
                }
            }
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' | '\r' | '\n' if !quoted => words.extend(word.take()),
            '>' | '<' | '|' | '&' if !quoted => {
                let start = match word.take() {
                    // `2>&1`: the number belongs to the redirection.
                    Some(number) if number == "1" || number == "2" => at - number.len(),
                    other => {
                        words.extend(other);
                        at
                    }
                };
                let shell = line.get(start..).unwrap_or_default().trim().to_owned();
                return CommandLine { words, shell: Some(shell) };
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    CommandLine { words, shell: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).words
    }

    #[test]
    fn words_are_cut_as_windows_does() {
        assert_eq!(words(r"Startup\Startup.cmd"), [r"Startup\Startup.cmd"]);
        assert_eq!(words("a  b\tc"), ["a", "b", "c"]);
        assert_eq!(
            words(r#""C:\Program Files\x.exe" /q "" end"#),
            [r"C:\Program Files\x.exe", "/q", "", "end"]
        );
        assert_eq!(words(r#"a \"b\" c:\\ "d e\\""#), ["a", "\"b\"", r"c:\\", r"d e\"]);
        assert_eq!(words("  "), [""; 0]);
    }

    #[test]
    fn what_the_shell_would_do_is_kept_apart() {
        let line = split("Startup.cmd > Startup.cmd.log 2>&1");
        assert_eq!((line.words.len(), line.shell.as_deref()), (1, Some("> Startup.cmd.log 2>&1")));
        let line = split("powershell -File a.ps1 2>nul");
        assert_eq!(line.words, ["powershell", "-File", "a.ps1"]);
        assert_eq!(line.shell.as_deref(), Some("2>nul"));
        assert_eq!(split("a && b").shell.as_deref(), Some("&& b"));
        assert_eq!(split("echo \"a > b\"").shell, None);
    }
}
