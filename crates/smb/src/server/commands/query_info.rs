//! QUERY_INFO, [MS-SMB2] 3.3.5.20: what clients can ask of a pipe.

use alloc::vec::Vec;

use standpipe_security::{AccessMask, DescriptorParts, SecurityDescriptor, well_known};

use super::folder;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{ConnectedOpen, Folders, Negotiated, Opens, PipeEnd};
use crate::server::{Config, PipeMode};
use crate::wire::encode_buffer_too_small;
use crate::wire::info::{
    FileInfoClass, FilePipeInformation, InfoType, PipeCompletionMode, PipeReadMode, PipeState,
    QueryInfoRequest, QueryInfoResponse,
};
use crate::{Dialect, NtStatus};

/// The size of a pipe's buffers that clients learn, in bytes.
const QUOTA: u32 = 4096;
/// The highest FileInformationClass of [MS-FSCC] 2.4.
pub(super) const LAST_CLASS: u8 = 78;

/// Answers what is asked of an open.
pub(crate) fn handle(
    request: &Request<'_>,
    config: &Config,
    negotiated: &Negotiated,
    opens: &Opens,
    folders: &mut Folders,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let asked = QueryInfoRequest::decode(request.message)?;
    if let Some(folder) = folders.find_mut(request, asked.file_id)? {
        negotiated.check_size(request, asked.output_length as usize)?;
        let output = folder::information(folder, &asked)?;
        if (asked.output_length as usize) < output.len() {
            return Err(NtStatus::INFO_LENGTH_MISMATCH.into());
        }
        QueryInfoResponse { output: &output }.encode(reply.body());
        return Ok(Done::RepliedOn(folder.file_id, NtStatus::SUCCESS));
    }
    let open = opens.find(request, asked.file_id)?;
    let (file_id, room) = (open.granted.file_id, asked.output_length as usize);
    negotiated.check_size(request, room)?;
    let output = match asked.info_type {
        InfoType::FILE => {
            let output = file_information(&open, asked.class, config, opens)?;
            if room < output.len() {
                return Err(NtStatus::INFO_LENGTH_MISMATCH.into());
            }
            output
        }
        InfoType::SECURITY => {
            let output = security_information(&open, config, asked.additional)?;
            if room < output.len() {
                // [MS-SMB2] 3.3.5.20.3: the client learns how large its buffer must be.
                let in_context = negotiated.dialect == Dialect::Smb311;
                encode_buffer_too_small(reply.body(), output.len() as u32, in_context);
                return Ok(Done::RepliedOn(file_id, NtStatus::BUFFER_TOO_SMALL));
            }
            output
        }
        _ => return Err(NtStatus::NOT_SUPPORTED.into()),
    };
    QueryInfoResponse { output: &output }.encode(reply.body());
    Ok(Done::RepliedOn(file_id, NtStatus::SUCCESS))
}

fn file_information(
    open: &ConnectedOpen<'_, &PipeEnd>,
    class: FileInfoClass,
    config: &Config,
    opens: &Opens,
) -> Result<Vec<u8>, NtStatus> {
    if matches!(
        class,
        FileInfoClass::BASIC
            | FileInfoClass::ALL
            | FileInfoClass::PIPE
            | FileInfoClass::PIPE_LOCAL
            | FileInfoClass::PIPE_REMOTE
    ) {
        open.check_granted(AccessMask::FILE_READ_ATTRIBUTES)?;
    }
    let (granted, end) = (open.granted, open.end);
    let available = end.available() as u64;
    let mut out = Vec::new();
    match class {
        FileInfoClass::BASIC => basic_information(&mut out),
        FileInfoClass::STANDARD => standard_information(&mut out, available),
        FileInfoClass::INTERNAL => out.extend_from_slice(&granted.file_id.persistent.to_le_bytes()),
        FileInfoClass::EA | FileInfoClass::MODE | FileInfoClass::ALIGNMENT => out.extend_from_slice(&[0; 4]),
        FileInfoClass::ACCESS => out.extend_from_slice(&granted.access.mask().0.to_le_bytes()),
        FileInfoClass::POSITION => out.extend_from_slice(&available.to_le_bytes()),
        FileInfoClass::ALL => {
            basic_information(&mut out);
            standard_information(&mut out, available);
            out.extend_from_slice(&granted.file_id.persistent.to_le_bytes());
            out.extend_from_slice(&[0; 4]); // extended attributes
            out.extend_from_slice(&granted.access.mask().0.to_le_bytes());
            out.extend_from_slice(&available.to_le_bytes());
            out.extend_from_slice(&[0; 12]); // mode, alignment, an empty name
        }
        FileInfoClass::PIPE => FilePipeInformation {
            read_mode: PipeReadMode(u32::from(end.read_mode() == PipeMode::Message)),
            completion_mode: PipeCompletionMode(u32::from(end.is_nonblocking())),
        }
        .encode(&mut out),
        FileInfoClass::PIPE_LOCAL => {
            let max = config.pipes.get(granted.pipe.0).and_then(|pipe| pipe.max_instances);
            pipe_local_information(&mut out, end, max, opens.of_pipe(granted.pipe));
        }
        FileInfoClass::PIPE_REMOTE => out.extend_from_slice(&[0; 12]),
        FileInfoClass(1..=LAST_CLASS) => return Err(NtStatus::NOT_SUPPORTED),
        _ => return Err(NtStatus::INVALID_INFO_CLASS),
    }
    Ok(out)
}

