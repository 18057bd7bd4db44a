//! What one client can make the server hold.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::harness::{Asked, Peer, READ_WRITE, config, credentials, data};
use crate::server::{Config, Input, Limits, OpenId};
use crate::wire::transfer::ReadFlags;
use crate::wire::{
    Command, ControlCode, Empty, FRAME_MAX, FileId, Header, IoctlFlags, IoctlRequest, PipeWaitRequest,
    ReadRequest, frame_prefix_for,
};
use crate::{Dialect, NtStatus};

const MIB: usize = 1024 * 1024;

fn connected_with(limits: Limits) -> Peer {
    connected_as("serviceUser", Config { limits, ..config() })
}

fn connected_as(user: &str, config: Config) -> Peer {
    Peer::connected_by(user, config, &Dialect::ALL, None)
}

#[test]
fn opens_trees_and_sessions_have_limits() {
    let mut small = config();
    small.limits = Limits { opens: 2, trees: 2, sessions: 1, ..Limits::default() };
    let mut peer = Peer::new(small);
    peer.negotiate(&crate::Dialect::ALL, None);
    assert_eq!(peer.log_on(&super::harness::credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    peer.open("simple");
    peer.open("simple");
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::INSUFFICIENT_RESOURCES));
    let tree = peer.tree_id;
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::INSUFFICIENT_RESOURCES);
    peer.tree_id = tree;
    peer.keys = None;
    peer.session_id = 0;
    assert_eq!(peer.log_on(&super::harness::credentials("serviceUser")), NtStatus::INSUFFICIENT_RESOURCES);
}

#[test]
fn log_ons_of_strangers_are_few() {
    let mut peer = Peer::new(config());
    peer.negotiate(&Dialect::ALL, None);
    let (_, token) =
        crate::auth::client::Initiator::new(credentials("serviceUser"), None).start(&[]).unwrap();
    let statuses: Vec<NtStatus> =
        (0..4).map(|_| peer.session_setup(&token, &mut crate::crypto::PreauthHash::new()).status()).collect();
    assert_eq!(statuses[..2], [NtStatus::MORE_PROCESSING_REQUIRED; 2]);
    assert_eq!(statuses[2..], [NtStatus::INSUFFICIENT_RESOURCES; 2]);
}

#[test]
fn a_client_with_few_credits_left_gets_an_early_interim_reply() {
    let mut peer = connected_with(Limits { credits: 8, ..Limits::default() });
    let file_id = peer.open("simple");
    let id = peer.send_read(file_id, 100);
    peer.pass(Duration::from_millis(1));
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::PENDING);
}

/// Sends the same request again and again, and waits for each one's interim reply, which gives its credit
/// back. Gives how many were not refused.
fn insist(peer: &mut Peer, times: usize, mut send: impl FnMut(&mut Peer) -> u64) -> usize {
    let mut kept = 0;
    for _ in 0..times {
        let id = send(peer);
        peer.pass(Duration::from_millis(2));
        match peer.reply_to(id).map(|reply| reply.status()) {
            Some(NtStatus::INSUFFICIENT_RESOURCES) => {}
            None | Some(NtStatus::PENDING) => kept += 1,
            Some(other) => panic!("{other:?}"),
        }
        peer.replies.clear();
    }
    kept
}

#[test]
fn requests_that_wait_are_bounded() {
    let mut peer = connected_with(Limits { pending: 100, ..Limits::default() });
    let file_id = peer.open("simple");
    assert_eq!(insist(&mut peer, 300, |peer| peer.send_read(file_id, 10)), 100);
    // The next is served once one is answered.
    peer.service_writes(file_id, b"answer");
    assert_eq!(insist(&mut peer, 3, |peer| peer.send_read(file_id, 10)), 1);
}

#[test]
fn waits_of_a_user_that_no_pipe_lets_in_are_bounded() {
    let mut peer = connected_as("visitor", config());
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED));
    let wait = PipeWaitRequest { timeout: Some(i64::MIN), name: "simple".into() }.encode();
    let kept = insist(&mut peer, 500, |peer| peer.send_ioctl(ControlCode::PIPE_WAIT, FileId::ANY, &wait, 0));
    assert_eq!(kept, Limits::default().waits);
    assert_eq!(peer.asked.iter().filter(|asked| matches!(asked, Asked::Wait(..))).count(), kept);
}

