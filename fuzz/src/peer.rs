//! A client of the fuzzed connection, as small as can be: it logs on for real, so that fuzzing gets past the
//! door.

use standpipe_smb::auth::client::{Credentials, Initiator, Nonces};
use standpipe_smb::crypto::encryption::{Decrypter, Sealer};
use standpipe_smb::crypto::{Cipher, PreauthHash, Sender, SessionKeys, SigningAlgorithm, SigningKey};
use standpipe_smb::{Dialect, NtStatus};

use crate::world;

pub(crate) const NEGOTIATE: u16 = 0;
pub(crate) const SESSION_SETUP: u16 = 1;
pub(crate) const TREE_CONNECT: u16 = 3;
pub(crate) const CREATE: u16 = 5;
pub(crate) const QUERY_DIRECTORY: u16 = 14;
pub(crate) const CLOSE: u16 = 6;
pub(crate) const READ: u16 = 8;
pub(crate) const WRITE: u16 = 9;
pub(crate) const IOCTL: u16 = 11;

const HEADER: usize = 64;

pub(crate) fn credentials() -> Credentials {
    Credentials::from_password(world::USER, "", world::PASSWORD)
}

pub(crate) fn initiator() -> Initiator {
    Initiator::new(credentials(), None)
}

pub(crate) fn nonces() -> Nonces {
    Nonces { client_challenge: [0xAA; 8], session_key: [0x33; 16].into() }
}

/// What client and server are to agree on.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) dialect: Dialect,
    /// With what messages are encrypted, if they are. Before 3.1.1 AES-128-CCM.
    pub(crate) cipher: Option<Cipher>,
    /// With what they are signed in 3.1.1.
    pub(crate) signing: SigningAlgorithm,
}

/// What a client knows of its connection.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) message_id: u64,
    pub(crate) session: u64,
    pub(crate) tree: u32,
    pub(crate) signing: Option<SigningKey>,
    pub(crate) encryption: Option<(Sealer, Decrypter)>,
    pub(crate) preauth: Option<PreauthHash>,
    /// The ids of the opens that the server has confirmed, oldest first.
    pub(crate) files: Vec<[u8; 16]>,
    /// What came in and is not a whole frame yet.
    received: Vec<u8>,
}

impl Client {
    /// One framed message, encrypted or signed when there is a key.
    pub(crate) fn message(&mut self, command: u16, body: &[u8]) -> Vec<u8> {
        let message = self.unsigned(command, body);
        self.finish(message)
    }

    /// A message with its header, before it is signed.
    pub(crate) fn unsigned(&mut self, command: u16, body: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        message[..4].copy_from_slice(b"\xFESMB");
        message[4] = 64;
        message[6] = 1; // CreditCharge
        message[12..14].copy_from_slice(&command.to_le_bytes());
        message[14] = 64; // credits asked for
        message[24..32].copy_from_slice(&self.message_id.to_le_bytes());
        message[36..40].copy_from_slice(&self.tree.to_le_bytes());
        message[40..48].copy_from_slice(&self.session.to_le_bytes());
        message.extend_from_slice(body);
        self.message_id += 1;
        message
    }

    /// Encrypts or signs a message, whatever became of it since, and frames it.
    pub(crate) fn finish(&mut self, mut message: Vec<u8>) -> Vec<u8> {
        if let Some((sealer, _)) = &mut self.encryption {
            sealer.seal(&mut message, 0).expect("there are nonces enough");
        } else if let Some(key) = &self.signing
            && message.len() >= HEADER
        {
            key.sign(&mut message, Sender::Client);
        }
        if let Some(hash) = &mut self.preauth {
            hash.update(&message);
        }
        frame(&message)
    }

