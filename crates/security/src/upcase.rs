//! Upper case as Windows compares names.

use alloc::string::String;

/// Upper-cases as Windows does for account names and for NTLM ([MS-NLMP] 3.3.2): one UTF-16 unit to one
/// unit, whatever the language.
///
/// Some characters therefore stay as they are: those outside the first plane, those whose upper case takes
/// several characters (`ß`) or is an ASCII letter (`ı`, `ſ`: otherwise two names could be one account), and
/// Georgian, whose capitals are younger than Windows' table.
///
/// ```
/// assert_eq!(standpipe_security::upcase("Jürgen Weiß"), "JÜRGEN WEIß");
/// ```
pub fn upcase(text: &str) -> String {
    text.chars().map(upcase_char).collect()
}

fn upcase_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    if c > '\u{FFFF}' || ('\u{10D0}'..='\u{10FF}').contains(&c) {
        return c;
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if !one.is_ascii() && one <= '\u{FFFF}' => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_simple_mappings_apply() {
        for (text, upper) in [
            ("serviceUser", "SERVICEUSER"),
            ("jürgen", "JÜRGEN"),
            ("straße", "STRAßE"),
            ("ſı", "ſı"),
            ("ლ", "ლ"),
            ("\u{10428}", "\u{10428}"),
            ("ΣΊσυφος", "ΣΊΣΥΦΟΣ"),
            ("ÿ", "Ÿ"),
            ("дом", "ДОМ"),
        ] {
            assert_eq!(upcase(text), upper);
        }
    }

    proptest! {
        #[test]
        fn upcasing_twice_changes_nothing_and_the_length_in_utf16_stays(text in ".*") {
            let once = upcase(&text);
            prop_assert_eq!(upcase(&once), once.clone());
            prop_assert_eq!(once.encode_utf16().count(), text.encode_utf16().count());
        }
    }
}
