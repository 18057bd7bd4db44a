//! The three messages of NTLM, [MS-NLMP] 2.2.1.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::{AvPairs, Flags};
use crate::wire::{Malformed, Reader, decode_utf16, encode_utf16};

/// What every NTLM message starts with.
pub(in crate::auth) const SIGNATURE: [u8; 8] = *b"NTLMSSP\0";
/// Where an authenticate message has its integrity code, when it has one.
pub(in crate::auth) const MIC_RANGE: Range<usize> = 72..88;
/// The longest user or domain name looked at, in bytes: 256 UTF-16 units.
const MAX_NAME: usize = 512;
/// The version field. Nothing here depends on it; only the last byte, the revision of NTLM, has a meaning.
const VERSION: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 0x0F];

/// Checks the signature and type of a message.
fn start<'a>(bytes: &'a [u8], message_type: u32, what: &'static str) -> Result<Reader<'a>, Malformed> {
    let mut reader = Reader::new(bytes, what);
    if reader.array("Signature")? != SIGNATURE {
        return Err(reader.malformed("Signature"));
    }
    if reader.u32("MessageType")? != message_type {
        return Err(reader.malformed("MessageType"));
    }
    Ok(reader)
}

/// Reads a length, a maximum that nobody uses, and an offset from the start of the message; gives the part of
/// the message that they name. Offsets of empty parts mean nothing.
fn field<'a>(message: &'a [u8], reader: &mut Reader<'_>, field: &'static str) -> Result<&'a [u8], Malformed> {
    let length = reader.length16(field)?;
    reader.skip(2, field)?;
    let offset = reader.length32(field)?;
    if length == 0 {
        return Ok(&[]);
    }
    let end = offset.checked_add(length).ok_or(reader.malformed(field))?;
    message.get(offset..end).ok_or(reader.malformed(field))
}

/// The first message: what the client can do. Its domain and workstation are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) struct Negotiate {
    pub(in crate::auth) flags: Flags,
}

impl Negotiate {
    pub(in crate::auth) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = start(message, 1, "NTLM NEGOTIATE message")?;
        Ok(Self { flags: Flags(reader.u32("NegotiateFlags")?) })
    }

    pub(in crate::auth) fn encode(self) -> Vec<u8> {
        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&1u32.to_le_bytes());
        message.extend_from_slice(&self.flags.0.to_le_bytes());
        message.extend_from_slice(&[0; 16]); // no domain, no workstation
        message.extend_from_slice(&VERSION);
        message
    }
}

/// The second message: the server's challenge and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth) struct Challenge {
    pub(in crate::auth) flags: Flags,
    /// What the proof must answer.
    pub(in crate::auth) nonce: [u8; 8],
    /// The server's name; only sent, never read.
    pub(in crate::auth) target_name: String,
    pub(in crate::auth) target_info: AvPairs,
}

impl Challenge {
    const FIXED: usize = 56;

    pub(in crate::auth) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = start(message, 2, "NTLM CHALLENGE message")?;
        reader.skip(8, "TargetName")?;
        let flags = Flags(reader.u32("NegotiateFlags")?);
        let nonce = reader.array("ServerChallenge")?;
        let target_info = if flags.contains(Flags::TARGET_INFO) {
            reader.skip(8, "Reserved")?;
            AvPairs::decode(field(message, &mut reader, "TargetInfo")?)?
        } else {
            AvPairs::new()
        };
        Ok(Self { flags, nonce, target_name: String::new(), target_info })
    }

    pub(in crate::auth) fn encode(&self) -> Vec<u8> {
        let mut name = encode_utf16(&self.target_name);
        name.truncate(MAX_NAME);
        let info = self.target_info.encode();
        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&2u32.to_le_bytes());
        // Both fit: the name was cut, and the pairs are names that were cut and a time.
        push_field(&mut message, name.len() as u16, Self::FIXED);
        message.extend_from_slice(&self.flags.0.to_le_bytes());
        message.extend_from_slice(&self.nonce);
        message.extend_from_slice(&[0; 8]);
        push_field(&mut message, info.len() as u16, Self::FIXED + name.len());
        message.extend_from_slice(&VERSION);
        message.extend_from_slice(&name);
        message.extend_from_slice(&info);
        message
    }
}

