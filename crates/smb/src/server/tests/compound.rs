use alloc::vec::Vec;

use super::harness::{Peer, READ_WRITE, Reply, data};
use crate::NtStatus;
use crate::server::{Input, OpenId, PipeMode};
use crate::wire::info::{FileInfoClass, InfoType, QueryInfoRequest};
use crate::wire::transfer::{ReadFlags, WriteFlags};
use crate::wire::{CloseRequest, Command, FileId, Flags, FlushRequest, Header, ReadRequest, WriteRequest};

/// A request of a compound before it is put together.
type Element = (Command, bool, Vec<u8>);

fn element(command: Command, related: bool, body: impl FnOnce(&mut Vec<u8>)) -> Element {
    let mut bytes = Vec::new();
    body(&mut bytes);
    (command, related, bytes)
}

/// Sends the requests in one frame and gives their message ids.
fn send(peer: &mut Peer, elements: &[Element]) -> Vec<u64> {
    let (frame, ids) = frame(peer, elements);
    peer.send_raw(&frame);
    ids
}

/// The requests in one frame, and their message ids.
fn frame(peer: &mut Peer, elements: &[Element]) -> (Vec<u8>, Vec<u64>) {
    let mut frame = Vec::new();
    let mut ids = Vec::new();
    for (at, (command, related, body)) in elements.iter().enumerate() {
        let mut header = peer.header(*command, 1);
        if *related {
            header.flags = Flags::RELATED;
        }
        let mut length = 64 + body.len();
        if at + 1 < elements.len() {
            length = length.next_multiple_of(8);
            header.next_command = length as u32;
        }
        let message = peer.message(&header, |out| {
            out.extend_from_slice(body);
            out.resize(length, 0);
        });
        frame.extend_from_slice(&message);
        ids.push(header.message_id);
    }
    (frame, ids)
}

fn replies(peer: &mut Peer, ids: &[u64]) -> Vec<Reply> {
    ids.iter().map(|id| peer.reply_to(*id).expect("a reply")).collect()
}

fn create(related: bool) -> Element {
    element(Command::CREATE, related, |out| Peer::create_request("simple", READ_WRITE).encode(out))
}

fn write(file_id: FileId) -> Element {
    element(Command::WRITE, true, |out| {
        WriteRequest { file_id, channel: 0, flags: WriteFlags::NONE, data: b"text" }.encode(out);
    })
}

fn read(file_id: FileId) -> Element {
    let request = ReadRequest { flags: ReadFlags::NONE, length: 100, file_id, minimum_count: 0, channel: 0 };
    element(Command::READ, true, |out| request.encode(out))
}

fn close(file_id: FileId) -> Element {
    element(Command::CLOSE, true, |out| CloseRequest { file_id }.encode(out))
}

#[test]
fn a_request_may_wait_for_a_backend_in_the_middle() {
    let mut peer = Peer::connected();
    peer.willing = false;
    let ids = send(&mut peer, &[create(false), write(FileId::ANY), close(FileId::ANY)]);
    assert!(ids.iter().all(|id| peer.reply_to(*id).is_none()));
    peer.answer_open(Ok(PipeMode::Message.into()));
    assert_eq!(peer.reply_to(ids[0]).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.written(), [b"text"]);
    let Some(super::harness::Asked::Write(open, _)) = peer.asked.last() else {
        panic!("nothing was written")
    };
    let open = *open;
    peer.handle(Input::Written { open, result: Ok(()) });
    for reply in replies(&mut peer, &ids[1..]) {
        assert_eq!(reply.status(), NtStatus::SUCCESS);
    }
    assert_eq!(peer.connection.open_count(), 0);
}

#[test]
fn a_request_may_wait_for_the_service_at_the_end_only() {
    let mut peer = Peer::connected();
    let ids = send(&mut peer, &[create(false), write(FileId::ANY), read(FileId::ANY)]);
    assert_eq!(peer.reply_to(ids[0]).unwrap().status(), NtStatus::SUCCESS);
    let open = peer.asked.iter().find_map(|asked| match asked {
        super::harness::Asked::Open(open, _) => Some(*open),
        _ => None,
    });
    peer.handle(Input::Data { open: open.unwrap(), bytes: b"txet" });
    assert_eq!(data(&peer.reply_to(ids[2]).unwrap()), b"txet");

    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let ids = send(&mut peer, &[(Command::READ, false, read(file_id).2), close(FileId::ANY)]);
    let statuses: Vec<NtStatus> = replies(&mut peer, &ids).iter().map(Reply::status).collect();
    assert_eq!(statuses, [NtStatus::INTERNAL_ERROR, NtStatus::INTERNAL_ERROR]);
    assert_eq!(peer.connection.open_count(), 1, "what depends on the failed one is not done");
}

#[test]
fn a_request_related_to_a_query_or_a_flush_means_its_open() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let query = element(Command::QUERY_INFO, false, |out| {
        let request = QueryInfoRequest {
            info_type: InfoType::FILE,
            class: FileInfoClass::STANDARD,
            output_length: 100,
            additional: 0,
            file_id,
        };
        request.encode(out);
    });
    let flush = element(Command::FLUSH, true, |out| FlushRequest { file_id: FileId::ANY }.encode(out));
    peer.willing = false;
    peer.send_write(file_id, b"slow");
    let ids = send(&mut peer, &[query, flush, close(FileId::ANY)]);
    peer.handle(Input::Written { open: OpenId(file_id.volatile), result: Ok(()) });
    for reply in replies(&mut peer, &ids) {
        assert_eq!(reply.status(), NtStatus::SUCCESS);
    }
    assert_eq!(peer.connection.open_count(), 0);
}

