//! A server as the tests want it: it goes through the handshake by itself, as it should or with one thing
//! wrong, and leaves every later request to the test.

use std::vec;
use std::vec::Vec;

use standpipe_security::{AccessMask, Account, AccountSet, NtHash};

use crate::auth::ServerNames;
use crate::auth::server::{Acceptor, Step, StepInput};
use crate::crypto::encryption::{Decrypter, Sealer, TransformHeader};
use crate::crypto::{Cipher, PreauthHash, Sender, SessionKeys, SigningAlgorithm};
use crate::wire::header::{HEADER_LEN, PROTOCOL_TRANSFORM};
use crate::wire::negotiate::{Capabilities, CipherId, HashId, SecurityMode, SigningId};
use crate::wire::session::{SessionFlags, ShareFlags, ShareType};
use crate::wire::{
    Command, ControlCode, DialectRevision, FRAME_PREFIX, FileId, Flags, Header, IoctlRequest, IoctlResponse,
    NegotiateContexts, NegotiateRequest, NegotiateResponse, SessionSetupRequest, SessionSetupResponse,
    TreeConnectRequest, TreeConnectResponse, TreeOrAsync, ValidateNegotiateRequest,
    ValidateNegotiateResponse, encode_error, frame_prefix_for,
};
use crate::{Dialect, FileTime, NtStatus};

pub(super) const USER: &str = "serviceUser";
pub(super) const PASSWORD: &str = "correct horse";
const SESSION: u64 = 0x0000_1400_0000_0021;
const TREE: u32 = 5;

/// What the server does, and what it does wrong.
pub(super) struct Behaviour {
    pub(super) dialect: DialectRevision,
    pub(super) signing: Option<Vec<SigningId>>,
    /// The ciphers of its NEGOTIATE response in 3.1.1.
    pub(super) ciphers: Option<Vec<CipherId>>,
    /// The cipher whose keys the server has.
    pub(super) cipher: Option<Cipher>,
    /// Whether encrypted requests are answered in the clear, though signed.
    pub(super) answers_plain: bool,
    /// What is added to the session's id in the header of encrypted messages.
    pub(super) sealed_for: u64,
    pub(super) preauth_hashes: Option<Vec<HashId>>,
    pub(super) capabilities: Capabilities,
    pub(super) max_read: u32,
    /// Credits granted with every reply.
    pub(super) credits: u16,
    pub(super) session_flags: SessionFlags,
    pub(super) sign_final_session_setup: bool,
    pub(super) log_on_at_once: bool,
    pub(super) share_type: ShareType,
    pub(super) share_flags: ShareFlags,
    pub(super) validate: Validate,
    /// Changes each message before it is sent, after it was signed or encrypted.
    pub(super) tamper: fn(&mut Vec<u8>),
}

pub(super) enum Validate {
    Confirm,
    Deny,
    Refuse(NtStatus),
}

impl Behaviour {
    /// A server that can encrypt.
    pub(super) fn encrypting(dialect: Dialect, cipher: Cipher) -> Self {
        let good = Self::good(dialect);
        let newest = dialect == Dialect::Smb311;
        Self {
            ciphers: newest.then(|| vec![cipher.to_wire()]),
            cipher: Some(cipher),
            capabilities: if newest {
                good.capabilities
            } else {
                good.capabilities | Capabilities::ENCRYPTION
            },
            ..good
        }
    }

    pub(super) fn good(dialect: Dialect) -> Self {
        let newest = dialect == Dialect::Smb311;
        Self {
            dialect: dialect.to_wire(),
            signing: newest.then(|| vec![SigningAlgorithm::AesGmac.to_wire()]),
            ciphers: None,
            cipher: None,
            answers_plain: false,
            sealed_for: 0,
            preauth_hashes: newest.then(|| vec![HashId::SHA512]),
            capabilities: if dialect == Dialect::Smb202 {
                Capabilities::NONE
            } else {
                Capabilities::LARGE_MTU
            },
            max_read: 8 << 20,
            credits: 32,
            session_flags: SessionFlags::NONE,
            sign_final_session_setup: true,
            log_on_at_once: false,
            share_type: ShareType::PIPE,
            share_flags: ShareFlags::NO_CACHING,
            validate: Validate::Confirm,
            tamper: |_| {},
        }
    }
}

pub(super) struct Server {
    pub(super) behaviour: Behaviour,
    /// Whether the last request was encrypted, as all after the first must be.
    pub(super) sealed: bool,
    /// Requests after the handshake, whose protection was right.
    pub(super) requests: Vec<(Header, Vec<u8>)>,
    accounts: AccountSet,
    acceptor: Option<Acceptor>,
    preauth: PreauthHash,
    keys: Option<SessionKeys>,
    sealing: Option<(Sealer, Decrypter)>,
    pub(super) offer: Option<NegotiateRequest>,
    out: Vec<u8>,
    /// The message written last, before anybody tampered with it.
    last_message: Vec<u8>,
    next_message: u64,
}

