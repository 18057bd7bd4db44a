pub(crate) mod attribute;
pub(crate) mod condition;

use super::*;
use crate::SecurityDescriptor;
use crate::access::AccessMask;
use crate::trustee::Trustee;
use alloc::format;
use alloc::string::ToString;
use proptest::prelude::*;

fn parse(sddl: &str) -> SecurityDescriptor {
    sddl.parse().unwrap_or_else(|error: SddlError| panic!("{sddl}: {error} at byte {}", error.offset()))
}

/// Descriptors that are printed as they are written.
#[test]
fn canonical_text_prints_back() {
    for sddl in [
        "O:BAG:SYD:S:",
        "D:",
        "D:P",
        "D:PARAI(A;;GA;;;SY)",
        "D:PS:PAI",
        "D:NO_ACCESS_CONTROL",
        "D:PNO_ACCESS_CONTROL",
        "D:(A;;FA;;;WD)(A;;FR;;;WD)(A;;FW;;;WD)(A;;FX;;;WD)",
        "D:(A;;KA;;;WD)(A;;KR;;;WD)(A;;KW;;;WD)",
        "D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWOGAGXGWGR;;;BA)",
        "D:(A;;0x401200a0;;;LG)",
        "D:(A;;;;;WD)",
        "D:(A;OICINPIOIDCRSAFA;GA;;;WD)",
        "D:(D;;GA;;;S-1-5-21-1-2-3-1001)",
        "D:(OA;CIIO;RP;037088f8-0ae1-11d2-b422-00a0c968f939;bf967aba-0de6-11d0-a285-00aa003049e2;RU)",
        "D:(OD;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OA;;RP;;bf967aba-0de6-11d0-a285-00aa003049e2;WD)",
        "S:(AU;SAFA;GA;;;WD)(AL;;GA;;;WD)(OU;SA;WP;f30e3bbe-9ff0-11d1-b603-0000f80367c1;;WD)(OL;;GA;;;WD)",
        "S:(ML;;NWNRNX;;;HI)(ML;CI;0x8;;;S-1-16-0)",
        "S:(SP;;;;;S-1-17-1)(TL;;GA;;;S-1-19-512-4096)(FL;TP;GA;;;WD;(@User.a))",
        "D:(XA;;FX;;;WD;(@User.a))(XD;;FX;;;WD;(@User.a))(ZA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD;(a))",
        "S:(XU;SA;FX;;;WD;(@User.a))(RA;;;;;WD;(\"a\",TS,0x0,\"b\"))",
        "D:(0xc;;CC;;;WD;(@User.a))(0xe;;CC;;;WD;#)(0xf;;CC;;;WD;#01020304)(0x10;;CC;;;WD;(a))",
        "D:(0x4;OICI;#0102030405060708)(0xff;;#)",
    ] {
        assert_eq!(parse(sddl).to_string(), sddl);
    }
}

/// Descriptors that Windows prints otherwise than they are written.
#[test]
fn other_text_prints_as_windows_prints_it() {
    for (sddl, printed) in [
        ("S:D:P", "D:PS:"),
        ("D:AIPAR(A;;GA;;;SY)", "D:PARAI(A;;GA;;;SY)"),
        ("D:PPP", "D:P"),
        ("O:S-1-5-32-544G:S-1-5-18D:", "O:BAG:SYD:"),
        ("D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;BO)", "D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;BO)"),
        ("D:(A;CIOI;GRGWGX;;;S-1-5-11)", "D:(A;OICI;GXGWGR;;;AU)"),
        ("D:(A;;0xe00f0000;;;BG)", "D:(A;;SDRCWDWOGXGWGR;;;BG)"),
        ("D:(A;;123456789;;;BG)", "D:(A;;0x75bcd15;;;BG)"),
        ("D:(A;;01234567;;;BG)", "D:(A;;0x53977;;;BG)"),
        ("D:(A;;17;;;BG)", "D:(A;;CCRP;;;BG)"),
        ("D:(A;;0;;;BG)", "D:(A;;;;;BG)"),
        ("D:(A;;KX;;;BG)", "D:(A;;KR;;;BG)"),
        ("D:(A;;FRFW;;;BG)", "D:(A;;0x12019f;;;BG)"),
        ("D:(A;;GA;;;S-1-0x20-3-4)", "D:(A;;GA;;;S-1-32-3-4)"),
        (
            "D:(OA;;RP;77B5B886-944A-11d1-AEBD-0000F80367C1;;PS)",
            "D:(OA;;RP;77b5b886-944a-11d1-aebd-0000f80367c1;;PS)",
        ),
        ("D:(0x0;;GA;;;WD)", "D:(A;;GA;;;WD)"),
    ] {
        assert_eq!(parse(sddl).to_string(), printed, "{sddl}");
    }
}

