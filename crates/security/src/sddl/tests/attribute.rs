use alloc::format;
use alloc::string::ToString;

use crate::attribute::ResourceAttribute;
use crate::descriptor::{AceBody, SecurityDescriptor};
use crate::sddl::SddlError;

pub(crate) fn parse_text(attribute: &str) -> Result<ResourceAttribute, SddlError> {
    let sd: SecurityDescriptor = format!("S:(RA;;;;;WD;{attribute})").parse()?;
    match &sd.sacl().unwrap().aces[0].body {
        AceBody::ResourceAttribute { attribute, .. } => Ok(attribute.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_is_printed_back() {
    for (text, printed) in [
        ("(\"Project\",TS,0,\"Windows\", \"SQL\")", "(\"Project\",TS,0x0,\"Windows\",\"SQL\")"),
        ("( \"Secrecy\" , TU , 0xF0001 , 3 , 0x10 )", "(\"Secrecy\",TU,0xf0001,3,16)"),
        ("(\"n\",ti,0x0,-5,+6)", "(\"n\",TI,0x0,-5,6)"),
        ("(\"who\",TD,0x2,SID(BA),SID(DA))", "(\"who\",TD,0x2,SID(BA),SID(DA))"),
        ("(\"is\",TB,0x0,1,0)", "(\"is\",TB,0x0,1,0)"),
        ("(\"raw\",TX,0x0,#0aFF,#)", "(\"raw\",TX,0x0,#0aff,#)"),
        ("(\"a%0022b\",TS,0x0)", "(\"a%0022b\",TS,0x0)"),
        ("#00000000", "#00000000"),
    ] {
        assert_eq!(parse_text(text).unwrap().to_string(), printed, "{text}");
    }
    assert_eq!(parse_text("(\"a%0022b\",TS,0x0)").unwrap().name(), Some("a\"b"));
}

#[test]
fn an_error_points_at_the_fault_in_an_attribute() {
    // The attribute starts at byte 13.
    for (text, offset, message) in [
        ("()", 14, "expected the name of the attribute in double quotes, found `)`"),
        ("(\"\",TS,0x0)", 15, "expected the name of an attribute"),
        ("(\"a b\",TS,0x0)", 16, "expected a double quote behind the name"),
        ("(\"a\",TZ,0x0)", 18, "expected a type: TI, TU, TS, TD, TX or TB, found `TZ,0x0`"),
        ("(\"a\",TS,x)", 21, "expected a number below 2^32"),
        ("(\"a\",TS,0,1)", 23, "expected a text in double quotes"),
        ("(\"a\",TB,0,2)", 23, "expected 0 or 1"),
        ("(\"a\",TU,0,-1)", 23, "expected a number below 2^64"),
        ("(\"a\",TS,0", 23, "expected `)` at the end of the entry"),
    ] {
        let error = parse_text(text).unwrap_err();
        assert_eq!(error.offset(), offset, "{text}: {error}");
        assert!(error.to_string().starts_with(message), "{text}: {error}");
    }
}
