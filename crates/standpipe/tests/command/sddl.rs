use crate::support::{Place, assert_seen};

/// The descriptor of the story's pipe.
const STORY: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

#[test]
fn the_storys_descriptor_in_words() {
    assert_seen(
        &Place::new().seen(&["sddl", "explain", STORY]),
        r"
exit 0
--- stdout
who may open the pipe; for each right, the first entry that names it decides:
  1. deny  everything            BUILTIN\Guests (S-1-5-32-546)
  2. deny  everything            NT AUTHORITY\ANONYMOUS LOGON (S-1-5-7)
  3. allow read, write, execute  NT AUTHORITY\Authenticated Users (S-1-5-11)
  4. allow everything            BUILTIN\Administrators (S-1-5-32-544)
whoever no entry allows is denied",
    );
}

#[test]
fn what_does_not_count_is_said() {
    let explain = |text: &str| Place::new().seen(&["sddl", "explain", text]);
    assert!(explain("D:").contains("nobody may do anything"));
    assert!(explain("O:BA").contains("everybody may do everything"));
    let seen = explain(r#"D:(XA;;GR;;;WD;(Title=="VP"))(A;IO;0x1;;;DA)(A;;0x2;;;WD)"#);
    for part in ["it allows nothing", "does not count for the pipe itself", "it needs a domain", "write data"]
    {
        assert!(seen.contains(part), "{part}: {seen}");
    }
}

#[test]
fn a_mistake_is_pointed_at() {
    let seen = Place::new().seen(&["sddl", "explain", "D:(A;;QQ;;;AU)"]);
    assert!(seen.starts_with("exit 64"), "{seen}");
    assert!(seen.contains("1 | D:(A;;QQ;;;AU)\n  |       ^^ "), "{seen}");
}

#[test]
fn an_account_passes_or_not_and_by_which_entry() {
    let place = Place::new();
    assert_seen(
        &place.seen(&["sddl", "check", STORY, "--user", "serviceUser"]),
        r"
exit 0
--- stdout
yes: granted 0x12019b: entry 3 (A;OICI;GRGWGX;;;AU) grants it to NT AUTHORITY\Authenticated Users (S-1-5-11)",
    );
    assert_seen(
        &place.seen(&["sddl", "check", STORY, "--user", "visitor", "--groups", "Guests", "--access", "read"]),
        r"
exit 77
--- stdout
no: denied 0x20089: entry 1 (D;OICI;GA;;;BG) denies it to BUILTIN\Guests (S-1-5-32-546)",
    );
    let anonymous = place.seen(&["sddl", "check", STORY, "--anonymous"]);
    assert!(
        anonymous.starts_with("exit 77") && anonymous.contains("entry 2 (D;OICI;GA;;;AN)"),
        "{anonymous}"
    );
}

#[test]
fn accounts_of_a_file_are_checked_as_they_are() {
    let place = Place::new();
    place.write("secret", "x");
    let add = |name: &str, groups: &str| {
        let file = ["--password-file", "secret", "--file", "a.toml"];
        place.seen(&[&["account", "add", name, "--groups", groups][..], &file].concat())
    };
    add("visitor", "Guests");
    add("admin", "Administrators");
    let check = |name: &str| place.seen(&["sddl", "check", STORY, "--user", name, "--accounts", "a.toml"]);
    assert!(check("visitor").starts_with("exit 77"));
    assert!(check("ADMIN").starts_with("exit 0"));
    assert_seen(
        &check("nobody"),
        "
exit 78
--- stderr
error: there is no account nobody in a.toml
hint: `standpipe account list` shows the accounts",
    );
    place.seen(&["account", "disable", "admin", "--file", "a.toml"]);
    assert!(check("admin").contains("is disabled"));
}