impl Server {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        let mut accounts = AccountSet::new();
        let account = Account {
            name: USER.parse().expect("a name"),
            sid: "S-1-5-21-1-2-3-1001".parse().expect("a SID"),
            nt_hash: NtHash::of_password(PASSWORD),
            groups: vec![],
            enabled: true,
        };
        accounts.add(account).expect("one account");
        Self {
            behaviour,
            sealed: false,
            requests: vec![],
            accounts,
            acceptor: Some(Acceptor::new()),
            preauth: PreauthHash::new(),
            keys: None,
            sealing: None,
            offer: None,
            out: vec![],
            last_message: vec![],
            next_message: 0,
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out)
    }

    pub(super) fn receive(&mut self, mut bytes: &[u8]) {
        while let Some((prefix, rest)) = bytes.split_first_chunk::<FRAME_PREFIX>() {
            let length = u32::from_be_bytes(*prefix) as usize;
            let (message, rest) = rest.split_at(length);
            bytes = rest;
            let mut message = message.to_vec();
            let message = self.open(&mut message);
            let header = Header::decode(message).expect("a header");
            if self.sealed {
                assert!(!header.flags.contains(Flags::SIGNED), "{header:?}");
                assert_eq!(header.session_id, SESSION);
            } else if let Some(keys) = &self.keys {
                assert_eq!(keys.signing.verify(message, Sender::Client), Ok(()), "{header:?}");
                assert_eq!(header.session_id, SESSION);
            } else {
                assert!(!header.flags.contains(Flags::SIGNED));
            }
            if header.command != Command::CANCEL {
                assert_eq!(header.message_id, self.next_message, "ids are used in order");
                self.next_message += u64::from(header.credit_charge.max(1));
            }
            self.request(&header, message);
        }
    }

    fn open<'a>(&mut self, message: &'a mut [u8]) -> &'a [u8] {
        if !message.starts_with(&PROTOCOL_TRANSFORM) {
            assert!(!self.sealed, "a plain request after an encrypted one");
            return message;
        }
        self.sealed = true;
        assert_eq!(TransformHeader::decode(message), Ok(TransformHeader { session_id: SESSION }));
        let (_, decrypter) = self.sealing.as_ref().expect("keys");
        decrypter.open(message).expect("encrypted with the session's key")
    }

    fn request(&mut self, header: &Header, message: &[u8]) {
        match header.command {
            Command::NEGOTIATE => self.negotiate(header, message),
            Command::SESSION_SETUP => self.session_setup(header, message),
            Command::TREE_CONNECT => {
                let path = TreeConnectRequest::decode(message).expect("a path").path;
                assert_eq!(path, "\\\\server\\IPC$");
                let response = TreeConnectResponse {
                    share_type: self.behaviour.share_type,
                    share_flags: self.behaviour.share_flags,
                    capabilities: 0,
                    maximal_access: AccessMask(0x001F_01FF),
                };
                let header = Header { tree_or_async: TreeOrAsync::Tree(TREE), ..*header };
                self.reply(&header, NtStatus::SUCCESS, |out| response.encode(out));
            }
            Command::IOCTL => {
                let request = IoctlRequest::decode(message).expect("a control");
                if request.code == ControlCode::VALIDATE_NEGOTIATE_INFO {
                    self.validate(header, request.input);
                } else {
                    self.requests.push((*header, message.to_vec()));
                }
            }
            _ => self.requests.push((*header, message.to_vec())),
        }
    }

    fn said(&self) -> NegotiateResponse {
        let contexts = NegotiateContexts {
            preauth_hashes: self.behaviour.preauth_hashes.clone(),
            ciphers: self.behaviour.ciphers.clone(),
            signing: self.behaviour.signing.clone(),
        };
        NegotiateResponse {
            security_mode: SecurityMode(3),
            dialect: self.behaviour.dialect,
            server_guid: [6; 16],
            capabilities: self.behaviour.capabilities,
            max_transact: 8 << 20,
            max_read: self.behaviour.max_read,
            max_write: 8 << 20,
            system_time: FileTime(1),
            security_buffer: Acceptor::hint(),
            contexts: (self.behaviour.dialect == DialectRevision(0x0311)).then_some(contexts),
        }
    }

    fn negotiate(&mut self, header: &Header, message: &[u8]) {
        self.preauth.update(message);
        self.offer = Some(NegotiateRequest::decode(message).expect("an offer"));
        let response = self.said();
        self.reply(header, NtStatus::SUCCESS, |out| response.encode(out, out.len() - HEADER_LEN, &[7; 32]));
        self.preauth.update(&self.last_message);
    }

    fn session_setup(&mut self, header: &Header, message: &[u8]) {
        self.preauth.update(message);
        let request = SessionSetupRequest::decode(message).expect("a log-on");
        let names = ServerNames {
            netbios_computer: "SERVER".into(),
            netbios_domain: "SERVER".into(),
            dns_computer: "server".into(),
            dns_domain: "server".into(),
        };
        let input = StepInput {
            names: &names,
            challenge: [0x42; 8],
            time: FileTime(133_000_000_000_000_000),
            accounts: &self.accounts,
        };
        let header = &Header { session_id: SESSION, ..*header };
        let flags = self.behaviour.session_flags;
        if self.behaviour.log_on_at_once {
            let response = SessionSetupResponse { flags, token: &[] };
            return self.reply(header, NtStatus::SUCCESS, |out| response.encode(out));
        }
        match self.acceptor.take().expect("one log-on").step(request.token, &input) {
            Ok(Step::Continue { acceptor, token }) => {
                self.acceptor = Some(acceptor);
                let response = SessionSetupResponse { flags: SessionFlags::NONE, token: &token };
                self.reply(header, NtStatus::MORE_PROCESSING_REQUIRED, |out| response.encode(out));
                self.preauth.update(&self.last_message);
            }
            Ok(Step::Done { logon, token }) => {
                let signing =
                    self.behaviour.signing.as_ref().and_then(|ids| SigningAlgorithm::from_wire(ids[0]));
                let keys = SessionKeys::derive(
                    Dialect::from_wire(self.behaviour.dialect).expect("a dialect"),
                    &logon.session_key,
                    Some(&self.preauth.value()),
                    signing.unwrap_or(SigningAlgorithm::AesCmac),
                    self.behaviour.cipher,
                );
                self.sealing = keys.ciphers.as_ref().map(|ciphers| {
                    let session = SESSION + self.behaviour.sealed_for;
                    (
                        Sealer::new(&ciphers.server_to_client, session),
                        Decrypter::new(&ciphers.client_to_server),
                    )
                });
                let response = SessionSetupResponse { flags, token: &token };
                if self.behaviour.sign_final_session_setup {
                    self.keys = Some(keys);
                    self.reply(header, NtStatus::SUCCESS, |out| response.encode(out));
                } else {
                    self.reply(header, NtStatus::SUCCESS, |out| response.encode(out));
                    self.keys = Some(keys);
                }
            }
            Err(failure) => self.reply(header, failure.status, encode_error),
        }
    }

    fn validate(&mut self, header: &Header, input: &[u8]) {
        let offer = self.offer.as_ref().expect("an offer");
        let asked = ValidateNegotiateRequest::decode(input).expect("what was offered");
        let offered = ValidateNegotiateRequest {
            capabilities: offer.capabilities,
            guid: offer.client_guid,
            security_mode: offer.security_mode,
            dialects: offer.dialects.clone(),
        };
        assert_eq!(asked, offered);
        let said = self.said();
        let mut output = ValidateNegotiateResponse {
            capabilities: said.capabilities,
            guid: said.server_guid,
            security_mode: said.security_mode,
            dialect: said.dialect,
        };
        match self.behaviour.validate {
            Validate::Refuse(status) => return self.reply(header, status, encode_error),
            Validate::Deny => output.capabilities.0 ^= 1,
            Validate::Confirm => {}
        }
        let output = output.encode();
        self.reply(header, NtStatus::SUCCESS, |out| {
            let code = ControlCode::VALIDATE_NEGOTIATE_INFO;
            IoctlResponse { code, file_id: FileId::ANY, output: &output }.encode(out);
        });
    }

    /// Replies to a request, signed once there are keys, or encrypted if it was.
    pub(super) fn reply(&mut self, request: &Header, status: NtStatus, body: impl FnOnce(&mut Vec<u8>)) {
        let header = Header { status, credits: self.behaviour.credits, flags: Flags::RESPONSE, ..*request };
        self.send(&header, true, body);
    }

    /// Says that a request is under way: unsigned, as servers do, but encrypted if the request was.
    pub(super) fn interim(&mut self, request: &Header, async_id: u64) -> Header {
        let header = Header {
            status: NtStatus::PENDING,
            credits: self.behaviour.credits,
            flags: Flags::RESPONSE,
            tree_or_async: TreeOrAsync::Async(async_id),
            ..*request
        };
        self.send(&header, false, encode_error);
        Header { credits: 0, ..header }
    }

    pub(super) fn send(&mut self, header: &Header, sign: bool, body: impl FnOnce(&mut Vec<u8>)) {
        let mut message = vec![];
        header.encode(&mut message);
        body(&mut message);
        if let (true, false, Some((sealer, _))) =
            (self.sealed, self.behaviour.answers_plain, &mut self.sealing)
        {
            sealer.seal(&mut message, 0).expect("sealed");
        } else if let (true, Some(keys)) = (sign, &self.keys) {
            keys.signing.sign(&mut message, Sender::Server);
        }
        self.last_message.clone_from(&message);
        (self.behaviour.tamper)(&mut message);
        self.out.extend_from_slice(&frame_prefix_for(message.len()));
        self.out.extend_from_slice(&message);
    }
}
