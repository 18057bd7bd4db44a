//! The client's end of one pipe: what the service wrote and the client has not read, and the requests that
//! wait.
//!
//! The rules are those of the Windows pipe driver ([MS-SMB2] 3.3.5.12, [MS-FSCC] 2.3.45 and 2.4.37): data
//! first, then the end; in message mode one message for each read, cut messages continue with the next read.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use standpipe_security::SecurityDescriptor;

use super::PendingId;
use crate::NtStatus;
use crate::server::{PipeMode, ServiceEnd};
use crate::wire::PipePeek;
use crate::wire::info::PipeState;

/// What a message costs beyond its bytes, so that empty ones cannot pile up for free.
const MESSAGE_OVERHEAD: usize = 64;

/// The status of everything that is asked of a pipe whose service cannot be reached any more. .NET and the C
/// runtime take PIPE_BROKEN and PIPE_DISCONNECTED for the end of what there is to read. This one they report
/// as an error (`ERROR_NETNAME_DELETED`), as when the machine of the service is gone.
pub(crate) const LOST: NtStatus = NtStatus::CONNECTION_RESET;

/// The state of the service's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Connected,
    /// It closed: what it wrote can still be read.
    Closing,
    /// It disconnected: what it wrote is gone.
    Disconnected,
    /// The way to it is gone: what came before can still be read.
    Lost,
}

/// A request that waits for data: a READ or a transceive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) request: PendingId,
    /// How much it takes at most, in bytes.
    pub(crate) max: usize,
}

/// A request that waits for the backend to take what was written before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writer {
    /// A WRITE of this many bytes.
    Write { request: PendingId, count: usize },
    /// The write of a transceive, whose reply is what the service writes.
    Transceive { request: PendingId, count: usize },
    /// A FLUSH: done when everything before it is written.
    Flush { request: PendingId },
}

impl Writer {
    /// What is held until the backend has taken it, its overhead included, in bytes.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Write { count, .. } | Self::Transceive { count, .. } => count + MESSAGE_OVERHEAD,
            Self::Flush { .. } => 0,
        }
    }
}

/// What a read got: this many bytes of the front, and how the read ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) status: NtStatus,
    pub(crate) length: usize,
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
pub(crate) struct PipeEnd {
    mode: PipeMode,
    descriptor: Option<Arc<SecurityDescriptor>>,
    read_mode: PipeMode,
    /// `FILE_PIPE_COMPLETE_OPERATION`: a read of an empty pipe does not wait.
    nonblocking: bool,
    chunks: VecDeque<Chunk>,
    /// What can be read, and what the chunks take: one that is read in part is kept whole.
    buffered: usize,
    stored: usize,
    /// What the backend has taken and the service has not read, as far as it counts.
    unread: usize,
    peer: Peer,
    readers: VecDeque<Reader>,
    writers: VecDeque<Writer>,
    /// Whether the service has written nothing since something was written to it.
    owes_reply: bool,
}

impl PipeEnd {
    /// A newly connected end. Windows starts every client in byte read mode; here a pipe of messages starts
    /// in message read mode, as remote clients that never set the mode expect.
    pub(crate) fn new(end: ServiceEnd) -> Self {
        let ServiceEnd { mode, descriptor } = end;
        Self {
            mode,
            descriptor,
            read_mode: mode,
            nonblocking: false,
            chunks: VecDeque::new(),
            buffered: 0,
            stored: 0,
            unread: 0,
            peer: Peer::Connected,
            readers: VecDeque::new(),
            writers: VecDeque::new(),
            owes_reply: false,
        }
    }

    pub(crate) fn mode(&self) -> PipeMode {
        self.mode
    }

    /// The security descriptor that the service has put on the pipe.
    pub(crate) fn descriptor(&self) -> Option<&SecurityDescriptor> {
        self.descriptor.as_deref()
    }

    /// How the client reads: one message for each read, or bytes.
    pub(crate) fn read_mode(&self) -> PipeMode {
        self.read_mode
    }

