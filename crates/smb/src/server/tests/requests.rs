//! Single requests in the corners that clients reach.

use alloc::vec::Vec;
use core::time::Duration;

use super::harness::{Asked, Peer, READ_WRITE, config, data};
use crate::server::{Input, OpenId};
use crate::wire::info::{
    FileInfoClass, FilePipeInformation, InfoType, PipeCompletionMode, PipeReadMode, PipeState, SetInfoRequest,
};
use crate::wire::transfer::{ReadFlags, WriteFlags};
use crate::wire::{
    CloseRequest, Command, ControlCode, Empty, FileId, FlushRequest, Header, IoctlFlags, IoctlRequest,
    PipePeek, PipeWaitRequest, ReadRequest, WriteRequest,
};
use crate::{Dialect, NtStatus};

/// Offsets into a CREATE request, from its header on.
const OPLOCK_AT: usize = 64 + 3;
const SHARE_ACCESS_AT: usize = 64 + 32;
const DISPOSITION_AT: usize = 64 + 36;
const OPTIONS_AT: usize = 64 + 40;

fn wait_for(name: &str) -> Vec<u8> {
    PipeWaitRequest { timeout: Some(-10_000_000), name: name.into() }.encode()
}

fn set_mode(peer: &mut Peer, file_id: FileId, read_mode: u32, completion_mode: u32) {
    let mut input = Vec::new();
    FilePipeInformation {
        read_mode: PipeReadMode(read_mode),
        completion_mode: PipeCompletionMode(completion_mode),
    }
    .encode(&mut input);
    let request = SetInfoRequest {
        info_type: InfoType::FILE,
        class: FileInfoClass::PIPE,
        additional: 0,
        file_id,
        input: &input,
    };
    assert_eq!(peer.ask(Command::SET_INFO, |out| request.encode(out)).status(), NtStatus::SUCCESS);
}

fn cancel(peer: &mut Peer, message_id: u64) {
    let header = Header { message_id, ..peer.header(Command::CANCEL, 0) };
    let message = peer.message(&header, Empty::encode);
    peer.send_raw(&message);
}

#[test]
fn parameters_for_files_are_ignored_when_a_pipe_is_opened() {
    for (at, value) in
        [(OPLOCK_AT, 9), (OPLOCK_AT, 0xFF), (SHARE_ACCESS_AT, 0), (OPTIONS_AT, 0x40)].into_iter().chain(
            // Every disposition opens: the pipe must exist, and no client makes one.
            (0..=5).map(|disposition| (DISPOSITION_AT, disposition)),
        )
    {
        let mut peer = Peer::connected();
        let request = Peer::create_request("simple", READ_WRITE);
        let reply = peer.ask(Command::CREATE, |out| {
            request.encode(out);
            out[at] = value;
        });
        assert_eq!(reply.status(), NtStatus::SUCCESS, "{value:#x} at {at}");
        assert_eq!((reply.message[66], reply.message[68]), (0, 1), "no oplock, and it was opened");
    }
}

#[test]
fn a_durable_open_cannot_be_taken_up_again() {
    let mut peer = Peer::connected();
    let request = Peer::create_request("simple", READ_WRITE);
    let reply = peer.ask(Command::CREATE, |out| {
        request.encode(out);
        let offset = out.len().next_multiple_of(8);
        out.resize(offset, 0);
        // Next; NameOffset and NameLength; no data.
        for field in [0, 4 << 16 | 16, 0, 0] {
            out.extend_from_slice(&u32::to_le_bytes(field));
        }
        out.extend_from_slice(b"DHnC\0\0\0\0");
        let length = out.len() - offset;
        out[64 + 48..64 + 52].copy_from_slice(&(offset as u32).to_le_bytes());
        out[64 + 52..64 + 56].copy_from_slice(&(length as u32).to_le_bytes());
    });
    assert_eq!(reply.status(), NtStatus::OBJECT_NAME_NOT_FOUND);
}