/// FileBasicInformation, [MS-FSCC] 2.4.7.
fn basic_information(out: &mut Vec<u8>) {
    const ATTRIBUTE_NORMAL: u32 = 0x80;
    out.extend_from_slice(&[0; 32]);
    out.extend_from_slice(&ATTRIBUTE_NORMAL.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
}

/// FileStandardInformation, [MS-FSCC] 2.4.47.
fn standard_information(out: &mut Vec<u8>, available: u64) {
    out.extend_from_slice(&u64::from(2 * QUOTA).to_le_bytes());
    out.extend_from_slice(&available.to_le_bytes());
    out.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0]); // one link, delete pending, no directory
}

/// FilePipeLocalInformation, [MS-FSCC] 2.4.37.
fn pipe_local_information(out: &mut Vec<u8>, end: &PipeEnd, max_instances: Option<u32>, instances: usize) {
    const DUPLEX: u32 = 2;
    const CLIENT_END: u32 = 0;
    for field in [
        u32::from(end.mode() == PipeMode::Message),
        DUPLEX,
        max_instances.unwrap_or(u32::MAX),
        instances as u32,
        QUOTA,
        end.available() as u32,
        QUOTA,
        QUOTA,
        if end.is_connected() { PipeState::CONNECTED.0 } else { PipeState::CLOSING.0 },
        CLIENT_END,
    ] {
        out.extend_from_slice(&field.to_le_bytes());
    }
}

/// The parts of the pipe's security descriptor that were asked for, [MS-DTYP] 2.4.7.
fn security_information(
    open: &ConnectedOpen<'_, &PipeEnd>,
    config: &Config,
    wanted: u32,
) -> Result<Vec<u8>, NtStatus> {
    const SACL: u32 = 0x8;
    if wanted & SACL != 0 {
        // Reading the SACL takes ACCESS_SYSTEM_SECURITY, which nobody is granted.
        return Err(NtStatus::ACCESS_DENIED);
    }
    open.check_granted(AccessMask::READ_CONTROL)?;
    // What the service has put on the pipe is what a client of this machine would read.
    let configured = config.pipes.get(open.granted.pipe.0).and_then(|pipe| pipe.security_descriptor.as_ref());
    let descriptor = open.end.descriptor().or(configured).ok_or(NtStatus::ACCESS_DENIED)?;
    with_owner_and_group(descriptor.select(DescriptorParts(wanted)), wanted)
        .to_bytes()
        .map_err(|_| NtStatus::INTERNAL_ERROR)
}

/// Windows has no pipe without an owner and a group: where its maker names none, they are those of the
/// process that makes it. Here they are those of a service that runs as LocalSystem. They are shown, and
/// grant nothing.
fn with_owner_and_group(mut descriptor: SecurityDescriptor, wanted: u32) -> SecurityDescriptor {
    const OWNER: u32 = 0x1;
    const GROUP: u32 = 0x2;
    if wanted & OWNER != 0 && descriptor.owner().is_none() {
        descriptor = descriptor.with_owner(well_known::BUILTIN_ADMINISTRATORS);
    }
    if wanted & GROUP != 0 && descriptor.group().is_none() {
        descriptor = descriptor.with_group(well_known::LOCAL_SYSTEM);
    }
    descriptor
}