    /// Whether reads of an empty pipe do not wait.
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.nonblocking
    }

    /// Sets how the client reads.
    pub(crate) fn set_modes(&mut self, read_mode: PipeMode, nonblocking: bool) {
        self.read_mode = read_mode;
        self.nonblocking = nonblocking;
    }

    /// Whether requests wait for data.
    pub(crate) fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Lets a request wait for data, behind those that wait already.
    pub(crate) fn add_reader(&mut self, reader: Reader) {
        self.readers.push_back(reader);
    }

    /// The request that has waited longest for data, if it can be answered: with data, or with this status.
    pub(crate) fn next_answerable(&mut self) -> Option<(Reader, Option<NtStatus>)> {
        let end_of_data = if self.has_data() { None } else { Some(self.end_of_data()?) };
        Some((self.readers.pop_front()?, end_of_data))
    }

    /// Takes the request that has waited longest for data, if what the service writes now can go straight to
    /// it.
    pub(crate) fn take_reader_for(&mut self, bytes: &[u8]) -> Option<Reader> {
        self.owes_reply = false;
        if self.has_data() || (bytes.is_empty() && self.mode == PipeMode::Byte) {
            return None;
        }
        self.readers.pop_front()
    }

    /// Whether requests wait for the backend to take what was written.
    pub(crate) fn has_writers(&self) -> bool {
        !self.writers.is_empty()
    }

    /// Lets a request wait until the backend has taken what was written.
    pub(crate) fn add_writer(&mut self, writer: Writer) {
        self.owes_reply |= !matches!(writer, Writer::Flush { .. });
        self.writers.push_back(writer);
    }

    /// The backend took the oldest write, or will not.
    pub(crate) fn take_writer(&mut self) -> Option<Writer> {
        self.writers.pop_front()
    }

    /// Takes the oldest request that waits for the backend, if it is a FLUSH: nothing is written before it
    /// any more.
    pub(crate) fn take_flush(&mut self) -> Option<PendingId> {
        let Some(Writer::Flush { request }) = self.writers.front().copied() else {
            return None;
        };
        self.writers.pop_front();
        Some(request)
    }

    /// Gives up a request that waits for data.
    pub(crate) fn forget_reader(&mut self, request: PendingId) {
        self.readers.retain(|reader| reader.request != request);
    }

    /// Gives up a request that waits. A write stays, as it may have reached the service.
    pub(crate) fn forget(&mut self, request: PendingId) {
        self.forget_reader(request);
        // Nothing was written for a flush, so nothing would bound how many are given up.
        self.writers
            .retain(|writer| !matches!(writer, Writer::Flush { request: flush } if *flush == request));
    }

    /// Whether nothing is under way: the service owes no reply, and nothing that it wrote is still to be
    /// read. A read that waits for the service to say something by itself is not under way.
    pub(crate) fn is_idle(&self) -> bool {
        let owes_reply = self.owes_reply && self.is_connected();
        !owes_reply && !self.has_data() && !self.has_writers()
    }

    /// The requests that wait for the backend.
    #[cfg(test)]
    pub(crate) fn writers(&self) -> &VecDeque<Writer> {
        &self.writers
    }

    /// The requests that wait, for the open ends.
    pub(crate) fn into_requests(self) -> (VecDeque<Reader>, VecDeque<Writer>) {
        (self.readers, self.writers)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.peer == Peer::Connected
    }

    pub(crate) fn has_data(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// What is held for the client, its overhead included, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.stored + self.chunks.len() * MESSAGE_OVERHEAD
    }

    /// What was written and the service has not read, in bytes.
    pub(crate) fn unread(&self) -> usize {
        self.unread
    }

    /// Sets what was written and the service has not read.
    pub(crate) fn set_unread(&mut self, bytes: usize) {
        self.unread = bytes;
    }

    /// How many bytes can be read.
    pub(crate) fn available(&self) -> usize {
        self.buffered
    }

    /// Takes in what the service wrote.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.peer != Peer::Connected || (bytes.is_empty() && self.mode == PipeMode::Byte) {
            return;
        }
        self.buffered += bytes.len();
        self.stored += bytes.len();
        self.chunks.push_back(Chunk { bytes: bytes.to_vec(), read: 0 });
    }

    /// The service closed its end.
    pub(crate) fn close(&mut self) {
        if self.peer == Peer::Connected {
            self.peer = Peer::Closing;
        }
    }

    /// The service disconnected its end.
    pub(crate) fn disconnect(&mut self) {
        self.peer = Peer::Disconnected;
        self.chunks.clear();
        self.buffered = 0;
        self.stored = 0;
    }

    /// The way to the service is gone.
    pub(crate) fn lose(&mut self) {
        if self.peer == Peer::Connected {
            self.peer = Peer::Lost;
        }
    }

    /// The status of a read that finds no data: `None` when it has to wait.
    pub(crate) fn end_of_data(&self) -> Option<NtStatus> {
        match self.peer {
            Peer::Connected if self.nonblocking => Some(NtStatus::PIPE_EMPTY),
            Peer::Connected => None,
            Peer::Closing => Some(NtStatus::PIPE_BROKEN),
            Peer::Disconnected => Some(NtStatus::PIPE_DISCONNECTED),
            Peer::Lost => Some(LOST),
        }
    }

    /// The status of a write that cannot be tried: `None` when it can.
    pub(crate) fn refuses_write(&self) -> Option<NtStatus> {
        match self.peer {
            Peer::Connected => None,
            Peer::Closing => Some(NtStatus::PIPE_CLOSING),
            Peer::Disconnected => Some(NtStatus::PIPE_DISCONNECTED),
            Peer::Lost => Some(LOST),
        }
    }

    /// Appends up to `max` bytes of what can be read to `out`, taking them away. Only call it when there is
    /// data.
    pub(crate) fn read_into(&mut self, out: &mut Vec<u8>, max: usize, by_message: bool) -> Taken {
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
            self.stored -= chunk.bytes.len();
            self.chunks.pop_front();
            if by_message {
                break;
            }
        }
        Taken { status, length: out.len() - start }
    }

    /// Takes in what the service wrote, when a request waits for it and nothing is held: appends up to `max`
    /// bytes to `out` straight away and holds the rest.
    pub(crate) fn pass_into(
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
    pub(crate) fn peek_into(&self, out: &mut Vec<u8>, max: usize) -> NtStatus {
        let messages = self.mode == PipeMode::Message;
        let first = self.chunks.front().map_or(0, |chunk| chunk.rest().len());
        let state = if self.peer == Peer::Connected { PipeState::CONNECTED } else { PipeState::CLOSING };
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
        let mut end = PipeEnd::new(PipeMode::Message.into());
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
        let mut end = PipeEnd::new(PipeMode::Message.into());
        end.set_modes(PipeMode::Byte, false);
        end.push(b"ab");
        end.push(b"cd");
        assert_eq!(read(&mut end, 3), (NtStatus::SUCCESS, b"abc".to_vec()));
        assert_eq!(read(&mut end, 3), (NtStatus::SUCCESS, b"d".to_vec()));
    }

    #[test]
    fn data_comes_before_the_end_but_not_after_a_disconnect() {
        let mut end = PipeEnd::new(PipeMode::Message.into());
        end.push(b"last words");
        end.close();
        assert_eq!(end.refuses_write(), Some(NtStatus::PIPE_CLOSING));
        assert_eq!(read(&mut end, 100).1, b"last words");
        assert_eq!(end.end_of_data(), Some(NtStatus::PIPE_BROKEN));

        let mut end = PipeEnd::new(PipeMode::Message.into());
        end.push(b"last words");
        end.disconnect();
        assert!(!end.has_data());
        assert_eq!(end.end_of_data(), Some(NtStatus::PIPE_DISCONNECTED));
    }

    #[test]
    fn a_message_that_is_passed_on_is_not_held() {
        let mut end = PipeEnd::new(PipeMode::Message.into());
        let mut out = Vec::new();
        let taken = end.pass_into(b"message", &mut out, 4, true);
        assert_eq!((taken.status, out.as_slice()), (NtStatus::BUFFER_OVERFLOW, &b"mess"[..]));
        assert_eq!(read(&mut end, 100).1, b"age");
        assert_eq!(end.held(), 0);
    }

    #[test]
    fn a_peek_takes_nothing() {
        let mut end = PipeEnd::new(PipeMode::Message.into());
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
    fn a_message_that_is_read_in_part_is_still_held_whole() {
        let mut end = PipeEnd::new(PipeMode::Message.into());
        end.push(&[7; 1000]);
        assert_eq!(read(&mut end, 999).1.len(), 999);
        assert!(end.held() >= 1000 && end.available() == 1);
        read(&mut end, 1);
        assert_eq!(end.held(), 0);
    }

    #[test]
    fn empty_messages_are_not_held_for_free() {
        let mut end = PipeEnd::new(PipeMode::Message.into());
        (0..100).for_each(|_| end.push(b""));
        assert!(end.held() >= 100 * MESSAGE_OVERHEAD);
    }
}