#[test]
fn a_close_is_answered_with_empty_fields() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let reply = peer.ask(Command::CLOSE, |out| {
        CloseRequest { file_id }.encode(out);
        out[64 + 2] = 1; // SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB
    });
    assert_eq!(reply.message.len(), 64 + 60);
    assert!(reply.message[64 + 2..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_read_of_nothing_takes_nothing() {
    let mut peer = Peer::connected();
    for (name, expected) in [("simple", NtStatus::BUFFER_OVERFLOW), ("stream", NtStatus::SUCCESS)] {
        let file_id = peer.open(name);
        peer.service_writes(file_id, b"kept");
        let id = peer.send_read(file_id, 0);
        let reply = peer.reply_to(id).unwrap();
        assert_eq!((reply.status(), data(&reply)), (expected, &b""[..]), "{name}");
        let id = peer.send_read(file_id, 10);
        assert_eq!(data(&peer.reply_to(id).unwrap()), b"kept");
    }
}

#[test]
fn a_read_does_not_wait_for_its_minimum() {
    let mut peer = Peer::connected();
    let file_id = peer.open("stream");
    peer.service_writes(file_id, b"few");
    let request = ReadRequest { flags: ReadFlags::NONE, length: 100, file_id, minimum_count: 50, channel: 0 };
    let reply = peer.ask(Command::READ, |out| request.encode(out));
    assert_eq!((reply.status(), data(&reply)), (NtStatus::SUCCESS, &b"few"[..]));
}

#[test]
fn flags_for_files_and_rdma_are_refused_in_the_dialects_that_have_them() {
    for (dialect, channel, unbuffered_read, through) in [
        (Dialect::Smb202, false, false, false),
        (Dialect::Smb210, false, false, false),
        (Dialect::Smb300, true, false, true),
        (Dialect::Smb302, true, true, true),
        (Dialect::Smb311, true, true, true),
    ] {
        let mut peer = Peer::connected_with(dialect, None);
        let file_id = peer.open("simple");
        let expected = |refused| if refused { NtStatus::INVALID_PARAMETER } else { NtStatus::SUCCESS };
        for (flags, channel_number, refused) in [(0, 1, channel), (1, 0, unbuffered_read)] {
            peer.service_writes(file_id, b"x");
            let request = ReadRequest {
                flags: ReadFlags(flags),
                length: 10,
                file_id,
                minimum_count: 0,
                channel: channel_number,
            };
            let status = peer.ask(Command::READ, |out| request.encode(out)).status();
            assert_eq!(status, expected(refused), "READ in {dialect}, flags {flags}");
        }
        for (flags, channel, refused) in [(0, 1, channel), (1, 0, through), (2, 0, through)] {
            let request = WriteRequest { file_id, channel, flags: WriteFlags(flags), data: b"x" };
            let status = peer.ask(Command::WRITE, |out| request.encode(out)).status();
            assert_eq!(status, expected(refused), "WRITE in {dialect}, flags {flags}");
        }
    }
}

#[test]
fn a_megabyte_goes_in_one_request_that_pays_for_it() {
    const LENGTH: usize = 1024 * 1024;
    let mut peer = Peer::connected();
    // The credits for it have to be saved up first.
    while peer.credits < 64 {
        peer.ask(Command::ECHO, Empty::encode);
    }
    let file_id = peer.open("simple");
    let message = alloc::vec![7; LENGTH];
    peer.service_writes(file_id, &message);
    let header = peer.header(Command::READ, 16);
    let request =
        ReadRequest { flags: ReadFlags::NONE, length: LENGTH as u32, file_id, minimum_count: 0, channel: 0 };
    let bytes = peer.message(&header, |out| request.encode(out));
    peer.send_raw(&bytes);
    let reply = peer.reply_to(header.message_id).unwrap();
    assert_eq!((reply.status(), data(&reply).len()), (NtStatus::SUCCESS, LENGTH));
    assert_eq!(reply.header.credit_charge, 16, "echoed, because clients count by it");

    while peer.credits < 64 {
        peer.ask(Command::ECHO, Empty::encode);
    }
    let header = peer.header(Command::IOCTL, 16);
    let request = IoctlRequest {
        code: ControlCode::PIPE_TRANSCEIVE,
        file_id,
        max_output: LENGTH as u32,
        flags: IoctlFlags::IS_FSCTL,
        input: &message,
    };
    let bytes = peer.message(&header, |out| request.encode(out));
    peer.send_raw(&bytes);
    peer.service_writes(file_id, &message);
    assert_eq!(data(&peer.reply_to(header.message_id).unwrap()).len(), LENGTH);
}

#[test]
fn the_oldest_dialect_moves_64_kib_at_most() {
    let mut peer = Peer::connected_with(Dialect::Smb202, None);
    let file_id = peer.open("simple");
    peer.service_writes(file_id, &[1; 100]);
    let id = peer.send_read(file_id, 65_537);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::INVALID_PARAMETER);
    let id = peer.send_read(file_id, 65_536);
    assert_eq!(data(&peer.reply_to(id).unwrap()).len(), 100);
}

#[test]
fn credits_that_are_used_up_come_back() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    // Requests that wait keep their credits until their interim reply.
    let mut reads = Vec::new();
    while peer.credits > 0 {
        reads.push(peer.send_read(file_id, 10));
    }
    assert!(!reads.is_empty() && reads.iter().all(|id| peer.reply_to(*id).is_none()));
    let limits = config().limits;
    peer.pass(limits.interim_after_for_few_credits);
    assert!(peer.credits > 0, "the last are announced soon, or the client could not go on");
    peer.pass(limits.interim_after);
    assert!(peer.credits as usize >= reads.len(), "each interim reply gives at least one");
    for id in &reads {
        peer.service_writes(file_id, b"x");
        let reply = peer.reply_to(*id).unwrap();
        assert_eq!((reply.status(), reply.header.credits), (NtStatus::SUCCESS, 0));
    }
    // One more than was granted is the end.
    let last = peer.credits;
    let mut header = peer.header(Command::ECHO, 1);
    header.message_id += u64::from(last);
    let message = peer.message(&header, Empty::encode);
    peer.send_raw(&message);
    assert!(peer.disconnected.is_some());
}

