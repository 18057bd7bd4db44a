//! A client that speaks to a [`Connection`] message by message, and a service behind its pipes.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use standpipe_security::{
    AccessMask, Account, AccountName, AccountSet, DesiredAccess, NtHash, SecurityDescriptor, Sid, well_known,
};
use zeroize::Zeroizing;

use crate::auth::ServerNames;
use crate::auth::client::{Credentials, Initiator, Nonces};
use crate::crypto::encryption::{Decrypter, Sealer};
use crate::crypto::{Cipher, PreauthHash, Sender, SessionKeys, SigningAlgorithm};
use crate::server::{
    Config, Connection, DisconnectReason, Encryption, Event, Input, Limits, Now, OpenFailure, OpenId, Output,
    Pipe, PipeId, PipeMode, ServiceEnd, SessionId, WaitId,
};
use crate::wire::header::{HEADER_LEN, PROTOCOL_TRANSFORM};
use crate::wire::negotiate::{Capabilities, HashId, SecurityMode};
use crate::wire::session::{SessionFlags, SessionSetupFlags};
use crate::wire::transfer::{ReadFlags, WriteFlags};
use crate::wire::{
    Command, ControlCode, CreateOptions, CreateRequest, CreateResponse, FRAME_PREFIX, FileId, Flags,
    FramePrefix, Header, ImpersonationLevel, IoctlFlags, IoctlRequest, NegotiateContexts, NegotiateRequest,
    NegotiateResponse, ReadRequest, SessionSetupRequest, SessionSetupResponse, TreeConnectRequest,
    TreeOrAsync, WriteRequest, frame_prefix, frame_prefix_for,
};
use crate::{Dialect, FileTime, NtStatus};

pub(super) const STORY_ACL: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";
/// The rights that `CreateFile(GENERIC_READ | GENERIC_WRITE)` asks for over the network.
pub(super) const READ_WRITE: u32 = 0x0012_019F;

fn account(name: &str, rid: u32, groups: &[Sid], enabled: bool) -> Account {
    Account {
        name: AccountName::new(name).unwrap(),
        sid: Sid::new(5, &[21, 1, 2, 3, rid]).unwrap(),
        nt_hash: NtHash::of_password("Secret-1"),
        groups: groups.to_vec(),
        enabled,
    }
}

pub(super) fn account_set() -> AccountSet {
    let mut accounts = AccountSet::new();
    accounts.add(account("serviceUser", 1001, &[well_known::BUILTIN_USERS], true)).unwrap();
    accounts.add(account("visitor", 1002, &[well_known::BUILTIN_GUESTS], true)).unwrap();
    accounts.add(account("former", 1003, &[well_known::BUILTIN_USERS], false)).unwrap();
    accounts
}

pub(super) fn config() -> Config {
    let pipe = |name: &str| Pipe {
        name: name.to_string(),
        security_descriptor: Some(STORY_ACL.parse::<SecurityDescriptor>().unwrap()),
        max_instances: None,
        require_encryption: false,
    };
    Config {
        names: ServerNames {
            netbios_computer: "SERVER".to_string(),
            netbios_domain: "SERVER".to_string(),
            dns_computer: "server".to_string(),
            dns_domain: "server".to_string(),
        },
        guid: [0x5A; 16],
        pipes: vec![pipe("simple"), pipe("stream")],
        accounts: Arc::new(account_set()),
        require_signing: true,
        session_lifetime: None,
        filter_administrators: true,
        encryption: Encryption::Offered,
        min_dialect: Dialect::Smb202,
        max_dialect: Dialect::Smb311,
        limits: Limits::default(),
        crypto: crate::crypto::provider::RUST_CRYPTO,
    }
}

pub(super) fn credentials(user: &str) -> Credentials {
    Credentials::from_password(user, "", "Secret-1")
}

/// A reply: its header and its message from the header on.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) header: Header,
    pub(super) message: Vec<u8>,
}

