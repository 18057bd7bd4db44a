//! From SDDL to a security descriptor.

use alloc::vec::Vec;
use core::str::FromStr;

use super::cursor::Cursor;
use super::{
    ACE_FLAGS, ACE_TYPES, SddlError, SddlProblem, TRUST_PROTECTED, attribute, condition, literal, rights,
    trustee,
};
use crate::access::AccessMask;
use crate::attribute::ResourceAttribute;
use crate::condition::Condition;
use crate::descriptor::{
    Ace, AceBody, AceFlags, Acl, DescriptorControl, ObjectTypes, SecurityDescriptor, access_type,
};
use crate::guid::Guid;
use crate::trustee::Trustee;

const SECTION: &str = "O:, G:, D: or S:";
const ACE_TYPE: &str = "an entry type such as A, D or ML";
const ACE_FLAG: &str = "entry flags such as OI, CI, NP, IO or ID";
const GUID: &str = "a GUID or nothing";
const HEX_WORDS: &str = "a multiple of 8 hexadecimal digits";

/// The text behind `D:` or `S:`.
enum AclText {
    Entries(Acl),
    /// `NO_ACCESS_CONTROL`
    Null,
}

/// The control bits for the flags of one ACL.
struct AclControl {
    protected: DescriptorControl,
    auto_inherited: DescriptorControl,
    auto_inherit_required: DescriptorControl,
}

const DACL: AclControl = AclControl {
    protected: DescriptorControl::DACL_PROTECTED,
    auto_inherited: DescriptorControl::DACL_AUTO_INHERITED,
    auto_inherit_required: DescriptorControl::DACL_AUTO_INHERIT_REQUIRED,
};

const SACL: AclControl = AclControl {
    protected: DescriptorControl::SACL_PROTECTED,
    auto_inherited: DescriptorControl::SACL_AUTO_INHERITED,
    auto_inherit_required: DescriptorControl::SACL_AUTO_INHERIT_REQUIRED,
};

impl FromStr for SecurityDescriptor {
    type Err = SddlError;

    /// Reads SDDL ([MS-DTYP] 2.5.1): the parts in any order, upper or lower case, with white space between
    /// tokens.
    fn from_str(text: &str) -> Result<Self, SddlError> {
        descriptor(text)
    }
}

/// Reads a whole descriptor.
fn descriptor(text: &str) -> Result<SecurityDescriptor, SddlError> {
    let mut cursor = Cursor::new(text);
    let mut sd = SecurityDescriptor::new();
    let mut control = DescriptorControl::default();
    let mut seen: Vec<&str> = Vec::new();
    cursor.skip_space();
    loop {
        let start = cursor.clone();
        let section = ["O:", "G:", "D:", "S:"].into_iter().find(|section| cursor.eat(section));
        let section = section.ok_or_else(|| cursor.unexpected(SECTION))?;
        if seen.contains(&section) {
            return Err(start.error(SddlProblem::Repeated(section)));
        }
        seen.push(section);
        sd = match section {
            "O:" => sd.with_owner(trustee::parse(&mut cursor)?),
            "G:" => sd.with_group(trustee::parse(&mut cursor)?),
            "D:" => match acl(&mut cursor, &DACL, &mut control)? {
                AclText::Entries(acl) => sd.with_dacl(acl),
                AclText::Null => sd.with_null_dacl(),
            },
            _ => match acl(&mut cursor, &SACL, &mut control)? {
                AclText::Entries(acl) => sd.with_sacl(acl),
                AclText::Null => sd,
            },
        };
        cursor.skip_space();
        if cursor.is_at_end() {
            return Ok(sd.with_control(control));
        }
    }
}

fn acl(
    cursor: &mut Cursor<'_>,
    bits: &AclControl,
    control: &mut DescriptorControl,
) -> Result<AclText, SddlError> {
    loop {
        cursor.skip_space();
        // AI and AR before the sections: no section is called A.
        let flag = if cursor.eat("NO_ACCESS_CONTROL") {
            return Ok(AclText::Null);
        } else if cursor.eat("AI") {
            bits.auto_inherited
        } else if cursor.eat("AR") {
            bits.auto_inherit_required
        } else if cursor.eat("P") {
            bits.protected
        } else {
            break;
        };
        *control = *control | flag;
    }
    let mut acl = Acl::default();
    let mut used = 0;
    loop {
        cursor.skip_space();
        match cursor.peek() {
            Some('(') => {}
            Some('O' | 'o' | 'G' | 'g' | 'D' | 'd' | 'S' | 's') | None => return Ok(AclText::Entries(acl)),
            Some(_) if acl.aces.is_empty() => {
                return Err(cursor.unexpected("P, AI, AR, NO_ACCESS_CONTROL or an entry in parentheses"));
            }
            Some(_) => return Err(cursor.unexpected("an entry in parentheses, O:, G:, D: or S:")),
        }
        let start = cursor.clone();
        let ace = ace(cursor)?;
        if !Acl::has_room_for(used, &ace) {
            return Err(start.error(SddlProblem::AclTooLarge));
        }
        used += ace.encoded_len();
        acl.aces.push(ace);
    }
}

