use super::*;
use crate::account::tests::account;
use crate::well_known::*;
use alloc::string::ToString;

/// The ACL of the service that the project began with.
const STORY: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

fn sd(sddl: &str) -> SecurityDescriptor {
    sddl.parse().unwrap_or_else(|error: crate::SddlError| panic!("{sddl}: {error} at {}", error.offset()))
}

fn logon(rid: u32, groups: &[Sid]) -> Token {
    Token::network_logon(&account("someone", rid, groups))
}

#[test]
fn the_story_lets_in_authenticated_users_and_keeps_out_guests_and_anonymous() {
    let sd = sd(STORY);
    let read_write = AccessMask(0x12_019F);
    let full = AccessMask::GENERIC_ALL;
    for (who, token, desired, granted) in [
        ("user", logon(1001, &[BUILTIN_USERS]), read_write, Some(0x12_019B)),
        ("user, everything", logon(1001, &[BUILTIN_USERS]), full, None),
        ("administrator", logon(1002, &[BUILTIN_ADMINISTRATORS]), full, Some(0x1F_01FB)),
        ("guest account", logon(RID_GUEST, &[]), read_write, None),
        ("member of guests", logon(1003, &[BUILTIN_USERS, BUILTIN_GUESTS]), read_write, None),
        ("guest and administrator", logon(1004, &[BUILTIN_ADMINISTRATORS, BUILTIN_GUESTS]), read_write, None),
        ("anonymous", Token::anonymous(), read_write, None),
        ("anonymous in Everyone", Token::anonymous_in_everyone(), read_write, None),
    ] {
        let decision = check_pipe_client(&sd, &token, desired);
        assert_eq!(decision.result.ok().map(|grant| grant.access().0), granted, "{who}: {decision}");
    }
}

#[test]
fn a_decision_says_in_words_which_entry_it_was() {
    let decision = check_pipe_client(&sd(STORY), &logon(1003, &[BUILTIN_GUESTS]), AccessMask(0x12_019F));
    assert_eq!(
        decision.to_string(),
        r"denied 0x2019b: entry 1 (D;OICI;GA;;;BG) denies it to BUILTIN\Guests (S-1-5-32-546)"
    );
}