impl Reply {
    pub(super) fn status(&self) -> NtStatus {
        self.header.status
    }
}

/// A request to a service behind the pipes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Open(OpenId, PipeId),
    Write(OpenId, Vec<u8>),
    Close(OpenId),
    /// With whether the client needs a turn in the pipe's queue.
    Wait(WaitId, Duration, bool),
    CancelWait(WaitId),
    EndSession(SessionId, Sid),
}

/// A connection with a client on one side and a service on the other.
pub(super) struct Peer {
    pub(super) connection: Connection,
    pub(super) time: Duration,
    pub(super) replies: Vec<Reply>,
    pub(super) events: Vec<Event>,
    pub(super) asked: Vec<Asked>,
    pub(super) disconnected: Option<DisconnectReason>,
    /// The sessions that have started and not ended.
    pub(super) sessions: BTreeMap<SessionId, Sid>,
    /// The session that the client names as its former one.
    pub(super) previous_session_id: u64,
    /// Whether a willing service answers opens and writes at once.
    pub(super) willing: bool,
    /// The descriptor that the service puts on its pipes.
    pub(super) own_descriptor: Option<Arc<SecurityDescriptor>>,
    pub(super) keys: Option<SessionKeys>,
    pub(super) session_id: u64,
    pub(super) tree_id: u32,
    pub(super) credits: u16,
    next_message: u64,
    preauth: PreauthHash,
    signing: SigningAlgorithm,
    pub(super) dialect: Dialect,
    /// The ciphers that the client offers.
    pub(super) ciphers: Vec<Cipher>,
    /// The cipher agreed on.
    pub(super) cipher: Option<Cipher>,
    /// The keys that encrypt the client's requests and decrypt the replies to them.
    pub(super) sealing: Option<(Sealer, Decrypter)>,
}

impl Peer {
    pub(super) fn new(config: Config) -> Self {
        let now = Now { monotonic: Duration::ZERO, wall: FileTime(1) };
        Self {
            connection: Connection::new(Arc::new(config), [7; 32], now),
            time: Duration::ZERO,
            replies: Vec::new(),
            events: Vec::new(),
            asked: Vec::new(),
            disconnected: None,
            sessions: BTreeMap::new(),
            previous_session_id: 0,
            willing: true,
            own_descriptor: None,
            keys: None,
            session_id: 0,
            tree_id: 0,
            credits: 1,
            next_message: 0,
            preauth: PreauthHash::new(),
            signing: SigningAlgorithm::AesCmac,
            dialect: Dialect::Smb311,
            ciphers: Vec::new(),
            cipher: None,
            sealing: None,
        }
    }

    /// A client that has logged on and connected to IPC$.
    pub(super) fn connected() -> Self {
        Self::connected_with(Dialect::Smb311, Some(SigningAlgorithm::AesGmac))
    }

    pub(super) fn connected_with(dialect: Dialect, signing: Option<SigningAlgorithm>) -> Self {
        Self::connected_by("serviceUser", config(), &[dialect], signing)
    }

    /// The same in the newest dialect, with a server of this configuration, as this user.
    pub(super) fn connected_as(user: &str, config: Config) -> Self {
        Self::connected_by(user, config, &[Dialect::Smb311], Some(SigningAlgorithm::AesGmac))
    }

    pub(super) fn connected_by(
        user: &str,
        config: Config,
        dialects: &[Dialect],
        signing: Option<SigningAlgorithm>,
    ) -> Self {
        let mut peer = Self::new(config);
        peer.negotiate(dialects, signing);
        assert_eq!(peer.log_on(&credentials(user)), NtStatus::SUCCESS);
        assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
        peer
    }

    pub(super) fn now(&self) -> Now {
        Now { monotonic: self.time, wall: FileTime(1) }
    }

