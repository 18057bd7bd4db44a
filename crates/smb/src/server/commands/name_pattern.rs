//! Names and patterns, as Windows compares them ([MS-FSA] 2.1.4.4).

use alloc::vec;
use alloc::vec::Vec;

/// Whether a name fits a pattern; both are in upper case. Beside `*` and `?` there are the wildcards of DOS:
/// `<` takes anything but the last full stop, `>` is `?` or nothing before a full stop and at the end, `"`
/// is a full stop or nothing at the end.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let last_stop = name.rfind('.');
    // How much of the pattern what was read of the name can be: the time is the product of both lengths, for
    // every pattern.
    let mut reached = vec![false; pattern.len() + 1];
    set(&mut reached, 0);
    for (at, given) in name.char_indices() {
        skip(&pattern, &mut reached, |wild| matches!(wild, '*' | '<') || wild == '>' && given == '.');
        let mut after = vec![false; pattern.len() + 1];
        for (from, wanted) in pattern.iter().enumerate().filter(|(from, _)| reached.get(*from) == Some(&true))
        {
            match wanted {
                '*' => set(&mut after, from),
                '<' if Some(at) != last_stop => set(&mut after, from),
                '?' => set(&mut after, from + 1),
                '>' if given != '.' => set(&mut after, from + 1),
                '"' if given == '.' => set(&mut after, from + 1),
                wanted if *wanted == given => set(&mut after, from + 1),
                _ => {}
            }
        }
        reached = after;
    }
    skip(&pattern, &mut reached, |wild| matches!(wild, '*' | '<' | '>' | '"'));
    reached.last() == Some(&true)
}

fn set(reached: &mut [bool], at: usize) {
    if let Some(reached) = reached.get_mut(at) {
        *reached = true;
    }
}

/// Goes past the wildcards that may stand for nothing here.
fn skip(pattern: &[char], reached: &mut [bool], may: impl Fn(char) -> bool) {
    for (from, wild) in pattern.iter().enumerate() {
        if reached.get(from) == Some(&true) && may(*wild) {
            set(reached, from + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_as_windows_has_it() {
        for (pattern, name, fits) in [
            ("*", "SIMPLE", true),
            ("*", "", true),
            ("SIMPLE", "SIMPLE", true),
            ("SIMPLE", "SIMPLER", false),
            ("SIM*", "SIMPLE", true),
            ("*PLE", "SIMPLE", true),
            ("*P*E", "SIMPLE", true),
            ("*P*X", "SIMPLE", false),
            ("S?MPLE", "SIMPLE", true),
            ("SIMPLE?", "SIMPLE", false),
            ("SIMPLE>", "SIMPLE", true),
            ("SIMP>>>>", "SIMPLE", true),
            ("S>.E", "S.E", true),
            ("<.TXT", "A.B.TXT", true),
            ("<", "A.B", false),
            ("<", "AB", true),
            ("<\"*", "A.B", true),
            ("<\"*", "AB", true),
            ("*<B", "A.AB", true),
            ("<.B", "A.C", false),
            ("AB\"", "AB", true),
            ("AB\"C", "AB.C", true),
            ("Ü*", "ÜBER", true),
            ("?BER", "ÜBER", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern: alloc::string::String = "*A".repeat(128);
        let name = "A".repeat(255);
        assert!(!matches(&alloc::format!("{pattern}B"), &name));
    }
}
