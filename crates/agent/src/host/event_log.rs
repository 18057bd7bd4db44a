//! Wine's event log: it keeps none, and prints what is reported on its standard error.

/// What a line of Wine's standard error is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A string that a service has reported to the event log.
    Event {
        /// How important it is.
        severity: Severity,
        /// The text, as far as Wine prints it.
        text: String,
    },
    /// Anything else.
    Other,
}

/// How important a report is, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// `EVENTLOG_SUCCESS` or `EVENTLOG_INFORMATION_TYPE`.
    Information,
    /// `EVENTLOG_WARNING_TYPE`.
    Warning,
    /// `EVENTLOG_ERROR_TYPE`.
    Error,
}

/// Reads a line: `0118:trace:eventlog:ReportEventW L"text"`, where the number is the thread's.
pub(crate) fn parse(line: &str) -> Line {
    let (severity, rest) = match line.split_once("eventlog:ReportEventW ") {
        Some((before, rest)) => {
            let class = before.trim_end_matches(':').rsplit(':').next();
            let severity = match class {
                Some("err") => Severity::Error,
                Some("warn") => Severity::Warning,
                Some("trace") => Severity::Information,
                _ => return Line::Other,
            };
            (severity, rest)
        }
        None => return Line::Other,
    };
    rest.trim_end().strip_prefix("L\"").map_or(Line::Other, |text| {
        let text = text.strip_suffix("...").unwrap_or(text);
        let text = unescaped(text.strip_suffix('"').unwrap_or(text));
        Line::Event { severity, text }
    })
}

/// Undoes the escapes of `debugstr_w`: those of C for a few characters, and `\` with four hexadecimal digits
/// for others.
fn unescaped(text: &str) -> String {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        if character != '\\' {
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
            continue;
        }
        let simple = match rest.as_bytes().first() {
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'"') => Some('"'),
            Some(b'\\') => Some('\\'),
            _ => None,
        };
        if let Some(simple) = simple {
            units.push(simple as u16);
            rest = rest.get(1..).unwrap_or_default();
        } else if let Some(unit) = rest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            units.push(unit);
            rest = rest.get(4..).unwrap_or_default();
        } else {
            units.push(u16::from(b'\\'));
        }
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(severity: Severity, text: &str) -> Line {
        Line::Event { severity, text: text.to_owned() }
    }

    #[test]
    fn a_report_becomes_its_text_with_its_type() {
        let line = r#"0118:trace:eventlog:ReportEventW L"Service\twas \"started\".\r\n""#;
        assert_eq!(parse(line), event(Severity::Information, "Service\twas \"started\".\r\n"));
        let line = r#"0118:err:eventlog:ReportEventW L"C:\\data is full""#;
        assert_eq!(parse(line), event(Severity::Error, r"C:\data is full"));
        let line = r#"warn:eventlog:ReportEventW L"\00fcber \d83d\de00""#;
        assert_eq!(parse(line), event(Severity::Warning, "über 😀"));
    }

    #[test]
    fn escapes_stand_beside_each_other() {
        let line = r#"00c8:trace:eventlog:ReportEventW L"a \"b\"\n\00e9\d83d\de00\\""#;
        assert_eq!(parse(line), event(Severity::Information, "a \"b\"\né\u{1f600}\\"));
    }

    #[test]
    fn a_report_that_wine_cuts_is_kept_as_far_as_it_goes() {
        let line = r#"0118:trace:eventlog:ReportEventW L"long"..."#;
        assert_eq!(parse(line), event(Severity::Information, "long"));
        let line = r#"00c8:err:eventlog:ReportEventW L"long"..."#;
        assert_eq!(parse(line), event(Severity::Error, "long"));
    }

    #[test]
    fn other_lines_are_no_reports() {
        for line in [
            "",
            "wine: created the configuration directory '/tmp/p'",
            "0118:fixme:eventlog:ReportEventW 00000001,0x0004,0x0000,0x00000001: stub",
            "0118:trace:eventlog:ReportEventW (null)",
            "err:ole:something",
            "00c8:fixme:eventlog:ReportEventW 0x1,0x0004",
            "eventlog:ReportEventW L\"",
            "x",
        ] {
            assert_eq!(parse(line), Line::Other, "{line}");
        }
    }

    #[test]
    fn strange_escapes_do_no_harm() {
        for text in [r"\", r"\12", r"\zz", r"\12zü", "\\ü"] {
            assert!(!unescaped(text).is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_broken(text in "([<>&;='\"/ a-z#]|\\\\[0-9a-f]{0,4}|é){0,40}") {
            let line = format!("1:err:eventlog:ReportEventW L\"{text}\"");
            let is_error = matches!(parse(&line), Line::Event { severity: Severity::Error, .. });
            prop_assert!(is_error);
        }
    }
}
