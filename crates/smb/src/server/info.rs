//! QUERY_INFO and SET_INFO, [MS-SMB2] 3.3.5.20 and 3.3.5.21: what can be asked of a pipe, and its read mode.

use alloc::vec::Vec;

use standpipe_security::{AccessMask, DescriptorParts};

use super::dispatch::{Handled, Request};
use super::{Connection, OpenId, PipeMode};
use crate::NtStatus;
use crate::wire::encode_buffer_too_small;
use crate::wire::info::{
    CLASS_ACCESS, CLASS_ALIGNMENT, CLASS_ALL, CLASS_BASIC, CLASS_EA, CLASS_INTERNAL, CLASS_MODE, CLASS_PIPE,
    CLASS_PIPE_LOCAL, CLASS_PIPE_REMOTE, CLASS_POSITION, CLASS_STANDARD, FilePipeInformation, INFO_FILE,
    INFO_SECURITY, QueryInfoRequest, QueryInfoResponse, STATE_CLOSING, STATE_CONNECTED, SetInfoRequest,
    encode_set_info_response,
};

/// What clients are told of a pipe's buffers, in bytes.
const QUOTA: u32 = 4096;
/// The highest FileInformationClass of [MS-FSCC] 2.4.
const LAST_CLASS: u8 = 78;

impl Connection {
    pub(super) fn query_info(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = QueryInfoRequest::decode(request.message)?;
        let open = self.find_open(request, asked.file_id)?;
        self.check_size(request, asked.output_length as usize)?;
        let output = match asked.info_type {
            INFO_FILE => {
                let output = self.file_information(open, asked.class)?;
                if (asked.output_length as usize) < output.len() {
                    return Err(NtStatus::INFO_LENGTH_MISMATCH.into());
                }
                output
            }
            INFO_SECURITY => {
                let output = self.security_information(open, asked.additional)?;
                if (asked.output_length as usize) < output.len() {
                    // [MS-SMB2] 3.3.5.20.3: the client learns how large its buffer must be.
                    let in_context = self
                        .negotiated()
                        .is_some_and(|negotiated| negotiated.dialect == crate::Dialect::Smb311);
                    encode_buffer_too_small(self.frames.clear_body(), output.len() as u32, in_context);
                    return Ok(self.done_with(open, NtStatus::BUFFER_TOO_SMALL));
                }
                output
            }
            _ => return Err(NtStatus::NOT_SUPPORTED.into()),
        };
        QueryInfoResponse { output: &output }.encode(self.frames.clear_body());
        Ok(self.done_with(open, NtStatus::SUCCESS))
    }