#[test]
fn case_and_white_space_between_tokens_do_not_matter() {
    let spread = "
        o: ba  g: s-1-5-18
        d: p ai
          ( d ; oi ci ; ga ; ; ; bg )
          ( a ; ; 0x12019F ; ; ; au )
    ";
    assert_eq!(parse(spread).to_string(), "O:BAG:SYD:PAI(D;OICI;GA;;;BG)(A;;0x12019f;;;AU)");
}

#[test]
fn errors_point_at_what_is_wrong() {
    for (sddl, offset, message) in [
        ("", 0, "expected O:, G:, D: or S:, found the end of the text"),
        ("  ", 2, "expected O:, G:, D: or S:, found the end of the text"),
        ("(A;;GA;;;WD)", 0, "expected O:, G:, D: or S:, found `(`"),
        ("Z:(A;;GA;;;WD)", 0, "expected O:, G:, D: or S:, found `Z:`"),
        ("D:D:", 2, "D: is there twice"),
        ("O:BAO:BA", 4, "O: is there twice"),
        ("O:", 2, "expected a SID (S-1-…) or an alias such as BA, AU or WD, found the end of the text"),
        ("O:XXD:", 2, "expected a SID (S-1-…) or an alias such as BA, AU or WD, found `XXD:`"),
        ("O:BADD:", 2, "expected a SID (S-1-…) or an alias such as BA, AU or WD, found `BADD:`"),
        ("O:S-1-5D:", 2, "a SID has 1 to 15 sub-authorities, this one has 0"),
        ("O:S-1-5-4294967296D:", 2, "a sub-authority of a SID is a decimal number below 2^32"),
        (
            "O:S-1-0x1000000000000-1",
            2,
            "the authority of a SID is a number below 2^48, decimal or 0x and hexadecimal",
        ),
        ("D:P:S:", 3, "expected P, AI, AR, NO_ACCESS_CONTROL or an entry in parentheses, found `:S:`"),
        ("D:Q(A;;GA;;;WD)", 2, "expected P, AI, AR, NO_ACCESS_CONTROL or an entry in parentheses, found `Q`"),
        ("D:(A;;GA;;;WD)x", 14, "expected an entry in parentheses, O:, G:, D: or S:, found `x`"),
        ("D:(A;;GA;;;WD))", 14, "expected an entry in parentheses, O:, G:, D: or S:, found `)`"),
        ("D:NO_ACCESS_CONTROL(A;;GA;;;WD)", 19, "expected O:, G:, D: or S:, found `(`"),
        ("D:((A;;GA;;;WD))", 3, "expected an entry type such as A, D or ML, found `(`"),
        ("D:(Antlers;;GA;;;WD)", 3, "expected an entry type such as A, D or ML, found `Antlers`"),
        ("D:(0x100;;GA;;;WD)", 3, "expected an entry type such as A, D or ML, found `0x100`"),
        ("D:(0x4;;GA;;;WD)", 15, "expected # and hexadecimal digits for an entry of this type, found `)`"),
        ("D:(0x4;;#01)", 8, "expected a multiple of 8 hexadecimal digits, found `#01`"),
        ("D:(A;;#01020304)", 6, "expected the rights of the entry, found `#01020304`"),
        ("D:(A)", 4, "expected `;` and the next field of the entry, found `)`"),
        ("D:(A;OIXX;GA;;;WD)", 7, "expected entry flags such as OI, CI, NP, IO or ID, found `XX`"),
        (
            "D:(A;;GRQQGX;;;WD)",
            8,
            "expected rights such as GRGW, FA or RC, or a number such as 0x12019f, found `QQGX`",
        ),
        ("D:(A;;0x100000000;;;WD)", 6, "expected a number below 2^32, found `0x100000000`"),
        ("D:(A;;0x;;;WD)", 6, "expected a number below 2^32, found `0x`"),
        ("D:(A;;GA;12;;WD)", 9, "expected a GUID or nothing, found `12`"),
        ("D:(A;;GA;;;)", 11, "expected a SID (S-1-…) or an alias such as BA, AU or WD, found `)`"),
        ("D:(A;;GA;;;WD", 13, "expected `)` at the end of the entry, found the end of the text"),
        ("D:(A;;GA;;;WD;(a))", 13, "expected `)` at the end of the entry, found `;`"),
        ("D:(XA;;GA;;;WD)", 14, "expected `;` and a condition in parentheses, found `)`"),
        ("S:(RA;;;;;WD)", 12, "expected `;` and a resource attribute in parentheses, found `)`"),
        ("D:(Ā;;GA;;;WD)", 3, "expected an entry type such as A, D or ML, found `Ā`"),
        ("D:(A;;GA;;;Ā)", 11, "expected a SID (S-1-…) or an alias such as BA, AU or WD, found `Ā`"),
    ] {
        let error = sddl.parse::<SecurityDescriptor>().unwrap_err();
        assert_eq!((error.offset(), &*error.to_string()), (offset, message), "{sddl}");
    }
}

