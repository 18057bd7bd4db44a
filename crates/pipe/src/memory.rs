//! A pipe within this process: two queues of bounded size that keep the boundaries of messages.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::Mode;
use crate::connection::PipeError;
use crate::platform::Received;

/// What one direction holds before the writer has to wait, in bytes. A longer message passes by itself.
const CAPACITY: usize = 256 * 1024;

/// What a message costs beyond its bytes, so that empty ones cannot pile up for free.
const OVERHEAD: usize = 64;

/// The largest emptied buffer that is kept for the next message.
const SPARE: usize = 64 * 1024;

/// Two ends that are connected to each other.
pub(crate) fn pair(mode: Mode) -> (End, End) {
    let (there, back) = (Arc::new(Direction::default()), Arc::new(Direction::default()));
    let one = End { mode, incoming: Arc::clone(&back), outgoing: Arc::clone(&there) };
    (one, End { mode, incoming: there, outgoing: back })
}

/// One end. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct End {
    mode: Mode,
    incoming: Arc<Direction>,
    outgoing: Arc<Direction>,
}

#[derive(Debug, Default)]
struct Direction(Mutex<Flow>);

/// What goes one way.
#[derive(Debug, Default)]
struct Flow {
    /// Messages, or bytes in pieces.
    chunks: VecDeque<Vec<u8>>,
    /// How much of the first piece is read already, in byte mode.
    taken: usize,
    /// What the chunks hold, their overhead included.
    held: usize,
    /// The writer writes nothing more.
    finished: bool,
    /// The reader reads nothing more.
    abandoned: bool,
    /// The reader went without reading everything.
    unread: bool,
    /// Why it ended, when nobody ended it.
    lost: Option<Arc<str>>,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
    /// An emptied buffer for the next message.
    spare: Vec<u8>,
}

impl Direction {
    /// Locked for as long as a chunk takes to move. The lock is only shared with the other end.
    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the flow, and then wakes those of whom the change says so.
    fn change<T>(&self, change: impl FnOnce(&mut Flow) -> (T, Vec<Waker>)) -> T {
        let (result, woken) = change(&mut self.lock());
        for waker in woken {
            waker.wake();
        }
        result
    }
}

