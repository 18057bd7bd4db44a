use super::*;
use crate::account::tests::account;
use crate::descriptor::tests::any_acl;
use crate::well_known::*;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

/// The ACL of the service that the project began with.
const STORY: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

/// What a client asks for to read and write: both generic rights, mapped.
const READ_WRITE: AccessMask = AccessMask(0x12_019F);

fn sd(sddl: &str) -> SecurityDescriptor {
    sddl.parse().unwrap_or_else(|error: crate::SddlError| panic!("{sddl}: {error} at {}", error.offset()))
}

fn logon(rid: u32, groups: &[Sid]) -> Token {
    Token::network_logon(&account("someone", rid, groups))
}

fn user() -> Token {
    logon(1001, &[BUILTIN_USERS])
}

fn check(sddl: &str, token: &Token, desired: u32) -> AccessDecision {
    check_access(&sd(sddl), token, AccessMask(desired).into(), &PIPE_MAPPING)
}

/// What the check grants, if it does.
fn granted(sddl: &str, token: &Token, desired: u32) -> Option<u32> {
    check(sddl, token, desired).result.ok().map(|grant| grant.access().mask().0)
}

#[test]
fn the_descriptor_of_the_readme_admits_authenticated_users_and_refuses_guests_and_anonymous() {
    let sd = sd(STORY);
    let (read, write, full) = (0x8000_0000, 0x4000_0000, 0x1000_0000);
    let administrator = || logon(1002, &[BUILTIN_ADMINISTRATORS]);
    for (who, token, desired, granted) in [
        ("user reads", user(), read, Some(0x12_0089)),
        ("user writes", user(), write, Some(0x12_0112)),
        ("user reads and writes", user(), READ_WRITE.0, Some(0x12_019B)),
        ("user executes", user(), 0x2000_0000, Some(0x12_00A0)),
        ("user in no group", logon(1001, &[]), READ_WRITE.0, Some(0x12_019B)),
        ("user wants everything", user(), full, None),
        ("user wants the maximum", user(), 0x0200_0000, Some(0x12_01BB)),
        ("user deletes", user(), 0x1_0000, None),
        ("administrator", administrator(), full, Some(0x1F_01FB)),
        ("administrator wants the maximum", administrator(), 0x0200_0000, Some(0x1F_01FB)),
        (
            "built-in administrator",
            logon(RID_ADMINISTRATOR, &[BUILTIN_ADMINISTRATORS]),
            full,
            Some(0x1F_01FB),
        ),
        ("guest account", logon(RID_GUEST, &[]), READ_WRITE.0, None),
        ("guest account that is a user", logon(RID_GUEST, &[BUILTIN_USERS]), READ_WRITE.0, None),
        ("member of guests", logon(1003, &[BUILTIN_USERS, BUILTIN_GUESTS]), READ_WRITE.0, None),
        ("member of guests wants the maximum", logon(1003, &[BUILTIN_GUESTS]), 0x0200_0000, None),
        ("guest and administrator", logon(1004, &[BUILTIN_ADMINISTRATORS, BUILTIN_GUESTS]), read, None),
        ("anonymous", Token::anonymous(), READ_WRITE.0, None),
        ("anonymous reads", Token::anonymous(), read, None),
        ("anonymous in Everyone", Token::anonymous_in_everyone(), READ_WRITE.0, None),
    ] {
        let decision = check_pipe_client(&sd, &token, AccessMask(desired).into());
        assert_eq!(decision.result.ok().map(|grant| grant.access().mask().0), granted, "{who}: {decision}");
    }
}

#[test]
fn a_missing_dacl_grants_everything_and_an_empty_one_nothing() {
    for sddl in ["O:SY", "D:NO_ACCESS_CONTROL"] {
        assert_eq!(granted(sddl, &Token::anonymous(), 0x1F_01FF), Some(0x1F_01FF));
        assert_eq!(granted(sddl, &user(), 0x0200_0001), Some(0x1F_01FF));
        assert_eq!(check(sddl, &user(), 1).decided_by, DecidedBy::NoDacl);
    }
    let decision = check("D:", &user(), 3);
    assert_eq!(decision.result.unwrap_err().missing(), AccessMask(3));
    assert_eq!(decision.decided_by, DecidedBy::EmptyDacl);
    assert_eq!(granted("D:", &user(), 0x0200_0000), None);
}

