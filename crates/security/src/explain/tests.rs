use super::*;
use crate::descriptor::tests::any_descriptor;
use proptest::prelude::*;

fn text(sddl: &str) -> String {
    explain(&sddl.parse().unwrap()).to_string()
}

#[test]
fn the_descriptor_of_the_readme_is_explained() {
    assert_eq!(
        text("O:BAD:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)"),
        r"owner: BUILTIN\Administrators (S-1-5-32-544)
access: the first entry that settles a right counts
  1  denies  BUILTIN\Guests (S-1-5-32-546)                everything
  2  denies  NT AUTHORITY\ANONYMOUS LOGON (S-1-5-7)       everything
  3  allows  NT AUTHORITY\Authenticated Users (S-1-5-11)  read, write, execute, create instances
  4  allows  BUILTIN\Administrators (S-1-5-32-544)        everything
note: nothing is inherited from a pipe: OI, CI and NP have no effect
"
    );
}

#[test]
fn notes_name_what_a_reader_could_miss() {
    for (sddl, expected) in [
        ("O:SY", "access: everyone may do everything, as there is no DACL"),
        ("D:NO_ACCESS_CONTROL", "access: everyone may do everything, as there is no DACL"),
        ("D:", "access: nobody may do anything, as the DACL is empty"),
        ("G:DA", "group: Domain Admins (DA)"),
        ("D:(A;;GA;;;WD)(D;;GA;;;BG)", "note: entry 2 denies, but stands behind entry 1"),
        ("D:(A;IO;GA;;;WD)", "there to be inherited only (IO): no effect on the pipe itself"),
        ("D:(A;ID;GA;;;WD)", "inherited (ID)"),
        ("D:(XA;;GA;;;WD;(@User.a))", "conditions are not evaluated: this entry grants nothing"),
        (
            "D:(XD;;GA;;;WD;(@User.a))",
            "conditions are not evaluated: this entry counts as if the condition held",
        ),
        ("D:(XD;;GA;;;WD;(@User.a))", "only if (@User.a)"),
        ("D:(OA;;GA;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)", "this entry grants nothing"),
        ("D:(A;;GA;;;DA)", "DA needs a machine or domain: until then it is nobody"),
        ("D:(D;;GA;;;LG)", "until then it is every account with the relative identifier 501"),
        ("D:(0x44;;#)", "entries of type 0x44 are not understood and match nobody"),
        ("D:(A;;GA;;;S-1-5-21-1-2-3-1001)", "allows  S-1-5-21-1-2-3-1001  everything"),
        (
            "S:(ML;;NWNX;;;HI)",
            "keeps those trusted less than  Mandatory Label\\High Mandatory Level (S-1-16-12288)  from writing, executing",
        ),
        ("S:(AU;FA;GW;;;WD)", "when refused (FA)"),
        ("S:(RA;;;;;WD;(\"a\",TS,0x0,\"b\"))", "resource attribute (\"a\",TS,0x0,\"b\")"),
        ("S:(SP;;;;;S-1-17-1)", "central access policies are not evaluated"),
        ("S:(FL;;GR;;;WD;(a))", "only if (a): access filters are not evaluated"),
        ("S:(TL;;GR;;;S-1-19-512-4096)", "process trust labels are not evaluated"),
    ] {
        let text = text(sddl);
        assert!(text.contains(expected), "{sddl}:\n{text}");
    }
    assert_eq!(explain(&"D:(D;;GA;;;BG)(A;;GA;;;WD)".parse().unwrap()).notes.len(), 0);
    assert_eq!(explain(&"D:(A;;GA;;;WD)(D;IO;GA;;;BG)".parse().unwrap()).notes.len(), 0);
}

#[test]
fn rights_are_displayed_in_words() {
    for (mask, words) in [
        (0, "nothing"),
        (0x1000_0000, "everything"),
        (0x1F_01FF, "everything"),
        (0x8000_0000, "read"),
        (0x4000_0000, "write, create instances"),
        (0xC000_0000, "read, write, create instances"),
        (0x12_019B, "read, write"),
        (0x2000_0000, "execute"),
        (0x3, "read data, write data"),
        (0x6_0000, "read the permissions, change the permissions"),
        (0x12_0089 | 0x1_0000, "read, delete"),
        (0x10_0000, "wait"),
        (0x0200_0001, "read data, other rights 0x2000000"),
        (0x0200_0000, "other rights 0x2000000"),
    ] {
        assert_eq!(RightsInWords(AccessMask(mask)).to_string(), words, "{mask:#x}");
    }
}

proptest! {
    #[test]
    fn any_descriptor_can_be_explained(sd in any_descriptor()) {
        prop_assert!(explain(&sd).to_string().ends_with('\n'));
    }
}