#[test]
fn a_control_code_is_for_an_open_or_for_none() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let none = FileId { persistent: 1, volatile: 2 };
    for (code, file_id, expected) in [
        (ControlCode::PIPE_WAIT, file_id, NtStatus::INVALID_PARAMETER),
        (ControlCode::VALIDATE_NEGOTIATE_INFO, file_id, NtStatus::INVALID_PARAMETER),
        (ControlCode::DFS_GET_REFERRALS, file_id, NtStatus::INVALID_PARAMETER),
        (ControlCode::DFS_GET_REFERRALS, FileId::ANY, NtStatus::FS_DRIVER_REQUIRED),
        (ControlCode::DFS_GET_REFERRALS_EX, FileId::ANY, NtStatus::FS_DRIVER_REQUIRED),
        (ControlCode::QUERY_NETWORK_INTERFACE_INFO, FileId::ANY, NtStatus::NOT_SUPPORTED),
        (ControlCode::PIPE_TRANSCEIVE, none, NtStatus::FILE_CLOSED),
        (ControlCode::PIPE_TRANSCEIVE, FileId::ANY, NtStatus::FILE_CLOSED),
        (ControlCode::PIPE_PEEK, none, NtStatus::FILE_CLOSED),
        // FSCTL_PIPE_LISTEN, of a service's end; and an unknown one.
        (ControlCode(0x0011_0008), file_id, NtStatus::NOT_SUPPORTED),
        (ControlCode(0x1234_5678), file_id, NtStatus::NOT_SUPPORTED),
        (ControlCode(0x1234_5678), none, NtStatus::FILE_CLOSED),
    ] {
        assert_eq!(peer.ioctl(code, file_id, b"", 100).status(), expected, "{code:?}");
    }
    let request = IoctlRequest {
        code: ControlCode::PIPE_PEEK,
        file_id,
        max_output: 100,
        flags: IoctlFlags(0),
        input: b"",
    };
    let reply = peer.ask(Command::IOCTL, |out| request.encode(out));
    assert_eq!(reply.status(), NtStatus::NOT_SUPPORTED, "not an FSCTL");
}