    pub(super) fn handle(&mut self, input: Input<'_>) {
        self.connection.handle(self.now(), input);
        let mut bytes = Vec::new();
        if self.connection.take_transmit(&mut bytes) {
            self.take_frames(&bytes);
        }
        while let Some(output) = self.connection.poll_output() {
            match output {
                Output::Open { open, pipe, .. } => {
                    self.asked.push(Asked::Open(open, pipe));
                    if self.willing {
                        let end = self.service_end(pipe);
                        self.handle(Input::Opened { open, result: Ok(end) });
                    }
                }
                Output::Write { open, bytes } => {
                    self.asked.push(Asked::Write(open, bytes));
                    if self.willing {
                        self.handle(Input::Written { open, result: Ok(()) });
                    }
                }
                Output::Close { open } => self.asked.push(Asked::Close(open)),
                Output::Wait { wait, timeout, may_open, .. } => {
                    self.asked.push(Asked::Wait(wait, timeout, may_open));
                }
                Output::CancelWait { wait } => self.asked.push(Asked::CancelWait(wait)),
                Output::SessionStarted { session, account, .. } => {
                    assert!(self.sessions.insert(session, account).is_none(), "started twice");
                }
                Output::SessionEnded { session } => {
                    assert!(self.sessions.remove(&session).is_some(), "ended without a start");
                }
                Output::EndSession { session, account } => {
                    self.asked.push(Asked::EndSession(session, account));
                }
                Output::Event(event) => self.events.push(event),
                Output::Disconnect(reason) => self.disconnected = Some(reason),
            }
        }
    }

    fn take_frames(&mut self, mut bytes: &[u8]) {
        while let Some((prefix, rest)) = bytes.split_first_chunk::<FRAME_PREFIX>() {
            let FramePrefix::Message(length) = frame_prefix(*prefix) else {
                panic!("the server sent something else than a frame");
            };
            let (message, after) = rest.split_at(length);
            bytes = after;
            let mut opened = message.to_vec();
            let sealed = message.starts_with(&PROTOCOL_TRANSFORM);
            let mut message: &[u8] = match &self.sealing {
                Some((_, decrypter)) if sealed => decrypter.open(&mut opened).unwrap(),
                _ => &opened,
            };
            assert_eq!(sealed, self.sealing.is_some(), "a reply is encrypted when its request was");
            loop {
                let header = Header::decode(message).unwrap();
                let end = if header.next_command == 0 { message.len() } else { header.next_command as usize };
                self.take_reply(header, message[..end].to_vec(), sealed);
                message = &message[end..];
                if message.is_empty() {
                    break;
                }
            }
        }
    }

    fn take_reply(&mut self, header: Header, message: Vec<u8>, sealed: bool) {
        assert!(header.flags.contains(Flags::RESPONSE));
        self.credits += header.credits;
        if let Some(keys) = &self.keys
            && header.session_id == self.session_id
        {
            let signed = header.flags.contains(Flags::SIGNED);
            assert_eq!(signed, !sealed && header.status != NtStatus::PENDING, "{header:?}");
            if signed {
                keys.signing.verify(&message, Sender::Server).unwrap();
            }
        }
        self.replies.push(Reply { header, message });
    }

    /// The header of the next request.
    pub(super) fn header(&mut self, command: Command, charge: u16) -> Header {
        let message_id = self.next_message;
        self.next_message += u64::from(charge.max(1));
        self.credits -= charge.max(1);
        Header {
            credit_charge: charge,
            status: NtStatus::SUCCESS,
            command,
            credits: 10,
            flags: Flags::default(),
            next_command: 0,
            message_id,
            tree_or_async: TreeOrAsync::Tree(self.tree_id),
            session_id: self.session_id,
        }
    }

    /// A message of this header and body, signed if there are keys.
    pub(super) fn message(&self, header: &Header, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = Vec::new();
        header.encode(&mut message);
        body(&mut message);
        if let Some(keys) = &self.keys
            && self.sealing.is_none()
        {
            keys.signing.sign(&mut message, Sender::Client);
        }
        message
    }

