//! Every message reads back, survives truncation at every length, and has the specification's layout.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use standpipe_security::{AccessMask, DesiredAccess};

use proptest::prelude::*;

use super::info::{FilePipeInformation, QueryInfoRequest, QueryInfoResponse, SetInfoRequest};
use super::*;
use crate::NtStatus;
use crate::wire::info::{PipeCompletionMode, PipeReadMode, PipeState};
use crate::wire::negotiate::{Capabilities, CipherId, HashId, SecurityMode, SigningId};
use crate::wire::session::{SessionFlags, SessionSetupFlags};
use crate::wire::transfer::{ReadFlags, WriteFlags};

const ID: FileId = FileId { persistent: 0x0102_0304_0506_0708, volatile: 0x1112_1314_1516_1718 };

/// A message with a header and the body that `encode` appends.
fn message(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    Header {
        credit_charge: 0,
        status: NtStatus::SUCCESS,
        command: Command::NEGOTIATE,
        credits: 0,
        flags: Flags::default(),
        next_command: 0,
        message_id: 0,
        tree_or_async: TreeOrAsync::Tree(0),
        session_id: 0,
    }
    .encode(&mut out);
    encode(&mut out);
    out
}

/// Checks that `decode` gives `expected`, and an error for every truncation shorter than `needed` bytes.
fn reads_back<'a, T: PartialEq + core::fmt::Debug>(
    bytes: &'a [u8],
    needed: usize,
    expected: &T,
    decode: impl Fn(&'a [u8]) -> Result<T, Malformed>,
) {
    assert_eq!(decode(bytes).as_ref(), Ok(expected));
    for length in 0..needed {
        assert!(decode(&bytes[..length]).is_err(), "cut to {length} of {} bytes", bytes.len());
    }
}

#[test]
fn negotiate_reads_back() {
    let request = NegotiateRequest {
        security_mode: SecurityMode(1),
        capabilities: Capabilities(0x7F),
        client_guid: [7; 16],
        dialects: vec![
            DialectRevision(0x0202),
            DialectRevision(0x0210),
            DialectRevision(0x0300),
            DialectRevision(0x0302),
            DialectRevision(0x0311),
        ],
        contexts: Some(NegotiateContexts {
            preauth_hashes: Some(vec![HashId(1)]),
            ciphers: Some(vec![CipherId(2), CipherId(1)]),
            signing: Some(vec![SigningId(2), SigningId(1), SigningId(0)]),
        }),
    };
    let bytes = message(|out| request.encode(out, 0, &[9; 32]));
    reads_back(&bytes, bytes.len(), &request, NegotiateRequest::decode);

    let response = NegotiateResponse {
        security_mode: SecurityMode(3),
        dialect: DialectRevision(0x0311),
        server_guid: [3; 16],
        capabilities: Capabilities(4),
        max_transact: 1 << 20,
        max_read: 1 << 20,
        max_write: 1 << 20,
        system_time: FileTime(132),
        security_buffer: vec![5; 75],
        contexts: Some(NegotiateContexts {
            preauth_hashes: Some(vec![HashId(1)]),
            ciphers: None,
            signing: Some(vec![SigningId(2)]),
        }),
    };
    let bytes = message(|out| response.encode(out, 0, &[9; 32]));
    reads_back(&bytes, bytes.len(), &response, NegotiateResponse::decode);
}

#[test]
fn negotiate_refuses_doubled_and_empty_contexts() {
    let request = NegotiateRequest {
        security_mode: SecurityMode(1),
        capabilities: Capabilities::NONE,
        client_guid: [7; 16],
        dialects: vec![DialectRevision(0x0311)],
        contexts: Some(NegotiateContexts {
            preauth_hashes: None,
            ciphers: Some(vec![CipherId(1)]),
            signing: Some(vec![SigningId(1)]),
        }),
    };
    let mut bytes = message(|out| request.encode(out, 0, &[0; 32]));
    // The contexts start behind the dialects: 64 + 36 + 2, padded to 104. Make the second like the first.
    assert_eq!(bytes[104], 2);
    assert_eq!(bytes[120], 8);
    bytes[120] = 2;
    assert_eq!(
        NegotiateRequest::decode(&bytes),
        Err(Malformed::new("negotiate contexts", "one stands twice"))
    );
    bytes[120] = 8;
    bytes[128] = 0; // SigningAlgorithmCount
    assert!(NegotiateRequest::decode(&bytes).is_err());
}

