//! The root of `IPC$`, and the pipes that it lists.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::harness::{Peer, Reply, STORY_ACL, config};
use crate::NtStatus;
use crate::server::{Config, Pipe};
use crate::wire::directory::{DirectoryClass, DirectoryFlags, QueryDirectoryRequest};
use crate::wire::info::{FileInfoClass, InfoType, QueryInfoRequest, QueryInfoResponse};
use crate::wire::{CloseRequest, Command, CreateOptions, CreateResponse, Empty, FileId, Flags, Opened};

/// What Samba's client asks for: SYNCHRONIZE and FILE_LIST_DIRECTORY.
const LIST: u32 = 0x0010_0001;
const EVERY_CLASS: [DirectoryClass; 6] = [
    DirectoryClass::DIRECTORY,
    DirectoryClass::FULL,
    DirectoryClass::BOTH,
    DirectoryClass::NAMES,
    DirectoryClass::ID_BOTH,
    DirectoryClass::ID_FULL,
];

/// A server with these pipes: names and descriptors.
fn offering(pipes: &[(&str, &str)]) -> Config {
    let mut config = config();
    config.pipes = pipes
        .iter()
        .map(|(name, sddl)| Pipe {
            name: name.to_string(),
            security_descriptor: Some(sddl.parse().unwrap()),
            max_instances: None,
            require_encryption: false,
        })
        .collect();
    config
}

fn connected(config: Config) -> Peer {
    Peer::connected_as("serviceUser", config)
}

fn three() -> Peer {
    connected(offering(&[("simple", STORY_ACL), (r"sql\query", STORY_ACL), ("Simon", STORY_ACL)]))
}

fn asking(file_id: FileId) -> QueryDirectoryRequest {
    QueryDirectoryRequest {
        class: DirectoryClass::BOTH,
        flags: DirectoryFlags::NONE,
        index: 0,
        file_id,
        pattern: "*".to_string(),
        output_length: 65_536,
    }
}

fn ask(peer: &mut Peer, request: &QueryDirectoryRequest) -> Reply {
    peer.ask(Command::QUERY_DIRECTORY, |out| request.encode(out))
}

/// The names in a reply, or its status.
fn names(class: DirectoryClass, reply: &Reply) -> Result<Vec<String>, NtStatus> {
    if reply.status() != NtStatus::SUCCESS {
        return Err(reply.status());
    }
    let mut rest = QueryInfoResponse::decode(&reply.message).unwrap().output;
    let fixed = class.length_without_name().unwrap();
    let mut names = Vec::new();
    loop {
        let field = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let length = field(if class == DirectoryClass::NAMES { 8 } else { 60 });
        names.push(crate::wire::decode_utf16(&rest[fixed..fixed + length]).unwrap());
        let next = field(0);
        if next == 0 {
            assert_eq!(rest.len(), fixed + length, "nothing after the last");
            return Ok(names);
        }
        assert_eq!(next % 8, 0);
        rest = &rest[next..];
    }
}

fn listed(peer: &mut Peer, request: &QueryDirectoryRequest) -> Result<Vec<String>, NtStatus> {
    let reply = ask(peer, request);
    names(request.class, &reply)
}

fn root(peer: &mut Peer) -> FileId {
    peer.try_open("", LIST).unwrap()
}

#[test]
fn the_root_lists_the_pipes_in_every_class() {
    for class in EVERY_CLASS {
        let mut peer = three();
        let file_id = root(&mut peer);
        let request = QueryDirectoryRequest { class, ..asking(file_id) };
        assert_eq!(listed(&mut peer, &request).unwrap(), ["simple", r"sql\query", "Simon"], "{class:?}");
        assert_eq!(listed(&mut peer, &request), Err(NtStatus::NO_MORE_FILES), "{class:?}");
        assert_eq!(
            peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out)).status(),
            NtStatus::SUCCESS
        );
        assert_eq!(listed(&mut peer, &request), Err(NtStatus::FILE_CLOSED), "{class:?}");
        assert!(peer.asked.is_empty(), "no service is asked");
    }
    let mut peer = three();
    let request = QueryDirectoryRequest { class: DirectoryClass(4), ..asking(root(&mut peer)) };
    assert_eq!(listed(&mut peer, &request), Err(NtStatus::INVALID_INFO_CLASS));
}

#[test]
fn only_pipes_that_the_caller_may_open_are_named() {
    let mut offered = offering(&[
        ("everyones", "D:(A;;GRGW;;;AU)"),
        ("administrators", "D:(A;;GA;;;BA)"),
        ("looked at only", "D:(A;;0x20080;;;AU)"),
        ("written only", "D:(A;;GW;;;AU)"),
        ("denied", "D:(D;;GA;;;BU)(A;;GA;;;AU)"),
        ("encrypted", "D:(A;;GRGW;;;AU)"),
    ]);
    offered.pipes[5].require_encryption = true;
    let mut peer = connected(offered);
    let request = asking(root(&mut peer));
    assert_eq!(listed(&mut peer, &request).unwrap(), ["everyones", "written only"]);
    // A pipe that cannot be opened cannot be asked for by name either.
    for pattern in ["administrators", "looked*", "encrypted"] {
        let request = QueryDirectoryRequest {
            pattern: pattern.to_string(),
            flags: DirectoryFlags::REOPEN,
            ..request.clone()
        };
        assert_eq!(listed(&mut peer, &request), Err(NtStatus::NO_SUCH_FILE), "{pattern}");
    }
}