    /// From now on the client encrypts.
    pub(super) fn seal(&mut self) {
        let ciphers = self.keys.as_ref().and_then(|keys| keys.ciphers.as_ref()).unwrap();
        let sealer = Sealer::new(&ciphers.client_to_server, self.session_id);
        self.sealing = Some((sealer, Decrypter::new(&ciphers.server_to_client)));
    }

    /// Sends a message as it is.
    pub(super) fn send_raw(&mut self, message: &[u8]) {
        let mut message = message.to_vec();
        if let Some((sealer, _)) = &mut self.sealing {
            sealer.seal(&mut message, 0).unwrap();
        }
        self.send_frame(&message);
    }

    /// Sends a message that is encrypted already, or not to be.
    pub(super) fn send_frame(&mut self, message: &[u8]) {
        let mut frame = Vec::from(frame_prefix_for(message.len()));
        frame.extend_from_slice(message);
        self.handle(Input::Received(&frame));
    }

    /// Sends a request and gives its message id.
    pub(super) fn send(&mut self, command: Command, body: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let header = self.header(command, 1);
        let message = self.message(&header, body);
        self.send_raw(&message);
        header.message_id
    }

    /// Sends a request whose reply comes at once.
    pub(super) fn ask(&mut self, command: Command, body: impl FnOnce(&mut Vec<u8>)) -> Reply {
        let id = self.send(command, body);
        self.reply_to(id).unwrap_or_else(|| panic!("no reply to {command:?}; {:?}", self.disconnected))
    }

    /// Takes the newest reply to a message id.
    pub(super) fn reply_to(&mut self, message_id: u64) -> Option<Reply> {
        let at = self.replies.iter().rposition(|reply| reply.header.message_id == message_id)?;
        Some(self.replies.remove(at))
    }

    pub(super) fn offer(dialects: &[Dialect], signing: Option<SigningAlgorithm>) -> NegotiateRequest {
        NegotiateRequest {
            security_mode: SecurityMode::SIGNING_ENABLED,
            capabilities: Capabilities(0x7F),
            client_guid: [3; 16],
            dialects: dialects.iter().map(|dialect| dialect.to_wire()).collect(),
            contexts: dialects.contains(&Dialect::Smb311).then(|| NegotiateContexts {
                preauth_hashes: Some(vec![HashId(1)]),
                ciphers: None,
                signing: signing.map(|algorithm| vec![algorithm.to_wire()]),
            }),
        }
    }

    pub(super) fn negotiate(
        &mut self,
        dialects: &[Dialect],
        signing: Option<SigningAlgorithm>,
    ) -> NegotiateResponse {
        let mut offer = Self::offer(dialects, signing);
        if let Some(contexts) = &mut offer.contexts
            && !self.ciphers.is_empty()
        {
            contexts.ciphers = Some(self.ciphers.iter().map(|cipher| cipher.to_wire()).collect());
        }
        let header = self.header(Command::NEGOTIATE, 0);
        let message = self.message(&header, |out| offer.encode(out, 0, &[1; 32]));
        self.send_raw(&message);
        let reply = self.reply_to(header.message_id).unwrap();
        assert_eq!(reply.status(), NtStatus::SUCCESS);
        self.preauth.update(&message);
        self.preauth.update(&reply.message);
        let response = NegotiateResponse::decode(&reply.message).unwrap();
        self.dialect = Dialect::from_wire(response.dialect).unwrap();
        self.cipher = match &response.contexts {
            Some(contexts) => contexts.ciphers.as_ref().and_then(|ids| Cipher::from_wire(ids[0])),
            None => response.capabilities.contains(Capabilities::ENCRYPTION).then_some(Cipher::Aes128Ccm),
        };
        self.signing = response
            .contexts
            .as_ref()
            .and_then(|contexts| contexts.signing.as_ref())
            .map_or(SigningAlgorithm::AesCmac, |ids| SigningAlgorithm::from_wire(ids[0]).unwrap());
        response
    }

