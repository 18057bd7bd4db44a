//! The second access check: the descriptor that the service itself has put on its pipe.

use alloc::sync::Arc;

use standpipe_security::{DescriptorParts, SecurityDescriptor};

use super::harness::{Asked, Peer, READ_WRITE, config, credentials};
use crate::crypto::SigningAlgorithm;
use crate::server::{Config, Event, OpenFailure, OpenId, PipeMode, ServiceEnd};
use crate::wire::info::{FileInfoClass, InfoType, QueryInfoRequest, QueryInfoResponse};
use crate::wire::{Command, FileId};
use crate::{Dialect, NtStatus};

const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
/// What `GENERIC_READ` means for a pipe, and one of the rights in it.
const GENERIC_READ: u32 = 0x0012_0089;
const READ_CONTROL: u32 = 0x0002_0000;
const DACL: u32 = 4;

/// `serviceUser` before a server whose configuration has these descriptors, and whose service puts `own` on
/// its pipes.
fn peer(configured: Option<&str>, own: Option<&str>) -> Peer {
    let parse = |text: &str| text.parse::<SecurityDescriptor>().unwrap();
    let mut config: Config = config();
    for pipe in &mut config.pipes {
        pipe.security_descriptor = configured.map(parse);
    }
    let mut peer = Peer::new(config);
    peer.own_descriptor = own.map(|own| Arc::new(parse(own)));
    peer.negotiate(&[Dialect::Smb311], Some(SigningAlgorithm::AesGmac));
    assert_eq!(peer.log_on(&credentials("serviceUser")), NtStatus::SUCCESS);
    assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
    peer
}

fn query(peer: &mut Peer, file_id: FileId, info_type: InfoType, class: FileInfoClass) -> alloc::vec::Vec<u8> {
    let request = QueryInfoRequest { info_type, class, output_length: 4096, additional: DACL, file_id };
    let reply = peer.ask(Command::QUERY_INFO, |out| request.encode(out));
    assert_eq!(reply.status(), NtStatus::SUCCESS);
    QueryInfoResponse::decode(&reply.message).unwrap().output.to_vec()
}

/// What was granted.
fn access(peer: &mut Peer, file_id: FileId) -> u32 {
    let output = query(peer, file_id, InfoType::FILE, FileInfoClass::ACCESS);
    u32::from_le_bytes(output.try_into().unwrap())
}

#[test]
fn a_caller_whom_the_services_own_descriptor_denies_is_refused_before_a_byte_passes() {
    for own in ["D:(D;;GA;;;BU)(A;;GA;;;AU)", "D:(A;;GA;;;BA)", "D:(A;;GR;;;AU)", "D:"] {
        let mut peer = peer(Some("D:(A;;GA;;;AU)"), Some(own));
        assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED), "{own}");
        let [Asked::Open(open, _), Asked::Close(closed)] = peer.asked[..] else { panic!("{:?}", peer.asked) };
        assert_eq!(open, closed, "the backend is closed");
        assert!(!peer.connection.is_connected(open) && peer.connection.open_count() == 0);
        let (status, reason) = peer.refusal().unwrap();
        assert_eq!(status, NtStatus::ACCESS_DENIED);
        assert!(reason.starts_with("the service's own descriptor: denied"), "{reason}");
        assert!(!peer.events.iter().any(|event| matches!(event, Event::Opened { .. })));
    }
}

#[test]
fn a_configuration_can_only_narrow_what_the_service_grants() {
    let mut peer = peer(Some("D:(A;;GR;;;AU)"), Some("D:(A;;GA;;;AU)"));
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED));
    assert!(peer.asked.is_empty(), "the configuration's denial needs no backend");
    let file_id = peer.try_open("simple", 0x8000_0000).unwrap();
    assert_eq!(access(&mut peer, file_id), GENERIC_READ);
}

#[test]
fn maximum_allowed_is_what_both_descriptors_grant() {
    let mut peer = peer(Some("D:(A;;GR;;;AU)"), Some("D:(A;;0x20082;;;AU)"));
    let file_id = peer.try_open("simple", MAXIMUM_ALLOWED).unwrap();
    assert_eq!(access(&mut peer, file_id), READ_CONTROL | 0x80);
    let id = peer.send_write(file_id, b"the configuration does not let it write");
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::ACCESS_DENIED);
    assert!(peer.written().is_empty());
    let file_id = peer.try_open("simple", MAXIMUM_ALLOWED | 0x80).unwrap();
    assert_eq!(access(&mut peer, file_id), READ_CONTROL | 0x80);
    let both = peer.try_open("simple", MAXIMUM_ALLOWED | 1);
    assert_eq!(both, Err(NtStatus::ACCESS_DENIED), "the service does not let it read");
}

