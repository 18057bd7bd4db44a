//! What strangers and broken clients send.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::harness::{Peer, READ_WRITE, config};
use crate::NtStatus;
use crate::server::{DisconnectReason, Input, Limits, Violation};
use crate::wire::transfer::WriteFlags;
use crate::wire::{Command, Empty, Header};

#[test]
fn a_frame_may_arrive_in_any_pieces() {
    for size in [1, 2, 3, 5, 64] {
        let mut peer = Peer::connected();
        let header = peer.header(Command::CREATE, 1);
        let message = peer.message(&header, |out| Peer::create_request("simple", READ_WRITE).encode(out));
        let mut frame = Vec::from(crate::wire::frame_prefix_for(message.len()));
        frame.extend_from_slice(&message);
        let second = peer.header(Command::ECHO, 1);
        let message = peer.message(&second, Empty::encode);
        frame.extend_from_slice(&crate::wire::frame_prefix_for(message.len()));
        frame.extend_from_slice(&message);
        for piece in frame.chunks(size) {
            peer.handle(Input::Received(piece));
        }
        assert_eq!(peer.reply_to(header.message_id).unwrap().status(), NtStatus::SUCCESS, "pieces of {size}");
        assert_eq!(peer.reply_to(second.message_id).unwrap().status(), NtStatus::SUCCESS, "pieces of {size}");
    }
}

#[test]
fn a_stranger_cannot_send_long_frames() {
    let mut peer = Peer::new(config());
    peer.handle(Input::Received(&[0, 0, 0x80, 0]));
    assert_eq!(
        peer.disconnected,
        Some(DisconnectReason::FrameTooLong { length: 0x8000, limit: Limits::default().frame_before_logon })
    );
    let mut peer = Peer::connected();
    peer.handle(Input::Received(&[0, 0, 0x80, 0]));
    assert_eq!(peer.disconnected, None);
    let mut peer = Peer::connected();
    peer.handle(Input::Received(&[0, 0xFF, 0xFF, 0xFF]));
    assert!(matches!(peer.disconnected, Some(DisconnectReason::FrameTooLong { .. })));
}

#[test]
fn empty_frames_are_taken_as_a_sign_of_life() {
    let mut peer = Peer::connected();
    peer.handle(Input::Received(&[0; 400]));
    assert_eq!(peer.disconnected, None);
    assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS);
    peer.handle(Input::Received(&[0x85, 0, 0, 0].repeat(100)));
    assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS);
}

#[test]
fn a_stranger_may_send_a_few_keep_alives_and_no_more() {
    for keep_alive in [[0; 4], crate::wire::NETBIOS_KEEP_ALIVE] {
        let mut stranger = Peer::new(config());
        stranger.handle(Input::Received(&keep_alive));
        stranger.negotiate(&[crate::Dialect::Smb311], None);
        stranger.handle(Input::Received(&keep_alive.repeat(15)));
        assert_eq!(stranger.disconnected, None);
        stranger.handle(Input::Received(&keep_alive));
        assert!(stranger.disconnected.is_some());
    }
    let mut stranger = Peer::new(config());
    stranger.handle(Input::Received(&[0x85, 0, 0, 1, 0]));
    assert!(stranger.disconnected.is_some(), "a keep-alive has no length");
}

#[test]
fn a_message_id_out_of_turn_ends_the_connection() {
    for wrong in [0, 5_000, u64::MAX] {
        let mut peer = Peer::connected();
        let header = Header { message_id: wrong, ..peer.header(Command::ECHO, 1) };
        let message = peer.message(&header, Empty::encode);
        peer.send_raw(&message);
        assert_eq!(peer.disconnected, Some(Violation::MessageId.into()), "id {wrong}");
    }
}

#[test]
fn a_replayed_request_ends_the_connection() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let header = peer.header(Command::WRITE, 1);
    let request = crate::wire::WriteRequest { file_id, channel: 0, flags: WriteFlags::NONE, data: b"once" };
    let message = peer.message(&header, |out| request.encode(out));
    peer.send_raw(&message);
    peer.send_raw(&message);
    assert_eq!(peer.disconnected, Some(Violation::MessageId.into()));
    assert_eq!(peer.written(), [b"once"]);
}

#[test]
fn bytes_that_are_no_smb2_request_end_the_connection() {
    for message in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\xFDSMB", b"\xFCSMBxxxxxxxxxxxxxxxx", b"\xFESMB"] {
        let mut peer = Peer::connected();
        peer.send_raw(message);
        assert!(matches!(peer.disconnected, Some(DisconnectReason::Malformed(_))), "{message:?}");
    }
    let mut peer = Peer::connected();
    peer.handle(Input::Received(b"GET / HTTP/1.1\r\n\r\n"));
    assert!(peer.disconnected.is_some(), "no frame");
    let mut peer = Peer::connected();
    peer.send(Command(19), Empty::encode);
    assert!(peer.disconnected.is_some(), "no command");
}

#[test]
fn a_malformed_body_is_an_invalid_parameter_and_nothing_worse() {
    for command in (1..=17).map(Command).filter(|command| *command != Command::CANCEL) {
        let mut peer = Peer::connected();
        let reply = peer.ask(command, |out| out.extend_from_slice(&[0xEE; 40]));
        let expected = match command {
            Command::LOCK => NtStatus::NOT_SUPPORTED,
            _ => NtStatus::INVALID_PARAMETER,
        };
        assert_eq!(reply.status(), expected, "{command:?}");
        assert_eq!(peer.ask(Command::ECHO, Empty::encode).status(), NtStatus::SUCCESS, "{command:?}");
    }
}

proptest! {
    /// Bytes from a stranger, in any pieces, never reach a service and never make the server panic.
    #[test]
    fn strangers_reach_nothing(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut peer = Peer::new(config());
        for frame in frames {
            peer.handle(Input::Received(&frame));
        }
        prop_assert!(peer.asked.is_empty());
    }

    /// A logged-on client's frame with bytes changed before it is signed, whatever they mean then: it ends in
    /// a reply or a closed connection, and the connection's promises hold.
    #[test]
    fn changed_requests_end_in_an_answer(
        command in 1u16..19,
        body in proptest::collection::vec(any::<u8>(), 0..160),
        structure_size in prop::sample::select(alloc::vec![4u8, 9, 24, 25, 33, 41, 49, 57]),
    ) {
        let mut peer = Peer::connected();
        peer.open("simple");
        let header = peer.header(Command(command), 1);
        let message = peer.message(&header, |out| {
            out.extend_from_slice(&[structure_size, 0]);
            out.extend_from_slice(&body);
        });
        peer.send_raw(&message);
        peer.pass(core::time::Duration::from_secs(1));
        let answered = peer.reply_to(header.message_id).is_some();
        prop_assert!(answered || peer.disconnected.is_some() || command == Command::CANCEL.0);
        prop_assert!(peer.written().len() <= 1);
    }
}
