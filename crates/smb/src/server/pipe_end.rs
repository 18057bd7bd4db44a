//! The client's end of one pipe: what the service wrote and the client has not read, and who waits for it.
//!
//! The rules are those of the Windows pipe driver ([MS-SMB2] 3.3.5.12, [MS-FSCC] 2.3.45 and 2.4.37): data first,
//! then the end; in message mode one message for each read, cut messages continue with the next read.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::PipeMode;
use super::pending::PendingId;
use crate::NtStatus;
use crate::wire::PipePeek;
use crate::wire::info::{STATE_CLOSING, STATE_CONNECTED};

/// What a message costs beyond its bytes, so that empty ones cannot pile up for free.
const MESSAGE_OVERHEAD: usize = 64;

/// How the service's end stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Connected,
    /// It closed: what it wrote can still be read.
    Closing,
    /// It disconnected: what it wrote is gone.
    Disconnected,
}

/// A request that waits for data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) request: PendingId,
    pub(super) max: usize,
}

/// A request that waits for the backend to take what was written before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Writer {
    /// A WRITE of this many bytes.
    Write { request: PendingId, count: usize },
    /// The write of a transceive, which is answered by what the service says.
    Transceive { request: PendingId, count: usize },
    /// A FLUSH: done when everything before it is written.
    Flush { request: PendingId },
}

impl Writer {
    /// What is held until the backend has taken it, its overhead included, in bytes.
    pub(super) fn held(&self) -> usize {
        match self {
            Writer::Write { count, .. } | Writer::Transceive { count, .. } => count + MESSAGE_OVERHEAD,
            Writer::Flush { .. } => 0,
        }
    }
}

/// What a read got: this many bytes of the front, and how the read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) status: NtStatus,
    pub(super) length: usize,
}

#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    read: usize,
}

impl Chunk {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }
}

/// The client's end of a connected pipe.
#[derive(Debug)]
pub(super) struct PipeEnd {
    mode: PipeMode,
    pub(super) read_mode: PipeMode,
    /// `FILE_PIPE_COMPLETE_OPERATION`: a read of an empty pipe does not wait.
    pub(super) nonblocking: bool,
    chunks: VecDeque<Chunk>,
    buffered: usize,
    peer: Peer,
    pub(super) readers: VecDeque<Waiting>,
    pub(super) writers: VecDeque<Writer>,
}

impl PipeEnd {
    /// A newly connected end. Windows starts every client in byte read mode; a pipe whose writes are messages is
    /// read by message here, as remote clients that never set the mode expect.
    pub(super) fn new(mode: PipeMode) -> PipeEnd {
        PipeEnd {
            mode,
            read_mode: mode,
            nonblocking: false,
            chunks: VecDeque::new(),
            buffered: 0,
            peer: Peer::Connected,
            readers: VecDeque::new(),
            writers: VecDeque::new(),
        }
    }

    pub(super) fn mode(&self) -> PipeMode {
        self.mode
    }

    pub(super) fn is_connected(&self) -> bool {
        self.peer == Peer::Connected
    }

