use core::time::Duration;

use super::harness::{Asked, Peer, READ_WRITE, config, data};
use crate::NtStatus;
use crate::server::{Event, Input, OpenFailure};
use crate::wire::info::{FileInfoClass, InfoType, QueryInfoRequest, QueryInfoResponse, SetInfoRequest};
use crate::wire::{
    CloseRequest, Command, ControlCode, CreateOptions, CreateRequest, Empty, FileId, ImpersonationLevel,
    PipeWaitRequest,
};

fn connected_as(user: &str) -> Peer {
    Peer::connected_as(user, config())
}

#[test]
fn a_name_is_found_whatever_its_case_but_only_bare() {
    for name in ["simple", "SIMPLE", "Simple"] {
        assert!(Peer::connected().try_open(name, READ_WRITE).is_ok(), "{name}");
    }
    for name in [
        "simpl",
        "simple2",
        "\\simple",
        "pipe\\simple",
        "\\pipe\\simple",
        "../simple",
        "simple\0",
        "simple:x",
    ] {
        assert_eq!(
            Peer::connected().try_open(name, READ_WRITE),
            Err(NtStatus::OBJECT_NAME_NOT_FOUND),
            "{name:?}"
        );
    }
}

#[test]
fn the_descriptor_decides_and_the_log_names_the_deciding_entry() {
    let mut peer = connected_as("visitor");
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED));
    assert!(peer.asked.is_empty(), "a refused open never reaches a backend");
    let (status, reason) = peer.refusal().unwrap();
    assert_eq!(status, NtStatus::ACCESS_DENIED);
    assert!(reason.contains("BG"), "{reason}");
}

#[test]
fn senseless_access_is_refused() {
    for desired in [0, 0x0100_0000, 0x0000_0200, 0x0800_0000] {
        assert_eq!(
            Peer::connected().try_open("simple", desired),
            Err(NtStatus::ACCESS_DENIED),
            "{desired:#x}"
        );
    }
    // The account may not change the descriptor.
    assert_eq!(Peer::connected().try_open("simple", 0x0004_0000), Err(NtStatus::ACCESS_DENIED));
}

#[test]
fn generic_and_maximum_rights_are_granted_as_the_descriptor_allows() {
    for desired in [0xC000_0000, 0x0200_0000, READ_WRITE, 0x3] {
        assert!(Peer::connected().try_open("simple", desired).is_ok(), "{desired:#x}");
    }
}

#[test]
fn later_requests_are_held_to_what_was_granted() {
    let mut peer = Peer::connected();
    let reader = peer.try_open("simple", 0x8000_0000).unwrap();
    let id = peer.send_write(reader, b"no");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::ACCESS_DENIED);
    let reply = peer.ioctl(ControlCode::PIPE_TRANSCEIVE, reader, b"no", 100);
    assert_eq!(reply.status(), NtStatus::ACCESS_DENIED);
    let writer = peer.try_open("simple", 0x2).unwrap();
    let id = peer.send_read(writer, 10);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::ACCESS_DENIED);
    let reply = peer.ioctl(ControlCode::PIPE_PEEK, writer, b"", 100);
    assert_eq!(reply.status(), NtStatus::ACCESS_DENIED);
    assert!(peer.written().is_empty());
}

#[test]
fn a_create_with_senseless_parameters_is_refused() {
    let usual = Peer::create_request("simple", READ_WRITE);
    for (request, expected) in [
        (
            CreateRequest { impersonation_level: ImpersonationLevel(3), ..usual.clone() },
            NtStatus::BAD_IMPERSONATION_LEVEL,
        ),
        (
            CreateRequest { impersonation_level: ImpersonationLevel(4), ..usual.clone() },
            NtStatus::BAD_IMPERSONATION_LEVEL,
        ),
        (CreateRequest { options: CreateOptions(0x2000), ..usual.clone() }, NtStatus::NOT_SUPPORTED),
    ] {
        let mut peer = Peer::connected();
        assert_eq!(peer.ask(Command::CREATE, |out| request.encode(out)).status(), expected);
    }
}