#[test]
fn a_waiting_compound_does_not_use_up_the_credits() {
    let mut peer = Peer::connected();
    peer.willing = false;
    send(&mut peer, &[create(false), write(FileId::ANY), close(FileId::ANY)]);
    for _ in 0..2_000 {
        assert_eq!(peer.ask(Command::ECHO, crate::wire::Empty::encode).status(), NtStatus::SUCCESS);
    }
}

#[test]
fn a_failed_create_fails_its_related_requests() {
    let mut peer = Peer::connected();
    let missing =
        element(Command::CREATE, false, |out| Peer::create_request("nosuch", READ_WRITE).encode(out));
    let ids = send(&mut peer, &[missing, write(FileId::ANY), close(FileId::ANY)]);
    for reply in replies(&mut peer, &ids) {
        assert_eq!(reply.status(), NtStatus::OBJECT_NAME_NOT_FOUND);
    }
}

#[test]
fn unrelated_requests_of_a_compound_stand_alone() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let bad = FileId { persistent: 1, volatile: 2 };
    let unrelated = |(command, _, body): Element| (command, false, body);
    let ids = send(&mut peer, &[unrelated(close(bad)), unrelated(write(file_id)), unrelated(close(file_id))]);
    let statuses: Vec<NtStatus> = replies(&mut peer, &ids).iter().map(Reply::status).collect();
    assert_eq!(statuses, [NtStatus::FILE_CLOSED, NtStatus::SUCCESS, NtStatus::SUCCESS]);
}

#[test]
fn the_first_request_cannot_be_related() {
    let mut peer = Peer::connected();
    let ids = send(&mut peer, &[close(FileId::ANY)]);
    assert_eq!(replies(&mut peer, &ids)[0].status(), NtStatus::INVALID_PARAMETER);
}

#[test]
fn a_request_related_to_one_that_was_related_to_nothing_fails_like_it() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let ids = send(&mut peer, &[element(Command::ECHO, true, crate::wire::Empty::encode), close(file_id)]);
    let statuses: Vec<_> = replies(&mut peer, &ids).iter().map(Reply::status).collect();
    assert_eq!(statuses, [NtStatus::INVALID_PARAMETER; 2]);
}

#[test]
fn nothing_is_related_to_a_request_without_a_session() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let session_id = core::mem::replace(&mut peer.session_id, 0x1234);
    let unrelated = element(Command::CLOSE, false, |out| CloseRequest { file_id }.encode(out));
    let (frame, ids) = frame(&mut peer, &[unrelated, close(file_id)]);
    peer.session_id = session_id;
    peer.send_raw(&frame);
    let statuses: Vec<_> = replies(&mut peer, &ids).iter().map(Reply::status).collect();
    assert_eq!(statuses, [NtStatus::USER_SESSION_DELETED, NtStatus::INVALID_PARAMETER]);
}

#[test]
fn a_related_request_without_an_open_has_no_handle() {
    let mut peer = Peer::connected();
    let echo = element(Command::ECHO, false, crate::wire::Empty::encode);
    let ids = send(&mut peer, &[echo, close(FileId::ANY)]);
    assert_eq!(replies(&mut peer, &ids)[1].status(), NtStatus::INVALID_HANDLE);
}

#[test]
fn replies_that_are_ready_share_a_frame_and_are_signed_apart() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"ready");
    // The harness verifies each signature over its own reply and padding.
    let ids = send(&mut peer, &[(Command::READ, false, read(file_id).2), close(FileId::ANY)]);
    let replies = replies(&mut peer, &ids);
    assert_ne!(replies[0].header.next_command, 0, "a compound");
    assert_eq!(data(&replies[0]), b"ready");
    assert!(replies[1].header.flags.contains(Flags::RELATED));
    assert_eq!(replies[1].status(), NtStatus::SUCCESS);
}

#[test]
fn requests_after_a_closed_tree_are_checked_again() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let disconnect = element(Command::TREE_DISCONNECT, false, crate::wire::Empty::encode);
    let ids = send(&mut peer, &[disconnect, write(file_id)]);
    let statuses: Vec<NtStatus> = replies(&mut peer, &ids).iter().map(Reply::status).collect();
    assert_eq!(statuses, [NtStatus::SUCCESS, NtStatus::NETWORK_NAME_DELETED]);
    assert!(peer.written().is_empty());
}

#[test]
fn a_next_command_that_leads_astray_ends_the_connection() {
    for next_command in [8, 60, 65, 1 << 20, u32::MAX] {
        let mut peer = Peer::connected();
        let header = Header { next_command, ..peer.header(Command::ECHO, 1) };
        let message = peer.message(&header, |out| {
            crate::wire::Empty::encode(out);
            out.resize(256, 0);
        });
        peer.send_raw(&message);
        assert!(peer.disconnected.is_some(), "NextCommand {next_command}");
    }
}
