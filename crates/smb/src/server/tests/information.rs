//! What can be asked of an open pipe, and set.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use standpipe_security::{DescriptorParts, SecurityDescriptor};

use super::harness::{Peer, READ_WRITE, Reply, STORY_ACL, config, credentials};
use crate::crypto::SigningAlgorithm;
use crate::server::{Input, OpenId};
use crate::wire::info::{
    FileInfoClass, FilePipeInformation, InfoType, PipeCompletionMode, PipeReadMode, QueryInfoRequest,
    QueryInfoResponse, SetInfoRequest,
};
use crate::wire::{Command, FileId};
use crate::{Dialect, NtStatus};

const OWNER: u32 = 1;
const GROUP: u32 = 2;
const DACL: u32 = 4;

fn query(
    peer: &mut Peer,
    file_id: FileId,
    info_type: InfoType,
    class: FileInfoClass,
    additional: u32,
) -> Reply {
    let request = QueryInfoRequest { info_type, class, output_length: 4096, additional, file_id };
    peer.ask(Command::QUERY_INFO, |out| request.encode(out))
}

fn output(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.status(), NtStatus::SUCCESS);
    QueryInfoResponse::decode(&reply.message).unwrap().output.to_vec()
}

fn set(
    peer: &mut Peer,
    file_id: FileId,
    info_type: InfoType,
    class: FileInfoClass,
    input: &[u8],
) -> NtStatus {
    let request = SetInfoRequest { info_type, class, additional: DACL, file_id, input };
    peer.ask(Command::SET_INFO, |out| request.encode(out)).status()
}

fn modes(read_mode: u32, completion_mode: u32) -> Vec<u8> {
    let mut out = Vec::new();
    FilePipeInformation {
        read_mode: PipeReadMode(read_mode),
        completion_mode: PipeCompletionMode(completion_mode),
    }
    .encode(&mut out);
    out
}

#[test]
fn every_class_of_a_pipe_has_its_length_and_the_others_their_status() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let known = [
        (FileInfoClass::BASIC, 40),
        (FileInfoClass::STANDARD, 24),
        (FileInfoClass::INTERNAL, 8),
        (FileInfoClass::EA, 4),
        (FileInfoClass::ACCESS, 4),
        (FileInfoClass::POSITION, 8),
        (FileInfoClass::MODE, 4),
        (FileInfoClass::ALIGNMENT, 4),
        (FileInfoClass::ALL, 100),
        (FileInfoClass::PIPE, 8),
        (FileInfoClass::PIPE_LOCAL, 40),
        (FileInfoClass::PIPE_REMOTE, 12),
    ];
    for class in 0..=u8::MAX {
        let reply = query(&mut peer, file_id, InfoType::FILE, FileInfoClass(class), 0);
        match known.iter().find(|(known, _)| *known == FileInfoClass(class)) {
            Some((_, length)) => assert_eq!(output(&reply).len(), *length, "class {class:?}"),
            None if (1..=78).contains(&class) => {
                assert_eq!(reply.status(), NtStatus::NOT_SUPPORTED, "{class:?}");
            }
            None => assert_eq!(reply.status(), NtStatus::INVALID_INFO_CLASS, "class {class:?}"),
        }
    }
    // File systems and quotas are not a pipe's.
    for info_type in [2, 4] {
        assert_eq!(
            query(&mut peer, file_id, InfoType(info_type), FileInfoClass(1), 0).status(),
            NtStatus::NOT_SUPPORTED
        );
    }
}

