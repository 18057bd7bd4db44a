//! From a security descriptor to SDDL.

use core::fmt::{self, Write};

use super::literal::write_octets;
use super::{ACE_FLAGS, ACE_TYPES, TRUST_PROTECTED, rights};
use crate::descriptor::{Ace, AceBody, AceFlags, Acl, DescriptorControl, ObjectTypes, SecurityDescriptor};

impl fmt::Display for SecurityDescriptor {
    /// Writes SDDL ([MS-DTYP] 2.5.1).
    ///
    /// SDDL has no words for the number of an entry type without letters, nor for data that is not
    /// understood. The first is written as a number and the second as `#` and its bytes in hexadecimal; only
    /// this crate reads these back. The control bits for defaulted parts are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        descriptor(f, self)
    }
}

impl fmt::Display for Ace {
    /// Writes the entry as in SDDL, parentheses included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ace(f, self)
    }
}

/// Writes a whole descriptor.
fn descriptor(f: &mut fmt::Formatter<'_>, sd: &SecurityDescriptor) -> fmt::Result {
    if let Some(owner) = sd.owner() {
        write!(f, "O:{owner}")?;
    }
    if let Some(group) = sd.group() {
        write!(f, "G:{group}")?;
    }
    if sd.dacl().is_some() || sd.has_null_dacl() {
        let bits = [
            DescriptorControl::DACL_PROTECTED,
            DescriptorControl::DACL_AUTO_INHERIT_REQUIRED,
            DescriptorControl::DACL_AUTO_INHERITED,
        ];
        f.write_str("D:")?;
        acl_flags(f, sd.control(), bits)?;
        match sd.dacl() {
            Some(dacl) => entries(f, dacl)?,
            None => f.write_str("NO_ACCESS_CONTROL")?,
        }
    }
    if let Some(sacl) = sd.sacl() {
        let bits = [
            DescriptorControl::SACL_PROTECTED,
            DescriptorControl::SACL_AUTO_INHERIT_REQUIRED,
            DescriptorControl::SACL_AUTO_INHERITED,
        ];
        f.write_str("S:")?;
        acl_flags(f, sd.control(), bits)?;
        entries(f, sacl)?;
    }
    Ok(())
}

fn acl_flags(
    f: &mut fmt::Formatter<'_>,
    control: DescriptorControl,
    bits: [DescriptorControl; 3],
) -> fmt::Result {
    let set = bits.into_iter().zip(["P", "AR", "AI"]).filter(|(bit, _)| control.contains(*bit));
    set.map(|(_, letters)| letters).try_for_each(|letters| f.write_str(letters))
}

fn entries(f: &mut fmt::Formatter<'_>, acl: &Acl) -> fmt::Result {
    acl.aces.iter().try_for_each(|entry| ace(f, entry))
}

fn ace(f: &mut fmt::Formatter<'_>, ace: &Ace) -> fmt::Result {
    let ace_type = ace.body.ace_type();
    match ACE_TYPES.iter().find(|(_, known)| *known == ace_type) {
        Some((letters, _)) => write!(f, "({letters};")?,
        None => write!(f, "({ace_type:#x};")?,
    }
    flags(f, ace)?;
    f.write_char(';')?;
    match &ace.body {
        AceBody::Opaque { data, .. } => write_octets(f, data)?,
        AceBody::MandatoryLabel { mask, .. } => rights::write_label(f, *mask)?,
        body => rights::write(f, body.mask().unwrap_or_default())?,
    }
    if let Some(trustee) = ace.body.trustee() {
        f.write_char(';')?;
        let types = match &ace.body {
            AceBody::Access { object: Some(types), .. } => *types,
            _ => ObjectTypes::default(),
        };
        for guid in [types.object, types.inherited] {
            guid.map_or(Ok(()), |guid| write!(f, "{guid}"))?;
            f.write_char(';')?;
        }
        write!(f, "{trustee}")?;
    }
    match &ace.body {
        AceBody::Access { condition: Some(condition), .. } | AceBody::AccessFilter { condition, .. } => {
            write!(f, ";{condition}")?;
        }
        AceBody::ResourceAttribute { attribute, .. } => write!(f, ";{attribute}")?,
        _ => {}
    }
    f.write_char(')')
}

fn flags(f: &mut fmt::Formatter<'_>, ace: &Ace) -> fmt::Result {
    let is_filter = matches!(ace.body, AceBody::AccessFilter { .. });
    for &(letters, flag) in ACE_FLAGS {
        if ace.flags.contains(flag) {
            let trust_protected = is_filter && flag == AceFlags::SUCCESSFUL_ACCESS;
            f.write_str(if trust_protected { TRUST_PROTECTED.0 } else { letters })?;
        }
    }
    Ok(())
}