#[test]
fn bytes_that_backends_have_not_taken_are_bounded() {
    let mut peer = connected_with(Limits { write_backlog: 1_000, ..Limits::default() });
    let file_id = peer.open("simple");
    peer.willing = false;
    let first = peer.send_write(file_id, &[1; 800]);
    let second = peer.send_write(file_id, &[1; 800]);
    assert_eq!(peer.reply_to(second).unwrap().status(), NtStatus::INSUFFICIENT_RESOURCES);
    peer.handle(Input::Written { open: OpenId(file_id.volatile), result: Ok(()) });
    assert_eq!(peer.reply_to(first).unwrap().status(), NtStatus::SUCCESS);
    // Empty messages are not free.
    assert_eq!(insist(&mut peer, 100, |peer| peer.send_write(file_id, b"")), 1_000 / 64);
    // What a closed open held is free again.
    peer.ask(Command::CLOSE, |out| crate::wire::CloseRequest { file_id }.encode(out));
    peer.willing = true;
    let file_id = peer.open("simple");
    let id = peer.send_write(file_id, &[1; 800]);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
}

#[test]
fn flushes_that_are_given_up_leave_nothing_behind() {
    let mut peer = connected_with(Limits::default());
    let file_id = peer.open("simple");
    peer.willing = false;
    let write = peer.send_write(file_id, b"not taken");
    for _ in 0..100 {
        let flush = peer.send(Command::FLUSH, |out| crate::wire::FlushRequest { file_id }.encode(out));
        let target = Header { message_id: flush, ..peer.header(Command::CANCEL, 0) };
        let message = peer.message(&target, Empty::encode);
        peer.send_raw(&message);
        assert_eq!(peer.reply_to(flush).unwrap().status(), NtStatus::CANCELLED);
    }
    let open = OpenId(file_id.volatile);
    assert_eq!(peer.connection.writers_of(open), 1);
    peer.handle(Input::Written { open, result: Ok(()) });
    assert_eq!(peer.reply_to(write).unwrap().status(), NtStatus::SUCCESS);
}

#[test]
fn the_rest_of_compounds_that_wait_is_bounded() {
    let mut peer = connected_with(Limits { write_backlog: 4 * MIB, ..Limits::default() });
    peer.willing = false;
    let mut waiting = 0;
    for _ in 0..20 {
        let mut header = peer.header(Command::CREATE, 1);
        header.next_command = 64 + 80;
        let mut message = peer.message(&header, |out| {
            Peer::create_request("simple", READ_WRITE).encode(out);
            out.resize(64 + 80, 0);
        });
        let next = peer.header(Command::ECHO, 1);
        message.extend_from_slice(&peer.message(&next, |out| {
            Empty::encode(out);
            out.resize(MIB, 0);
        }));
        peer.send_raw(&message);
        if peer.reply_to(header.message_id).is_none() {
            waiting += 1;
        }
        peer.ask(Command::ECHO, Empty::encode);
    }
    assert_eq!(waiting, 4);
}

/// A client with credits to spare, and a pipe to which the service has written a MiB.
fn peer_with_much_to_read() -> (Peer, FileId) {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    peer.service_writes(file_id, &vec![0x55; MIB - 16]);
    while peer.credits < 400 {
        let mut header = peer.header(Command::ECHO, 1);
        header.credits = 512;
        let message = peer.message(&header, Empty::encode);
        peer.send_raw(&message);
    }
    (peer, file_id)
}

fn peek(peer: &mut Peer, file_id: FileId, more_follow: bool) -> Vec<u8> {
    let mut header = peer.header(Command::IOCTL, 16);
    header.credits = 512;
    header.next_command = if more_follow { 128 } else { 0 };
    let request = IoctlRequest {
        code: ControlCode::PIPE_PEEK,
        file_id,
        max_output: MIB as u32,
        flags: IoctlFlags::IS_FSCTL,
        input: &[],
    };
    peer.message(&header, |out| {
        request.encode(out);
        out.resize(128, 0);
    })
}

#[test]
fn the_replies_to_a_compound_are_split_before_a_frame_gets_too_long() {
    let (mut peer, file_id) = peer_with_much_to_read();
    let compound: Vec<u8> = (0..17).flat_map(|at| peek(&mut peer, file_id, at < 16)).collect();
    let before = peer.replies.len();
    peer.send_raw(&compound);
    while peer.connection.next_timeout() == Some(Duration::ZERO) {
        peer.handle(Input::Timeout);
    }
    assert_eq!(peer.replies.len() - before, 17);
    const { assert!(17 * MIB > FRAME_MAX, "they would have fitted into one") };
}