#[test]
fn entries_count_in_their_order() {
    for (sddl, desired, expected) in [
        // A denial before the grant, after it, and of something else.
        ("D:(D;;0x1;;;WD)(A;;0x3;;;WD)", 0x3, None),
        ("D:(A;;0x3;;;WD)(D;;0x1;;;WD)", 0x3, Some(0x3)),
        ("D:(A;;0x1;;;WD)(D;;0x3;;;WD)", 0x3, None),
        ("D:(D;;0x4;;;WD)(A;;0x3;;;WD)", 0x3, Some(0x3)),
        // Rights add up over entries, and nothing is granted in part.
        ("D:(A;;0x1;;;WD)(A;;0x2;;;AU)", 0x3, Some(0x3)),
        ("D:(A;;0x1;;;WD)(A;;0x2;;;SY)", 0x3, None),
        // Entries about others, and ones only to be inherited, do nothing.
        ("D:(D;;0x3;;;BG)(A;;0x3;;;BU)", 0x3, Some(0x3)),
        ("D:(D;IO;0x3;;;WD)(A;;0x3;;;WD)", 0x3, Some(0x3)),
        ("D:(A;OICIIO;0x3;;;WD)", 0x3, None),
        ("D:(A;;0x3;;;S-1-5-21-1-2-3-1001)", 0x3, Some(0x3)),
        ("D:(A;;0x3;;;S-1-5-21-1-2-4-1001)", 0x3, None),
        // Audit entries in a DACL do nothing.
        ("D:(AU;SAFA;0x3;;;WD)(A;;0x3;;;WD)", 0x3, Some(0x3)),
        // Generic rights in entries and requests.
        ("D:(A;;GR;;;WD)", 0x8000_0000, Some(0x12_0089)),
        ("D:(A;;GR;;;WD)", 0x12_0089, Some(0x12_0089)),
        ("D:(A;;FR;;;WD)", 0xC000_0000, None),
        ("D:(D;;GW;;;WD)(A;;GA;;;WD)", 0x1, Some(0x1)),
        // Read and write share rights: denying one denies the shared ones.
        ("D:(D;;GW;;;WD)(A;;GA;;;WD)", 0x8000_0000, None),
    ] {
        assert_eq!(granted(sddl, &user(), desired), expected, "{sddl} {desired:#x}");
    }
}

#[test]
fn the_maximum_is_every_right_that_is_allowed_and_not_denied_before() {
    for (sddl, desired, expected) in [
        ("D:(D;;0x1;;;WD)(A;;0x7;;;WD)", 0x0200_0000, Some(0x6)),
        ("D:(A;;0x7;;;WD)(D;;0x1;;;WD)", 0x0200_0000, Some(0x7)),
        ("D:(A;;0x1;;;WD)(A;;0x2;;;AU)(A;;0x4;;;SY)", 0x0200_0000, Some(0x3)),
        // With other rights, all of which have to be granted.
        ("D:(A;;0x7;;;WD)", 0x0200_0001, Some(0x7)),
        ("D:(A;;0x7;;;WD)", 0x0200_0008, None),
        ("D:(D;;0x1;;;WD)(A;;0x7;;;WD)", 0x0200_0001, None),
        // Bits in an entry that mean nothing for an object are not handed out.
        ("D:(A;;0xffffffff;;;WD)", 0x0200_0000, Some(0x0CFF_FFFF)),
        ("D:(A;;0x3000000;;;WD)", 0x0200_0000, None),
    ] {
        assert_eq!(granted(sddl, &user(), desired), expected, "{sddl} {desired:#x}");
    }
}

#[test]
fn some_requests_are_refused_whatever_the_descriptor_says() {
    for (desired, refusal) in [
        (0, Refusal::NothingAsked),
        (0x0100_0000, Refusal::SystemSecurity),
        (0x0300_0001, Refusal::SystemSecurity),
    ] {
        for sddl in ["D:(A;;0xffffffff;;;WD)", "D:NO_ACCESS_CONTROL"] {
            let decision = check(sddl, &user(), desired);
            assert!(!decision.is_granted());
            assert_eq!(decision.decided_by, DecidedBy::Request(refusal));
        }
    }
}