fn remember(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

impl Flow {
    fn has_room_for(&self, length: usize) -> bool {
        self.chunks.is_empty() || self.held.saturating_add(length).saturating_add(OVERHEAD) <= CAPACITY
    }

    /// How what ended has ended.
    fn end(&self) -> Result<(), PipeError> {
        self.lost.as_ref().map_or(Ok(()), |reason| Err(PipeError::Lost { reason: Arc::clone(reason) }))
    }

    fn push(&mut self, chunk: Vec<u8>) {
        self.held += chunk.len() + OVERHEAD;
        self.chunks.push_back(chunk);
    }

    /// Takes the first chunk, or what is left of it.
    fn pop(&mut self) -> Option<Vec<u8>> {
        let mut chunk = self.chunks.pop_front()?;
        self.held -= chunk.len() - self.taken + OVERHEAD;
        if self.taken > 0 {
            chunk.drain(..mem::take(&mut self.taken));
        }
        Some(chunk)
    }

    /// The spare buffer, unless it is much too large: what waits is counted by its length.
    fn buffer_for(&mut self, length: usize) -> Vec<u8> {
        if self.spare.capacity() / 4 > length { Vec::new() } else { mem::take(&mut self.spare) }
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > self.spare.capacity() && buffer.capacity() <= SPARE {
            buffer.clear();
            self.spare = buffer;
        }
    }
}

impl End {
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// What was written and not read, in bytes.
    pub(crate) fn unread(&self) -> usize {
        self.outgoing.lock().held
    }

    /// How long the next message is; `None` for bytes, and at the end.
    pub(crate) fn poll_length(&self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.mode == Mode::Byte {
            return Poll::Ready(None);
        }
        let mut flow = self.incoming.lock();
        match flow.chunks.front() {
            Some(message) => Poll::Ready(Some(message.len())),
            None if flow.finished || flow.abandoned => Poll::Ready(None),
            None => {
                remember(&mut flow.readers, cx);
                Poll::Pending
            }
        }
    }

    /// Appends a message of at most `limit` bytes, or some bytes. Any number of tasks can wait.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<Result<Received, PipeError>> {
        self.incoming.change(|flow| {
            if flow.abandoned {
                return (Poll::Ready(Ok(Received::End)), Vec::new());
            }
            let Some(mut chunk) = flow.pop() else {
                if flow.finished {
                    return (Poll::Ready(flow.end().map(|()| Received::End)), Vec::new());
                }
                remember(&mut flow.readers, cx);
                return (Poll::Pending, Vec::new());
            };
            let length = chunk.len();
            let result = if self.mode == Mode::Message && length > limit {
                Err(PipeError::TooLong { length, limit })
            } else {
                if buffer.is_empty() {
                    mem::swap(buffer, &mut chunk);
                } else {
                    buffer.extend_from_slice(&chunk);
                }
                Ok(Received::Data)
            };
            flow.keep(chunk);
            (Poll::Ready(result), mem::take(&mut flow.writers))
        })
    }

    /// Reads bytes into `buffer`; 0 at the end.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, PipeError>> {
        self.incoming.change(|flow| {
            if flow.abandoned || buffer.is_empty() {
                return (Poll::Ready(Ok(0)), Vec::new());
            }
            let Some(chunk) = flow.chunks.front() else {
                if flow.finished {
                    return (Poll::Ready(flow.end().map(|()| 0)), Vec::new());
                }
                remember(&mut flow.readers, cx);
                return (Poll::Pending, Vec::new());
            };
            let rest = chunk.get(flow.taken..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            if let (Some(room), Some(bytes)) = (buffer.get_mut(..length), rest.get(..length)) {
                room.copy_from_slice(bytes);
            }
            if length == rest.len() {
                if let Some(chunk) = flow.pop() {
                    flow.keep(chunk);
                }
            } else {
                flow.taken += length;
                flow.held -= length;
            }
            (Poll::Ready(Ok(length)), mem::take(&mut flow.writers))
        })
    }

    /// Writes what there is room for; whether that was all of `data`. `sent` counts what is done.
    pub(crate) fn try_send(&self, data: &[u8], sent: &mut usize) -> Result<bool, PipeError> {
        self.send(data.len(), sent, |flow, from, to| {
            let mut chunk = flow.buffer_for(to - from);
            chunk.extend_from_slice(data.get(from..to).unwrap_or_default());
            chunk
        })
    }

    /// Like [`Self::try_send`], and may take the buffer instead of copying it.
    pub(crate) fn try_send_owned(&self, data: &mut Vec<u8>, sent: &mut usize) -> Result<bool, PipeError> {
        let length = data.len();
        self.send(length, sent, |flow, from, to| {
            if (from, to) == (0, length) {
                mem::replace(data, mem::take(&mut flow.spare))
            } else {
                data.get(from..to).unwrap_or_default().to_vec()
            }
        })
    }

    fn send(
        &self,
        length: usize,
        sent: &mut usize,
        take: impl FnOnce(&mut Flow, usize, usize) -> Vec<u8>,
    ) -> Result<bool, PipeError> {
        self.outgoing.change(|flow| {
            if flow.abandoned || flow.finished {
                return (Err(flow.end().err().unwrap_or(PipeError::Closed)), Vec::new());
            }
            let rest = length.saturating_sub(*sent);
            let now = match self.mode {
                Mode::Message if flow.has_room_for(length) => length,
                Mode::Message => return (Ok(false), Vec::new()),
                Mode::Byte if rest == 0 => return (Ok(true), Vec::new()),
                Mode::Byte => rest.min(CAPACITY.saturating_sub(flow.held.saturating_add(OVERHEAD))),
            };
            if self.mode == Mode::Byte && now == 0 {
                return (Ok(false), Vec::new());
            }
            let chunk = take(flow, *sent, *sent + now);
            flow.push(chunk);
            *sent += now;
            (Ok(*sent == length), mem::take(&mut flow.readers))
        })
    }

    /// Writes all of `data`. Any number of tasks can wait.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        if self.try_send(data, sent)? {
            return Poll::Ready(Ok(()));
        }
        remember(&mut self.outgoing.lock().writers, cx);
        // There may have been room just before the waker was in its place.
        if self.try_send(data, sent)? { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Whether the other end closed without reading everything it was sent.
    pub(crate) fn was_reset(&self) -> bool {
        self.outgoing.lock().unread
    }

    /// Says that nothing more will be written; what was written stays readable.
    pub(crate) fn finish(&self) {
        self.outgoing.change(|flow| {
            flow.finished = true;
            let mut woken = mem::take(&mut flow.readers);
            woken.append(&mut flow.writers);
            ((), woken)
        });
    }

    /// Ends both directions for the other end in an error: it reads what was written, then it learns why
    /// there is no more.
    pub(crate) fn lose(&self, reason: &Arc<str>) {
        for direction in [&self.incoming, &self.outgoing] {
            direction.lock().lost = Some(Arc::clone(reason));
        }
        self.close();
    }

    /// Waits until the other end is closed, not only for writing. Any number of tasks can wait.
    pub(crate) fn poll_hung_up(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut flow = self.outgoing.lock();
        if flow.abandoned {
            return Poll::Ready(());
        }
        remember(&mut flow.writers, cx);
        Poll::Pending
    }

    /// Ends both directions, which wakes whoever waits here, and drops what was not read.
    pub(crate) fn close(&self) {
        self.finish();
        self.incoming.change(|flow| {
            flow.abandoned = true;
            flow.unread |= !flow.chunks.is_empty();
            flow.chunks.clear();
            flow.held = 0;
            let mut woken = mem::take(&mut flow.readers);
            woken.append(&mut flow.writers);
            ((), woken)
        });
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;

    use super::*;

    async fn receive(end: &End, limit: usize) -> Result<Option<Vec<u8>>, PipeError> {
        let mut buffer = Vec::new();
        let received = poll_fn(|cx| end.poll_receive(cx, &mut buffer, limit)).await?;
        Ok((received == Received::Data).then_some(buffer))
    }

    async fn send(end: &End, data: &[u8]) -> Result<(), PipeError> {
        let mut sent = 0;
        poll_fn(|cx| end.poll_send(cx, data, &mut sent)).await
    }

    #[tokio::test]
    async fn messages_keep_their_boundaries_and_empty_ones_count() {
        let (one, other) = pair(Mode::Message);
        for message in [&b"first"[..], b"", b"third"] {
            send(&one, message).await.unwrap();
        }
        one.close();
        for message in [&b"first"[..], b"", b"third"] {
            assert_eq!(receive(&other, 100).await.unwrap().unwrap(), message);
        }
        assert_eq!(receive(&other, 100).await.unwrap(), None);
        assert!(matches!(send(&other, b"late").await, Err(PipeError::Closed)));
    }

    #[tokio::test]
    async fn an_end_that_is_lost_is_an_error_after_what_was_written() {
        let (one, other) = pair(Mode::Message);
        send(&one, b"first").await.unwrap();
        one.lose(&"the wire was cut".into());
        drop(one);
        assert_eq!(receive(&other, 100).await.unwrap().unwrap(), b"first");
        for error in [receive(&other, 100).await.unwrap_err(), send(&other, b"late").await.unwrap_err()] {
            assert!(
                matches!(&error, PipeError::Lost { reason } if &**reason == "the wire was cut"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn an_end_learns_that_the_other_one_is_closed_and_not_only_finished() {
        let (one, other) = pair(Mode::Byte);
        one.finish();
        let mut closed = look(&other);
        assert!(closed().is_pending());
        one.close();
        assert!(closed().is_ready());
    }

    /// Looks whether the other end of `end` is closed.
    fn look(end: &End) -> impl FnMut() -> Poll<()> + '_ {
        move || end.poll_hung_up(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_is_gone_and_the_next_one_is_there() {
        let (one, other) = pair(Mode::Message);
        send(&one, b"long").await.unwrap();
        send(&one, b"ok").await.unwrap();
        assert!(matches!(receive(&other, 3).await, Err(PipeError::TooLong { length: 4, limit: 3 })));
        assert_eq!(receive(&other, 3).await.unwrap().unwrap(), b"ok");
    }

    #[tokio::test]
    async fn a_writer_waits_until_there_is_room() {
        let (one, other) = pair(Mode::Message);
        let message = vec![7; CAPACITY / 2];
        send(&one, &message).await.unwrap();
        let mut sent = 0;
        assert!(!one.try_send(&message, &mut sent).unwrap());
        let writer = tokio::spawn(async move {
            send(&one, &message).await.unwrap();
            one
        });
        assert_eq!(receive(&other, CAPACITY).await.unwrap().unwrap().len(), CAPACITY / 2);
        let one = writer.await.unwrap();
        // One that never fits passes by itself.
        receive(&other, CAPACITY).await.unwrap();
        send(&one, &vec![8; CAPACITY * 2]).await.unwrap();
        assert_eq!(receive(&other, CAPACITY * 2).await.unwrap().unwrap().len(), CAPACITY * 2);
    }

    #[tokio::test]
    async fn empty_messages_do_not_pile_up() {
        let (one, _other) = pair(Mode::Message);
        let mut messages = 0;
        while one.try_send(b"", &mut 0).unwrap() {
            messages += 1;
        }
        assert!(messages <= CAPACITY / OVERHEAD, "{messages}");
    }

    #[tokio::test]
    async fn short_messages_do_not_hold_the_buffers_of_long_ones() {
        let (one, other) = pair(Mode::Message);
        while one.try_send(b"x", &mut 0).unwrap() {}
        // A reader whose buffers are large, as after long messages, and a writer that is quick.
        for _ in 0..CAPACITY / OVERHEAD {
            let mut buffer = Vec::with_capacity(SPARE);
            let received = poll_fn(|cx| other.poll_receive(cx, &mut buffer, 100)).await.unwrap();
            assert_eq!((received, buffer.as_slice()), (Received::Data, &b"x"[..]));
            assert!(one.try_send(b"x", &mut 0).unwrap());
        }
        let flow = other.incoming.lock();
        let held: usize = flow.chunks.iter().map(|chunk| chunk.capacity() + OVERHEAD).sum();
        assert!(held <= 2 * CAPACITY, "{held}");
    }

    #[tokio::test]
    async fn closing_wakes_whoever_waits_on_either_side() {
        for closes_here in [true, false] {
            let (one, other) = pair(Mode::Byte);
            let (one, other) = (Arc::new(one), Arc::new(other));
            let reader = tokio::spawn({
                let one = Arc::clone(&one);
                async move { receive(&one, 10).await.unwrap() }
            });
            let writer = tokio::spawn({
                let one = Arc::clone(&one);
                async move { send(&one, &vec![0; CAPACITY * 2]).await }
            });
            tokio::task::yield_now().await;
            assert!(!reader.is_finished() && !writer.is_finished());
            if closes_here {
                one.close();
            } else {
                other.close();
            }
            assert_eq!(reader.await.unwrap(), None);
            assert!(matches!(writer.await.unwrap(), Err(PipeError::Closed)));
        }
    }

    #[tokio::test]
    async fn a_buffer_is_handed_over_and_not_copied() {
        let (one, other) = pair(Mode::Message);
        let mut message = b"request".to_vec();
        let place = message.as_ptr();
        assert!(one.try_send_owned(&mut message, &mut 0).unwrap());
        let received = receive(&other, 100).await.unwrap().unwrap();
        assert_eq!(received.as_ptr(), place);
    }

    proptest! {
        #[test]
        fn bytes_arrive_in_order_however_they_are_cut(
            writes in prop::collection::vec(0usize..150_000, 0..12),
            reads in prop::collection::vec(1usize..100_000, 1..8),
            by_chunk: bool,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (one, other) = pair(Mode::Byte);
                let total: usize = writes.iter().sum();
                let all: Vec<u8> = (0..total).map(|index| (index / 7) as u8).collect();
                let source = all.clone();
                let writer = tokio::spawn(async move {
                    let mut rest = source.as_slice();
                    for length in writes {
                        let (now, later) = rest.split_at(length);
                        send(&one, now).await.unwrap();
                        rest = later;
                    }
                });
                let mut received = Vec::new();
                for length in reads.iter().cycle() {
                    let before = received.len();
                    if by_chunk {
                        received.extend(receive(&other, *length).await.unwrap().unwrap_or_default());
                    } else {
                        let mut buffer = vec![0; *length];
                        let length = poll_fn(|cx| other.poll_read(cx, &mut buffer)).await.unwrap();
                        received.extend_from_slice(&buffer[..length]);
                    }
                    if received.len() == before {
                        break;
                    }
                }
                writer.await.unwrap();
                assert!(received == all);
                assert_eq!(other.incoming.lock().held, 0);
            });
        }
    }
}