fn ace(cursor: &mut Cursor<'_>) -> Result<Ace, SddlError> {
    cursor.expect("(", "an entry in parentheses")?;
    let ace_type = ace_type(cursor)?;
    separator(cursor)?;
    let flags = ace_flags(cursor)?;
    separator(cursor)?;
    cursor.skip_space();
    let body = if cursor.peek() == Some('#') {
        opaque(cursor, ace_type)?
    } else {
        let mask = rights::parse(cursor)?;
        separator(cursor)?;
        let object = guid(cursor)?;
        separator(cursor)?;
        let types = ObjectTypes { object, inherited: guid(cursor)? };
        separator(cursor)?;
        let trustee = trustee::parse(cursor)?;
        body(cursor, ace_type, mask, types, trustee)?
    };
    cursor.expect(")", "`)` at the end of the entry")?;
    Ok(Ace { flags, body })
}

/// Builds the body of an entry from its fields, and reads the last field if the type has one.
fn body(
    cursor: &mut Cursor<'_>,
    ace_type: u8,
    mask: AccessMask,
    types: ObjectTypes,
    trustee: Trustee,
) -> Result<AceBody, SddlError> {
    if let Some((verdict, conditional, has_types)) = access_type(ace_type) {
        let condition = conditional.then(|| condition(cursor)).transpose()?;
        let object = has_types.then_some(types);
        return Ok(AceBody::Access { verdict, object, condition, mask, trustee });
    }
    Ok(match ace_type {
        0x11 => AceBody::MandatoryLabel { mask, trustee },
        0x12 => AceBody::ResourceAttribute { mask, trustee, attribute: attribute(cursor)? },
        0x13 => AceBody::ScopedPolicy { mask, trustee },
        0x14 => AceBody::ProcessTrustLabel { mask, trustee },
        0x15 => AceBody::AccessFilter { mask, trustee, condition: condition(cursor)? },
        _ => return Err(cursor.unexpected("# and hexadecimal digits for an entry of this type")),
    })
}

fn separator(cursor: &mut Cursor<'_>) -> Result<(), SddlError> {
    cursor.expect(";", "`;` and the next field of the entry")
}

fn ace_type(cursor: &mut Cursor<'_>) -> Result<u8, SddlError> {
    cursor.skip_space();
    let start = cursor.clone();
    if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        return u8::try_from(rights::number(cursor)?).map_err(|_| start.unexpected(ACE_TYPE));
    }
    let letters = cursor.take_while(|c| c.is_ascii_alphabetic());
    let known = ACE_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(letters));
    known.map(|&(_, ace_type)| ace_type).ok_or_else(|| start.unexpected(ACE_TYPE))
}

fn ace_flags(cursor: &mut Cursor<'_>) -> Result<AceFlags, SddlError> {
    let mut flags = AceFlags::default();
    loop {
        cursor.skip_space();
        if cursor.peek() == Some(';') {
            return Ok(flags);
        }
        let flag = ACE_FLAGS.iter().chain([&TRUST_PROTECTED]).find(|(name, _)| cursor.eat(name));
        let &(_, flag) = flag.ok_or_else(|| cursor.unexpected(ACE_FLAG))?;
        flags = flags | flag;
    }
}

fn guid(cursor: &mut Cursor<'_>) -> Result<Option<Guid>, SddlError> {
    cursor.skip_space();
    let start = cursor.clone();
    let text = cursor.take_while(|c| c.is_ascii_hexdigit() || c == '-');
    if text.is_empty() {
        return Ok(None);
    }
    Guid::parse(text).map(Some).ok_or_else(|| start.unexpected(GUID))
}

/// The bytes of an entry whose type is not known.
fn opaque(cursor: &mut Cursor<'_>, ace_type: u8) -> Result<AceBody, SddlError> {
    let start = cursor.clone();
    if access_type(ace_type).is_some() || (0x11..=0x15).contains(&ace_type) {
        return Err(start.unexpected("the rights of the entry"));
    }
    let data = literal::octets(cursor)?;
    if data.len() % 4 == 0 {
        Ok(AceBody::Opaque { ace_type, data })
    } else {
        Err(start.unexpected(HEX_WORDS))
    }
}

fn condition(cursor: &mut Cursor<'_>) -> Result<Condition, SddlError> {
    cursor.expect(";", "`;` and a condition in parentheses")?;
    condition::parse(cursor)
}

fn attribute(cursor: &mut Cursor<'_>) -> Result<ResourceAttribute, SddlError> {
    cursor.expect(";", "`;` and a resource attribute in parentheses")?;
    attribute::parse(cursor)
}