#[test]
fn a_client_can_ask_what_a_pipe_is_and_holds() {
    let mut peer = Peer::connected();
    let (message, byte) = (peer.open("simple"), peer.open("stream"));
    peer.service_writes(message, b"five5");
    let field = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    for (file_id, kind, available) in [(message, 1, 5), (byte, 0, 0)] {
        let pipe = output(&query(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE, 0));
        assert_eq!((field(&pipe, 0), field(&pipe, 4)), (kind, 0), "read mode, and that reads wait");
        let local = output(&query(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE_LOCAL, 0));
        let fields: Vec<u32> = (0..10).map(|at| field(&local, 4 * at)).collect();
        assert_eq!(fields, [kind, 2, u32::MAX, 1, 4096, available, 4096, 4096, 3, 0]);
        let standard = output(&query(&mut peer, file_id, InfoType::FILE, FileInfoClass::STANDARD, 0));
        assert_eq!((field(&standard, 8), standard[16], standard[20], standard[21]), (available, 1, 1, 0));
    }
    peer.service_closes(message);
    let local = output(&query(&mut peer, message, InfoType::FILE, FileInfoClass::PIPE_LOCAL, 0));
    assert_eq!(field(&local, 32), 4, "closing");
    assert_eq!(set(&mut peer, byte, InfoType::FILE, FileInfoClass::PIPE, &modes(0, 1)), NtStatus::SUCCESS);
    let pipe = output(&query(&mut peer, byte, InfoType::FILE, FileInfoClass::PIPE, 0));
    assert_eq!((field(&pipe, 0), field(&pipe, 4)), (0, 1), "the modes that were set");
}

#[test]
fn a_descriptor_without_owner_and_group_has_those_of_a_service() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let part = |peer: &mut Peer, parts| {
        let class = FileInfoClass(0);
        let bytes = output(&query(peer, file_id, InfoType::SECURITY, class, parts));
        SecurityDescriptor::from_bytes(&bytes).unwrap().to_string()
    };
    assert_eq!(part(&mut peer, OWNER), "O:BA");
    assert_eq!(part(&mut peer, GROUP), "G:SY");
    assert!(part(&mut peer, OWNER | GROUP | DACL).starts_with("O:BAG:SYD:"));
    assert!(part(&mut peer, DACL).starts_with("D:"));

    let mut config = config();
    config.pipes[0].security_descriptor = format!("O:BUG:AU{STORY_ACL}").parse().ok();
    let mut peer = Peer::new(config);
    peer.negotiate(&[Dialect::Smb311], Some(SigningAlgorithm::AesGmac));
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    let file_id = peer.open("simple");
    let bytes = output(&query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0), OWNER | GROUP));
    assert_eq!(SecurityDescriptor::from_bytes(&bytes).unwrap().to_string(), "O:BUG:AU");
}

#[test]
fn attributes_go_to_users_who_may_read_them() {
    let mut peer = Peer::connected();
    let writer = peer.try_open("simple", 0x2).unwrap();
    for class in [
        FileInfoClass::BASIC,
        FileInfoClass::ALL,
        FileInfoClass::PIPE,
        FileInfoClass::PIPE_LOCAL,
        FileInfoClass::PIPE_REMOTE,
    ] {
        assert_eq!(
            query(&mut peer, writer, InfoType::FILE, class, 0).status(),
            NtStatus::ACCESS_DENIED,
            "{class:?}"
        );
    }
    // [MS-SMB2] 3.3.5.20.1 asks for no right here.
    for class in [
        FileInfoClass::STANDARD,
        FileInfoClass::INTERNAL,
        FileInfoClass::EA,
        FileInfoClass::ACCESS,
        FileInfoClass::POSITION,
    ] {
        assert_eq!(
            query(&mut peer, writer, InfoType::FILE, class, 0).status(),
            NtStatus::SUCCESS,
            "{class:?}"
        );
    }
    let access = output(&query(&mut peer, writer, InfoType::FILE, FileInfoClass::ACCESS, 0));
    assert_eq!(access, [2, 0, 0, 0], "what was granted, no more");
}

#[test]
fn each_part_of_the_descriptor_goes_to_users_who_may_read_it() {
    let mut with_owner = config();
    let descriptor: SecurityDescriptor = ["O:BAG:SY", STORY_ACL].concat().parse().unwrap();
    with_owner.pipes[0].security_descriptor = Some(descriptor.clone());
    let mut peer = Peer::new(with_owner);
    peer.negotiate(&[Dialect::Smb311], Some(SigningAlgorithm::AesGmac));
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    let file_id = peer.open("simple");
    for parts in [OWNER, GROUP, DACL, OWNER | GROUP | DACL] {
        let bytes = output(&query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0), parts));
        assert_eq!(
            SecurityDescriptor::from_bytes(&bytes).unwrap(),
            descriptor.select(DescriptorParts(parts)),
            "{parts}"
        );
    }
    let writer = peer.try_open("simple", 0x2).unwrap();
    assert_eq!(
        query(&mut peer, writer, InfoType::SECURITY, FileInfoClass(0), DACL).status(),
        NtStatus::ACCESS_DENIED
    );
}