#[test]
fn errors_repeat_little_of_the_text() {
    let error = format!("D:(A;;{};;;WD)", "Q".repeat(10_000)).parse::<SecurityDescriptor>().unwrap_err();
    assert!(error.to_string().len() < 120, "{error}");
}

proptest! {
    #[test]
    fn any_text_is_a_descriptor_or_an_error_that_points_into_it(
        text in "([OGDS]:|P|AI|\\(|\\)|;|A|XA|RA|ML|OICI|GA|0x1|BA|DA|S-1-5-|18|#|\"| |ä|\\(a\\)|[^a]){0,30}",
    ) {
        match text.parse::<SecurityDescriptor>() {
            Ok(sd) => prop_assert_eq!(&sd.to_string().parse::<SecurityDescriptor>().unwrap(), &sd),
            Err(error) => prop_assert!(text.is_char_boundary(error.offset()), "{}", error),
        }
    }

    #[test]
    fn text_with_one_thing_wrong_is_a_descriptor_or_an_error(
        at in 0..100_usize, c in any::<char>(), remove in any::<bool>(),
    ) {
        let mut text = "O:BAG:SYD:PAI(D;OICI;GA;;;BG)(XA;;0x12;;;S-1-5-21-1-2-3-4;(@User.a == {1, \"b\"}))\
            S:(ML;;NW;;;LW)".to_string();
        let at = at.min(text.len() - 1);
        if remove {
            text.remove(at);
        }
        text.insert(at, c);
        if let Err(error) = text.parse::<SecurityDescriptor>() {
            prop_assert!(text.is_char_boundary(error.offset()), "{}", error);
        }
    }
}

/// Every `sid-token` of [MS-DTYP] 2.5.1.1.
const SPECIFIED: &str = "DA DG DU ED DD DC BA BG BU LA LG AO BO PO SO AU PS CO CG SY PU WD RE IU NU SU \
     RC WR AN SA CA RS EA PA RU LS NS RD NO MU LU IS CY OW ER RO CD AC RA ES MS UD HA CN AA RM LW ME MP \
     HI SI";

#[test]
fn every_specified_alias_is_known_and_prints_back() {
    for alias in SPECIFIED.split(' ') {
        let trustee = Trustee::from_alias(alias).unwrap_or_else(|| panic!("{alias}"));
        assert_eq!(trustee.to_string(), alias);
        assert_eq!(Trustee::from_alias(&alias.to_lowercase()), Some(trustee));
    }
    assert_eq!(Trustee::from_alias("XX"), None);
}

#[test]
fn masks_display_as_sddl_writes_them() {
    for (mask, text) in [(0x1F_01FF, "FA"), (0xC000_0000, "GWGR"), (0x12_019F, "0x12019f"), (0, "0x0")] {
        assert_eq!(AccessMask(mask).to_string(), text);
    }
}
