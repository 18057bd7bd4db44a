use core::time::Duration;

use super::harness::{Asked, ERROR_LEN, Peer, Reply, data};
use crate::NtStatus;
use crate::server::{Input, OpenId, WriteFailure};
use crate::wire::info::{
    FileInfoClass, FilePipeInformation, InfoType, PipeCompletionMode, PipeReadMode, PipeState, SetInfoRequest,
};
use crate::wire::transfer::WriteFlags;
use crate::wire::{
    Command, ControlCode, FileId, Flags, FlushRequest, Header, PipePeek, TreeOrAsync, WriteResponse,
};

fn set_mode(peer: &mut Peer, file_id: FileId, read_mode: u32, completion_mode: u32) -> NtStatus {
    let mut input = alloc::vec::Vec::new();
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
    peer.ask(Command::SET_INFO, |out| request.encode(out)).status()
}

fn read(peer: &mut Peer, file_id: FileId, length: u32) -> Reply {
    let id = peer.send_read(file_id, length);
    peer.reply_to(id).expect("an answer at once")
}

#[test]
fn a_message_goes_there_and_another_comes_back() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_write(file_id, b"hello\0");
    let reply = peer.reply_to(id).unwrap();
    assert_eq!(WriteResponse::decode(&reply.message).unwrap().count, 6);
    assert_eq!(peer.written(), [b"hello\0"]);
    let id = peer.send_read(file_id, 100);
    assert!(peer.reply_to(id).is_none());
    peer.service_writes(file_id, b"olleh");
    peer.service_closes(file_id);
    let reply = peer.reply_to(id).unwrap();
    assert_eq!((reply.status(), data(&reply)), (NtStatus::SUCCESS, &b"olleh"[..]));
    assert_eq!(read(&mut peer, file_id, 100).status(), NtStatus::PIPE_BROKEN);
    let id = peer.send_write(file_id, b"too late");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::PIPE_CLOSING);
}

#[test]
fn each_open_gets_its_own_answers() {
    let mut peer = Peer::connected();
    let (first, second) = (peer.open("simple"), peer.open("simple"));
    assert_ne!(first, second);
    let (for_first, for_second) = (peer.send_read(first, 10), peer.send_read(second, 10));
    peer.service_writes(second, b"second");
    peer.service_writes(first, b"first");
    assert_eq!(data(&peer.reply_to(for_first).unwrap()), b"first");
    assert_eq!(data(&peer.reply_to(for_second).unwrap()), b"second");
}

#[test]
fn reads_are_answered_in_the_order_they_came() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let ids = [peer.send_read(file_id, 10), peer.send_read(file_id, 2), peer.send_read(file_id, 10)];
    peer.service_writes(file_id, b"one");
    peer.service_writes(file_id, b"two");
    let replies = ids.map(|id| peer.reply_to(id).unwrap());
    assert_eq!(data(&replies[0]), b"one");
    assert_eq!((replies[1].status(), data(&replies[1])), (NtStatus::BUFFER_OVERFLOW, &b"tw"[..]));
    assert_eq!((replies[2].status(), data(&replies[2])), (NtStatus::SUCCESS, &b"o"[..]));
}

#[test]
fn the_read_mode_can_be_changed() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    assert_eq!(set_mode(&mut peer, file_id, 0, 0), NtStatus::SUCCESS);
    peer.service_writes(file_id, b"ab");
    peer.service_writes(file_id, b"cd");
    assert_eq!(data(&read(&mut peer, file_id, 10)), b"abcd");
    assert_eq!(set_mode(&mut peer, file_id, 1, 0), NtStatus::SUCCESS);
    peer.service_writes(file_id, b"ab");
    peer.service_writes(file_id, b"cd");
    assert_eq!(data(&read(&mut peer, file_id, 10)), b"ab");
    assert_eq!(set_mode(&mut peer, file_id, 2, 0), NtStatus::INVALID_PARAMETER);
    let stream = peer.open("stream");
    assert_eq!(set_mode(&mut peer, stream, 1, 0), NtStatus::INVALID_PARAMETER, "a byte pipe has no messages");
}

#[test]
fn a_read_that_must_not_wait_does_not() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    assert_eq!(set_mode(&mut peer, file_id, 1, 1), NtStatus::SUCCESS);
    assert_eq!(read(&mut peer, file_id, 10).status(), NtStatus::PIPE_EMPTY);
    peer.service_writes(file_id, b"now");
    assert_eq!(data(&read(&mut peer, file_id, 10)), b"now");
}

#[test]
fn a_byte_pipe_gives_what_there_is() {
    let mut peer = Peer::connected();
    let file_id = peer.open("stream");
    peer.service_writes(file_id, b"abc");
    peer.service_writes(file_id, b"def");
    let reply = read(&mut peer, file_id, 4);
    assert_eq!((reply.status(), data(&reply)), (NtStatus::SUCCESS, &b"abcd"[..]));
    assert_eq!(data(&read(&mut peer, file_id, 4)), b"ef");
    let reply = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"x", 10);
    assert_eq!(reply.status(), NtStatus::INVALID_PIPE_STATE);
}