#[test]
fn an_owner_may_read_the_descriptor_and_change_the_dacl_unless_owner_rights_say_otherwise() {
    let owned = |dacl: &str| ["O:S-1-5-21-1-2-3-1001", dacl].concat();
    for (dacl, desired, expected) in [
        ("D:", 0x6_0000, Some(0x6_0000)),
        ("D:", 0x6_0001, None),
        ("D:", 0x0200_0000, Some(0x6_0000)),
        ("D:(D;;GA;;;WD)", 0x2_0000, Some(0x2_0000)),
        ("D:(A;;0x1;;;WD)", 0x6_0001, Some(0x6_0001)),
        ("D:(A;;0x1;;;OW)", 0x1, Some(0x1)),
        ("D:(A;;0x1;;;OW)", 0x2_0000, None),
        ("D:(D;;WD;;;OW)(A;;GA;;;WD)", 0x4_0000, None),
        ("D:(A;IO;0x1;;;OW)", 0x2_0000, Some(0x2_0000)),
    ] {
        assert_eq!(granted(&owned(dacl), &user(), desired), expected, "{dacl} {desired:#x}");
    }
    assert_eq!(check(&owned("D:"), &user(), 0x2_0000).decided_by, DecidedBy::Owner);
    // By group, and not for others.
    assert_eq!(granted("O:BUD:", &user(), 0x2_0000), Some(0x2_0000));
    assert_eq!(granted("O:BAD:", &user(), 0x2_0000), None);
    assert_eq!(granted("O:BAD:(A;;0x1;;;OW)", &user(), 0x1), None);
}

#[test]
fn an_entry_that_cannot_be_evaluated_never_grants_and_always_denies() {
    let guid = "ab721a53-1e2f-11d0-9819-00aa0040529b";
    let allow_all = "(A;;GA;;;WD)";
    for (entry, grants, denies) in [
        ("(XA;;GA;;;WD;(@User.a))", false, false),
        ("(XA;;GA;;;WD;#01020304)", false, false),
        ("(XD;;GA;;;WD;(@User.a))", false, true),
        ("(XD;;GA;;;WD;#01020304)", false, true),
        (&*["(OA;;GA;", guid, ";;WD)"].concat(), false, false),
        (&*["(OD;;GA;", guid, ";;WD)"].concat(), false, true),
        (&*["(OA;;GA;;", guid, ";WD)"].concat(), true, false),
        (&*["(ZA;;GA;", guid, ";;WD;(@User.a))"].concat(), false, false),
        (&*["(0xc;;GA;", guid, ";;WD;(@User.a))"].concat(), false, true),
        ("(0x4;;#00000010010100000000000100000000)", false, false),
        ("(0x77;;#00000010010100000000000100000000)", false, false),
        ("(A;;GA;;;LG)", false, false),
        ("(D;;GA;;;LG)", false, false),
        ("(A;;GA;;;PS)", false, false),
        ("(A;;GA;;;CO)", false, false),
    ] {
        let alone = ["D:", entry].concat();
        assert_eq!(granted(&alone, &user(), 1).is_some(), grants, "{entry}");
        let before = ["D:", entry, allow_all].concat();
        assert_eq!(granted(&before, &user(), 1).is_none(), denies, "{entry}");
    }
}

#[test]
fn an_alias_without_its_domain_denies_by_relative_identifier_and_never_allows() {
    let guest = logon(RID_GUEST, &[]);
    assert_eq!(granted("D:(D;;GA;;;LG)(A;;GA;;;WD)", &guest, 1), None);
    assert_eq!(granted("D:(D;;GA;;;LG)(A;;GA;;;WD)", &user(), 1), Some(1));
    assert_eq!(granted("D:(A;;GA;;;LG)", &guest, 1), None);
    let mut resolved = sd("D:(A;;GA;;;LG)");
    resolved.resolve(&guest.user().domain().unwrap());
    assert!(check_access(&resolved, &guest, AccessMask(1).into(), &PIPE_MAPPING).is_granted());
}

