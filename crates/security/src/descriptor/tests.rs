use super::*;
use crate::access::AccessMask;
use crate::condition::tests::any_condition;
use crate::guid::Guid;
use crate::sddl::{SddlError, SddlProblem};
use crate::sid::tests::any_sid;
use crate::well_known;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use hex_literal::hex;
use proptest::prelude::*;

fn any_data() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<[u8; 4]>(), 0..12).prop_map(|words| words.concat())
}

fn any_access() -> impl Strategy<Value = AceBody> {
    let verdict = prop::sample::select(vec![Verdict::Allow, Verdict::Deny, Verdict::Audit, Verdict::Alarm]);
    let guid = || prop::option::of(any::<[u8; 16]>().prop_map(Guid));
    let object =
        prop::option::of((guid(), guid()).prop_map(|(object, inherited)| ObjectTypes { object, inherited }));
    let parts = (verdict, object, prop::option::of(any_condition()), any::<u32>(), any_sid());
    parts.prop_map(|(verdict, object, condition, mask, sid)| AceBody::Access {
        verdict,
        object,
        condition,
        mask: AccessMask(mask),
        trustee: sid.into(),
    })
}

fn any_other() -> impl Strategy<Value = AceBody> {
    let parts = (0..5, any::<u32>(), any_sid(), any_condition(), crate::attribute::tests::any_attribute());
    parts.prop_map(|(kind, mask, sid, condition, attribute)| {
        let (mask, trustee) = (AccessMask(mask), Trustee::Sid(sid));
        match kind {
            0 => AceBody::MandatoryLabel { mask, trustee },
            1 => AceBody::ResourceAttribute { mask, trustee, attribute },
            2 => AceBody::ScopedPolicy { mask, trustee },
            3 => AceBody::ProcessTrustLabel { mask, trustee },
            _ => AceBody::AccessFilter { mask, trustee, condition },
        }
    })
}

fn any_opaque() -> impl Strategy<Value = AceBody> {
    let ace_type = prop_oneof![Just(0x04), 0x16..=0xFF_u8];
    (ace_type, any_data()).prop_map(|(ace_type, data)| AceBody::Opaque { ace_type, data })
}

pub(crate) fn any_acl() -> impl Strategy<Value = Acl> {
    let body = prop_oneof![4 => any_access(), 2 => any_other(), 1 => any_opaque()];
    let ace = (any::<u8>(), body).prop_map(|(flags, body)| Ace { flags: AceFlags(flags), body });
    prop::collection::vec(ace, 0..6).prop_map(Acl::from)
}

/// Descriptors that text and bytes can both express.
pub(crate) fn any_descriptor() -> impl Strategy<Value = SecurityDescriptor> {
    let sid = || prop::option::of(any_sid());
    let dacl = prop::option::of(prop::option::of(any_acl()));
    (sid(), sid(), dacl, prop::option::of(any_acl()), any::<u16>()).prop_map(
        |(owner, group, dacl, sacl, control)| {
            let mut sd = SecurityDescriptor::new();
            let mut expressible = 0;
            if let Some(owner) = owner {
                sd = sd.with_owner(owner);
            }
            if let Some(group) = group {
                sd = sd.with_group(group);
            }
            if let Some(dacl) = dacl {
                expressible |= 0x1500;
                sd = dacl.map_or_else(|| sd.clone().with_null_dacl(), |dacl| sd.clone().with_dacl(dacl));
            }
            if let Some(sacl) = sacl {
                expressible |= 0x2A00;
                sd = sd.with_sacl(sacl);
            }
            sd.with_control(DescriptorControl(control & expressible))
        },
    )
}

fn parse(sddl: &str) -> SecurityDescriptor {
    sddl.parse().unwrap_or_else(|error: SddlError| panic!("{sddl}: {error} at byte {}", error.offset()))
}

