//! What the server owes: which request waits for which reply, and what that reply may say.

use std::collections::{BTreeMap, BTreeSet};

use standpipe_smb::NtStatus;
use standpipe_smb::crypto::Sender;

use super::requests::{Draft, Kind, Target};
use super::{Seen, may_be_plain};
use crate::peer::{Client, number};

/// An open that the server has confirmed.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub(super) id: [u8; 16],
    pub(super) session: usize,
    /// What every byte is that is written to it.
    pub(super) fill: u8,
}

/// A request that is not answered.
#[derive(Debug, Clone, Copy)]
struct Asked {
    kind: Kind,
    session: usize,
    /// The fill of the open that it is about, and the session that the open belongs to.
    about: Option<(u8, usize)>,
    related: bool,
    async_id: Option<u64>,
}

/// A request with its header, as it was entered.
pub(super) struct Element {
    pub(super) bytes: Vec<u8>,
    pub(super) cancels: bool,
    session: usize,
    about: Option<(u8, usize)>,
}

#[derive(Debug)]
pub(super) struct Ledger {
    asked: BTreeMap<u64, Asked>,
    pub(super) files: Vec<File>,
    next_id: u64,
    /// One past the last message id that was granted.
    granted: u64,
    fills: u8,
    /// Sessions that the server said are gone, and their keys with them.
    gone: BTreeSet<usize>,
    pub(super) seen: Seen,
}