#[test]
fn a_mandatory_label_keeps_out_less_trusted_callers() {
    let administrator = logon(1002, &[BUILTIN_ADMINISTRATORS]);
    let all = |label: &str| ["D:(A;;GA;;;WD)(A;;GA;;;AN)S:", label].concat();
    for (label, token, desired, expected) in [
        ("(ML;;NW;;;HI)", user(), 0x8000_0000, Some(0x12_0089)),
        ("(ML;;NW;;;HI)", user(), 0x2, None),
        ("(ML;;NW;;;HI)", user(), 0x4_0000, None),
        ("(ML;;NW;;;HI)", user(), 0x0200_0000, Some(0x12_00A9)),
        ("(ML;;NW;;;HI)", administrator.clone(), 0x2, Some(0x2)),
        ("(ML;;NWNR;;;ME)", user(), 0x3, Some(0x3)),
        ("(ML;;NRNWNX;;;HI)", user(), 0x1, None),
        ("(ML;;NRNWNX;;;HI)", user(), 0x0200_0000, None),
        ("(ML;;NR;;;LW)", Token::anonymous(), 0x1, None),
        ("(ML;;NR;;;LW)", Token::anonymous(), 0x2, Some(0x2)),
        ("(ML;IO;NRNW;;;HI)", user(), 0x3, Some(0x3)),
        ("(ML;;NRNW;;;SI)", administrator, 0x1, None),
    ] {
        assert_eq!(granted(&all(label), &token, desired), expected, "{label} {desired:#x}");
    }
    assert_eq!(granted("D:NO_ACCESS_CONTROLS:(ML;;NW;;;HI)", &user(), 0x0200_0000), Some(0x12_00A9));
    assert!(matches!(check(&all("(ML;;NW;;;HI)"), &user(), 2).decided_by, DecidedBy::Label(_)));
}

#[test]
fn a_pipe_client_need_not_be_granted_instances_or_waiting() {
    let client = |sddl: &str, desired| {
        let decision = check_pipe_client(&sd(sddl), &user(), AccessMask(desired).into());
        decision.result.ok().map(|grant| grant.access().mask().0)
    };
    for (sddl, desired, expected) in [
        // A DACL with data rights only, and the requests of Windows and Samba.
        ("D:(A;;0x12019b;;;AU)", 0x12_019F, Some(0x12_019B)),
        ("D:(A;;0x12019b;;;AU)", 0xC000_0000, Some(0x12_019B)),
        ("D:(A;;0x12019b;;;AU)", 0x2_019F, Some(0x2_019B)),
        ("D:(A;;0x3;;;AU)", 0x10_0003, Some(0x10_0003)),
        ("D:(D;;0x100004;;;AU)(A;;GA;;;AU)", 0xC000_0000, Some(0x12_019B)),
        // Nothing but waiting is checked as it stands; nothing but instances is nothing.
        ("D:(A;;0x3;;;AU)", 0x10_0000, None),
        ("D:(A;;0x3;;;AU)", 0x10_0004, None),
        ("D:(A;;0x100004;;;AU)", 0x10_0004, Some(0x10_0000)),
        ("D:(A;;0x100004;;;AU)", 0x4, None),
        // All that is allowed is never the right to make instances.
        ("D:(A;;0x12008d;;;AU)", 0x0200_0000, Some(0x12_0089)),
        ("D:", 0x10_0000, None),
        ("D:(A;;GA;;;AU)", 0, None),
        // Rights that no pipe has.
        ("D:NO_ACCESS_CONTROL", 0x0000_0201, None),
        ("D:NO_ACCESS_CONTROL", 0x0400_0001, None),
        ("D:NO_ACCESS_CONTROL", 0x0020_0001, None),
        ("D:NO_ACCESS_CONTROL", 0x1F_01FF, Some(0x1F_01FB)),
        ("D:(A;;0x3;;;AU)", 0x0210_0001, Some(0x10_0003)),
    ] {
        assert_eq!(client(sddl, desired), expected, "{sddl} {desired:#x}");
    }
}