#[test]
fn no_control_may_ask_for_more_than_was_negotiated() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let too_much = 1024 * 1024 + 1;
    for (code, file_id) in [
        (ControlCode::PIPE_TRANSCEIVE, file_id),
        (ControlCode::PIPE_PEEK, file_id),
        (ControlCode::PIPE_WAIT, FileId::ANY),
    ] {
        let reply = peer.ioctl(code, file_id, &wait_for("simple"), too_much);
        assert_eq!(reply.status(), NtStatus::INVALID_PARAMETER, "{code:?}");
    }
    assert_eq!(peer.asked.len(), 1, "only the open reached the service");
}

#[test]
fn a_peek_into_a_byte_pipe_shows_what_fits() {
    let mut peer = Peer::connected();
    let file_id = peer.open("stream");
    peer.service_writes(file_id, b"ab");
    peer.service_writes(file_id, b"cd");
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 16 + 3);
    let (peek, shown) = PipePeek::decode(data(&reply)).unwrap();
    assert_eq!((reply.status(), shown), (NtStatus::SUCCESS, &b"abc"[..]));
    assert_eq!((peek.available, peek.messages, peek.message_length), (4, 0, 0), "bytes are no messages");
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 16);
    assert_eq!(reply.status(), NtStatus::BUFFER_OVERFLOW, "there is something, and nothing of it is shown");
}

#[test]
fn a_peek_shows_that_the_service_goes() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"last");
    peer.service_closes(file_id);
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 100);
    assert_eq!(PipePeek::decode(data(&reply)).unwrap().0.state, PipeState(4));
    let file_id = peer.open("simple");
    peer.handle(Input::Disconnected { open: OpenId(file_id.volatile) });
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 100);
    assert_eq!(reply.status(), NtStatus::PIPE_DISCONNECTED);
}

#[test]
fn reads_that_wait_end_with_the_service() {
    for expected in [NtStatus::PIPE_BROKEN, NtStatus::PIPE_DISCONNECTED, NtStatus::CONNECTION_RESET] {
        let mut peer = Peer::connected();
        let file_id = peer.open("simple");
        let open = OpenId(file_id.volatile);
        let reads = [peer.send_read(file_id, 10), peer.send_read(file_id, 10)];
        peer.handle(match expected {
            NtStatus::PIPE_BROKEN => Input::Closed { open },
            NtStatus::PIPE_DISCONNECTED => Input::Disconnected { open },
            _ => Input::Lost { open },
        });
        for id in reads {
            assert_eq!(peer.reply_to(id).unwrap().status(), expected);
        }
    }
}

#[test]
fn a_transceive_needs_messages_both_ways() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    set_mode(&mut peer, file_id, 0, 0);
    let reply = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"x", 10);
    assert_eq!(reply.status(), NtStatus::INVALID_PIPE_STATE, "it is read by the byte now");
    set_mode(&mut peer, file_id, 1, 0);
    peer.send_read(file_id, 10);
    let reply = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"x", 10);
    assert_eq!(reply.status(), NtStatus::PIPE_BUSY, "somebody waits already for the answer");
    assert!(peer.written().is_empty());
    peer.service_closes(file_id);
    let reply = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"x", 10);
    assert_eq!(reply.status(), NtStatus::PIPE_CLOSING);
}

#[test]
fn an_empty_message_can_be_asked_and_answered() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"", 10);
    assert_eq!(peer.written(), [b""]);
    peer.service_writes(file_id, b"");
    let reply = peer.reply_to(id).unwrap();
    assert_eq!((reply.status(), data(&reply)), (NtStatus::SUCCESS, &b""[..]));
}

#[test]
fn a_cancelled_transceive_leaves_its_answer_to_be_read() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"question", 10);
    cancel(&mut peer, id);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CANCELLED);
    peer.service_writes(file_id, b"answer");
    let id = peer.send_read(file_id, 10);
    assert_eq!(data(&peer.reply_to(id).unwrap()), b"answer");
}