#[test]
fn a_pattern_chooses_without_regard_to_case() {
    let mut peer = three();
    for (pattern, expected) in [
        ("SIM*", &["simple", "Simon"][..]),
        (r"sql\*", &[r"sql\query"]),
        ("s?mon", &["Simon"]),
        ("simple", &["simple"]),
    ] {
        let request = QueryDirectoryRequest { pattern: pattern.to_string(), ..asking(root(&mut peer)) };
        assert_eq!(listed(&mut peer, &request).unwrap(), expected, "{pattern}");
    }
    let request = QueryDirectoryRequest { pattern: "nothing".to_string(), ..asking(root(&mut peer)) };
    assert_eq!(listed(&mut peer, &request), Err(NtStatus::NO_SUCH_FILE));
    let request = QueryDirectoryRequest { pattern: "a".repeat(257), ..request };
    assert_eq!(listed(&mut peer, &request), Err(NtStatus::OBJECT_NAME_INVALID));
}

#[test]
fn a_listing_goes_on_begins_anew_and_jumps() {
    let mut peer = three();
    let file_id = root(&mut peer);
    let single = QueryDirectoryRequest {
        flags: DirectoryFlags::RETURN_SINGLE_ENTRY,
        pattern: "s*".to_string(),
        ..asking(file_id)
    };
    assert_eq!(listed(&mut peer, &single).unwrap(), ["simple"]);
    // Without a pattern, that of the request before goes on.
    let next = QueryDirectoryRequest { pattern: String::new(), ..single.clone() };
    assert_eq!(listed(&mut peer, &next).unwrap(), [r"sql\query"]);
    let rest = QueryDirectoryRequest { flags: DirectoryFlags::NONE, ..next.clone() };
    assert_eq!(listed(&mut peer, &rest).unwrap(), ["Simon"]);
    assert_eq!(listed(&mut peer, &rest), Err(NtStatus::NO_MORE_FILES));
    let again = QueryDirectoryRequest { flags: DirectoryFlags::RESTART_SCANS, ..rest.clone() };
    assert_eq!(listed(&mut peer, &again).unwrap().len(), 3);
    let at = QueryDirectoryRequest { flags: DirectoryFlags::INDEX_SPECIFIED, index: 2, ..rest.clone() };
    assert_eq!(listed(&mut peer, &at).unwrap(), ["Simon"]);
    let far = QueryDirectoryRequest { index: u32::MAX, ..at };
    assert_eq!(listed(&mut peer, &far), Err(NtStatus::NO_MORE_FILES));
    let reopened = QueryDirectoryRequest { flags: DirectoryFlags::REOPEN, ..rest };
    assert_eq!(listed(&mut peer, &reopened).unwrap().len(), 3);
}

#[test]
fn no_reply_is_longer_than_the_client_takes() {
    let mut peer = three();
    let file_id = root(&mut peer);
    // 94 bytes and the name: 106, 112 with padding.
    let fits = |output_length| QueryDirectoryRequest { output_length, ..asking(file_id) };
    for short in [0, 1, 93, 105] {
        assert_eq!(listed(&mut peer, &fits(short)), Err(NtStatus::INFO_LENGTH_MISMATCH), "{short}");
    }
    assert_eq!(listed(&mut peer, &fits(106)).unwrap(), ["simple"]);
    assert_eq!(listed(&mut peer, &fits(112 + 120)).unwrap(), [r"sql\query", "Simon"]);
    // One credit pays for 64 KiB.
    assert_eq!(listed(&mut peer, &fits(65_537)), Err(NtStatus::INVALID_PARAMETER));
}