    /// Takes in what the server sent; returns its whole messages.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.received.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some((length, rest)) = self.received.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some(message) = rest.get(..length) else { break };
            let mut message = message.to_vec();
            self.received.drain(..4 + length);
            if message.starts_with(b"\xFDSMB") {
                let (_, opener) = self.encryption.as_ref().expect("nobody asked for encryption");
                message = opener.open(&mut message).expect("the server's own message").to_vec();
            }
            messages.push(message);
        }
        for message in &messages {
            self.learn(message);
        }
        messages
    }

    /// Remembers what later messages need.
    fn learn(&mut self, message: &[u8]) {
        if message.len() < HEADER || number(message, 8, 4) != u64::from(NtStatus::SUCCESS.0) {
            return;
        }
        match number(message, 12, 2) as u16 {
            TREE_CONNECT => self.tree = number(message, 36, 4) as u32,
            CREATE if message.len() >= 144 => {
                self.files.push(message[128..144].try_into().expect("sixteen bytes"));
            }
            _ => {}
        }
    }

    /// Negotiates, logs on and connects the tree, talking through `exchange`, which hands over a frame and
    /// returns what the server sends in answer. `None` when the server did not play along.
    pub(crate) fn log_on(&mut self, terms: Terms, mut exchange: impl FnMut(&[u8]) -> Vec<u8>) -> Option<()> {
        let hint = self.negotiate(terms, &mut exchange)?;
        self.set_up(terms, &hint, &mut exchange)?;
        self.connect_tree(&mut exchange)
    }

    /// The first exchange of a connection; gives the server's hint for the log-on.
    pub(crate) fn negotiate(
        &mut self,
        terms: Terms,
        mut exchange: impl FnMut(&[u8]) -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        self.preauth = (terms.dialect == Dialect::Smb311).then(PreauthHash::new);
        let negotiate = self.message(NEGOTIATE, &negotiate_body(terms));
        let reply = self.reply(&exchange(&negotiate))?;
        security_buffer(&reply, 56)
    }

    /// Logs on; the connection's part of the pre-authentication hash is in `self` already.
    pub(crate) fn set_up(
        &mut self,
        terms: Terms,
        hint: &[u8],
        mut exchange: impl FnMut(&[u8]) -> Vec<u8>,
    ) -> Option<()> {
        let (challenging, token) = initiator().start(hint).ok()?;
        let setup = self.message(SESSION_SETUP, &session_setup_body(&token));
        let reply = self.reply(&exchange(&setup))?;
        self.session = number(&reply, 40, 8);
        let challenge = security_buffer(&reply, 4)?;

        let (finishing, token) = challenging.answer(&challenge, &nonces(), world::TODAY).ok()?;
        let setup = self.message(SESSION_SETUP, &session_setup_body(&token));
        let preauth = self.preauth.take(); // the last reply is not part of it
        let reply = self.reply(&exchange(&setup))?;
        let key = finishing.finish(&security_buffer(&reply, 4)?).ok()?;
        let preauth = preauth.map(|hash| hash.value());
        let keys = SessionKeys::derive(terms.dialect, &key, preauth.as_ref(), terms.signing, terms.cipher);
        self.signing = Some(keys.signing);
        self.encryption = keys.ciphers.map(|ciphers| {
            (Sealer::new(&ciphers.client_to_server, self.session), Decrypter::new(&ciphers.server_to_client))
        });
        Some(())
    }

    /// Connects to `IPC$`.
    pub(crate) fn connect_tree(&mut self, mut exchange: impl FnMut(&[u8]) -> Vec<u8>) -> Option<()> {
        let tree = self.message(TREE_CONNECT, &tree_connect_body());
        self.reply(&exchange(&tree))?;
        (self.tree != 0).then_some(())
    }

    /// The one message of an answer.
    fn reply(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let reply = self.receive(bytes).pop()?;
        if let Some(hash) = &mut self.preauth {
            hash.update(&reply);
        }
        Some(reply)
    }
}

/// A message behind its length.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), message].concat()
}

/// A number of so many bytes, 0 where the message has ended.
pub(crate) fn number(message: &[u8], place: usize, length: usize) -> u64 {
    let bytes = message.get(place..place + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The buffer that a body's offset (counted from the header) and length at `place` speak of.
pub(crate) fn security_buffer(message: &[u8], place: usize) -> Option<Vec<u8>> {
    let offset = number(message, HEADER + place, 2) as usize;
    let length = number(message, HEADER + place + 2, 2) as usize;
    message.get(offset..offset.checked_add(length)?).map(<[u8]>::to_vec)
}

/// [MS-SMB2] 2.2.3
fn negotiate_body(terms: Terms) -> Vec<u8> {
    let mut body = vec![0; 36];
    body[0] = 36;
    body[2] = 1; // one dialect
    body[4] = 1; // signing enabled
    body[8] = 0x40; // can encrypt, which is looked at in 3.0 and 3.0.2 only
    body[12] = 9; // some client's GUID
    body.extend_from_slice(&terms.dialect.to_wire().0.to_le_bytes());
    if terms.dialect == Dialect::Smb311 {
        body[28..32].copy_from_slice(&104_u32.to_le_bytes()); // where the contexts start
        body[32] = 1; // one context
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&[1, 0, 38, 0, 0, 0, 0, 0]); // pre-authentication integrity, 38 bytes
        body.extend_from_slice(&[1, 0, 32, 0, 1, 0]); // one algorithm, 32 bytes of salt, SHA-512
        body.extend_from_slice(&[0x5A; 32]);
        let choices =
            [(2, terms.cipher.map(|cipher| cipher.to_wire().0)), (8, Some(terms.signing.to_wire().0))];
        for (kind, id) in choices.into_iter().filter_map(|(kind, id)| Some((kind, id?))) {
            body[32] += 1;
            body.extend_from_slice(&[0; 8][..(8 - body.len() % 8) % 8]);
            body.extend_from_slice(&[kind, 0, 4, 0, 0, 0, 0, 0, 1, 0]); // one cipher or signing algorithm
            body.extend_from_slice(&id.to_le_bytes());
        }
    }
    body
}

/// [MS-SMB2] 2.2.5
pub(crate) fn session_setup_body(token: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 24];
    body[0] = 25;
    body[3] = 1; // signing enabled
    body[12] = 88;
    body[14..16].copy_from_slice(&(token.len() as u16).to_le_bytes());
    body.extend_from_slice(token);
    body
}