#[test]
fn a_cancel_hits_nothing_but_its_target() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let (first, second) = (peer.send_read(file_id, 10), peer.send_read(file_id, 10));
    cancel(&mut peer, 9_999);
    cancel(&mut peer, second);
    assert_eq!(peer.reply_to(second).unwrap().status(), NtStatus::CANCELLED);
    cancel(&mut peer, second);
    assert!(peer.replies.is_empty(), "a CANCEL itself is never answered");
    peer.service_writes(file_id, b"first");
    assert_eq!(data(&peer.reply_to(first).unwrap()), b"first");
}

/// Everything that can wait: its ids, and how each ends when what it belongs to goes away.
fn in_flight(peer: &mut Peer) -> Vec<(u64, NtStatus)> {
    let (file_id, other) = (peer.open("simple"), peer.open("simple"));
    peer.willing = false;
    let create = Peer::create_request("simple", READ_WRITE);
    let wait = wait_for("simple");
    alloc::vec![
        (peer.send_read(file_id, 10), NtStatus::PIPE_BROKEN),
        (peer.send_write(file_id, b"x"), NtStatus::PIPE_BROKEN),
        (peer.send(Command::FLUSH, |out| FlushRequest { file_id }.encode(out)), NtStatus::PIPE_BROKEN),
        (peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, other, b"x", 10), NtStatus::PIPE_BROKEN),
        (peer.send(Command::CREATE, |out| create.encode(out)), NtStatus::PIPE_BROKEN),
        (peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0), NtStatus::CANCELLED),
    ]
}

#[test]
fn a_request_in_flight_is_answered_once_when_its_session_or_tree_ends() {
    for (command, announced) in [
        (Command::LOGOFF, false),
        (Command::LOGOFF, true),
        (Command::TREE_DISCONNECT, false),
        (Command::TREE_DISCONNECT, true),
    ] {
        let mut peer = Peer::connected();
        while peer.credits < 32 {
            peer.ask(Command::ECHO, Empty::encode);
        }
        let waiting = in_flight(&mut peer);
        if announced {
            peer.pass(Duration::from_secs(1));
            peer.replies.clear();
        }
        assert_eq!(peer.ask(command, Empty::encode).status(), NtStatus::SUCCESS);
        for (id, expected) in waiting {
            assert_eq!(peer.reply_to(id).unwrap().status(), expected, "{command:?}");
        }
        assert!(peer.replies.is_empty(), "{:?}", peer.replies);
        assert_eq!(peer.connection.open_count(), 0);
        let closed = peer.asked.iter().filter(|asked| matches!(asked, Asked::Close(_))).count();
        assert_eq!((closed, peer.disconnected.take()), (3, None));
    }
}

#[test]
fn commands_about_files_do_not_touch_a_pipe() {
    let mut peer = Peer::connected();
    for (command, expected) in [
        (Command::QUERY_DIRECTORY, NtStatus::INVALID_PARAMETER),
        (Command::CHANGE_NOTIFY, NtStatus::INVALID_PARAMETER),
        (Command::LOCK, NtStatus::NOT_SUPPORTED),
        (Command::OPLOCK_BREAK, NtStatus::NOT_SUPPORTED),
    ] {
        assert_eq!(peer.ask(command, Empty::encode).status(), expected, "{command:?}");
    }
}

#[test]
fn a_name_that_is_no_text_is_malformed_and_a_long_one_names_no_pipe() {
    let mut peer = Peer::connected();
    let request = Peer::create_request("simple", READ_WRITE);
    let reply = peer.ask(Command::CREATE, |out| {
        request.encode(out);
        out[64 + 46] -= 1; // NameLength
    });
    assert_eq!(reply.status(), NtStatus::INVALID_PARAMETER);
    let long = "x".repeat(4_000);
    assert_eq!(peer.try_open(&long, READ_WRITE), Err(NtStatus::OBJECT_NAME_NOT_FOUND));
    let logged = peer.events.iter().rev().find_map(|event| match event {
        crate::server::Event::OpenRefused { name, .. } => Some(name.len()),
        _ => None,
    });
    assert_eq!(logged, Some(80));
}