#[test]
fn a_transceive_is_answered_by_the_next_message() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"question", 4);
    assert_eq!(peer.written(), [b"question"]);
    // While it waits, the pipe is busy.
    let other = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"another", 4);
    assert_eq!(other.status(), NtStatus::PIPE_BUSY);
    peer.service_writes(file_id, b"answer");
    let reply = peer.reply_to(id).unwrap();
    assert_eq!((reply.status(), data(&reply)), (NtStatus::BUFFER_OVERFLOW, &b"answ"[..]));
    // The rest must be read first.
    let other = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"another", 4);
    assert_eq!(other.status(), NtStatus::PIPE_BUSY);
    assert_eq!(data(&read(&mut peer, file_id, 10)), b"er");
    assert_eq!(peer.written(), [b"question"]);
}

#[test]
fn a_service_that_closes_without_an_answer_breaks_the_transceive() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"question", 100);
    peer.service_closes(file_id);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::PIPE_BROKEN);
}

#[test]
fn a_disconnect_loses_what_was_not_read() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"unread");
    peer.handle(Input::Disconnected { open: OpenId(file_id.volatile) });
    assert_eq!(read(&mut peer, file_id, 10).status(), NtStatus::PIPE_DISCONNECTED);
    let id = peer.send_write(file_id, b"x");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::PIPE_DISCONNECTED);
}

#[test]
fn a_lost_service_ends_in_an_error_after_what_it_wrote_and_never_in_an_end() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"before");
    peer.handle(Input::Lost { open: OpenId(file_id.volatile) });
    // What a shell says of the service's end later changes nothing.
    peer.service_closes(file_id);
    assert_eq!(data(&read(&mut peer, file_id, 10)), b"before");
    for _ in 0..2 {
        assert_eq!(read(&mut peer, file_id, 10).status(), NtStatus::CONNECTION_RESET);
        let id = peer.send_write(file_id, b"x");
        assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CONNECTION_RESET);
    }
    for code in [ControlCode::PIPE_TRANSCEIVE, ControlCode::PIPE_PEEK] {
        assert_eq!(peer.ioctl(code, file_id, b"", 100).status(), NtStatus::CONNECTION_RESET);
    }
}

#[test]
fn a_transceive_whose_service_is_lost_ends_in_an_error() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"question", 100);
    peer.handle(Input::Lost { open: OpenId(file_id.volatile) });
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CONNECTION_RESET);
}

#[test]
fn an_empty_message_is_a_message() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_write(file_id, b"");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.written(), [b""]);
    let id = peer.send_read(file_id, 10);
    peer.service_writes(file_id, b"");
    let reply = peer.reply_to(id).unwrap();
    assert_eq!((reply.status(), data(&reply)), (NtStatus::SUCCESS, &b""[..]));
}

#[test]
fn a_peek_shows_what_is_there() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 16);
    let (peek, rest) = PipePeek::decode(data(&reply)).unwrap();
    assert_eq!((peek.state, peek.available, rest), (PipeState::CONNECTED, 0, &b""[..]));
    peer.service_writes(file_id, b"message");
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 20);
    assert_eq!(reply.status(), NtStatus::BUFFER_OVERFLOW);
    assert_eq!(&data(&reply)[16..], b"mess");
    assert_eq!(peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 15).status(), NtStatus::INVALID_PARAMETER);
    assert_eq!(data(&read(&mut peer, file_id, 10)), b"message");
    peer.service_closes(file_id);
    assert_eq!(peer.ioctl(ControlCode::PIPE_PEEK, file_id, b"", 16).status(), NtStatus::PIPE_BROKEN);
}

#[test]
fn a_write_is_answered_when_the_backend_has_taken_it() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let open = OpenId(file_id.volatile);
    peer.willing = false;
    let (first, second) = (peer.send_write(file_id, b"first"), peer.send_write(file_id, b"second"));
    let flush = peer.send(Command::FLUSH, |out| FlushRequest { file_id }.encode(out));
    assert_eq!(peer.written(), [&b"first"[..], b"second"]);
    peer.handle(Input::Written { open, result: Ok(()) });
    assert_eq!(peer.reply_to(first).unwrap().status(), NtStatus::SUCCESS);
    assert!(peer.reply_to(second).is_none() && peer.reply_to(flush).is_none());
    peer.handle(Input::Written { open, result: Ok(()) });
    assert_eq!(peer.reply_to(second).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.reply_to(flush).unwrap().status(), NtStatus::SUCCESS);
}

