use crate::support::{Place, assert_seen};

/// The descriptor of the story's pipe.
const STORY: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

#[test]
fn the_storys_descriptor_in_words() {
    let seen = Place::new().seen(&["sddl", "explain", STORY]);
    assert!(seen.starts_with("exit 0\n--- stdout\n"), "{seen}");
    for part in
        [r"denies  BUILTIN\Guests (S-1-5-32-546)", r"allows  NT AUTHORITY\Authenticated Users", "everything"]
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
    let seen = place.seen(&["sddl", "check", STORY, "--user", "serviceUser"]);
    assert!(seen.starts_with("exit 0\n--- stdout\nyes: granted read, write (0x12019b): entry 3 "), "{seen}");
    assert!(seen.ends_with("grants it to NT AUTHORITY\\Authenticated Users (S-1-5-11)"), "{seen}");
    let guest = ["sddl", "check", STORY, "--user", "visitor", "--groups", "Guests", "--access", "read"];
    let seen = place.seen(&guest);
    assert!(seen.starts_with("exit 77\n--- stdout\nno: denied "), "{seen}");
    assert!(seen.ends_with("entry 1 (D;OICI;GA;;;BG) denies it to BUILTIN\\Guests (S-1-5-32-546)"), "{seen}");
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
