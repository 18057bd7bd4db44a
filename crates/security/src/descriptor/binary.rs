//! The self-relative binary form of a security descriptor.

use alloc::vec::Vec;

use super::ace::access_type;
use super::{Ace, AceBody, AceFlags, Acl, DescriptorControl, ObjectTypes, SecurityDescriptor};
use crate::access::AccessMask;
use crate::attribute::ResourceAttribute;
use crate::condition::Condition;
use crate::guid::Guid;
use crate::sid::{Sid, SidError};
use crate::trustee::Trustee;
use crate::well_known::DomainAlias;

/// Bytes of the fixed part of a descriptor.
const HEADER: usize = 20;
/// Bytes of the fixed part of an ACL.
const ACL_HEADER: usize = 8;
/// Bytes of the fixed part of an entry.
const ACE_HEADER: usize = 4;
/// The length of an ACL is a 16-bit number.
const MAX_ACL: usize = 0xFFFF;

const OBJECT_TYPE_PRESENT: u32 = 1;
const INHERITED_OBJECT_TYPE_PRESENT: u32 = 2;

/// Why bytes are no self-relative security descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside something.
    #[error("the security descriptor ends inside {0}")]
    Truncated(&'static str),
    /// Another revision than 1.
    #[error("a security descriptor has revision 1, this one has {0}")]
    Revision(u8),
    /// SELF_RELATIVE is not set: the offsets would be pointers.
    #[error("the security descriptor is not self-relative")]
    NotSelfRelative,
    /// An offset into the fixed part.
    #[error("the {part} starts at byte {offset}, inside the header of the security descriptor")]
    Offset {
        /// What the offset is for.
        part: &'static str,
        /// The offset.
        offset: u32,
    },
    /// A SID that cannot be read.
    #[error("the SID of the {part} is wrong")]
    Sid {
        /// Whose SID.
        part: &'static str,
        /// What is wrong with it.
        source: SidError,
    },
    /// An ACL revision that does not exist.
    #[error("an ACL has revision 2 to 4, this one has {0}")]
    AclRevision(u8),
    /// An ACL shorter than its own header.
    #[error("an ACL has at least 8 bytes, this one says {0}")]
    AclSize(u16),
    /// An entry whose size is impossible.
    #[error("the size of entry {index} of an ACL is {size}, not a multiple of 4 that its contents fit in")]
    AceSize {
        /// Which entry, from 0.
        index: usize,
        /// The size it says it has, in bytes.
        size: u16,
    },
}

/// Why a security descriptor has no binary form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// An ACL longer than its 16-bit length can say.
    #[error("an ACL has at most 65535 bytes, this one would have {0}")]
    AclTooLarge(usize),
    /// An alias that only a domain gives a meaning to.
    #[error("{} ({}) needs a machine or domain to have a SID", .0.alias(), .0.name())]
    Unresolved(DomainAlias),
}

impl SecurityDescriptor {
    /// Reads the self-relative form ([MS-DTYP] 2.4.6).
    ///
    /// Bytes between the parts are skipped. So are the bytes behind the SID of an entry whose type does not
    /// use them.
    ///
    /// # Errors
    /// [`DecodeError`] names the wrong part and the fault.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut header = Reader::new(bytes, "its header");
        let [revision, _resource_manager] = header.array()?;
        if revision != 1 {
            return Err(DecodeError::Revision(revision));
        }
        let control = DescriptorControl(u16::from_le_bytes(header.array()?));
        if !control.contains(DescriptorControl::SELF_RELATIVE) {
            return Err(DecodeError::NotSelfRelative);
        }
        let mut part = |name| -> Result<Option<&[u8]>, DecodeError> {
            let offset = header.u32()?;
            match offset as usize {
                0 => Ok(None),
                inside if inside < HEADER => Err(DecodeError::Offset { part: name, offset }),
                at => bytes.get(at..).map(Some).ok_or(DecodeError::Truncated(name)),
            }
        };
        let (owner, group) = (part("owner")?, part("group")?);
        let (sacl, dacl) = (part("SACL")?, part("DACL")?);