proptest! {
    #[test]
    fn binary_comes_back_unchanged(sd in any_descriptor()) {
        let bytes = sd.to_bytes().unwrap();
        prop_assert_eq!(SecurityDescriptor::from_bytes(&bytes), Ok(sd));
    }

    #[test]
    fn text_comes_back_unchanged(sd in any_descriptor()) {
        let text = sd.to_string();
        let whole = if text.is_empty() { return Ok(()) } else { text.parse::<SecurityDescriptor>() };
        prop_assert_eq!(whole, Ok(sd), "{}", text);
    }

    #[test]
    fn damaged_bytes_are_a_descriptor_or_an_error(
        sd in any_descriptor(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sd.to_bytes().unwrap();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(length.index(bytes.len() * 4).max(1));
        if let Ok(damaged) = SecurityDescriptor::from_bytes(&bytes) {
            if let Ok(again) = damaged.to_bytes() {
                prop_assert_eq!(SecurityDescriptor::from_bytes(&again), Ok(damaged.clone()));
            }
            let text = damaged.to_string();
            if !text.is_empty() {
                prop_assert_eq!(text.parse::<SecurityDescriptor>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_descriptor_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        let _ = SecurityDescriptor::from_bytes(&bytes);
        // Past the header.
        if let [revision, _, _, control, ..] = &mut bytes[..] {
            (*revision, *control) = (1, *control | 0x80);
        }
        let _ = SecurityDescriptor::from_bytes(&bytes);
    }
}

/// Windows puts SACL, DACL, owner and group behind the header, in this order.
#[test]
fn the_binary_form_is_laid_out_as_windows_does() {
    let sd = parse("O:BAG:SYD:P(A;OICI;GRGWGX;;;AU)S:(ML;;NW;;;LW)");
    let expected = hex!(
        "01 00 1490 4c000000 5c000000 14000000 30000000"
        "02 00 1c00 0100 0000  11 00 1400 01000000 01 01 000000000010 00100000"
        "02 00 1c00 0100 0000  00 03 1400 000000e0 01 01 000000000005 0b000000"
        "01 02 000000000005 20000000 20020000"
        "01 01 000000000005 12000000"
    );
    assert_eq!(sd.to_bytes().unwrap(), expected);
    assert_eq!(SecurityDescriptor::from_bytes(&expected), Ok(sd));
}

#[test]
fn null_and_absent_dacls_differ_in_text_and_bytes() {
    for (sddl, null, control) in [("O:SYD:NO_ACCESS_CONTROL", true, 0x8004_u16), ("O:SY", false, 0x8000)] {
        let sd = parse(sddl);
        assert_eq!((sd.has_null_dacl(), sd.dacl()), (null, None));
        let bytes = sd.to_bytes().unwrap();
        assert_eq!(bytes[2..4], control.to_le_bytes());
        assert_eq!(SecurityDescriptor::from_bytes(&bytes).unwrap().to_string(), sddl);
    }
    assert_eq!(parse("D:").dacl(), Some(&Acl::default()));
}

#[test]
fn the_acl_revision_is_the_lowest_that_has_its_types() {
    for (sddl, revision) in [
        ("D:(A;;GA;;;WD)(XA;;GA;;;WD;(@User.a))", 2),
        ("D:(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)", 4),
        ("D:(0x4;;#00000000)", 3),
    ] {
        assert_eq!(parse(sddl).to_bytes().unwrap()[20], revision, "{sddl}");
    }
}

#[test]
fn an_error_says_why_bytes_are_not_a_descriptor() {
    let good = parse("O:BAD:(A;;GA;;;WD)").to_bytes().unwrap();
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = good.clone();
        for &(at, value) in changes {
            bytes[at] = value;
        }
        SecurityDescriptor::from_bytes(&bytes)
    };
    // The DACL is at byte 20, its only entry at 28, the owner at 48.
    assert!(with(&[]).is_ok());
    for (changes, message) in [
        (&[(0, 2)][..], "a security descriptor has revision 1, this one has 2"),
        (&[(3, 0)], "the security descriptor is not self-relative"),
        (&[(4, 19)], "the owner starts at byte 19, inside the header of the security descriptor"),
        (&[(4, 65)], "the security descriptor ends inside owner"),
        (&[(4, 60)], "the SID of the owner is wrong"),
        (&[(20, 5)], "an ACL has revision 2 to 4, this one has 5"),
        (&[(22, 7)], "an ACL has at least 8 bytes, this one says 7"),
        (&[(22, 255)], "the security descriptor ends inside an ACL"),
        (&[(24, 2)], "the security descriptor ends inside an ACL"),
        (&[(30, 22)], "the size of entry 0 of an ACL is 22, not a multiple of 4 that its contents fit in"),
        (&[(30, 0)], "the size of entry 0 of an ACL is 0, not a multiple of 4 that its contents fit in"),
        (&[(30, 4)], "the size of entry 0 of an ACL is 4, not a multiple of 4 that its contents fit in"),
        (&[(36, 2)], "the SID of the trustee of an entry is wrong"),
    ] {
        assert_eq!(with(changes).unwrap_err().to_string(), message, "{changes:?}");
    }
    for length in 0..good.len() {
        assert!(SecurityDescriptor::from_bytes(&good[..length]).is_err(), "{length}");
    }
}

#[test]
fn an_acl_longer_than_its_length_field_is_refused() {
    let ace = |sid: Sid| Ace {
        flags: AceFlags::default(),
        body: AceBody::plain(Verdict::Allow, AccessMask(1), sid),
    };
    // 8 bytes of header and 20 for each entry: 3276 fit.
    let acl = |count| SecurityDescriptor::new().with_dacl(vec![ace(well_known::EVERYONE); count]);
    assert_eq!(acl(3276).to_bytes().unwrap().len(), 20 + 8 + 3276 * 20);
    assert_eq!(acl(3277).to_bytes(), Err(EncodeError::AclTooLarge(8 + 3277 * 20)));

    let text = |count| String::from("D:") + &"(A;;CC;;;WD)".repeat(count);
    assert!(text(3276).parse::<SecurityDescriptor>().is_ok());
    let error = text(3277).parse::<SecurityDescriptor>().unwrap_err();
    assert_eq!(error.offset(), 2 + 3276 * 12);
    assert_eq!(*error.problem(), SddlProblem::AclTooLarge);
}

#[test]
fn aliases_of_a_domain_wait_for_one() {
    let text =
        "O:DAG:DUD:(D;;GA;;;LG)(XA;;GA;;;WD;(Member_of {SID(EA)}))S:(RA;;;;;WD;(\"a\",TD,0x0,SID(LA)))";
    let mut sd = parse(text);
    assert_eq!(sd.to_string(), text);
    let Err(EncodeError::Unresolved(alias)) = sd.to_bytes() else { panic!("{:?}", sd.to_bytes()) };
    assert_eq!((alias.alias(), alias.rid(), alias.name()), ("DA", 512, "Domain Admins"));
    let before = sd.dacl().unwrap().encoded_len();
    sd.resolve(&"S-1-5-21-1-2-3".parse().unwrap());
    assert_eq!((sd.unresolved(), sd.dacl().unwrap().encoded_len()), (None, before));
    assert_eq!(
        sd.to_string(),
        "O:S-1-5-21-1-2-3-512G:S-1-5-21-1-2-3-513D:(D;;GA;;;S-1-5-21-1-2-3-501)\
         (XA;;GA;;;WD;(Member_of {SID(S-1-5-21-1-2-3-519)}))\
         S:(RA;;;;;WD;(\"a\",TD,0x0,SID(S-1-5-21-1-2-3-500)))"
    );
    let bytes = sd.to_bytes().unwrap();
    assert_eq!(SecurityDescriptor::from_bytes(&bytes), Ok(sd));
}

#[test]
fn a_query_gets_only_the_parts_it_asks_for() {
    let sd = parse("O:BAG:SYD:PAI(A;;GA;;;WD)S:P(AU;SA;GA;;;WD)(ML;;NW;;;LW)");
    let select = |parts: &[DescriptorParts]| {
        sd.select(DescriptorParts(parts.iter().fold(0, |all, part| all | part.0))).to_string()
    };
    assert_eq!(select(&[DescriptorParts::OWNER, DescriptorParts::GROUP]), "O:BAG:SY");
    assert_eq!(select(&[DescriptorParts::DACL]), "D:PAI(A;;GA;;;WD)");
    assert_eq!(select(&[DescriptorParts::SACL]), "S:P(AU;SA;GA;;;WD)");
    assert_eq!(select(&[DescriptorParts::LABEL]), "S:P(ML;;NW;;;LW)");
    assert_eq!(select(&[]), "");
    let no_label = parse("D:S:(AU;SA;GA;;;WD)").select(DescriptorParts::LABEL);
    assert_eq!((no_label.sacl(), no_label.control()), (None, DescriptorControl::default()));
}

#[test]
fn control_bits_that_parts_imply_cannot_be_set_apart() {
    let sd = SecurityDescriptor::new().with_control(DescriptorControl(0xFFFF));
    assert!(!sd.has_null_dacl() && sd.sacl().is_none());
    assert!(!sd.control().contains(DescriptorControl::SELF_RELATIVE));
    let _: Box<dyn core::error::Error> = Box::new(EncodeError::AclTooLarge(1));
}