    /// Logs on, and keeps the session's keys when that succeeds.
    pub(super) fn log_on(&mut self, credentials: &Credentials) -> NtStatus {
        let mut preauth = self.preauth.clone();
        let (challenging, token) = Initiator::new(credentials.clone(), None).start(&[]).unwrap();
        let first = self.session_setup(&token, &mut preauth);
        if first.status() != NtStatus::MORE_PROCESSING_REQUIRED {
            return first.status();
        }
        self.session_id = first.header.session_id;
        let nonces = Nonces { client_challenge: [0xAA; 8], session_key: Zeroizing::new([0x55; 16]) };
        let response = SessionSetupResponse::decode(&first.message).unwrap();
        let (finishing, token) = challenging.answer(response.token, &nonces, FileTime(1)).unwrap();
        let second = self.session_setup(&token, &mut preauth);
        if second.status() == NtStatus::SUCCESS {
            let response = SessionSetupResponse::decode(&second.message).unwrap();
            assert_eq!(
                response.flags.without(SessionFlags::ENCRYPT_DATA),
                SessionFlags::NONE,
                "neither guest nor anonymous"
            );
            let key = finishing.finish(response.token).unwrap();
            let hash = preauth.value();
            let keys = SessionKeys::derive(self.dialect, &key, Some(&hash), self.signing, self.cipher);
            keys.signing.verify(&second.message, Sender::Server).expect("the last reply is signed");
            self.keys.get_or_insert(keys);
        }
        second.status()
    }

    pub(super) fn session_setup(&mut self, token: &[u8], preauth: &mut PreauthHash) -> Reply {
        let header = self.header(Command::SESSION_SETUP, 1);
        let request = SessionSetupRequest {
            flags: SessionSetupFlags(0),
            security_mode: SecurityMode(1),
            capabilities: Capabilities::NONE,
            previous_session_id: self.previous_session_id,
            token,
        };
        let message = self.message(&header, |out| request.encode(out));
        preauth.update(&message);
        self.send_raw(&message);
        let reply = self.reply_to(header.message_id).unwrap();
        if reply.status() == NtStatus::MORE_PROCESSING_REQUIRED {
            preauth.update(&reply.message);
        }
        reply
    }

    pub(super) fn tree_connect(&mut self, path: &str) -> NtStatus {
        let request = TreeConnectRequest { path: path.to_string() };
        let reply = self.ask(Command::TREE_CONNECT, |out| request.encode(out));
        self.tree_id = reply.header.tree_id().unwrap();
        reply.status()
    }

    pub(super) fn create_request(name: &str, desired_access: u32) -> CreateRequest {
        CreateRequest {
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            desired_access: DesiredAccess(AccessMask(desired_access)),
            options: CreateOptions::NONE,
            name: name.to_string(),
            durable_reconnect: false,
        }
    }

    pub(super) fn try_open(&mut self, name: &str, desired_access: u32) -> Result<FileId, NtStatus> {
        let request = Self::create_request(name, desired_access);
        let reply = self.ask(Command::CREATE, |out| request.encode(out));
        match reply.status() {
            NtStatus::SUCCESS => Ok(CreateResponse::decode(&reply.message).unwrap().file_id),
            status => Err(status),
        }
    }

    pub(super) fn open(&mut self, name: &str) -> FileId {
        self.try_open(name, READ_WRITE).unwrap()
    }

    pub(super) fn send_read(&mut self, file_id: FileId, length: u32) -> u64 {
        let request = ReadRequest { flags: ReadFlags::NONE, length, file_id, minimum_count: 0, channel: 0 };
        self.send(Command::READ, |out| request.encode(out))
    }

    pub(super) fn send_write(&mut self, file_id: FileId, data: &[u8]) -> u64 {
        let request = WriteRequest { file_id, channel: 0, flags: WriteFlags::NONE, data };
        self.send(Command::WRITE, |out| request.encode(out))
    }