        let sid = |part, bytes: Option<&[u8]>| {
            let sid = bytes.map(Sid::decode_prefix).transpose();
            sid.map(|sid| sid.map(Trustee::Sid)).map_err(|source| DecodeError::Sid { part, source })
        };
        let present = |bit, bytes: Option<_>| bytes.filter(|_| control.contains(bit));
        let mut sd = Self { owner: sid("owner", owner)?, group: sid("group", group)?, ..Self::default() };
        if let Some(sacl) = present(DescriptorControl::SACL_PRESENT, sacl) {
            sd = sd.with_sacl(decode_acl(sacl)?);
        }
        sd = match present(DescriptorControl::DACL_PRESENT, dacl) {
            Some(dacl) => sd.with_dacl(decode_acl(dacl)?),
            None if control.contains(DescriptorControl::DACL_PRESENT) => sd.with_null_dacl(),
            None => sd,
        };
        Ok(sd.with_control(control))
    }

    /// The self-relative form ([MS-DTYP] 2.4.6), laid out as Windows does.
    ///
    /// # Errors
    /// [`EncodeError`] when an ACL is too long or an alias has no domain.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        if let Some(alias) = self.unresolved() {
            return Err(EncodeError::Unresolved(alias));
        }
        let mut parts = [const { Vec::new() }; 4];
        let [sacl, dacl, owner, group] = &mut parts;
        self.sacl.iter().try_for_each(|acl| acl.encode_into(sacl))?;
        self.dacl.iter().try_for_each(|acl| acl.encode_into(dacl))?;
        self.owner.iter().for_each(|trustee| trustee.encode_into(owner));
        self.group.iter().for_each(|trustee| trustee.encode_into(group));

        let mut end = HEADER;
        let offsets = parts.each_ref().map(|part| {
            let start = end;
            end += part.len();
            if part.is_empty() { 0 } else { start as u32 }
        });
        let [sacl, dacl, owner, group] = offsets;
        let mut bytes = Vec::with_capacity(end);
        bytes.extend_from_slice(&[1, 0]);
        bytes.extend_from_slice(&(self.control | DescriptorControl::SELF_RELATIVE).0.to_le_bytes());
        for offset in [owner, group, sacl, dacl] {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend(parts.into_iter().flatten());
        Ok(bytes)
    }
}

impl Ace {
    /// Bytes of the binary form.
    pub(crate) fn encoded_len(&self) -> usize {
        let trustee = self.body.trustee().map_or(0, |trustee| 4 + trustee.encoded_len());
        let rest = match &self.body {
            AceBody::Access { object, condition, .. } => {
                let guids = object.map_or(0, |types| {
                    4 + 16 * (usize::from(types.object.is_some()) + usize::from(types.inherited.is_some()))
                });
                guids + condition.as_ref().map_or(0, Condition::encoded_len)
            }
            AceBody::ResourceAttribute { attribute, .. } => attribute.encoded_len(),
            AceBody::AccessFilter { condition, .. } => condition.encoded_len(),
            AceBody::Opaque { data, .. } => data.len(),
            _ => 0,
        };
        (ACE_HEADER + trustee + rest).next_multiple_of(4)
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        // The whole ACL is known to fit into 16 bits.
        let size = self.encoded_len() as u16;
        out.extend_from_slice(&[self.body.ace_type(), self.flags.0]);
        out.extend_from_slice(&size.to_le_bytes());
        if let (Some(mask), Some(trustee)) = (self.body.mask(), self.body.trustee()) {
            out.extend_from_slice(&mask.0.to_le_bytes());
            if let AceBody::Access { object: Some(types), .. } = &self.body {
                encode_object_types(types, out);
            }
            trustee.encode_into(out);
        }
        match &self.body {
            AceBody::Access { condition: Some(condition), .. } | AceBody::AccessFilter { condition, .. } => {
                condition.encode_into(out);
            }
            AceBody::ResourceAttribute { attribute, .. } => attribute.encode_into(out),
            AceBody::Opaque { data, .. } => out.extend_from_slice(data),
            _ => {}
        }
        out.resize(start + usize::from(size), 0);
    }