fn push_field(message: &mut Vec<u8>, length: u16, offset: usize) {
    message.extend_from_slice(&length.to_le_bytes());
    message.extend_from_slice(&length.to_le_bytes());
    message.extend_from_slice(&(offset as u32).to_le_bytes());
}

/// The third message, as received. The answer to LM's challenge and the workstation are not looked at.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::auth) struct Authenticate<'a> {
    pub(in crate::auth) flags: Flags,
    pub(in crate::auth) user: String,
    pub(in crate::auth) domain: String,
    pub(in crate::auth) nt_response: &'a [u8],
    pub(in crate::auth) encrypted_session_key: &'a [u8],
    /// The bytes where the integrity code is, if the message is that long. Whether they are one, only the
    /// client's pairs say.
    pub(in crate::auth) mic: Option<[u8; 16]>,
}

impl<'a> Authenticate<'a> {
    pub(in crate::auth) fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = start(message, 3, "NTLM AUTHENTICATE message")?;
        reader.skip(8, "LmChallengeResponse")?;
        let nt_response = field(message, &mut reader, "NtChallengeResponse")?;
        let domain = field(message, &mut reader, "DomainName")?;
        let user = field(message, &mut reader, "UserName")?;
        reader.skip(8, "Workstation")?;
        let encrypted_session_key = field(message, &mut reader, "EncryptedRandomSessionKey")?;
        let flags = Flags(reader.u32("NegotiateFlags")?);
        if !flags.contains(Flags::UNICODE) {
            return Err(reader.malformed("NegotiateFlags without Unicode"));
        }
        let name = |bytes: &[u8], field| {
            let short = (bytes.len() <= MAX_NAME).then_some(bytes);
            short.and_then(decode_utf16).ok_or(reader.malformed(field))
        };
        Ok(Self {
            flags,
            user: name(user, "UserName, longer than 256 units or no UTF-16")?,
            domain: name(domain, "DomainName, longer than 256 units or no UTF-16")?,
            nt_response,
            encrypted_session_key,
            mic: message.get(MIC_RANGE).and_then(|mic| mic.try_into().ok()),
        })
    }
}

/// The third message, to be sent.
pub(in crate::auth) struct AuthenticateFields<'a> {
    pub(in crate::auth) flags: Flags,
    pub(in crate::auth) user: &'a str,
    pub(in crate::auth) domain: &'a str,
    pub(in crate::auth) nt_response: &'a [u8],
    pub(in crate::auth) encrypted_session_key: &'a [u8],
}

impl AuthenticateFields<'_> {
    const FIXED: usize = MIC_RANGE.end;

    /// The message with zeros where the integrity code goes; `None` when one of the parts is longer than its
    /// length field can say.
    pub(in crate::auth) fn encode(&self) -> Option<Vec<u8>> {
        let domain = encode_utf16(self.domain);
        let user = encode_utf16(self.user);
        let parts: [&[u8]; 5] = [&domain, &user, &[0; 24], self.nt_response, self.encrypted_session_key];
        let mut fields = [(0u16, 0usize); 5];
        let mut offset = Self::FIXED;
        for (field, part) in fields.iter_mut().zip(parts) {
            *field = (u16::try_from(part.len()).ok()?, offset);
            offset += part.len();
        }
        let [domain, user, lm_response, nt_response, key] = fields;

        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&3u32.to_le_bytes());
        for (length, offset) in [lm_response, nt_response, domain, user, (0, Self::FIXED), key] {
            push_field(&mut message, length, offset);
        }
        message.extend_from_slice(&self.flags.0.to_le_bytes());
        message.extend_from_slice(&VERSION);
        message.extend_from_slice(&[0; MIC_RANGE.end - MIC_RANGE.start]);
        for part in parts {
            message.extend_from_slice(part);
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests;