    pub(super) fn send_ioctl(
        &mut self,
        code: ControlCode,
        file_id: FileId,
        input: &[u8],
        max_output: u32,
    ) -> u64 {
        let request = IoctlRequest { code, file_id, max_output, flags: IoctlFlags::IS_FSCTL, input };
        self.send(Command::IOCTL, |out| request.encode(out))
    }

    pub(super) fn ioctl(
        &mut self,
        code: ControlCode,
        file_id: FileId,
        input: &[u8],
        max_output: u32,
    ) -> Reply {
        let id = self.send_ioctl(code, file_id, input, max_output);
        self.reply_to(id).unwrap()
    }

    /// The service behind an open writes.
    pub(super) fn service_writes(&mut self, file_id: FileId, bytes: &[u8]) {
        self.handle(Input::Data { open: OpenId(file_id.volatile), bytes });
    }

    /// The service behind an open closes its end.
    pub(super) fn service_closes(&mut self, file_id: FileId) {
        self.handle(Input::Closed { open: OpenId(file_id.volatile) });
    }

    /// What the service was asked to write, in order.
    pub(super) fn written(&self) -> Vec<&[u8]> {
        self.asked
            .iter()
            .filter_map(|asked| match asked {
                Asked::Write(_, bytes) => Some(bytes.as_slice()),
                _ => None,
            })
            .collect()
    }

    /// The service's end of a pipe: `simple` is of messages, `stream` of bytes.
    fn service_end(&self, pipe: PipeId) -> ServiceEnd {
        let mode = if pipe == PipeId(1) { PipeMode::Byte } else { PipeMode::Message };
        ServiceEnd { mode, descriptor: self.own_descriptor.clone() }
    }

    /// The CREATE's backend answers.
    pub(super) fn answer_open(&mut self, result: Result<ServiceEnd, OpenFailure>) {
        let open = self.asked.iter().rev().find_map(|asked| match asked {
            Asked::Open(open, _) => Some(*open),
            _ => None,
        });
        self.handle(Input::Opened { open: open.unwrap(), result });
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        self.time += time;
        if self.connection.next_timeout().is_some_and(|due| due <= self.time) {
            self.handle(Input::Timeout);
        }
    }

    /// Why the last open was refused.
    pub(super) fn refusal(&self) -> Option<(NtStatus, String)> {
        self.events.iter().rev().find_map(|event| match event {
            Event::OpenRefused { status, reason, .. } => Some((*status, reason.clone())),
            _ => None,
        })
    }
}

/// The data of a READ's or IOCTL's reply.
pub(super) fn data(reply: &Reply) -> &[u8] {
    match reply.header.command {
        Command::READ => crate::wire::ReadResponse::decode(&reply.message).unwrap().data,
        Command::IOCTL => crate::wire::IoctlResponse::decode(&reply.message).unwrap().output,
        other => panic!("{other:?} carries no data"),
    }
}

/// The length of a message that carries nothing but a status.
pub(super) const ERROR_LEN: usize = HEADER_LEN + 9;

impl Peer {
    /// Logs the session on again.
    pub(super) fn log_on_again(&mut self, user: &str) -> NtStatus {
        let mut preauth = PreauthHash::new();
        let (challenging, token) = Initiator::new(credentials(user), None).start(&[]).unwrap();
        let first = self.session_setup(&token, &mut preauth);
        assert_eq!(first.status(), NtStatus::MORE_PROCESSING_REQUIRED);
        let nonces = Nonces { client_challenge: [0xAB; 8], session_key: Zeroizing::new([0x56; 16]) };
        let response = SessionSetupResponse::decode(&first.message).unwrap();
        let (_, token) = challenging.answer(response.token, &nonces, FileTime(1)).unwrap();
        self.session_setup(&token, &mut preauth).status()
    }
}
