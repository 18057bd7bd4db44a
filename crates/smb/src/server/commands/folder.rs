//! The root of `IPC$`: opening it, and what can be asked of it but its entries.

use alloc::vec::Vec;

use standpipe_security::AccessMask;

use super::query_info::LAST_CLASS;
use crate::NtStatus;
use crate::server::request::Request;
use crate::server::state::{Folder, OpenPlace};
use crate::wire::info::{FileInfoClass, FileSystemClass, InfoType, QueryInfoRequest};
use crate::wire::{CreateOptions, CreateRequest, FileId};

/// What every user who has logged on may do with the root: list it and look at it.
const RIGHTS: AccessMask = AccessMask(
    AccessMask::FILE_READ_DATA.0
        | AccessMask::FILE_READ_EA.0
        | AccessMask::FILE_EXECUTE.0
        | AccessMask::FILE_READ_ATTRIBUTES.0
        | AccessMask::READ_CONTROL.0
        | AccessMask::SYNCHRONIZE.0,
);
/// FILE_ATTRIBUTE_DIRECTORY.
pub(crate) const ATTRIBUTE_DIRECTORY: u32 = 0x10;

/// Whether a CREATE names the root.
pub(crate) fn is_named_by(asked: &CreateRequest) -> bool {
    asked.name.is_empty()
}

/// What an open of the root is granted.
pub(crate) fn granted(asked: &CreateRequest) -> Result<AccessMask, NtStatus> {
    if asked.options.intersects(CreateOptions::NON_DIRECTORY_FILE) {
        return Err(NtStatus::FILE_IS_A_DIRECTORY);
    }
    let wanted = asked.desired_access.0;
    let mut granted = wanted
        .without(AccessMask::GENERIC_READ)
        .without(AccessMask::GENERIC_EXECUTE)
        .without(AccessMask::MAXIMUM_ALLOWED);
    if granted != wanted {
        granted = AccessMask(granted.0 | RIGHTS.0);
    }
    if granted.is_empty() || !RIGHTS.contains(granted) {
        return Err(NtStatus::ACCESS_DENIED);
    }
    Ok(granted)
}

/// An open of the root.
pub(crate) fn opened(request: &Request<'_>, file_id: FileId, access: AccessMask, place: OpenPlace) -> Folder {
    Folder {
        file_id,
        session_id: request.session_id,
        tree_id: request.tree_id,
        access,
        pattern: None,
        next: 0,
        has_given: false,
        _place: place,
    }
}

/// What a QUERY_INFO about the root is answered with.
pub(crate) fn information(folder: &Folder, asked: &QueryInfoRequest) -> Result<Vec<u8>, NtStatus> {
    match asked.info_type {
        InfoType::FILE => file_information(folder, asked.class),
        InfoType::FILE_SYSTEM => file_system_information(FileSystemClass(asked.class.0)),
        // It has no descriptor that the deployment could have meant.
        InfoType::SECURITY => Err(NtStatus::ACCESS_DENIED),
        _ => Err(NtStatus::NOT_SUPPORTED),
    }
}

fn file_information(folder: &Folder, class: FileInfoClass) -> Result<Vec<u8>, NtStatus> {
    let mut out = Vec::new();
    let number = folder.file_id.persistent.to_le_bytes();
    let basic = |out: &mut Vec<u8>| {
        out.extend_from_slice(&[0; 32]);
        out.extend_from_slice(&ATTRIBUTE_DIRECTORY.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
    };
    let standard = |out: &mut Vec<u8>| {
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&[1, 0, 0, 0, 0, 1, 0, 0]); // one link, no delete pending, a directory
    };
    match class {
        FileInfoClass::BASIC | FileInfoClass::ALL
            if !folder.access.contains(AccessMask::FILE_READ_ATTRIBUTES) =>
        {
            return Err(NtStatus::ACCESS_DENIED);
        }
        FileInfoClass::BASIC => basic(&mut out),
        FileInfoClass::STANDARD => standard(&mut out),
        FileInfoClass::INTERNAL => out.extend_from_slice(&number),
        FileInfoClass::EA | FileInfoClass::MODE | FileInfoClass::ALIGNMENT => out.extend_from_slice(&[0; 4]),
        FileInfoClass::ACCESS => out.extend_from_slice(&folder.access.0.to_le_bytes()),
        FileInfoClass::POSITION => out.extend_from_slice(&[0; 8]),
        FileInfoClass::ALL => {
            basic(&mut out);
            standard(&mut out);
            out.extend_from_slice(&number);
            out.extend_from_slice(&[0; 4]); // extended attributes
            out.extend_from_slice(&folder.access.0.to_le_bytes());
            out.extend_from_slice(&[0; 20]); // position, mode, alignment, an empty name
        }
        FileInfoClass(1..=LAST_CLASS) => return Err(NtStatus::NOT_SUPPORTED),
        _ => return Err(NtStatus::INVALID_INFO_CLASS),
    }
    Ok(out)
}

/// A file system without room that is called NPFS, as the one of Windows is ([MS-FSCC] 2.5).
fn file_system_information(class: FileSystemClass) -> Result<Vec<u8>, NtStatus> {
    const NAMED_PIPE_DEVICE: u32 = 0x11;
    const LONGEST_NAME: u32 = 255;
    const SECTOR: u32 = 512;
    let mut out = Vec::new();
    match class {
        FileSystemClass::SIZE | FileSystemClass::FULL_SIZE => {
            out.resize(if class == FileSystemClass::SIZE { 16 } else { 24 }, 0);
            out.extend_from_slice(&1_u32.to_le_bytes());
            out.extend_from_slice(&SECTOR.to_le_bytes());
        }
        FileSystemClass::DEVICE => {
            out.extend_from_slice(&NAMED_PIPE_DEVICE.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
        FileSystemClass::ATTRIBUTE => {
            out.extend_from_slice(&0_u32.to_le_bytes());
            out.extend_from_slice(&LONGEST_NAME.to_le_bytes());
            let name = crate::wire::encode_utf16("NPFS");
            out.extend_from_slice(&(name.len() as u32).to_le_bytes());
            out.extend_from_slice(&name);
        }
        _ => return Err(NtStatus::NOT_SUPPORTED),
    }
    Ok(out)
}