#[test]
fn session_and_tree_messages_read_back() {
    let request = SessionSetupRequest {
        flags: SessionSetupFlags(0),
        security_mode: SecurityMode(1),
        capabilities: Capabilities::NONE,
        previous_session_id: 99,
        token: b"token",
    };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, bytes.len(), &request, SessionSetupRequest::decode);

    let response = SessionSetupResponse { flags: SessionFlags(4), token: b"reply" };
    let bytes = message(|out| response.encode(out));
    reads_back(&bytes, bytes.len(), &response, SessionSetupResponse::decode);

    let request = TreeConnectRequest { path: r"\\server\IPC$".to_string() };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, bytes.len(), &request, TreeConnectRequest::decode);

    let response = TreeConnectResponse {
        share_type: session::ShareType::PIPE,
        share_flags: session::ShareFlags::NO_CACHING,
        capabilities: 0,
        maximal_access: AccessMask(0x001F_01FF),
    };
    let bytes = message(|out| response.encode(out));
    reads_back(&bytes, bytes.len(), &response, TreeConnectResponse::decode);
}

#[test]
fn create_reads_back_the_specifications_example() {
    // The request of [MS-SMB2] 4.4: opening the pipe `srvsvc`.
    let request = CreateRequest {
        impersonation_level: ImpersonationLevel::IMPERSONATION,
        desired_access: DesiredAccess(AccessMask(0x0012_019F)),
        options: CreateOptions(0x0040_0040),
        name: "srvsvc".to_string(),
        durable_reconnect: false,
    };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, bytes.len(), &request, CreateRequest::decode);
    assert_eq!(bytes[64], 57);
    assert_eq!(bytes[64 + 44..64 + 48], [0x78, 0, 12, 0], "NameOffset 0x78, NameLength 12");

    for opened in [Opened::Pipe, Opened::NewFile] {
        let response = CreateResponse { file_id: ID, opened };
        let bytes = message(|out| response.encode(out));
        assert_eq!(bytes.len(), 64 + 88);
        reads_back(&bytes, 64 + 80, &response, CreateResponse::decode);
    }

    let request = CloseRequest { file_id: ID };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, bytes.len(), &request, CloseRequest::decode);
    assert_eq!(message(encode_close_response).len(), 64 + 60);
}

#[test]
fn create_contexts_are_walked_within_their_bounds() {
    let request = CreateRequest {
        impersonation_level: ImpersonationLevel::IMPERSONATION,
        desired_access: DesiredAccess(AccessMask(1)),
        options: CreateOptions::NONE,
        name: "ab12".to_string(),
        durable_reconnect: true,
    };
    let mut bytes = message(|out| request.encode(out));
    let at = bytes.len();
    assert_eq!(at % 8, 0);
    bytes[64 + 48..64 + 52].copy_from_slice(&(at as u32).to_le_bytes());
    bytes[64 + 52..64 + 56].copy_from_slice(&24u32.to_le_bytes());
    // Next 0, NameOffset 16, NameLength 4, Reserved, DataOffset 0, DataLength 0, "DHnC", padding.
    bytes.extend_from_slice(&[0, 0, 0, 0, 16, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(b"DHnC\0\0\0\0");
    assert_eq!(CreateRequest::decode(&bytes), Ok(request));
    for (place, value) in [(4, 30), (6, 3), (6, 200), (0, 8), (0, 17), (12, 9)] {
        let mut broken = bytes.clone();
        broken[at + place] = value;
        assert!(CreateRequest::decode(&broken).is_err(), "byte {place} set to {value}");
    }
}

#[test]
fn transfers_read_back() {
    let request =
        ReadRequest { flags: ReadFlags::NONE, length: 4096, file_id: ID, minimum_count: 1, channel: 0 };
    let bytes = message(|out| request.encode(out));
    assert_eq!(bytes.len(), 64 + 49);
    reads_back(&bytes, 64 + 48, &request, ReadRequest::decode);

    for data in [&b""[..], b"reversed"] {
        let response = ReadResponse { data };
        let bytes = message(|out| response.encode(out));
        reads_back(&bytes, 64 + 16 + data.len(), &response, ReadResponse::decode);

        let request = WriteRequest { file_id: ID, channel: 0, flags: WriteFlags::NONE, data };
        let bytes = message(|out| request.encode(out));
        reads_back(&bytes, 64 + 48 + data.len(), &request, WriteRequest::decode);

        let request = IoctlRequest {
            code: ControlCode::PIPE_TRANSCEIVE,
            file_id: ID,
            max_output: 1024,
            flags: IoctlFlags::IS_FSCTL,
            input: data,
        };
        let bytes = message(|out| request.encode(out));
        reads_back(&bytes, 64 + 56 + data.len(), &request, IoctlRequest::decode);

        let response = IoctlResponse { code: ControlCode::PIPE_TRANSCEIVE, file_id: ID, output: data };
        let bytes = message(|out| response.encode(out));
        reads_back(&bytes, bytes.len(), &response, IoctlResponse::decode);
    }

    let response = WriteResponse { count: 17 };
    let bytes = message(|out| response.encode(out));
    assert_eq!(bytes.len(), 64 + 17);
    reads_back(&bytes, 64 + 8, &response, WriteResponse::decode);

    let request = FlushRequest { file_id: ID };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, bytes.len(), &request, FlushRequest::decode);
}

#[test]
fn information_reads_back() {
    let request = QueryInfoRequest {
        info_type: info::InfoType::FILE,
        class: info::FileInfoClass::STANDARD,
        output_length: 24,
        additional: 0,
        file_id: ID,
    };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, 64 + 40, &request, QueryInfoRequest::decode);

    let response = QueryInfoResponse { output: &[1, 2, 3] };
    let bytes = message(|out| response.encode(out));
    reads_back(&bytes, bytes.len(), &response, QueryInfoResponse::decode);

    let request = SetInfoRequest {
        info_type: info::InfoType::FILE,
        class: info::FileInfoClass::PIPE,
        additional: 0,
        file_id: ID,
        input: &[1, 0, 0, 0, 0, 0, 0, 0],
    };
    let bytes = message(|out| request.encode(out));
    reads_back(&bytes, bytes.len(), &request, SetInfoRequest::decode);
    assert_eq!(
        FilePipeInformation::decode(request.input),
        Ok(FilePipeInformation { read_mode: PipeReadMode(1), completion_mode: PipeCompletionMode(0) })
    );
}

