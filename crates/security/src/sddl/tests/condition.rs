use alloc::format;
use alloc::string::ToString;
use proptest::prelude::*;

use crate::condition::Condition;
use crate::descriptor::{AceBody, SecurityDescriptor};
use crate::sddl::SddlError;

pub(crate) fn parse_text(condition: &str) -> Result<SecurityDescriptor, SddlError> {
    format!("D:(XA;;FR;;;WD;{condition})").parse()
}

pub(crate) fn condition(text: &str) -> Condition {
    let sd = parse_text(text).unwrap_or_else(|error| panic!("{text}: {error} at byte {}", error.offset()));
    match &sd.dacl().unwrap().aces[0].body {
        AceBody::Access { condition: Some(condition), .. } => condition.clone(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn any_text_is_a_condition_or_an_error(text in "\\(([ @!&|(){}\"#,;]|User\\.|a|==|SID|BA|Member_of|0x1|-){0,24}\\)") {
        if let Ok(sd) = parse_text(&text) {
            prop_assert_eq!(&sd.to_string().parse::<SecurityDescriptor>().unwrap(), &sd);
        }
    }
}

#[test]
fn text_is_printed_as_windows_prints_it() {
    for (text, printed) in [
        (r#"(@User.Title=="PM")"#, r#"(@User.Title == "PM")"#),
        (
            r#"(@USER.Title=="PM" && (@User.Division=="Finance" || @user.Division =="Sales"))"#,
            r#"((@User.Title == "PM") && ((@User.Division == "Finance") || (@User.Division == "Sales")))"#,
        ),
        ("(@User.Project Any_of @Resource.Project)", "(@User.Project Any_of @Resource.Project)"),
        (
            "(Member_of{SID(S-1-5-32-551),SID(BO)}&&@Device.Bitlocker)",
            "((Member_of {SID(BO), SID(BO)}) && (@Device.Bitlocker))",
        ),
        ("(member_OF SID(BA))", "(Member_of SID(BA))"),
        ("(!(!( Exists WIN://SYSAPPID )))", "(!(!(Exists WIN://SYSAPPID)))"),
        ("(a||b||c&&d)", "((a) || (b) || ((c) && (d)))"),
        ("((a||b)||c)", "((a) || (b) || (c))"),
        ("(a||(b||c))", "((a) || ((b) || (c)))"),
        ("(((a)))", "(a)"),
        ("(octets==##1#2#3##)", "(octets == #01020300)"),
        ("(n<-1)", "(n < -1)"),
        ("(n>=+0x1F)", "(n >= +0x1f)"),
        ("(n!=-0x8000000000000000)", "(n != -0x8000000000000000)"),
        ("(n==017)", "(n == 017)"),
        ("(n Not_Contains {1, \"a\" ,#00, SID(WD)})", "(n Not_Contains {1, \"a\", #00, SID(WD)})"),
        ("(@User.ad://ext/Name%0020one == \"(;)\")", "(@User.ad://ext/Name%0020one == \"(;)\")"),
        ("(Contains Contains 1)", "(Contains Contains 1)"),
    ] {
        assert_eq!(condition(text).to_string(), printed, "{text}");
        assert_eq!(condition(printed).to_string(), printed);
    }
}

#[test]
fn an_error_points_at_the_fault_in_a_condition() {
    // The condition starts at byte 15.
    for (text, offset, message) in [
        ("", 15, "expected a condition in parentheses, found `)`"),
        ("()", 16, "expected an attribute such as @User.Title"),
        ("(a", 18, "expected `)` at the end of the entry, found the end of the text"),
        ("(a == )", 21, "expected an attribute such as @User.Title, a number"),
        ("(a == a)", 21, "expected an attribute such as @User.Title, a number"),
        ("(a b)", 18, "expected an operator, or `)` at the end of the condition, found `b`"),
        ("(!a)", 17, "expected a condition in parentheses, found `a`"),
        ("(@Usr.a)", 16, "expected @User., @Resource. or @Device., found `@Usr.a`"),
        ("(@User. == 1)", 22, "expected the name of an attribute"),
        ("(@User.%00zz)", 22, "expected a name in which % and four digits are a character"),
        ("(Member_of {1})", 27, "expected SID(…), found `1}`"),
        ("(Member_of {SID(BA) SID(BO)})", 35, "expected `,` or `}` behind a value of the list"),
        ("(Member_of_AnySID(BA))", 32, "expected an operator"),
        ("(a == SID(XX))", 25, "expected a SID (S-1-…) or an alias such as BA, AU or WD, found `XX`"),
        ("(a == \"b)", 21, "expected a text that ends in a double quote"),
        ("(a == #123)", 21, "expected # and an even number of hexadecimal digits"),
        ("(a == 0x10000000000000000)", 21, "expected an integer of 64 bits"),
        ("(a == 9223372036854775808)", 21, "expected an integer of 64 bits"),
        ("(a == 089)", 21, "expected an integer of 64 bits"),
        ("(a && )", 21, "expected an attribute such as @User.Title, Member_of"),
    ] {
        let error = parse_text(text).unwrap_err();
        assert_eq!(error.offset(), offset, "{text}: {error}");
        assert!(error.to_string().starts_with(message), "{text}: {error}");
    }
}