#[test]
fn descriptors_with_nothing_in_common_let_nobody_in() {
    let mut peer = peer(Some("D:(A;;0x1;;;AU)"), Some("D:(A;;0x2;;;AU)"));
    assert_eq!(peer.try_open("simple", MAXIMUM_ALLOWED), Err(NtStatus::ACCESS_DENIED));
    assert!(peer.refusal().unwrap().1.contains("grants nothing"));
}

#[test]
fn a_pipe_without_a_configured_descriptor_has_that_of_its_service() {
    let mut peer = peer(None, Some("D:(A;;GR;;;AU)"));
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED));
    let file_id = peer.try_open("simple", MAXIMUM_ALLOWED).unwrap();
    assert_eq!(access(&mut peer, file_id), GENERIC_READ);
}

#[test]
fn a_pipe_without_any_descriptor_lets_nobody_in() {
    let mut peer = peer(None, None);
    assert_eq!(peer.try_open("simple", READ_WRITE), Err(NtStatus::ACCESS_DENIED));
    assert!(matches!(peer.asked[..], [Asked::Open(..), Asked::Close(_)]));
    assert!(peer.refusal().unwrap().1.contains("neither"));
    assert_eq!(peer.try_open("simple", 0), Err(NtStatus::ACCESS_DENIED));
    assert_eq!(peer.asked.len(), 2, "a request for nothing is refused before the backend is asked");
}

#[test]
fn the_failure_of_a_backend_is_told_although_nothing_was_checked() {
    let mut peer = peer(None, None);
    peer.willing = false;
    let request = Peer::create_request("simple", READ_WRITE);
    let id = peer.send(Command::CREATE, |out| request.encode(out));
    peer.answer_open(Err(OpenFailure::AllInstancesBusy));
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::INSTANCE_NOT_AVAILABLE);
    assert_eq!(peer.asked.len(), 1, "there is no backend to close");
}

#[test]
fn an_open_is_connected_once_every_check_is_passed() {
    let mut peer = peer(None, None);
    peer.willing = false;
    let request = Peer::create_request("simple", READ_WRITE);
    let id = peer.send(Command::CREATE, |out| request.encode(out));
    let Some(&Asked::Open(open, _)) = peer.asked.last() else { panic!("no open was asked for") };
    assert!(!peer.connection.is_connected(open));
    let descriptor = Some(Arc::new("D:(A;;GRGW;;;AU)".parse().unwrap()));
    peer.answer_open(Ok(ServiceEnd { mode: PipeMode::Byte, descriptor }));
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::SUCCESS);
    assert!(peer.connection.is_connected(open));
    assert!(!peer.connection.is_connected(OpenId(open.0 ^ 1)));
}

#[test]
fn a_shell_can_ask_whether_an_end_would_be_refused() {
    let mut peer = peer(Some("D:(A;;GA;;;AU)"), None);
    peer.willing = false;
    let request = Peer::create_request("simple", READ_WRITE);
    let id = peer.send(Command::CREATE, |out| request.encode(out));
    let Some(&Asked::Open(open, _)) = peer.asked.last() else { panic!("no open was asked for") };
    let end =
        |own: &str| ServiceEnd { mode: PipeMode::Message, descriptor: Some(Arc::new(own.parse().unwrap())) };
    assert!(!peer.connection.would_refuse(open, &end("D:(A;;GRGW;;;AU)")));
    assert!(!peer.connection.would_refuse(OpenId(open.0 ^ 1), &end("D:")), "there is no such open");
    assert!(peer.connection.would_refuse(open, &end("D:(A;;GR;;;AU)")));
    peer.answer_open(Ok(end("D:(A;;GR;;;AU)")));
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::ACCESS_DENIED);
    assert!(!peer.connection.would_refuse(open, &end("D:")), "it is answered");
}

#[test]
fn clients_read_the_descriptor_that_the_service_has_put_on_its_pipe() {
    let own = "D:(A;;GRGW;;;AU)";
    let mut peer = peer(Some("D:(A;;GA;;;AU)"), Some(own));
    let file_id = peer.open("simple");
    let bytes = query(&mut peer, file_id, InfoType::SECURITY, FileInfoClass(0));
    let expected = own.parse::<SecurityDescriptor>().unwrap().select(DescriptorParts(DACL));
    assert_eq!(SecurityDescriptor::from_bytes(&bytes), Ok(expected));
}
