//! The requests that clients make, drawn from the input.

use super::ledger::{File, Ledger};
use crate::bytes::Bytes;
use crate::peer::{self, Client};

const PIPE_PEEK: u32 = 0x0011_400C;
const PIPE_WAIT: u32 = 0x0011_0018;
const PIPE_TRANSCEIVE: u32 = 0x0011_C017;

/// What a request is, as far as its reply depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Of a pipe that insists on encryption, or of any other.
    Create {
        sealed: bool,
    },
    Close,
    Flush,
    Read {
        max: u32,
    },
    Write,
    Transceive {
        max: u32,
    },
    Control,
    Wait,
    Echo,
    TreeConnect,
    TreeDisconnect,
    LogOff,
    QueryInfo,
    SetInfo,
    Cancel {
        message_id: u64,
        async_id: Option<u64>,
    },
}

impl Kind {
    pub(super) fn command(self) -> u16 {
        match self {
            Self::LogOff => 2,
            Self::TreeConnect => peer::TREE_CONNECT,
            Self::TreeDisconnect => 4,
            Self::Create { .. } => peer::CREATE,
            Self::Close => peer::CLOSE,
            Self::Flush => 7,
            Self::Read { .. } => peer::READ,
            Self::Write => peer::WRITE,
            Self::Transceive { .. } | Self::Control | Self::Wait => peer::IOCTL,
            Self::Cancel { .. } => 12,
            Self::Echo => 13,
            Self::QueryInfo => 16,
            Self::SetInfo => 17,
        }
    }

    /// Where the body has its FileId, for requests about an open.
    pub(super) fn file_place(self) -> Option<usize> {
        match self {
            Self::Close | Self::Flush | Self::Transceive { .. } | Self::Control => Some(8),
            Self::Read { .. } | Self::Write | Self::SetInfo => Some(16),
            Self::QueryInfo => Some(24),
            _ => None,
        }
    }
}

/// What a request is about.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Nothing,
    /// The open that it is to make, and what will be written to it.
    New(u8),
    File(File),
}

/// A request without its header.
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) session: usize,
    pub(super) target: Target,
    /// Whether it is related to the one before in its compound.
    pub(super) related: bool,
    pub(super) body: Vec<u8>,
    /// Where in the body the bytes are that the service is to get.
    pub(super) payload: (usize, usize),
}

/// The request that the input means; `None` when there is none to make.
pub(super) fn draw(input: &mut Bytes<'_>, sessions: &[Client], ledger: &mut Ledger) -> Option<Draft> {
    let choice = input.u8();
    let which = input.u8();
    let session = usize::from(which >> 7) % sessions.len().max(1);
    sessions.get(session)?;
    let related = choice & 0x80 != 0;
    let nobody = File { id: [0xFF; 16], session, fill: 0 };
    let file = match ledger.files.len() {
        0 => nobody,
        count => ledger.files[usize::from(which & 0x7F) % count],
    };
    let mut payload = (0, 0);
    let (kind, target, body) = match choice & 0x1F {
        0..=4 => {
            let fill = ledger.new_fill();
            let name = ["simple", "SIMPLE", "stream", "sealed", "closed", "missing", "", r"\pipe\simple"]
                [usize::from(input.u8()) % 8];
            (Kind::Create { sealed: name == "sealed" }, Target::New(fill), peer::create_body_of(name))
        }
        5..=8 => {
            let length = usize::from(input.u16()) % 6000;
            payload = (48, 48 + length);
            (Kind::Write, Target::File(file), peer::write_body(file.id, &vec![0; length]))
        }
        9..=12 => {
            let max = u32::from(input.u16());
            (Kind::Read { max }, Target::File(file), peer::read_body(file.id, max))
        }
        13..=16 => {
            let (length, max) = (usize::from(input.u16()) % 6000, u32::from(input.u16()));
            payload = (56, 56 + length);
            let body = peer::ioctl_body(PIPE_TRANSCEIVE, file.id, max, &vec![0; length]);
            (Kind::Transceive { max }, Target::File(file), body)
        }
        17 => {
            let body = peer::ioctl_body(PIPE_PEEK, file.id, u32::from(input.u16()), &[]);
            (Kind::Control, Target::File(file), body)
        }
        18 => {
            let mut wait = vec![0; 8];
            wait.extend_from_slice(&12_u32.to_le_bytes());
            wait.extend_from_slice(&[u8::from(input.u8() & 1 == 0), 0]);
            wait.extend(world_name());
            (Kind::Wait, Target::Nothing, peer::ioctl_body(PIPE_WAIT, [0xFF; 16], 0, &wait))
        }
        19..=21 => (Kind::Close, Target::File(file), peer::close_body(file.id)),
        22 => {
            let mut body = vec![24, 0, 0, 0, 0, 0, 0, 0];
            body.extend_from_slice(&file.id);
            (Kind::Flush, Target::File(file), body)
        }
        23 => {
            let mut body = vec![0; 40];
            body[0] = 41;
            body[2..4].copy_from_slice(&[1 + input.u8() % 3, input.u8() % 40]);
            body[4..8].copy_from_slice(&u32::from(input.u16()).to_le_bytes());
            body[16] = 7;
            body[24..40].copy_from_slice(&file.id);
            (Kind::QueryInfo, Target::File(file), body)
        }
        24 => {
            let mut body = vec![0; 32];
            body[0] = 33;
            body[2..5].copy_from_slice(&[1, 23, 8]);
            body[8] = 96;
            body[16..32].copy_from_slice(&file.id);
            body.extend_from_slice(&[input.u8() % 3, 0, 0, 0, input.u8() % 3, 0, 0, 0]);
            (Kind::SetInfo, Target::File(file), body)
        }
        25..=28 => {
            let (message_id, async_id, session) = ledger.nth_asked(which)?;
            let kind = Kind::Cancel { message_id, async_id };
            let body = vec![4, 0, 0, 0];
            return Some(Draft { kind, session, target: Target::Nothing, related: false, body, payload });
        }
        29 => match input.u8() % 4 {
            0 => (Kind::TreeConnect, Target::Nothing, peer::tree_connect_body()),
            1 => (Kind::TreeDisconnect, Target::Nothing, vec![4, 0, 0, 0]),
            _ => return None,
        },
        30 => match input.u8() {
            0xF0.. => (Kind::LogOff, Target::Nothing, vec![4, 0, 0, 0]),
            _ => return None,
        },
        _ => (Kind::Echo, Target::Nothing, vec![4, 0, 0, 0]),
    };
    Some(Draft { kind, session, target, related, body, payload })
}

fn world_name() -> impl Iterator<Item = u8> {
    crate::world::PIPE.encode_utf16().flat_map(u16::to_le_bytes)
}
