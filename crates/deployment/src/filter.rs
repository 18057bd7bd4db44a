//! Which variables of Standpipe's own environment reach a service.

use crate::machine::System;

/// Variables that belong to a system and to a user's session on it. The service control manager gives them to
/// a service itself, with values of its own; those of Standpipe would be wrong there.
const OF_THE_SYSTEM: &[&str] = &[
    // Windows.
    "=*",
    "ALLUSERSPROFILE",
    "APPDATA",
    "CLIENTNAME",
    "COMMONPROGRAMFILES",
    "COMMONPROGRAMFILES(*)",
    "COMMONPROGRAMW6432",
    "COMPUTERNAME",
    "COMSPEC",
    "DRIVERDATA",
    "HOMEDRIVE",
    "HOMEPATH",
    "LOCALAPPDATA",
    "LOGONSERVER",
    "NUMBER_OF_PROCESSORS",
    "OS",
    "PATH",
    "PATHEXT",
    "PROCESSOR_*",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(*)",
    "PROGRAMW6432",
    "PROMPT",
    "PSMODULEPATH",
    "PUBLIC",
    "SESSIONNAME",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "USERDNSDOMAIN",
    "USERDOMAIN",
    "USERDOMAIN_ROAMINGPROFILE",
    "USERNAME",
    "USERPROFILE",
    "WINDIR",
    // Unix, and Wine on it.
    "_",
    "COLORTERM",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "HOSTNAME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LD_*",
    "LISTEN_*",
    "LOGNAME",
    "MAIL",
    "MAINPID",
    "NOTIFY_SOCKET",
    "OLDPWD",
    "PWD",
    "SHELL",
    "SHLVL",
    "SSH_*",
    "SUDO_*",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "WATCHDOG_*",
    "WAYLAND_DISPLAY",
    "WINE*",
    "XDG_*",
];

/// Variables by which Standpipe itself is told something.
const OF_STANDPIPE: &str = "STANDPIPE_*";

/// Which variables of Standpipe's own environment reach a service, by patterns of their names, in which `*`
/// stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvironmentFilter {
    /// Only these; without it, all.
    pub(crate) allow: Option<Vec<String>>,
    /// Not these.
    pub(crate) deny: Vec<String>,
}

impl EnvironmentFilter {
    /// Whether a variable reaches a service that Standpipe starts as a process on a machine with this system.
    /// What belongs to the system does, unless it is denied, as it does with every process.
    pub fn reaches_process(&self, name: &str, system: System) -> bool {
        let ignores_case = system == System::Windows;
        let matches = |pattern: &String| matches(pattern, name, ignores_case);
        if self.deny.iter().any(matches) {
            return false;
        }
        match &self.allow {
            None => true,
            Some(allow) => allow.iter().any(matches) || is_of_the_system(name, ignores_case),
        }
    }

    /// Whether a variable reaches a service of the service control manager of Windows, which gives it an
    /// environment of its own. What belongs to the system does only when it is allowed by its whole name, and
    /// what is for Standpipe itself never does. Names are compared without regard to case.
    pub fn reaches_installed(&self, name: &str) -> bool {
        let matched = |pattern: &String| matches(pattern, name, true);
        if name.is_empty() || matches(OF_STANDPIPE, name, true) || self.deny.iter().any(matched) {
            return false;
        }
        match &self.allow {
            _ if is_of_the_system(name, true) => {
                self.allow.iter().flatten().any(|allowed| same(allowed, name, true))
            }
            None => true,
            Some(allow) => allow.iter().any(matched),
        }
    }
}

/// Whether a variable belongs to the system, or to a user's session on it.
pub(crate) fn is_of_the_system(name: &str, ignores_case: bool) -> bool {
    OF_THE_SYSTEM.iter().any(|pattern| matches(pattern, name, ignores_case))
}

fn same(one: &str, other: &str, ignores_case: bool) -> bool {
    if ignores_case { one.to_uppercase() == other.to_uppercase() } else { one == other }
}