#[test]
fn the_root_is_a_folder_and_is_opened_to_be_looked_at() {
    let mut peer = three();
    let mut request = Peer::create_request("", LIST);
    let reply = peer.ask(Command::CREATE, |out| request.encode(out));
    assert_eq!(CreateResponse::decode(&reply.message).unwrap().opened, Opened::Root);
    // FILE_DIRECTORY_FILE, as smbclient, impacket and Windows ask for.
    request.options = CreateOptions(0x1);
    assert_eq!(peer.ask(Command::CREATE, |out| request.encode(out)).status(), NtStatus::SUCCESS);
    request.options = CreateOptions(0x40);
    let status = peer.ask(Command::CREATE, |out| request.encode(out)).status();
    assert_eq!(status, NtStatus::FILE_IS_A_DIRECTORY);
    for refused in [0, 0x2, 0x4, 0x40, 0x100, 0x1_0000, 0x4_0000, 0x8_0000, 0x1000_0000, 0x4000_0000] {
        assert_eq!(peer.try_open("", refused), Err(NtStatus::ACCESS_DENIED), "{refused:#x}");
    }
    for (asked, granted) in [(0x81, 0x81), (0x8000_0000, 0x12_00A9), (0x0200_0000, 0x12_00A9)] {
        let file_id = peer.try_open("", asked).unwrap();
        let about = |info_type, class| QueryInfoRequest {
            info_type: InfoType(info_type),
            class: FileInfoClass(class),
            output_length: 4096,
            additional: 7,
            file_id,
        };
        let ask = |peer: &mut Peer, info_type, class| {
            let request: QueryInfoRequest = about(info_type, class);
            let reply = peer.ask(Command::QUERY_INFO, |out| request.encode(out));
            match reply.status() {
                NtStatus::SUCCESS => Ok(QueryInfoResponse::decode(&reply.message).unwrap().output.to_vec()),
                status => Err(status),
            }
        };
        assert_eq!(ask(&mut peer, 1, 8).unwrap(), u32::to_le_bytes(granted), "FileAccessInformation");
        assert_eq!(ask(&mut peer, 1, 5).unwrap()[21], 1, "FileStandardInformation: a directory");
        assert_eq!(ask(&mut peer, 1, 18).unwrap().len(), 100, "FileAllInformation");
        assert_eq!(ask(&mut peer, 2, 7).unwrap().len(), 32, "FileFsFullSizeInformation");
        assert_eq!(ask(&mut peer, 1, 200), Err(NtStatus::INVALID_INFO_CLASS));
        assert_eq!(ask(&mut peer, 3, 0), Err(NtStatus::ACCESS_DENIED), "it has no descriptor");
    }
    let unlisted = asking(peer.try_open("", 0x80).unwrap());
    assert_eq!(listed(&mut peer, &unlisted), Err(NtStatus::ACCESS_DENIED));
    // Nothing goes to it and nothing comes from it.
    let file_id = root(&mut peer);
    let id = peer.send_read(file_id, 10);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::FILE_CLOSED);
    let id = peer.send_write(file_id, b"x");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::FILE_CLOSED);
    assert!(peer.asked.is_empty());
}

#[test]
fn a_pipe_is_no_folder() {
    let mut peer = three();
    let file_id = peer.open("simple");
    assert_eq!(listed(&mut peer, &asking(file_id)), Err(NtStatus::INVALID_PARAMETER));
    let nobodys = FileId { persistent: 1, volatile: 2 };
    assert_eq!(listed(&mut peer, &asking(nobodys)), Err(NtStatus::FILE_CLOSED));
}

#[test]
fn an_open_of_the_root_is_one_of_the_opens_of_its_connection_and_ends_with_its_tree() {
    let mut offered = offering(&[("simple", STORY_ACL)]);
    offered.limits.opens = 3;
    let mut peer = connected(offered);
    peer.open("simple");
    let roots = [root(&mut peer), root(&mut peer)];
    assert_eq!(peer.try_open("", LIST), Err(NtStatus::INSUFFICIENT_RESOURCES));
    assert_eq!(peer.try_open("simple", LIST), Err(NtStatus::INSUFFICIENT_RESOURCES));
    let tree = peer.tree_id;
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    assert_eq!(listed(&mut peer, &asking(roots[0])), Err(NtStatus::FILE_CLOSED), "not of this tree");
    peer.tree_id = tree;
    assert_eq!(peer.ask(Command::TREE_DISCONNECT, Empty::encode).status(), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    for _ in 0..3 {
        root(&mut peer);
    }
}

#[test]
fn a_listing_can_be_asked_for_in_one_message_with_its_open() {
    let mut peer = three();
    let related = |peer: &mut Peer, command, is_last: bool, body: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut header = peer.header(command, 1);
        if command != Command::CREATE {
            header.flags = Flags::RELATED;
        }
        let mut message = Vec::new();
        header.encode(&mut message);
        body(&mut message);
        if !is_last {
            message.resize(message.len().next_multiple_of(8), 0);
            let length = message.len() as u32;
            message[20..24].copy_from_slice(&length.to_le_bytes());
        }
        peer.keys.as_ref().unwrap().signing.sign(&mut message, crate::crypto::Sender::Client);
        (header.message_id, message)
    };
    let create = Peer::create_request("", LIST);
    let list = asking(FileId::ANY);
    let close = CloseRequest { file_id: FileId::ANY };
    let mut ids = vec![];
    let mut frame = Vec::new();
    for (id, message) in [
        related(&mut peer, Command::CREATE, false, &mut |out| create.encode(out)),
        related(&mut peer, Command::QUERY_DIRECTORY, false, &mut |out| list.encode(out)),
        related(&mut peer, Command::CLOSE, true, &mut |out| close.encode(out)),
    ] {
        ids.push(id);
        frame.extend(message);
    }
    peer.send_raw(&frame);
    let replies: Vec<Reply> = ids.iter().map(|id| peer.reply_to(*id).unwrap()).collect();
    assert_eq!(replies[0].status(), NtStatus::SUCCESS);
    assert_eq!(names(DirectoryClass::BOTH, &replies[1]).unwrap().len(), 3);
    assert_eq!(replies[2].status(), NtStatus::SUCCESS);
}