#[test]
fn the_backends_answer_reaches_the_client() {
    for (failure, expected) in [
        (OpenFailure::NotListening, NtStatus::PIPE_NOT_AVAILABLE),
        (OpenFailure::AllInstancesBusy, NtStatus::INSTANCE_NOT_AVAILABLE),
        (OpenFailure::Refused, NtStatus::ACCESS_DENIED),
        (OpenFailure::OutOfResources, NtStatus::INSUFFICIENT_RESOURCES),
    ] {
        let mut peer = Peer::connected();
        peer.willing = false;
        let request = Peer::create_request("simple", READ_WRITE);
        let id = peer.send(Command::CREATE, |out| request.encode(out));
        assert!(peer.reply_to(id).is_none());
        peer.answer_open(Err(failure));
        assert_eq!(peer.reply_to(id).unwrap().status(), expected);
        assert_eq!(peer.connection.open_count(), 0);
    }
}

#[test]
fn an_open_that_is_not_answered_yet_cannot_be_used() {
    let mut peer = Peer::connected();
    peer.willing = false;
    let request = Peer::create_request("simple", READ_WRITE);
    peer.send(Command::CREATE, |out| request.encode(out));
    let Some(Asked::Open(open, _)) = peer.asked.last() else { panic!("no open was asked for") };
    let guessed = FileId { persistent: 1, volatile: open.0 };
    let id = peer.send_write(guessed, b"early");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::FILE_CLOSED);
}

#[test]
fn closing_ends_waiting_requests_and_the_id() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    let reply = peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
    assert_eq!(reply.status(), NtStatus::SUCCESS);
    assert_eq!(peer.reply_to(read).unwrap().status(), NtStatus::PIPE_BROKEN);
    let reply = peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
    assert_eq!(reply.status(), NtStatus::FILE_CLOSED);
    let wrong = FileId { persistent: file_id.persistent ^ 1, ..peer.open("simple") };
    let id = peer.send_write(wrong, b"x");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::FILE_CLOSED);
}

#[test]
fn disconnecting_the_tree_closes_its_opens() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    assert_eq!(peer.ask(Command::TREE_DISCONNECT, Empty::encode).status(), NtStatus::SUCCESS);
    assert!(matches!(peer.asked.last(), Some(Asked::Close(_))));
    let id = peer.send_read(file_id, 10);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::NETWORK_NAME_DELETED);
}

#[test]
fn a_client_can_wait_for_a_pipe() {
    let mut peer = Peer::connected();
    let wait = PipeWaitRequest { timeout: Some(-50_000_000), name: "Simple".into() }.encode();
    for (available, expected) in [(true, NtStatus::SUCCESS), (false, NtStatus::IO_TIMEOUT)] {
        let id = peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0);
        let Some(Asked::Wait(wait, timeout, true)) = peer.asked.pop() else { panic!("no wait") };
        assert_eq!(timeout.as_secs(), 5);
        peer.handle(Input::Waited { wait, available });
        assert_eq!(peer.reply_to(id).unwrap().status(), expected);
    }
    for name in ["nosuch", ""] {
        let wait = PipeWaitRequest { timeout: None, name: name.into() }.encode();
        let reply = peer.ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0);
        assert_eq!(reply.status(), NtStatus::OBJECT_NAME_NOT_FOUND);
    }
    let reply = peer.ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &[1, 2, 3], 0);
    assert_eq!(reply.status(), NtStatus::OBJECT_NAME_NOT_FOUND);
}

#[test]
fn a_draining_server_refuses_new_requests_and_finishes_old_ones() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let read = peer.send_read(file_id, 10);
    let wait = PipeWaitRequest { timeout: None, name: "simple".into() }.encode();
    let waiting = peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0);
    peer.handle(Input::Drain);
    assert_eq!(peer.reply_to(waiting).unwrap().status(), NtStatus::PIPE_NOT_AVAILABLE);
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::PIPE_NOT_AVAILABLE));
    peer.service_writes(file_id, b"answer");
    assert_eq!(data(&peer.reply_to(read).unwrap()), b"answer");
    assert_eq!(peer.disconnected, None);
    peer.ask(Command::CLOSE, |out| CloseRequest { file_id }.encode(out));
    assert_eq!(peer.disconnected, Some(crate::server::DisconnectReason::Drained));
}

#[test]
fn an_open_that_is_only_idle_does_not_hold_up_the_end_of_a_draining_server() {
    let second = Duration::from_secs(1);
    for reads in [false, true] {
        let mut peer = Peer::connected();
        let file_id = peer.open("simple");
        let waiting = reads.then(|| peer.send_read(file_id, 10));
        peer.handle(Input::Drain);
        peer.pass(second / 2);
        assert_eq!(peer.disconnected, None, "it may be about to write");
        peer.pass(second / 2);
        assert_eq!(peer.disconnected, Some(crate::server::DisconnectReason::Drained));
        if let Some(waiting) = waiting {
            assert_eq!(peer.reply_to(waiting).unwrap().status(), NtStatus::PIPE_BROKEN);
        }
    }
}

