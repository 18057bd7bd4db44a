//! What an account file says, from and to text.

use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;
use standpipe_security::{Account, AccountName, AccountSet, NtHash, Sid};
use toml::Spanned;
use zeroize::Zeroizing;

use super::group::{group_name, parse_group};

/// The relative identifier of a machine's first own account.
const FIRST_RID: u32 = 1001;

/// What an account file says.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The start of the accounts' SIDs; a file written by hand may leave it out.
    pub(crate) machine_sid: Option<Sid>,
    /// Above every one given so far, those of removed accounts too: an ACL must not come to mean somebody
    /// else.
    next_rid: u32,
    pub(crate) accounts: AccountSet,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Document {
    machine_sid: Option<Spanned<String>>,
    next_rid: Option<u32>,
    #[serde(default)]
    account: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: Spanned<String>,
    sid: Spanned<String>,
    nt_hash: Spanned<String>,
    #[serde(default)]
    groups: Vec<Spanned<String>>,
    #[serde(default = "enabled")]
    enabled: bool,
}

fn enabled() -> bool {
    true
}

impl Contents {
    pub(crate) fn new(machine_sid: Sid) -> Self {
        Self { machine_sid: Some(machine_sid), next_rid: FIRST_RID, accounts: AccountSet::new() }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let at = error.span().unwrap_or(0..0);
            // The parser's message can quote the value, and a hash must not get into a log.
            if line_text(text, at.start).contains("nt-hash") {
                syntax(text, &at, "expected nt-hash = \"…\" with 32 hexadecimal digits")
            } else {
                syntax(text, &at, error.message())
            }
        })?;
        let at = |span: Range<usize>| move |error: &dyn std::fmt::Display| syntax(text, &span, error);
        let machine_sid = match &document.machine_sid {
            Some(sid) => Some(sid.get_ref().parse::<Sid>().map_err(|error| at(sid.span())(&error))?),
            None => None,
        };
        let mut accounts = AccountSet::new();
        let mut next_rid = document.next_rid.unwrap_or(FIRST_RID).max(FIRST_RID);
        for entry in document.account {
            let name_span = entry.name.span();
            let name =
                AccountName::new(entry.name.get_ref()).map_err(|error| at(name_span.clone())(&error))?;
            let sid: Sid = entry.sid.get_ref().parse().map_err(|error| at(entry.sid.span())(&error))?;
            let hash_span = entry.nt_hash.span();
            let hash_text = Zeroizing::new(entry.nt_hash.into_inner());
            let nt_hash = NtHash::from_hex(&hash_text).map_err(|error| at(hash_span)(&error))?;
            let mut groups = Vec::with_capacity(entry.groups.len());
            for group in &entry.groups {
                groups.push(parse_group(group.get_ref()).map_err(|error| at(group.span())(&error))?);
            }
            if sid.domain().is_some_and(|domain| Some(domain) == machine_sid) {
                next_rid = next_rid.max(sid.rid().saturating_add(1));
            }
            accounts
                .add(Account { name, sid, nt_hash, groups, enabled: entry.enabled })
                .map_err(|error| at(name_span)(&error))?;
        }
        Ok(Self { machine_sid, next_rid, accounts })
    }

    /// The text of the file. No value in it needs escaping: names have no quotes, backslashes or control
    /// characters.
    pub(crate) fn print(&self) -> Zeroizing<String> {
        // Large enough from the start: growing would leave copies of hashes behind.
        let groups: usize = self.accounts.iter().map(|account| account.groups.len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(512 + self.accounts.len() * 2048 + groups * 256));
        let out: &mut String = &mut text;
        out.push_str(
            "# Accounts that may log on. The hashes are as good as passwords: keep this file private.\n",
        );
        out.push_str("# Change it with `standpipe account`.\n");
        if let Some(machine_sid) = &self.machine_sid {
            put(out, format_args!("machine-sid = \"{machine_sid}\"\n"));
        }
        put(out, format_args!("next-rid = {}\n", self.next_rid));
        for account in self.accounts.iter() {
            put(out, format_args!("\n[[account]]\nname = \"{}\"\nsid = \"{}\"\n", account.name, account.sid));
            put(out, format_args!("nt-hash = \"{}\"\n", *account.nt_hash.expose_hex()));
            out.push_str("groups = [");
            for (position, group) in account.groups.iter().enumerate() {
                let comma = if position == 0 { "" } else { ", " };
                put(out, format_args!("{comma}\"{}\"", group_name(group)));
            }
            put(out, format_args!("]\nenabled = {}\n", account.enabled));
        }
        text
    }

    /// A SID no account of this file ever had; `None` when there is none left.
    pub(crate) fn take_sid(&mut self) -> Option<Sid> {
        loop {
            let rid = self.next_rid;
            self.next_rid = rid.checked_add(1)?;
            let sid = self.machine_sid?.with_rid(rid).ok()?;
            if self.accounts.iter().all(|account| account.sid != sid) {
                return Some(sid);
            }
        }
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

fn syntax(text: &str, at: &Range<usize>, message: impl std::fmt::Display) -> SyntaxError {
    let before = text.get(..at.start).unwrap_or(text);
    SyntaxError { line: before.matches('\n').count() + 1, message: message.to_string() }
}

fn line_text(text: &str, at: usize) -> &str {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "a4f49c406510bdcab6824ee7c30fd852";

    fn entry(name: &str, rid: u32) -> String {
        format!("[[account]]\nname = \"{name}\"\nsid = \"S-1-5-21-1-2-3-{rid}\"\nnt-hash = \"{HASH}\"\n")
    }

    fn error(text: &str) -> SyntaxError {
        Contents::parse(text).unwrap_err()
    }

    #[test]
    fn reads_what_a_person_writes() {
        let text = format!(
            "machine-sid = 'S-1-5-21-1-2-3'\n{}groups = ['users', 'S-1-5-21-1-2-3-2000']\n",
            entry("Anna", 1007)
        );
        let mut contents = Contents::parse(&text).unwrap();
        let anna = standpipe_security::Accounts::find(&contents.accounts, "ANNA").unwrap();
        assert!(anna.enabled && anna.groups.len() == 2);
        assert_eq!(anna.nt_hash, NtHash::of_password("Password"));
        assert_eq!(contents.take_sid().unwrap().to_string(), "S-1-5-21-1-2-3-1008");
        assert_eq!(contents.take_sid().unwrap().to_string(), "S-1-5-21-1-2-3-1009");
    }

    #[test]
    fn the_identifiers_of_removed_accounts_are_not_given_again() {
        let mut contents = Contents::parse("machine-sid = 'S-1-5-21-1-2-3'\nnext-rid = 1040\n").unwrap();
        assert_eq!(contents.take_sid().unwrap().rid(), 1040);
        let mut again = Contents::parse(&contents.print()).unwrap();
        assert_eq!(again.take_sid().unwrap().rid(), 1041);
    }

    #[test]
    fn an_error_names_its_line() {
        for (text, line, word) in [
            ("machine-sid = 'S-1-5'\n".to_owned(), 1, "SID"),
            ("\nnext-rid = 'x'\n".to_owned(), 2, "u32"),
            (format!("{}colour = 1\n", entry("a", 1001)), 5, "colour"),
            (format!("{}\n\n{}", entry("a", 1001), entry("A", 1002)), 8, "already an account a"),
            (format!("{}{}", entry("a", 1001), entry("b", 1001)), 6, "already belongs"),
            (entry("a/b", 1001), 2, "'/'"),
            (entry("a", 1001).replace("S-1", "T-1"), 3, "SID"),
            (format!("{}groups = [\n 'Users',\n 'Nobody',\n]\n", entry("a", 1001)), 7, "`Nobody`"),
            ("[[account]\n".to_owned(), 1, ""),
            ("[[account]]\nname = 'a'\n".to_owned(), 1, "sid"),
        ] {
            let found = error(&text);
            assert_eq!(found.line, line, "{text}\n{found:?}");
            assert!(found.message.contains(word), "{text}\n{found:?}");
        }
    }

    #[test]
    fn an_error_never_quotes_a_hash() {
        for value in
            [HASH.to_owned(), format!("\"{HASH}0\""), "12345678901234567".to_owned(), format!("[\"{HASH}\"]")]
        {
            let text = entry("a", 1001).replace(&format!("\"{HASH}\""), &value);
            let found = error(&text);
            assert_eq!(found.line, 4, "{found:?}");
            assert!(!found.message.contains(&HASH[..6]) && !found.message.contains("12345678"), "{found:?}");
        }
    }

    fn account() -> impl Strategy<Value = Account> {
        let name =
            "[\\p{L}0-9 ._$-]{1,20}".prop_filter_map("not a name", |text| AccountName::new(&text).ok());
        let group = prop_oneof![
            Just("Users".to_owned()),
            Just("Administrators".to_owned()),
            (0..9000_u32).prop_map(|rid| format!("S-1-5-21-1-2-3-{rid}")),
        ];
        (name, 1001..2000_u32, any::<[u8; 16]>(), prop::collection::vec(group, 0..4), any::<bool>()).prop_map(
            |(name, rid, hash, groups, enabled)| Account {
                name,
                sid: format!("S-1-5-21-1-2-3-{rid}").parse().unwrap(),
                nt_hash: NtHash::from_bytes(hash),
                groups: groups.iter().map(|group| parse_group(group).unwrap()).collect(),
                enabled,
            },
        )
    }

    proptest! {
        #[test]
        fn a_written_file_reads_the_same(all in prop::collection::vec(account(), 0..8)) {
            let mut contents = Contents::new("S-1-5-21-1-2-3".parse().unwrap());
            for account in all {
                let _ = contents.accounts.add(account);
            }
            let text = contents.print();
            prop_assert!(text.len() <= text.capacity());
            let again = Contents::parse(&text).unwrap();
            prop_assert_eq!(again.machine_sid, contents.machine_sid);
            prop_assert!(again.accounts.iter().eq(contents.accounts.iter()));
            prop_assert_eq!(&*Contents::parse(&again.print()).unwrap().print(), &*again.print());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = Contents::parse(&text);
        }
    }
}
