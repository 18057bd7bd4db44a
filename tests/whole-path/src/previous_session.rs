//! A client that comes back over another connection and says which session it had before.

use std::net::SocketAddr;

use standpipe_client::{CallOptions, Client, ConnectOptions, Credentials as PipeCredentials};
use standpipe_security::DesiredAccess;
use standpipe_smb::auth::client::{Credentials, Initiator, Nonces};
use standpipe_smb::client::READ_WRITE;
use standpipe_smb::crypto::{Sender, SessionKeys, SigningAlgorithm};
use standpipe_smb::wire::negotiate::{Capabilities, SecurityMode};
use standpipe_smb::wire::session::SessionSetupFlags;
use standpipe_smb::wire::transfer::ReadFlags;
use standpipe_smb::wire::{
    Command, CreateRequest, CreateResponse, Empty, FileId, Flags, Header, ImpersonationLevel,
    NegotiateRequest, ReadRequest, ReadResponse, SessionSetupRequest, SessionSetupResponse,
    TreeConnectRequest, frame_prefix_for,
};
use standpipe_smb::wire::{CreateOptions, TreeOrAsync};
use standpipe_smb::{Dialect, FileTime, NtStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use crate::support::{Plan, Site, TIMEOUT, eventually, name};

/// A client that sends what it is told to, one request at a time, in SMB 2.1.
struct Raw {
    stream: TcpStream,
    message_id: u64,
    session_id: u64,
    tree_id: u32,
    keys: Option<SessionKeys>,
}

impl Raw {
    async fn negotiated(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        let mut raw = Self { stream, message_id: 0, session_id: 0, tree_id: 0, keys: None };
        let offer = NegotiateRequest {
            security_mode: SecurityMode::SIGNING_ENABLED,
            capabilities: Capabilities::NONE,
            client_guid: [9; 16],
            dialects: vec![Dialect::Smb210.to_wire()],
            contexts: None,
        };
        let (header, _) = raw.ask(Command::NEGOTIATE, |out| offer.encode(out, 0, &[0; 32])).await;
        assert_eq!(header.status, NtStatus::SUCCESS);
        raw
    }

    /// Logs on, naming this former session.
    async fn log_on(&mut self, user: &str, password: &str, previous: u64) -> NtStatus {
        let initiator = Initiator::new(Credentials::from_password(user, "", password), None);
        let (challenging, token) = initiator.start(&[]).unwrap();
        let (header, message) = self.set_up(&token, previous).await;
        assert_eq!(header.status, NtStatus::MORE_PROCESSING_REQUIRED);
        self.session_id = header.session_id;
        let challenge = SessionSetupResponse::decode(&message).unwrap().token.to_vec();
        let nonces = Nonces { client_challenge: [1; 8], session_key: Zeroizing::new([2; 16]) };
        let (finishing, token) = challenging.answer(&challenge, &nonces, FileTime(1)).unwrap();
        let (header, message) = self.set_up(&token, previous).await;
        if header.status == NtStatus::SUCCESS {
            let response = SessionSetupResponse::decode(&message).unwrap();
            let key = finishing.finish(response.token).unwrap();
            let signing = SigningAlgorithm::HmacSha256;
            self.keys = Some(SessionKeys::derive(Dialect::Smb210, &key, None, signing, None));
        }
        header.status
    }

    async fn set_up(&mut self, token: &[u8], previous_session_id: u64) -> (Header, Vec<u8>) {
        let request = SessionSetupRequest {
            flags: SessionSetupFlags::NONE,
            security_mode: SecurityMode::SIGNING_ENABLED,
            capabilities: Capabilities::NONE,
            previous_session_id,
            token,
        };
        self.ask(Command::SESSION_SETUP, |out| request.encode(out)).await
    }

    async fn open(&mut self) -> Result<FileId, NtStatus> {
        if self.tree_id == 0 {
            let request = TreeConnectRequest { path: r"\\server\IPC$".to_owned() };
            let (header, _) = self.ask(Command::TREE_CONNECT, |out| request.encode(out)).await;
            self.tree_id = header.tree_id().filter(|_| header.status == NtStatus::SUCCESS).unwrap();
        }
        let request = CreateRequest {
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            desired_access: DesiredAccess(READ_WRITE),
            options: CreateOptions::NONE,
            name: name().as_str().to_owned(),
            durable_reconnect: false,
        };
        match self.ask(Command::CREATE, |out| request.encode(out)).await {
            (Header { status: NtStatus::SUCCESS, .. }, message) => {
                Ok(CreateResponse::decode(&message).unwrap().file_id)
            }
            (header, _) => Err(header.status),
        }
    }

    async fn send_read(&mut self, file_id: FileId) {
        let request =
            ReadRequest { flags: ReadFlags::NONE, length: 100, file_id, minimum_count: 0, channel: 0 };
        self.send(Command::READ, |out| request.encode(out)).await;
    }

    async fn ask(&mut self, command: Command, body: impl FnOnce(&mut Vec<u8>)) -> (Header, Vec<u8>) {
        self.send(command, body).await;
        self.reply().await
    }

    async fn send(&mut self, command: Command, body: impl FnOnce(&mut Vec<u8>)) {
        let header = Header {
            credit_charge: 1,
            status: NtStatus::SUCCESS,
            command,
            credits: 8,
            flags: Flags::default(),
            next_command: 0,
            message_id: self.message_id,
            tree_or_async: TreeOrAsync::Tree(self.tree_id),
            session_id: self.session_id,
        };
        self.message_id += 1;
        let mut message = Vec::new();
        header.encode(&mut message);
        body(&mut message);
        if let Some(keys) = &self.keys {
            keys.signing.sign(&mut message, Sender::Client);
        }
        self.stream.write_all(&frame_prefix_for(message.len())).await.unwrap();
        self.stream.write_all(&message).await.unwrap();
    }

    /// The next reply that is not an interim one.
    async fn reply(&mut self) -> (Header, Vec<u8>) {
        let reply = async {
            loop {
                let length = self.stream.read_u32().await.unwrap();
                let mut message = vec![0; length as usize];
                self.stream.read_exact(&mut message).await.unwrap();
                let header = Header::decode(&message).unwrap();
                if header.status != NtStatus::PENDING {
                    return (header, message);
                }
            }
        };
        tokio::time::timeout(TIMEOUT, reply).await.expect("a reply in time")
    }
}

/// A site whose pipe has one instance, and a client that has it and waits for an answer.
async fn taken() -> (Site, Raw) {
    let site = Site::with(Plan { max_instances: Some(1), ..Plan::default() }).await;
    let mut first = Raw::negotiated(site.address).await;
    assert_eq!(first.log_on("serviceUser", "secret", 0).await, NtStatus::SUCCESS);
    (site, first)
}

#[tokio::test]
async fn a_user_who_comes_back_over_another_connection_finds_the_slot_free() {
    let (site, mut first) = taken().await;
    let _service = site.reverse().await;
    let file_id = first.open().await.unwrap();
    first.send_read(file_id).await;
    // The same user, who says nothing of the former session, has to wait for the instance.
    let mut other = Raw::negotiated(site.address).await;
    assert_eq!(other.log_on("serviceUser", "secret", 0).await, NtStatus::SUCCESS);
    assert_eq!(other.open().await, Err(NtStatus::INSTANCE_NOT_AVAILABLE));

    let mut again = Raw::negotiated(site.address).await;
    assert_eq!(again.log_on("serviceUser", "secret", first.session_id).await, NtStatus::SUCCESS);
    // The former session ends with the first message that shows the key.
    assert_eq!(again.ask(Command::ECHO, Empty::encode).await.0.status, NtStatus::SUCCESS);
    assert_eq!(first.reply().await.0.status, NtStatus::PIPE_BROKEN, "the read that waited");
    eventually("the instance is free", || site.counters.snapshot().opens_now == 0).await;
    again.open().await.unwrap();
    first.keys = None;
    let (header, _) = first.ask(Command::LOGOFF, Empty::encode).await;
    assert_eq!(header.status, NtStatus::USER_SESSION_DELETED);
    // Others of the same user go on.
    let (header, _) = other.ask(Command::ECHO, Empty::encode).await;
    assert_eq!(header.status, NtStatus::SUCCESS);
}

#[tokio::test]
async fn a_strangers_session_cannot_be_ended() {
    let (site, mut first) = taken().await;
    let service = site.listen(standpipe_pipe::Mode::Message).await;
    let file_id = first.open().await.unwrap();
    let accepted = service.accept().await.unwrap();
    first.send_read(file_id).await;

    let mut stranger = Raw::negotiated(site.address).await;
    assert_eq!(stranger.log_on("guestling", "secret", first.session_id).await, NtStatus::SUCCESS);
    // Nor by somebody who knows the name only.
    let mut guesser = Raw::negotiated(site.address).await;
    assert_eq!(guesser.log_on("serviceUser", "guess", first.session_id).await, NtStatus::LOGON_FAILURE);

    accepted.write_message(b"still yours").await.unwrap();
    let (header, message) = first.reply().await;
    assert_eq!(header.status, NtStatus::SUCCESS);
    assert_eq!(ReadResponse::decode(&message).unwrap().data, b"still yours");
}

#[tokio::test]
async fn nothing_is_left_of_a_session_whose_connection_is_gone() {
    let (site, first) = taken().await;
    let former = first.session_id;
    drop(first);
    eventually("the connection is gone", || site.counters.snapshot().connections_now == 0).await;
    let mut again = Raw::negotiated(site.address).await;
    assert_eq!(again.log_on("serviceUser", "secret", former).await, NtStatus::SUCCESS);
    let _service = site.reverse().await;
    let client = site.client().await;
    assert_eq!(client.call(&name(), b"abc", &CallOptions::default()).await.unwrap(), b"cba");
}

#[tokio::test]
async fn our_client_too_can_come_back() {
    let site = Site::with(Plan { max_instances: Some(1), ..Plan::default() }).await;
    let _service = site.reverse().await;
    let former = site.client().await;
    let _held = former.open(&name()).await.unwrap();
    let options =
        ConnectOptions { previous_session: Some(former.ready().session_id), ..ConnectOptions::default() };
    let credentials = PipeCredentials::with_password("serviceUser", "secret");
    let client = Client::connect(&site.server(), &credentials, &options).await.unwrap();
    assert_ne!(client.ready().session_id, former.ready().session_id);
    assert_eq!(client.call(&name(), b"abc", &CallOptions::default()).await.unwrap(), b"cba");
    assert!(former.open(&name()).await.is_err(), "its session is gone");
}