#[test]
fn before_3_1_1_the_size_of_a_descriptor_stands_bare() {
    let mut peer = Peer::connected_with(Dialect::Smb302, None);
    let file_id = peer.open("simple");
    let request = QueryInfoRequest {
        info_type: InfoType::SECURITY,
        class: FileInfoClass(0),
        output_length: 8,
        additional: DACL,
        file_id,
    };
    let reply = peer.ask(Command::QUERY_INFO, |out| request.encode(out));
    assert_eq!(reply.status(), NtStatus::BUFFER_TOO_SMALL);
    assert_eq!((reply.message[64 + 4], reply.message.len()), (4, 64 + 8 + 4));
    let needed = u32::from_le_bytes(reply.message[72..76].try_into().unwrap());
    assert_eq!(
        output(&query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0), DACL)).len(),
        needed as usize
    );
}

#[test]
fn users_who_may_write_attributes_set_the_modes() {
    let mut peer = Peer::connected();
    // GENERIC_READ, as of a client that only reads: no FILE_WRITE_ATTRIBUTES.
    let reader = peer.try_open("simple", 0x8000_0000).unwrap();
    assert_eq!(
        set(&mut peer, reader, InfoType::FILE, FileInfoClass::PIPE, &modes(1, 0)),
        NtStatus::ACCESS_DENIED
    );
    let allowed = peer.try_open("simple", 0x8000_0000 | 0x100).unwrap();
    assert_eq!(set(&mut peer, allowed, InfoType::FILE, FileInfoClass::PIPE, &modes(1, 0)), NtStatus::SUCCESS);
}

#[test]
fn a_set_that_fails_has_the_status_of_its_reason() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    for (info_type, class, input, expected) in [
        (InfoType::FILE, FileInfoClass::PIPE, &modes(1, 0)[..7], NtStatus::INFO_LENGTH_MISMATCH),
        (InfoType::FILE, FileInfoClass::PIPE, &[], NtStatus::INVALID_PARAMETER),
        (InfoType::FILE, FileInfoClass::PIPE, &modes(2, 0)[..], NtStatus::INVALID_PARAMETER),
        (InfoType::FILE, FileInfoClass::PIPE, &modes(1, 2)[..], NtStatus::INVALID_PARAMETER),
        (InfoType::FILE, FileInfoClass::BASIC, &[0; 40], NtStatus::NOT_SUPPORTED),
        (InfoType::FILE, FileInfoClass(200), &[0; 8], NtStatus::INVALID_INFO_CLASS),
        (InfoType::SECURITY, FileInfoClass(0), &[0; 20], NtStatus::ACCESS_DENIED),
        (InfoType(2), FileInfoClass(1), &[0; 8], NtStatus::NOT_SUPPORTED),
    ] {
        assert_eq!(
            set(&mut peer, file_id, info_type, class, input),
            expected,
            "{info_type:?} {class:?} {input:?}"
        );
    }
    // What failed has changed nothing.
    peer.service_writes(file_id, b"one");
    peer.service_writes(file_id, b"two");
    let id = peer.send_read(file_id, 100);
    assert_eq!(super::harness::data(&peer.reply_to(id).unwrap()), b"one");
}

#[test]
fn waiting_is_not_turned_off_while_a_request_waits() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    assert_eq!(
        set(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE, &modes(1, 1)),
        NtStatus::PIPE_BUSY
    );
    assert_eq!(set(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE, &modes(0, 0)), NtStatus::SUCCESS);
    peer.service_writes(file_id, b"x");
    assert!(peer.reply_to(read).is_some());
    assert_eq!(set(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE, &modes(1, 1)), NtStatus::SUCCESS);
}

#[test]
fn a_pipe_whose_service_has_gone_can_still_be_asked_about() {
    let mut peer = Peer::connected();
    let file_id = peer.try_open("simple", READ_WRITE).unwrap();
    peer.handle(Input::Disconnected { open: OpenId(file_id.volatile) });
    assert_eq!(output(&query(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE_LOCAL, 0)).len(), 40);
}