#[test]
fn controls_read_back() {
    let request = ValidateNegotiateRequest {
        capabilities: Capabilities(1),
        guid: [2; 16],
        security_mode: SecurityMode(3),
        dialects: vec![DialectRevision(0x0202), DialectRevision(0x0300)],
    };
    let bytes = request.encode();
    reads_back(&bytes, bytes.len(), &request, ValidateNegotiateRequest::decode);

    let response = ValidateNegotiateResponse {
        capabilities: Capabilities(4),
        guid: [5; 16],
        security_mode: SecurityMode(1),
        dialect: DialectRevision(0x0302),
    };
    let bytes = response.encode();
    assert_eq!(bytes.len() as u32, ValidateNegotiateResponse::LEN);
    reads_back(&bytes, bytes.len(), &response, ValidateNegotiateResponse::decode);

    let request = PipeWaitRequest { timeout: Some(-5), name: "simple".to_string() };
    let bytes = request.encode();
    assert_eq!(bytes.len(), 14 + 12);
    reads_back(&bytes, bytes.len(), &request, PipeWaitRequest::decode);

    let peek = PipePeek { state: PipeState(3), available: 9, messages: 2, message_length: 4 };
    let mut bytes = Vec::new();
    peek.encode(&mut bytes);
    bytes.push(7);
    assert_eq!(PipePeek::decode(&bytes), Ok((peek, &[7][..])));
}

#[test]
fn the_wait_for_a_pipe_understands_both_units_and_is_bounded() {
    let limit = Duration::from_mins(1);
    let wait = |timeout| PipeWaitRequest { timeout, name: "x".to_string() }.wait(limit);
    assert_eq!(wait(Some(PipeWaitRequest::timeout_field(Duration::from_secs(3)))), Duration::from_secs(3));
    assert_eq!(wait(Some(20)), Duration::from_secs(2), "units of 100 ms, as [MS-FSCC] has it");
    assert_eq!(wait(Some(i64::MAX)), limit, "NMPWAIT_WAIT_FOREVER");
    assert_eq!(wait(Some(i64::MIN)), limit);
    assert_eq!(wait(None), Duration::from_millis(50));
}

proptest! {
    /// Whatever bytes arrive, decoding ends in a value or an error.
    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Header::decode(&bytes);
        let _ = NegotiateRequest::decode(&bytes);
        let _ = NegotiateResponse::decode(&bytes);
        let _ = SessionSetupRequest::decode(&bytes);
        let _ = SessionSetupResponse::decode(&bytes);
        let _ = TreeConnectRequest::decode(&bytes);
        let _ = TreeConnectResponse::decode(&bytes);
        let _ = CreateRequest::decode(&bytes);
        let _ = CreateResponse::decode(&bytes);
        let _ = CloseRequest::decode(&bytes);
        let _ = ReadRequest::decode(&bytes);
        let _ = ReadResponse::decode(&bytes);
        let _ = WriteRequest::decode(&bytes);
        let _ = WriteResponse::decode(&bytes);
        let _ = FlushRequest::decode(&bytes);
        let _ = IoctlRequest::decode(&bytes);
        let _ = IoctlResponse::decode(&bytes);
        let _ = QueryInfoRequest::decode(&bytes);
        let _ = QueryInfoResponse::decode(&bytes);
        let _ = SetInfoRequest::decode(&bytes);
        let _ = ValidateNegotiateRequest::decode(&bytes);
        let _ = PipeWaitRequest::decode(&bytes).map(|wait| wait.wait(Duration::MAX));
        let _ = Smb1Negotiate::decode(&bytes);
    }
}