#[test]
fn a_write_that_the_backend_refuses_fails() {
    for (failure, expected) in [
        (WriteFailure::Gone, NtStatus::PIPE_BROKEN),
        (WriteFailure::Lost, NtStatus::CONNECTION_RESET),
        (WriteFailure::TooLong, NtStatus::INVALID_PARAMETER),
    ] {
        let mut peer = Peer::connected();
        let file_id = peer.open("simple");
        peer.willing = false;
        let write = peer.send_write(file_id, b"x");
        let ask = peer.send_ioctl(ControlCode::PIPE_TRANSCEIVE, file_id, b"y", 10);
        for id in [write, ask] {
            peer.handle(Input::Written { open: OpenId(file_id.volatile), result: Err(failure) });
            assert_eq!(peer.reply_to(id).unwrap().status(), expected);
        }
    }
}

#[test]
fn a_request_that_takes_long_is_announced_once_and_granted_credits_once() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let before = peer.credits;
    let id = peer.send_read(file_id, 100);
    peer.pass(Duration::from_millis(19));
    assert!(peer.reply_to(id).is_none(), "no message more for calls that just take their time");
    peer.pass(Duration::from_millis(1));
    let interim = peer.reply_to(id).unwrap();
    assert_eq!(interim.status(), NtStatus::PENDING);
    assert_eq!(interim.message.len(), ERROR_LEN);
    let async_id = interim.header.async_id().expect("an AsyncId");
    assert_ne!(async_id, 0);
    assert!(peer.credits > before);
    peer.pass(Duration::from_secs(10));
    assert!(peer.reply_to(id).is_none());
    peer.service_writes(file_id, b"late");
    let reply = peer.reply_to(id).unwrap();
    assert_eq!(reply.header.async_id(), Some(async_id));
    assert_eq!((reply.header.credits, data(&reply)), (0, &b"late"[..]));
}

fn cancel(peer: &mut Peer, target: &Header) {
    let mut header = *target;
    header.command = Command::CANCEL;
    let message = peer.message(&header, crate::wire::Empty::encode);
    peer.send_raw(&message);
}

#[test]
fn a_read_can_be_cancelled_before_and_after_it_was_announced() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_read(file_id, 100);
    let mut target = Header { message_id: id, ..peer.header(Command::CANCEL, 0) };
    cancel(&mut peer, &target);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CANCELLED);

    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_read(file_id, 100);
    peer.pass(Duration::from_millis(25));
    let async_id = peer.reply_to(id).unwrap().header.async_id().unwrap();
    target = peer.header(Command::CANCEL, 0);
    target.flags = Flags::NONE;
    target.tree_or_async = TreeOrAsync::Async(async_id);
    target.message_id = 0;
    target.session_id = peer.session_id;
    cancel(&mut peer, &target);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CANCELLED);
    // What arrives afterwards is for the next read.
    peer.service_writes(file_id, b"kept");
    assert_eq!(data(&read(&mut peer, file_id, 100)), b"kept");
    assert!(peer.disconnected.is_none());
}

#[test]
fn an_open_and_a_wait_can_be_cancelled() {
    let mut peer = Peer::connected();
    peer.willing = false;
    let request = Peer::create_request("simple", super::harness::READ_WRITE);
    let id = peer.send(Command::CREATE, |out| request.encode(out));
    let target = Header { message_id: id, ..peer.header(Command::CANCEL, 0) };
    cancel(&mut peer, &target);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CANCELLED);
    assert!(matches!(peer.asked.last(), Some(Asked::Close(_))));

    let wait = crate::wire::PipeWaitRequest { timeout: None, name: "simple".into() }.encode();
    let id = peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0);
    let target = Header { message_id: id, ..target };
    cancel(&mut peer, &target);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::CANCELLED);
    assert!(matches!(peer.asked.last(), Some(Asked::CancelWait(_))));
}

#[test]
fn reading_ahead_stops_when_enough_is_held() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let open = OpenId(file_id.volatile);
    assert!(peer.connection.wants_data(open));
    peer.service_writes(file_id, &alloc::vec![1; 65_536]);
    assert!(!peer.connection.wants_data(open));
    assert_eq!(data(&read(&mut peer, file_id, 65_536)).len(), 65_536);
    assert!(peer.connection.wants_data(open));
    peer.service_closes(file_id);
    assert!(!peer.connection.wants_data(open));
}

#[test]
fn a_transfer_must_fit_what_was_negotiated_and_what_its_credits_pay_for() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let id = peer.send_read(file_id, 65_537);
    assert_eq!(
        peer.reply_to(id).unwrap().status(),
        NtStatus::INVALID_PARAMETER,
        "one credit pays for 65,536"
    );
    let id = peer.send_read(file_id, 1024 * 1024 + 1);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::INVALID_PARAMETER);
    let text = alloc::vec![b'x'; 65_537];
    let header = peer.header(Command::WRITE, 2);
    let request = crate::wire::WriteRequest { file_id, channel: 0, flags: WriteFlags::NONE, data: &text };
    let message = peer.message(&header, |out| request.encode(out));
    peer.send_raw(&message);
    assert_eq!(peer.reply_to(header.message_id).unwrap().status(), NtStatus::SUCCESS);
    assert_eq!(peer.written(), [&text[..]]);
}