#[test]
fn a_decision_names_the_deciding_entry_in_words() {
    let guest = logon(1003, &[BUILTIN_GUESTS]);
    let client = |sddl: &str, token: &Token, desired| {
        check_pipe_client(&sd(sddl), token, AccessMask(desired).into()).to_string()
    };
    for (text, expected) in [
        (
            client(STORY, &user(), READ_WRITE.0),
            r"granted read, write (0x12019b): entry 3 (A;OICI;GXGWGR;;;AU) grants it to NT AUTHORITY\Authenticated Users (S-1-5-11)",
        ),
        (
            client(STORY, &guest, READ_WRITE.0),
            r"denied read, write (0x2019b): entry 1 (D;OICI;GA;;;BG) denies it to BUILTIN\Guests (S-1-5-32-546)",
        ),
        (
            client(STORY, &user(), 0x3_0001),
            "denied delete (0x10000): no entry of the DACL grants it to this caller",
        ),
        (
            client("D:", &user(), 1),
            "denied read data (0x1): the DACL is empty, which grants nothing to anyone",
        ),
        (client("D:", &user(), 0), "denied: the request asks for nothing"),
        (
            client("D:NO_ACCESS_CONTROL", &user(), 1),
            "granted read data (0x1): there is no DACL, which grants everything to everyone",
        ),
        (
            client("O:BUD:", &user(), 0x2_0000),
            "granted read the permissions (0x20000): the caller owns the object",
        ),
        (
            client("D:(XA;;GA;;;WD;(@User.a))", &user(), 1),
            "denied read data (0x1): no entry of the DACL grants it to this caller\n\
             note: entry 1 (XA;;GA;;;WD;(@User.a)) grants nothing to Everyone (S-1-1-0), as it has a \
             condition, and conditions are not evaluated",
        ),
        (
            client("D:(XD;;GA;;;WD;(@User.a))(A;;GA;;;WD)", &user(), 1),
            "denied read data (0x1): entry 1 (XD;;GA;;;WD;(@User.a)) denies it to Everyone (S-1-1-0); it has \
             a condition, and conditions are not evaluated but taken to hold",
        ),
        (
            client("D:(A;;GA;;;WD)S:(ML;;NW;;;HI)", &user(), 2),
            r"denied write data (0x2): the mandatory label (ML;;NW;;;HI) asks for Mandatory Label\High Mandatory Level (S-1-16-12288), and the caller is trusted less",
        ),
        (
            client("D:NO_ACCESS_CONTROL", &user(), 0x0100_0000),
            "denied other rights 0x1000000 (0x1000000): access to the SACL takes a privilege that no caller has here",
        ),
        (client("D:", &user(), 0x201), "denied other rights 0x200 (0x200): a pipe has no such rights"),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn a_decision_lists_the_entries_that_had_an_effect() {
    let decision = check("D:(A;;0x1;;;BG)(A;;0x1;;;WD)(A;;0x1;;;AU)(A;;0x2;;;BU)(A;;0x4;;;BU)", &user(), 3);
    let effects: vec::Vec<_> = decision.entries.iter().map(|entry| (entry.index, entry.effect)).collect();
    assert_eq!(effects, [(1, Effect::Granted(AccessMask(1))), (3, Effect::Granted(AccessMask(2)))]);
    assert_eq!(decision.decided_by, DecidedBy::Entry(decision.entries[1].clone()));
}

fn any_token() -> impl Strategy<Value = Token> {
    let groups =
        prop::sample::subsequence(vec![BUILTIN_USERS, BUILTIN_ADMINISTRATORS, BUILTIN_GUESTS], 0..=3);
    let rid = prop::sample::select(vec![RID_ADMINISTRATOR, RID_GUEST, 1001]);
    prop_oneof![
        4 => (rid, groups).prop_map(|(rid, groups)| logon(rid, &groups)),
        1 => Just(Token::anonymous()),
        1 => Just(Token::anonymous_in_everyone()),
    ]
}

/// DACLs about a few rights and the SIDs of tokens, which makes entries compete.
fn any_dacl() -> impl Strategy<Value = SecurityDescriptor> {
    let who = prop::sample::select(
        "WD AN AU NU BA BU BG OW LA LG SY S-1-5-113".split(' ').collect::<vec::Vec<_>>(),
    );
    let kind = prop::sample::select(vec!["A", "D", "XA", "XD", "AU"]);
    let ace = (kind, prop::sample::select(vec!["", "IO", "OICI"]), 0..0x40_u32, who);
    let aces = prop::collection::vec(ace, 0..8);
    let owner = prop::sample::select(vec!["", "O:BA", "O:BU", "O:S-1-5-21-1-2-3-1001"]);
    let label = prop::sample::select(vec!["", "S:(ML;;NW;;;HI)", "S:(ML;;NR;;;ME)"]);
    (owner, aces, label).prop_map(|(owner, aces, label)| {
        let entries = aces.iter().map(|(kind, flags, mask, who)| {
            // The owner's rights, the lowest bits, and the generic ones.
            let mask = (mask & 3) | ((mask >> 2 & 3) << 17) | ((mask >> 4) << 28);
            let condition = if kind.starts_with('X') { ";(@User.a)" } else { "" };
            alloc::format!("({kind};{flags};{mask:#x};;;{who}{condition})")
        });
        sd(&[owner, "D:", &entries.collect::<alloc::string::String>(), label].concat())
    })
}

proptest! {
    /// Each right is settled by itself: together they are granted if each of them is, and the maximum is all
    /// that are granted.
    #[test]
    fn the_maximum_and_single_requests_agree(sd in any_dacl(), token in any_token(), asked in 1..0x20_0000_u32) {
        let ask = |mask| check_access(&sd, &token, AccessMask(mask).into(), &PIPE_MAPPING);
        let maximum = ask(0x0200_0000).result.map_or(0, |grant| grant.access().mask().0);
        for bit in 0..21 {
            prop_assert_eq!(ask(1 << bit).is_granted(), maximum & 1 << bit != 0, "{} {:#x}", sd, 1 << bit);
        }
        let granted = ask(asked).result.ok().map(|grant| grant.access().mask().0);
        prop_assert_eq!(granted, (asked & !maximum == 0).then_some(asked));
    }

    /// A denial in front never gives more, and neither does taking an entry that allows away.
    #[test]
    fn denying_more_or_allowing_less_never_grants_more(sd in any_dacl(), token in any_token(), mask in 1..0x100_u32) {
        let maximum = |sd: &SecurityDescriptor| {
            let decision = check_access(sd, &token, AccessMask::MAXIMUM_ALLOWED.into(), &PIPE_MAPPING);
            decision.result.map_or(AccessMask::NONE, |grant| grant.access().mask())
        };
        let aces = &sd.dacl().unwrap().aces;
        let deny = Ace {
            flags: AceFlags::default(),
            body: AceBody::plain(Verdict::Deny, AccessMask(mask), EVERYONE),
        };
        let denied = sd.clone().with_dacl([&[deny][..], aces].concat());
        prop_assert!(maximum(&sd).contains(maximum(&denied)));
        let limits_owner = |ace: &Ace| ace.body.trustee() == Some(&OWNER_RIGHTS.into());
        for at in (0..aces.len()).filter(|&at| !limits_owner(&aces[at])) {
            let is_allow = matches!(aces[at].body, AceBody::Access { verdict: Verdict::Allow, .. });
            let mut fewer = aces.clone();
            fewer.remove(at);
            let fewer = maximum(&sd.clone().with_dacl(fewer));
            prop_assert!(!is_allow || maximum(&sd).contains(fewer));
        }
    }

    #[test]
    fn any_descriptor_can_be_checked_and_the_answer_explained(
        dacl in any_acl(), sacl in any_acl(), token in any_token(), desired in any::<u32>(),
    ) {
        let sd = SecurityDescriptor::new().with_dacl(dacl).with_sacl(sacl);
        let decision = check_pipe_client(&sd, &token, AccessMask(desired).into());
        prop_assert!(!decision.to_string().is_empty());
        if let Ok(grant) = decision.result {
            prop_assert!(!grant.access().mask().is_empty());
            prop_assert!(!grant.access().mask().intersects(AccessMask(0xF300_0000)));
        }
    }
}