impl Ledger {
    /// After the first exchanges, which used the ids before this one.
    pub(super) fn new(next_id: u64) -> Self {
        Self {
            asked: BTreeMap::new(),
            files: Vec::new(),
            next_id,
            granted: next_id + 1,
            fills: 0,
            gone: BTreeSet::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    pub(super) fn outstanding(&self) -> usize {
        self.asked.len()
    }

    /// Whether nothing is under way, so that a client can go through a handshake alone.
    pub(super) fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.granted > self.next_id
    }

    /// Counts the credits of the replies in a handshake.
    pub(super) fn credit(&mut self, mut frames: &[u8]) {
        while let Some((length, rest)) = frames.split_first_chunk::<4>() {
            let (message, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
            // Of an encrypted reply the credits are not known: at least the one that it cost.
            self.granted += if message.starts_with(b"\xFDSMB") { 1 } else { number(message, 14, 2) };
            frames = rest;
        }
    }

    pub(super) fn used_up_to(&mut self, next_id: u64) {
        self.next_id = next_id;
    }

    pub(super) fn check_credits(&self, limit: u16) {
        let left = self.granted - self.next_id;
        assert!(left <= u64::from(limit), "{left} credits, {limit} allowed");
        assert!(left > 0 || !self.asked.is_empty(), "not one credit left, and no reply to bring one");
    }

    /// A name for what is written to an open that is yet to be made; 0 when there are none left.
    pub(super) fn new_fill(&mut self) -> u8 {
        self.fills = self.fills.saturating_add(1);
        if self.fills == u8::MAX { 0 } else { self.fills }
    }

    /// The nth request that is not answered: its message id, its AsyncId and its session.
    pub(super) fn nth_asked(&self, which: u8) -> Option<(u64, Option<u64>, usize)> {
        let (id, asked) = self.asked.iter().nth(usize::from(which) % self.asked.len().max(1))?;
        Some((*id, asked.async_id, asked.session))
    }

    /// Gives a request its header and enters what is owed for it; `None` when the client has no credit for
    /// it.
    pub(super) fn enter(
        &mut self,
        mut draft: Draft,
        sessions: &mut [Client],
        previous: Option<&Element>,
    ) -> Option<Element> {
        let cancels = matches!(draft.kind, Kind::Cancel { .. });
        if !cancels && self.next_id >= self.granted {
            return None;
        }
        let related = draft.related && previous.is_some() && !cancels;
        let inherited = previous.filter(|_| related);
        let session = inherited.map_or(draft.session, |before| before.session);
        let about = match draft.target {
            // What follows it in a chain means the open that it follows.
            Target::Nothing => inherited.and_then(|before| before.about),
            Target::New(fill) => Some((fill, session)),
            Target::File(_) if related => inherited.and_then(|before| before.about),
            Target::File(file) => Some((file.fill, file.session)),
        };
        // Each byte that is written says to which open.
        let (from, to) = draft.payload;
        draft.body[from..to].fill(about.map_or(0, |(fill, _)| fill));
        if related && let Some(place) = draft.kind.file_place() {
            draft.body[place..place + 16].fill(0xFF);
        }
        let client = &mut sessions[session];
        client.message_id = self.next_id;
        let mut bytes = client.unsigned(draft.kind.command(), &draft.body);
        if let Kind::Cancel { message_id, async_id } = draft.kind {
            bytes[24..32].copy_from_slice(&message_id.to_le_bytes());
            if let Some(async_id) = async_id {
                bytes[16] |= 2;
                bytes[32..40].copy_from_slice(&async_id.to_le_bytes());
            }
        } else {
            self.asked
                .insert(self.next_id, Asked { kind: draft.kind, session, about, related, async_id: None });
            self.next_id += 1;
        }
        if related {
            bytes[16] |= 4;
        }
        Some(Element { bytes, cancels, session, about })
    }

    /// Holds what the server sent, one message or a chain of them, against what it owes.
    pub(super) fn settle(&mut self, frame: &mut [u8], sessions: &[Client]) {
        let sealed = frame.starts_with(b"\xFDSMB");
        let (sealed_for, mut rest) = if sealed {
            let id = number(frame, 44, 8);
            let client = sessions.iter().find(|client| client.session == id).expect("some client's session");
            let (_, opener) = client.encryption.as_ref().expect("nobody asked for encryption");
            (Some(id), &*opener.open(frame).expect("the server's own message"))
        } else {
            (None, &*frame)
        };
        while !rest.is_empty() {
            let next = number(rest, 20, 4) as usize;
            let (message, after) = if next == 0 { (rest, &[][..]) } else { rest.split_at(next) };
            self.reply(message, sealed_for, sessions);
            rest = after;
        }
    }

    fn reply(&mut self, message: &[u8], sealed_for: Option<u64>, sessions: &[Client]) {
        let status = NtStatus(number(message, 8, 4) as u32);
        let id = number(message, 24, 8);
        let asked = *self.asked.get(&id).expect("a reply to what was not asked, or a second one");
        assert_eq!(number(message, 12, 2), u64::from(asked.kind.command()), "a reply to another command");
        assert!(message[16] & 1 != 0, "a request");
        let client = &sessions[asked.session];
        assert_eq!(number(message, 40, 8), client.session, "a reply for another session");
        if let Some(session) = sealed_for {
            assert_eq!(session, client.session, "sealed for another session");
        } else {
            assert!(client.encryption.is_none(), "a plain reply to an encrypted request");
            let key = client.signing.as_ref().expect("a key");
            let signed = message[16] & 8 != 0 && key.verify(message, Sender::Server).is_ok();
            // There is no key either for what is related to a request of a session that is gone.
            let follows_none = status == NtStatus::INVALID_PARAMETER && asked.related;
            let keyless = follows_none && self.gone.contains(&asked.session);
            let may_be_plain = may_be_plain(status) || keyless;
            assert!(signed || may_be_plain, "a reply ({status:?}) with a bad signature or none");
        }
        if status == NtStatus::USER_SESSION_DELETED {
            self.gone.insert(asked.session);
        }
        self.granted += number(message, 14, 2);
        let async_id = (message[16] & 2 != 0).then(|| number(message, 32, 8));
        if status == NtStatus::PENDING {
            assert!(async_id.is_some() && asked.async_id.is_none(), "an interim reply that is none");
            self.asked.get_mut(&id).expect("it is there").async_id = async_id;
            self.seen.interim += 1;
            return;
        }
        assert_eq!(async_id, asked.async_id, "a final reply that does not fit its interim reply");
        self.asked.remove(&id);
        self.final_reply(&asked, status, message, sealed_for.is_some());
    }

    fn final_reply(&mut self, asked: &Asked, status: NtStatus, message: &[u8], is_sealed: bool) {
        match status {
            NtStatus::SUCCESS | NtStatus::BUFFER_OVERFLOW => {}
            NtStatus::CANCELLED => self.seen.cancelled += 1,
            _ => {
                self.seen.refused += 1;
                return;
            }
        }
        if let (Some((_, owner)), Some(_)) = (asked.about, asked.kind.file_place()) {
            assert_eq!(owner, asked.session, "{:?} on the open of another session", asked.kind);
        }
        let data = match asked.kind {
            Kind::Create { sealed } if status == NtStatus::SUCCESS => {
                assert!(!sealed || is_sealed, "opened plainly, though it insists on encryption");
                let id = message[128..144].try_into().expect("sixteen bytes");
                assert!(self.files.iter().all(|file| file.id != id), "one id for two opens");
                if let Some((fill, session)) = asked.about {
                    self.files.push(File { id, session, fill });
                }
                return;
            }
            Kind::Read { max } => (number(message, 66, 1), number(message, 68, 4), max),
            Kind::Transceive { max } => (number(message, 96, 4), number(message, 100, 4), max),
            _ => return,
        };
        let (offset, length, max) = data;
        if status == NtStatus::CANCELLED {
            return;
        }
        assert!(length <= u64::from(max), "{length} bytes for a request of {max}");
        let bytes = &message[offset as usize..(offset + length) as usize];
        let own = asked.about.map_or(0, |(fill, _)| fill);
        assert!(bytes.iter().all(|byte| *byte == own || *byte == 0), "bytes of another open");
        self.seen.data += 1;
    }
}