#[test]
fn a_compound_goes_on_as_the_client_takes_its_replies() {
    let (mut peer, file_id) = peer_with_much_to_read();
    let compound: Vec<u8> = (0..22).flat_map(|at| peek(&mut peer, file_id, at < 21)).collect();
    let mut bytes = frame_prefix_for(compound.len()).to_vec();
    bytes.extend_from_slice(&compound);
    // What comes after it waits for its turn.
    let message = peek(&mut peer, file_id, false);
    bytes.extend_from_slice(&frame_prefix_for(message.len()));
    bytes.extend_from_slice(&message);
    let now = peer.now();
    peer.connection.handle(now, Input::Received(&bytes));
    let (mut replies, mut taken) = (0, Vec::new());
    while peer.connection.take_transmit(&mut taken) {
        assert!(taken.len() <= 4 * MIB, "{} bytes at once", taken.len());
        replies += taken.len() / (MIB - 100);
        taken.clear();
        if peer.connection.next_timeout().is_some_and(|due| due <= now.monotonic) {
            peer.connection.handle(now, Input::Timeout);
        }
    }
    assert_eq!(replies, 23, "all are answered in the end");
}

#[test]
fn replies_are_made_as_the_client_takes_them() {
    let (mut peer, file_id) = peer_with_much_to_read();
    peer.credits = 60_000; // which it knows before the replies that grant them are taken
    let mut bytes = Vec::new();
    for _ in 0..50 {
        let message = peek(&mut peer, file_id, false);
        bytes.extend_from_slice(&frame_prefix_for(message.len()));
        bytes.extend_from_slice(&message);
    }
    let now = peer.now();
    peer.connection.handle(now, Input::Received(&bytes));
    let mut replies = 0;
    let mut taken = Vec::new();
    while peer.connection.take_transmit(&mut taken) {
        assert!(taken.len() <= 4 * MIB, "{} bytes at once", taken.len());
        replies += taken.len() / MIB;
        taken.clear();
        if peer.connection.next_timeout().is_some_and(|due| due <= now.monotonic) {
            peer.connection.handle(now, Input::Timeout);
        }
    }
    assert_eq!(replies, 50, "all are answered in the end");
}

#[test]
fn services_are_not_read_from_while_the_client_takes_nothing() {
    let (mut peer, file_id) = peer_with_much_to_read();
    let open = OpenId(file_id.volatile);
    for _ in 0..20 {
        let mut header = peer.header(Command::READ, 16);
        header.credits = 512;
        let request =
            ReadRequest { flags: ReadFlags::NONE, length: MIB as u32, file_id, minimum_count: 0, channel: 0 };
        let message = peer.message(&header, |out| request.encode(out));
        peer.send_raw(&message);
    }
    let now = peer.now();
    let data = vec![1; MIB];
    let mut count = 0;
    while peer.connection.wants_data(open) {
        peer.connection.handle(now, Input::Data { open, bytes: &data });
        count += 1;
        assert!(count < 10);
    }
    let mut taken = Vec::new();
    assert!(peer.connection.take_transmit(&mut taken));
    assert!(peer.connection.wants_data(open), "there is room again");
}

#[test]
fn a_connection_that_lost_its_session_is_a_strangers_again() {
    let mut peer = Peer::connected();
    let mut preauth = crate::crypto::PreauthHash::new();
    assert_eq!(peer.session_setup(b"garbage", &mut preauth).status(), NtStatus::INVALID_PARAMETER);
    peer.pass(Duration::from_secs(45));
    assert!(peer.disconnected.is_some());

    let mut peer = Peer::connected();
    assert_eq!(peer.log_on_again("visitor"), NtStatus::ACCESS_DENIED);
    peer.pass(Duration::from_secs(45));
    assert!(peer.disconnected.is_some());
}

#[test]
fn an_unsigned_session_setup_cannot_end_a_signing_session() {
    let mut peer = Peer::connected();
    let file_id = peer.open("simple");
    let keys = peer.keys.take();
    let mut preauth = crate::crypto::PreauthHash::new();
    assert_eq!(peer.session_setup(b"x", &mut preauth).status(), NtStatus::ACCESS_DENIED);
    peer.keys = keys;
    peer.service_writes(file_id, b"still here");
    let id = peer.send_read(file_id, 100);
    assert_eq!(data(&peer.reply_to(id).unwrap()), b"still here");
}

#[test]
fn the_right_to_make_instances_is_no_right_to_write() {
    for desired in [0x0200_0000, 0x4] {
        let mut config = config();
        config.pipes[0].security_descriptor = "D:(A;;0x12008d;;;AU)".parse().ok();
        let mut peer = connected_as("serviceUser", config);
        assert_eq!(peer.try_open("simple", 0x2), Err(NtStatus::ACCESS_DENIED));
        if let Ok(file_id) = peer.try_open("simple", desired) {
            let id = peer.send_write(file_id, b"text");
            assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::ACCESS_DENIED, "{desired:#x}");
        }
        assert!(peer.written().is_empty());
    }
}