/// Whether `pattern` describes the whole of `text`: `*` stands for any characters, `?` for one.
pub(crate) fn matches(pattern: &str, text: &str, ignores_case: bool) -> bool {
    let characters = |text: &str| -> Vec<char> {
        if ignores_case { text.to_uppercase().chars().collect() } else { text.chars().collect() }
    };
    let (pattern, text) = (characters(pattern), characters(text));
    let (mut at_pattern, mut at_text) = (0, 0);
    // The last `*`, and how much of the text it stands for.
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(c) if *c == '?' || text.get(at_text) == Some(c) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((at, reaches)) = &mut star else { return false };
                *reaches += 1;
                (at_pattern, at_text) = (*at + 1, *reaches);
            }
        }
    }
    pattern.iter().skip(at_pattern).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(allow: Option<&[&str]>, deny: &[&str]) -> EnvironmentFilter {
        let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        EnvironmentFilter { allow: allow.map(owned), deny: owned(deny) }
    }

    #[test]
    fn a_pattern_describes_the_whole_name() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "x"),
            ("a*c", "abbc"),
            ("a?c", "aéc"),
            ("*a*b*", "xaxxbx"),
            ("**", "a"),
        ] {
            assert!(matches(pattern, text, false), "{pattern} {text}");
        }
        for (pattern, text) in
            [("", "x"), ("a", "ab"), ("b", "ab"), ("a?c", "ac"), ("a*b", "abc"), ("A", "a")]
        {
            assert!(!matches(pattern, text, false), "{pattern} {text}");
        }
        assert!(matches("straße_*", "STRASSE_1", true), "case is that of Unicode");
    }

    #[test]
    fn an_installed_service_gets_what_does_not_belong_to_the_system() {
        let all = filter(None, &[]);
        for name in ["APP_KEY", "ConnectionStrings__Main", "a b", "größe", "PATHS", "quote\"d"] {
            assert!(all.reaches_installed(name), "{name}");
        }
        for name in ["Path", "TEMP", "tmp", "USERPROFILE", "ComputerName", "ProgramFiles(x86)", "=C:", "HOME"]
        {
            assert!(!all.reaches_installed(name), "{name}");
        }
        for name in ["STANDPIPE_PASSWORD", "standpipe_log", "", "LC_ALL", "WINEPREFIX"] {
            assert!(!all.reaches_installed(name), "{name}");
        }
    }

    #[test]
    fn patterns_let_through_and_hold_back_whatever_the_case() {
        let app = filter(Some(&["app_*"]), &["*_SECRET"]);
        assert!(app.reaches_installed("APP_KEY") && !app.reaches_installed("App_Secret"));
        assert!(!app.reaches_installed("OTHER"));
        let everything = filter(Some(&["*"]), &[]);
        assert!(!everything.reaches_installed("PATH"), "a pattern does not mean the system's variables");
        let path = filter(Some(&["*", "Path"]), &[]);
        assert!(path.reaches_installed("PATH") && !path.reaches_installed("STANDPIPE_X"));
    }

    #[test]
    fn a_process_keeps_the_variables_of_the_system() {
        let app = filter(Some(&["APP_*"]), &["HOME"]);
        assert!(app.reaches_process("PATH", System::Linux) && app.reaches_process("APP_X", System::Linux));
        assert!(!app.reaches_process("HOME", System::Linux) && !app.reaches_process("OTHER", System::Linux));
        assert!(!app.reaches_process("app_x", System::Linux), "Unix knows two names there");
        assert!(app.reaches_process("app_x", System::Windows));
        assert!(EnvironmentFilter::default().reaches_process("STANDPIPE_LOG", System::Linux));
    }

    proptest! {
        #[test]
        fn a_star_for_any_part_of_a_text_describes_it(text in ".{0,12}", from in 0..12_usize, length in 0..12_usize) {
            let characters: Vec<char> = text.chars().filter(|c| !"*?".contains(*c)).collect();
            let plain: String = characters.iter().collect();
            let from = from.min(characters.len());
            let to = (from + length).min(characters.len());
            let (head, tail) = (&characters[..from], &characters[to..]);
            let pattern: String = head.iter().chain(&['*']).chain(tail).collect();
            prop_assert!(matches(&pattern, &plain, false));
            prop_assert!(matches(&plain, &plain, true));
        }
    }
}