    pub(super) fn has_data(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// What is held for the client, its overhead included, in bytes.
    pub(super) fn held(&self) -> usize {
        self.buffered + self.chunks.len() * MESSAGE_OVERHEAD
    }

    /// How many bytes can be read.
    pub(super) fn available(&self) -> usize {
        self.buffered
    }

    /// Takes in what the service wrote.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.peer != Peer::Connected || (bytes.is_empty() && self.mode == PipeMode::Byte) {
            return;
        }
        self.buffered += bytes.len();
        self.chunks.push_back(Chunk { bytes: bytes.to_vec(), read: 0 });
    }

    /// The service closed its end.
    pub(super) fn close(&mut self) {
        if self.peer == Peer::Connected {
            self.peer = Peer::Closing;
        }
    }

    /// The service disconnected its end.
    pub(super) fn disconnect(&mut self) {
        self.peer = Peer::Disconnected;
        self.chunks.clear();
        self.buffered = 0;
    }

    /// How a read ends that finds no data: `None` when it has to wait.
    pub(super) fn end_of_data(&self) -> Option<NtStatus> {
        match self.peer {
            Peer::Connected if self.nonblocking => Some(NtStatus::PIPE_EMPTY),
            Peer::Connected => None,
            Peer::Closing => Some(NtStatus::PIPE_BROKEN),
            Peer::Disconnected => Some(NtStatus::PIPE_DISCONNECTED),
        }
    }

    /// How a write ends that cannot be tried: `None` when it can.
    pub(super) fn refuses_write(&self) -> Option<NtStatus> {
        match self.peer {
            Peer::Connected => None,
            Peer::Closing => Some(NtStatus::PIPE_CLOSING),
            Peer::Disconnected => Some(NtStatus::PIPE_DISCONNECTED),
        }
    }

    /// Appends up to `max` bytes of what can be read to `out`, taking them away. Only call it when there is data.
    pub(super) fn read_into(&mut self, out: &mut Vec<u8>, max: usize, by_message: bool) -> Taken {
        let start = out.len();
        let mut status = NtStatus::SUCCESS;
        while let Some(chunk) = self.chunks.front_mut() {
            let room = max - (out.len() - start);
            let rest = chunk.rest();
            let take = rest.len().min(room);
            out.extend_from_slice(rest.get(..take).unwrap_or_default());
            let cut = take < rest.len();
            chunk.read += take;
            self.buffered -= take;
            if cut {
                if by_message {
                    status = NtStatus::BUFFER_OVERFLOW;
                }
                break;
            }
            self.chunks.pop_front();
            if by_message {
                break;
            }
        }
        Taken { status, length: out.len() - start }
    }

    /// Takes in what the service wrote, when somebody waits for it and nothing is held: appends up to `max` bytes
    /// to `out` straight away and holds the rest.
    pub(super) fn pass_into(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        max: usize,
        by_message: bool,
    ) -> Taken {
        debug_assert!(!self.has_data());
        let (now, later) = bytes.split_at(bytes.len().min(max));
        out.extend_from_slice(now);
        if later.is_empty() {
            return Taken { status: NtStatus::SUCCESS, length: now.len() };
        }
        self.push(later);
        let status = if by_message { NtStatus::BUFFER_OVERFLOW } else { NtStatus::SUCCESS };
        Taken { status, length: now.len() }
    }

    /// Answers FSCTL_PIPE_PEEK: appends its fixed part and as much data as fits `max` bytes in all.
    pub(super) fn peek_into(&self, out: &mut Vec<u8>, max: usize) -> NtStatus {
        let messages = self.mode == PipeMode::Message;
        let first = self.chunks.front().map_or(0, |chunk| chunk.rest().len());
        let state = if self.peer == Peer::Connected { STATE_CONNECTED } else { STATE_CLOSING };
        PipePeek {
            state,
            available: self.buffered as u32,
            messages: if messages { self.chunks.len() as u32 } else { 0 },
            message_length: if messages { first as u32 } else { 0 },
        }
        .encode(out);
        let room = max.saturating_sub(PipePeek::LEN as usize);
        // A message pipe shows its first message; a byte pipe whatever there is.
        let (wanted, mut left) =
            if messages { (first, first.min(room)) } else { (self.buffered, self.buffered.min(room)) };
        for chunk in &self.chunks {
            let part = chunk.rest().get(..left.min(chunk.rest().len())).unwrap_or_default();
            out.extend_from_slice(part);
            left -= part.len();
            if left == 0 {
                break;
            }
        }
        let overflow = if messages { wanted > room } else { room == 0 && wanted > 0 };
        if overflow { NtStatus::BUFFER_OVERFLOW } else { NtStatus::SUCCESS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(end: &mut PipeEnd, max: usize) -> (NtStatus, Vec<u8>) {
        let mut out = Vec::new();
        let by_message = end.read_mode == PipeMode::Message;
        let taken = end.read_into(&mut out, max, by_message);
        assert_eq!(taken.length, out.len());
        (taken.status, out)
    }

    #[test]
    fn a_message_is_read_whole_or_in_parts_but_never_joined() {
        let mut end = PipeEnd::new(PipeMode::Message);
        end.push(b"first");
        end.push(b"");
        end.push(b"second");
        assert_eq!(read(&mut end, 3), (NtStatus::BUFFER_OVERFLOW, b"fir".to_vec()));
        assert_eq!(read(&mut end, 100), (NtStatus::SUCCESS, b"st".to_vec()));
        assert_eq!(read(&mut end, 100), (NtStatus::SUCCESS, b"".to_vec()), "an empty message counts");
        assert_eq!(read(&mut end, 6), (NtStatus::SUCCESS, b"second".to_vec()), "an exact fit is whole");
        assert!(!end.has_data());
    }

    #[test]
    fn byte_reads_join_what_was_written() {
        let mut end = PipeEnd::new(PipeMode::Message);
        end.read_mode = PipeMode::Byte;
        end.push(b"ab");
        end.push(b"cd");
        assert_eq!(read(&mut end, 3), (NtStatus::SUCCESS, b"abc".to_vec()));
        assert_eq!(read(&mut end, 3), (NtStatus::SUCCESS, b"d".to_vec()));
    }

    #[test]
    fn data_comes_before_the_end_but_not_after_a_disconnect() {
        let mut end = PipeEnd::new(PipeMode::Message);
        end.push(b"last words");
        end.close();
        assert_eq!(end.refuses_write(), Some(NtStatus::PIPE_CLOSING));
        assert_eq!(read(&mut end, 100).1, b"last words");
        assert_eq!(end.end_of_data(), Some(NtStatus::PIPE_BROKEN));

        let mut end = PipeEnd::new(PipeMode::Message);
        end.push(b"last words");
        end.disconnect();
        assert!(!end.has_data());
        assert_eq!(end.end_of_data(), Some(NtStatus::PIPE_DISCONNECTED));
    }

    #[test]
    fn what_is_passed_on_is_not_held() {
        let mut end = PipeEnd::new(PipeMode::Message);
        let mut out = Vec::new();
        let taken = end.pass_into(b"message", &mut out, 4, true);
        assert_eq!((taken.status, out.as_slice()), (NtStatus::BUFFER_OVERFLOW, &b"mess"[..]));
        assert_eq!(read(&mut end, 100).1, b"age");
        assert_eq!(end.held(), 0);
    }

    #[test]
    fn a_peek_takes_nothing() {
        let mut end = PipeEnd::new(PipeMode::Message);
        end.push(b"first");
        end.push(b"second");
        let mut out = Vec::new();
        assert_eq!(end.peek_into(&mut out, 18), NtStatus::BUFFER_OVERFLOW);
        let (peek, data) = PipePeek::decode(&out).unwrap();
        assert_eq!((peek.available, peek.messages, peek.message_length), (11, 2, 5));
        assert_eq!(data, b"fi");
        out.clear();
        assert_eq!(end.peek_into(&mut out, 100), NtStatus::SUCCESS);
        assert_eq!(&out[16..], b"first");
        assert_eq!(end.available(), 11);
    }

    #[test]
    fn empty_messages_are_not_held_for_free() {
        let mut end = PipeEnd::new(PipeMode::Message);
        (0..100).for_each(|_| end.push(b""));
        assert!(end.held() >= 100 * MESSAGE_OVERHEAD);
    }
}