    fn file_information(&self, open: OpenId, class: u8) -> Result<Vec<u8>, NtStatus> {
        let Some(entry) = self.opens.get(&open) else {
            return Err(NtStatus::FILE_CLOSED);
        };
        let Some(end) = entry.end() else {
            return Err(NtStatus::FILE_CLOSED);
        };
        if matches!(class, CLASS_BASIC | CLASS_ALL | CLASS_PIPE | CLASS_PIPE_LOCAL | CLASS_PIPE_REMOTE) {
            self.check_granted(open, AccessMask::FILE_READ_ATTRIBUTES)?;
        }
        let available = end.available() as u64;
        let mut out = Vec::new();
        let basic = |out: &mut Vec<u8>| {
            const ATTRIBUTE_NORMAL: u32 = 0x80;
            out.extend_from_slice(&[0; 32]);
            out.extend_from_slice(&ATTRIBUTE_NORMAL.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        };
        let standard = |out: &mut Vec<u8>| {
            out.extend_from_slice(&u64::from(2 * QUOTA).to_le_bytes());
            out.extend_from_slice(&available.to_le_bytes());
            out.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0]); // one link, delete pending, no directory
        };
        match class {
            CLASS_BASIC => basic(&mut out),
            CLASS_STANDARD => standard(&mut out),
            CLASS_INTERNAL => out.extend_from_slice(&entry.file_id.persistent.to_le_bytes()),
            CLASS_EA | CLASS_MODE | CLASS_ALIGNMENT => out.extend_from_slice(&[0; 4]),
            CLASS_ACCESS => out.extend_from_slice(&entry.access.mask().0.to_le_bytes()),
            CLASS_POSITION => out.extend_from_slice(&available.to_le_bytes()),
            CLASS_ALL => {
                basic(&mut out);
                standard(&mut out);
                out.extend_from_slice(&entry.file_id.persistent.to_le_bytes());
                out.extend_from_slice(&[0; 4]); // extended attributes
                out.extend_from_slice(&entry.access.mask().0.to_le_bytes());
                out.extend_from_slice(&available.to_le_bytes());
                out.extend_from_slice(&[0; 12]); // mode, alignment, an empty name
            }
            CLASS_PIPE => FilePipeInformation {
                read_mode: u32::from(end.read_mode == PipeMode::Message),
                completion_mode: u32::from(end.nonblocking),
            }
            .encode(&mut out),
            CLASS_PIPE_LOCAL => {
                const DUPLEX: u32 = 2;
                const CLIENT_END: u32 = 0;
                let max = self.config.pipes.get(entry.pipe.0).and_then(|pipe| pipe.max_instances);
                let mine = self.opens.values().filter(|other| other.pipe == entry.pipe).count() as u32;
                for field in [
                    u32::from(end.mode() == PipeMode::Message),
                    DUPLEX,
                    max.unwrap_or(u32::MAX),
                    mine,
                    QUOTA,
                    available as u32,
                    QUOTA,
                    QUOTA,
                    if end.is_connected() { STATE_CONNECTED } else { STATE_CLOSING },
                    CLIENT_END,
                ] {
                    out.extend_from_slice(&field.to_le_bytes());
                }
            }
            CLASS_PIPE_REMOTE => out.extend_from_slice(&[0; 12]),
            1..=LAST_CLASS => return Err(NtStatus::NOT_SUPPORTED),
            _ => return Err(NtStatus::INVALID_INFO_CLASS),
        }
        Ok(out)
    }

    /// The parts of the pipe's security descriptor that were asked for, [MS-DTYP] 2.4.7.
    fn security_information(&self, open: OpenId, wanted: u32) -> Result<Vec<u8>, NtStatus> {
        const SACL: u32 = 0x8;
        let Some(entry) = self.opens.get(&open) else {
            return Err(NtStatus::FILE_CLOSED);
        };
        if wanted & SACL != 0 {
            // Reading the SACL takes ACCESS_SYSTEM_SECURITY, which nobody is granted.
            return Err(NtStatus::ACCESS_DENIED);
        }
        self.check_granted(open, AccessMask::READ_CONTROL)?;
        let pipe = self.config.pipes.get(entry.pipe.0).ok_or(NtStatus::FILE_CLOSED)?;
        pipe.security_descriptor
            .select(DescriptorParts(wanted))
            .to_bytes()
            .map_err(|_| NtStatus::INTERNAL_ERROR)
    }

    pub(super) fn set_info(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = SetInfoRequest::decode(request.message)?;
        let open = self.find_open(request, asked.file_id)?;
        if asked.input.is_empty() {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.check_size(request, asked.input.len())?;
        match (asked.info_type, asked.class) {
            (INFO_FILE, CLASS_PIPE) => {}
            // The descriptor is what the deployment says; no client changes it.
            (INFO_SECURITY, _) => return Err(NtStatus::ACCESS_DENIED.into()),
            (INFO_FILE, class) if !(1..=LAST_CLASS).contains(&class) => {
                return Err(NtStatus::INVALID_INFO_CLASS.into());
            }
            _ => return Err(NtStatus::NOT_SUPPORTED.into()),
        }
        self.check_granted(open, AccessMask::FILE_WRITE_ATTRIBUTES)?;
        let wanted = FilePipeInformation::decode(asked.input).map_err(|_| NtStatus::INFO_LENGTH_MISMATCH)?;
        let Some(end) = self.end_of(open) else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        let read_mode = match wanted.read_mode {
            0 => PipeMode::Byte,
            1 if end.mode() == PipeMode::Message => PipeMode::Message,
            _ => return Err(NtStatus::INVALID_PARAMETER.into()),
        };
        let nonblocking = match wanted.completion_mode {
            0 => false,
            1 if end.readers.is_empty() && end.writers.is_empty() => true,
            1 => return Err(NtStatus::PIPE_BUSY.into()),
            _ => return Err(NtStatus::INVALID_PARAMETER.into()),
        };
        end.read_mode = read_mode;
        end.nonblocking = nonblocking;
        encode_set_info_response(self.frames.clear_body());
        Ok(self.done_with(open, NtStatus::SUCCESS))
    }
}