#[test]
fn a_request_under_way_holds_up_the_end_of_a_draining_server_until_its_reply_is_read() {
    let second = Duration::from_secs(1);
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.send_write(file_id, b"question");
    peer.handle(Input::Drain);
    peer.pass(60 * second);
    assert_eq!(peer.disconnected, None, "the service owes a reply");
    peer.service_writes(file_id, b"answer");
    peer.pass(60 * second);
    assert_eq!(peer.disconnected, None, "the reply is there to be read");
    let read = peer.send_read(file_id, 10);
    assert_eq!(data(&peer.reply_to(read).unwrap()), b"answer");
    peer.pass(second);
    assert_eq!(peer.disconnected, Some(crate::server::DisconnectReason::Drained));
}

#[test]
fn an_open_is_reported_once_the_backend_took_it() {
    let mut peer = Peer::connected();
    peer.open("simple");
    let opened = peer.events.iter().filter(|event| matches!(event, Event::Opened { .. })).count();
    assert_eq!(opened, 1);
}

fn query(
    peer: &mut Peer,
    file_id: FileId,
    info_type: InfoType,
    class: FileInfoClass,
    output_length: u32,
    additional: u32,
) -> super::harness::Reply {
    let request = QueryInfoRequest { info_type, class, output_length, additional, file_id };
    peer.ask(Command::QUERY_INFO, |out| request.encode(out))
}

#[test]
fn information_about_a_pipe_equals_that_of_windows() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.service_writes(file_id, b"waiting");
    for (class, length) in [
        (FileInfoClass::BASIC, 40),
        (FileInfoClass::STANDARD, 24),
        (FileInfoClass::ALL, 100),
        (FileInfoClass::PIPE, 8),
        (FileInfoClass::PIPE_LOCAL, 40),
    ] {
        let reply = query(&mut peer, file_id, InfoType::FILE, class, 4096, 0);
        assert_eq!(reply.status(), NtStatus::SUCCESS, "class {class:?}");
        assert_eq!(
            QueryInfoResponse::decode(&reply.message).unwrap().output.len(),
            length,
            "class {class:?}"
        );
        let reply = query(&mut peer, file_id, InfoType::FILE, class, 3, 0);
        assert_eq!(reply.status(), NtStatus::INFO_LENGTH_MISMATCH, "class {class:?}");
    }
    let reply = query(&mut peer, file_id, InfoType::FILE, FileInfoClass::PIPE_LOCAL, 40, 0);
    let local = QueryInfoResponse::decode(&reply.message).unwrap().output.to_vec();
    assert_eq!(local[0], 1, "message type");
    assert_eq!(local[20..24], [7, 0, 0, 0], "bytes that can be read");
    assert_eq!(local[32], 3, "connected");
    assert_eq!(
        query(&mut peer, file_id, InfoType::FILE, FileInfoClass(1), 4096, 0).status(),
        NtStatus::NOT_SUPPORTED
    );
    assert_eq!(
        query(&mut peer, file_id, InfoType::FILE, FileInfoClass(200), 4096, 0).status(),
        NtStatus::INVALID_INFO_CLASS
    );
}

#[test]
fn the_descriptor_can_be_read_but_not_changed() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let reply = query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0), 4096, 4);
    assert_eq!(reply.status(), NtStatus::SUCCESS);
    let bytes = QueryInfoResponse::decode(&reply.message).unwrap().output;
    let descriptor = standpipe_security::SecurityDescriptor::from_bytes(bytes).unwrap();
    assert_eq!(Ok(descriptor), super::harness::STORY_ACL.parse());
    let reply = query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0), 4, 4);
    assert_eq!(reply.status(), NtStatus::BUFFER_TOO_SMALL);
    assert_eq!(reply.message[64 + 4], 12, "in 3.1.1 the size stands in a context");
    assert_eq!(
        query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0), 4096, 8).status(),
        NtStatus::ACCESS_DENIED
    );
    let request = SetInfoRequest {
        info_type: InfoType::SECURITY,
        class: FileInfoClass(0),
        additional: 4,
        file_id,
        input: &[1; 20],
    };
    assert_eq!(peer.ask(Command::SET_INFO, |out| request.encode(out)).status(), NtStatus::ACCESS_DENIED);
}