    fn decode(ace_type: u8, flags: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let flags = AceFlags(flags);
        let access = access_type(ace_type);
        // 0x04 is the compound entry that no Windows ever used.
        if access.is_none() && !(0x11..=0x15).contains(&ace_type) {
            let data = body.to_vec();
            return Ok(Self { flags, body: AceBody::Opaque { ace_type, data } });
        }
        let mut reader = Reader::new(body, "an entry of an ACL");
        let mask = AccessMask(reader.u32()?);
        let object = match access {
            Some((_, _, true)) => Some(decode_object_types(&mut reader)?),
            _ => None,
        };
        let sid = Sid::decode_prefix(reader.rest)
            .map_err(|source| DecodeError::Sid { part: "trustee of an entry", source })?;
        let data = reader.rest.get(sid.encoded_len()..).unwrap_or_default();
        let trustee = Trustee::Sid(sid);
        let body = match (access, ace_type) {
            (Some((verdict, conditional, _)), _) => {
                let condition = conditional.then(|| Condition::decode(data));
                AceBody::Access { verdict, object, condition, mask, trustee }
            }
            (None, 0x11) => AceBody::MandatoryLabel { mask, trustee },
            (None, 0x12) => {
                AceBody::ResourceAttribute { mask, trustee, attribute: ResourceAttribute::decode(data) }
            }
            (None, 0x13) => AceBody::ScopedPolicy { mask, trustee },
            (None, 0x14) => AceBody::ProcessTrustLabel { mask, trustee },
            (None, _) => AceBody::AccessFilter { mask, trustee, condition: Condition::decode(data) },
        };
        Ok(Self { flags, body })
    }
}

impl Acl {
    /// Bytes of the binary form.
    pub(crate) fn encoded_len(&self) -> usize {
        ACL_HEADER + self.aces.iter().map(Ace::encoded_len).sum::<usize>()
    }

    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let size = self.encoded_len();
        if size > MAX_ACL {
            return Err(EncodeError::AclTooLarge(size));
        }
        // The lowest revision that has all its types, as Windows chooses it ([MS-DTYP] 2.4.5).
        let revision = self.aces.iter().map(|ace| match ace.body.ace_type() {
            0x04 => 3,
            0x05..=0x08 | 0x0B | 0x0C | 0x0F | 0x10 => 4,
            _ => 2,
        });
        out.extend_from_slice(&[revision.max().unwrap_or(2), 0]);
        for field in [size as u16, self.aces.len() as u16, 0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        self.aces.iter().for_each(|ace| ace.encode_into(out));
        Ok(())
    }

    /// Whether another entry would make the ACL longer than its 16-bit length can say.
    pub(crate) fn has_room_for(used: usize, ace: &Ace) -> bool {
        ACL_HEADER + used + ace.encoded_len() <= MAX_ACL
    }
}

fn encode_object_types(types: &ObjectTypes, out: &mut Vec<u8>) {
    let mut present = 0;
    if types.object.is_some() {
        present |= OBJECT_TYPE_PRESENT;
    }
    if types.inherited.is_some() {
        present |= INHERITED_OBJECT_TYPE_PRESENT;
    }
    out.extend_from_slice(&present.to_le_bytes());
    for guid in [types.object, types.inherited].into_iter().flatten() {
        out.extend_from_slice(&guid.0);
    }
}

fn decode_object_types(reader: &mut Reader<'_>) -> Result<ObjectTypes, DecodeError> {
    let present = reader.u32()?;
    let mut guid = |bit| (present & bit != 0).then(|| reader.array().map(Guid)).transpose();
    Ok(ObjectTypes { object: guid(OBJECT_TYPE_PRESENT)?, inherited: guid(INHERITED_OBJECT_TYPE_PRESENT)? })
}

fn decode_acl(bytes: &[u8]) -> Result<Acl, DecodeError> {
    let mut header = Reader::new(bytes, "an ACL");
    let [revision, _] = header.array()?;
    if !(2..=4).contains(&revision) {
        return Err(DecodeError::AclRevision(revision));
    }
    let size = u16::from_le_bytes(header.array()?);
    let count = u16::from_le_bytes(header.array()?);
    let whole = bytes.get(..usize::from(size)).ok_or(DecodeError::Truncated("an ACL"))?;
    let mut rest = Reader::new(whole.get(ACL_HEADER..).ok_or(DecodeError::AclSize(size))?, "an ACL");
    let mut aces = Vec::new();
    for index in 0..usize::from(count) {
        let [ace_type, flags, low, high] = rest.array()?;
        let size = u16::from_le_bytes([low, high]);
        if size % 4 != 0 || usize::from(size) < ACE_HEADER {
            return Err(DecodeError::AceSize { index, size });
        }
        let body = rest.take(usize::from(size) - ACE_HEADER)?;
        let ace = Ace::decode(ace_type, flags, body).map_err(|error| match error {
            DecodeError::Truncated(_) => DecodeError::AceSize { index, size },
            other => other,
        })?;
        aces.push(ace);
    }
    Ok(Acl { aces })
}

/// The bytes not read yet, and the part of the descriptor that they belong to.
struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8], what: &'static str) -> Self {
        Self { rest, what }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }
}