/// [MS-SMB2] 2.2.9
pub(crate) fn tree_connect_body() -> Vec<u8> {
    let path = utf16(r"\\server\IPC$");
    let mut body = vec![9, 0, 0, 0, 72, 0];
    body.extend_from_slice(&(path.len() as u16).to_le_bytes());
    body.extend_from_slice(&path);
    body
}

/// [MS-SMB2] 2.2.13: opens the pipe for reading and writing.
pub(crate) fn create_body() -> Vec<u8> {
    create_body_of(world::PIPE)
}

/// The same with any pipe.
pub(crate) fn create_body_of(name: &str) -> Vec<u8> {
    let name = utf16(name);
    let mut body = vec![0; 56];
    body[0] = 57;
    body[4] = 2; // impersonation
    body[24..28].copy_from_slice(&0x0012_019F_u32.to_le_bytes());
    body[32] = 3; // share reading and writing
    body[36] = 1; // open what exists
    body[44] = 120;
    body[46] = name.len() as u8;
    body.extend_from_slice(&name);
    body
}

/// The same with the root, to list it.
pub(crate) fn root_body() -> Vec<u8> {
    let mut body = create_body_of("");
    body[24..28].copy_from_slice(&0x0010_0081_u32.to_le_bytes());
    body
}

/// [MS-SMB2] 2.2.33
pub(crate) fn list_body(file: [u8; 16], class: u8, flags: u8, length: u32, pattern: &[u8]) -> Vec<u8> {
    let mut body = vec![33, 0, class, flags, 0, 0, 0, 0];
    body.extend_from_slice(&file);
    body.extend_from_slice(&96_u16.to_le_bytes());
    body.extend_from_slice(&(pattern.len() as u16).to_le_bytes());
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(pattern);
    if pattern.is_empty() {
        body.push(0);
    }
    body
}

/// [MS-SMB2] 2.2.15
pub(crate) fn close_body(file: [u8; 16]) -> Vec<u8> {
    let mut body = vec![24, 0, 0, 0, 0, 0, 0, 0];
    body.extend_from_slice(&file);
    body
}

/// [MS-SMB2] 2.2.19
pub(crate) fn read_body(file: [u8; 16], length: u32) -> Vec<u8> {
    let mut body = vec![0; 49];
    body[0] = 49;
    body[4..8].copy_from_slice(&length.to_le_bytes());
    body[16..32].copy_from_slice(&file);
    body
}

/// [MS-SMB2] 2.2.21
pub(crate) fn write_body(file: [u8; 16], data: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 48];
    body[0] = 49;
    body[2] = 112;
    body[4..8].copy_from_slice(&(data.len() as u32).to_le_bytes());
    body[16..32].copy_from_slice(&file);
    body.extend_from_slice(data);
    body
}

/// [MS-SMB2] 2.2.31 with an FSCTL that has no padding before its input.
pub(crate) fn ioctl_body(code: u32, file: [u8; 16], max_output: u32, data: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 56];
    body[0] = 57;
    body[4..8].copy_from_slice(&code.to_le_bytes());
    body[8..24].copy_from_slice(&file);
    body[24..28].copy_from_slice(&120_u32.to_le_bytes());
    body[28..32].copy_from_slice(&(data.len() as u32).to_le_bytes());
    body[44..48].copy_from_slice(&max_output.to_le_bytes());
    body[48] = 1; // an FSCTL
    body.extend_from_slice(data);
    body
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
