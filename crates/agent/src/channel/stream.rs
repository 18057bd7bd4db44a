//! The streams of a channel: what arrived for each and was not taken, and what may be sent.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::outbox::Outbox;
use crate::wire::{Failure, Frame, MAX_PIECE, Malformed, Receiving, Sending};

/// How a stream ended, as its other end says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The other end writes nothing more, after all that it has written.
    End,
    /// Something failed there.
    Reset(Failure),
    /// The host is done with it.
    Close,
}

/// One end of a stream.
#[derive(Debug)]
pub(crate) struct Stream {
    id: u32,
    outbox: Arc<Outbox>,
    state: Mutex<State>,
    /// Something arrived, or the end.
    arrived: Notify,
    /// Credit arrived, or the end.
    credited: Notify,
    /// The end arrived.
    finished: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<(Vec<u8>, bool)>,
    receiving: Receiving,
    sending: Sending,
    finish: Option<Finish>,
}

impl Stream {
    fn new(id: u32, outbox: Arc<Outbox>) -> Self {
        Self {
            id,
            outbox,
            state: Mutex::default(),
            arrived: Notify::new(),
            credited: Notify::new(),
            finished: Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn send(&self, frame: &Frame) {
        self.outbox.send(frame);
    }

    /// The next piece and whether its message ends with it, or how the stream ended. One task can wait.
    pub(crate) async fn next(&self) -> Result<(Vec<u8>, bool), Finish> {
        loop {
            {
                let mut state = self.lock();
                // What comes before an end counts; a failure is for now.
                if let Some(finish @ (Finish::Reset(_) | Finish::Close)) = &state.finish {
                    return Err(finish.clone());
                }
                if let Some((bytes, last)) = state.queue.pop_front() {
                    let credit = state.receiving.release(bytes.len());
                    drop(state);
                    if let Some(credit) = credit {
                        self.outbox.send(&Frame::Credit { stream: self.id, credit });
                    }
                    return Ok((bytes, last));
                }
                if let Some(finish) = &state.finish {
                    return Err(finish.clone());
                }
            }
            self.arrived.notified().await;
        }
    }

    /// Waits until the other end has ended the stream, even if not all that it wrote was taken. One task can
    /// wait.
    pub(crate) async fn finished(&self) -> Finish {
        loop {
            if let Some(finish) = self.lock().finish.clone() {
                return finish;
            }
            self.finished.notified().await;
        }
    }

    /// Sends a message, or bytes, as the credit allows. One task can wait. It ends early when the stream has
    /// ended.
    pub(crate) async fn send_message(&self, message: &[u8]) {
        let mut rest = message;
        loop {
            self.outbox.room().await;
            let room = {
                let mut state = self.lock();
                if matches!(state.finish, Some(Finish::Reset(_) | Finish::Close)) {
                    return;
                }
                let room = state.sending.room().filter(|room| *room > 0 || rest.is_empty());
                let room = room.map(|room| room.min(MAX_PIECE).min(rest.len()));
                if let Some(room) = room {
                    state.sending.spend(room);
                }
                room
            };
            let Some((piece, after)) = room.and_then(|room| rest.split_at_checked(room)) else {
                self.credited.notified().await;
                continue;
            };
            self.outbox.send_data(self.id, after.is_empty(), piece);
            rest = after;
            if rest.is_empty() {
                return;
            }
        }
    }

    fn finish(&self, finish: Finish) {
        let mut state = self.lock();
        // The first word counts, unless it was only that no more is written.
        if !matches!(state.finish, Some(Finish::Reset(_) | Finish::Close)) {
            state.finish = Some(finish);
        }
        drop(state);
        self.arrived.notify_one();
        self.credited.notify_one();
        self.finished.notify_one();
    }

    fn data(&self, bytes: Vec<u8>, last: bool) -> Result<(), Malformed> {
        let mut state = self.lock();
        if state.finish.is_some() {
            return Ok(());
        }
        state.receiving.hold(bytes.len())?;
        state.queue.push_back((bytes, last));
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    fn credit(&self, credit: u32) -> Result<(), Malformed> {
        self.lock().sending.gain(credit)?;
        self.credited.notify_one();
        Ok(())
    }
}

/// The streams of a channel, by their numbers.
#[derive(Debug)]
pub(crate) struct Streams {
    outbox: Arc<Outbox>,
    streams: Mutex<HashMap<u32, Arc<Stream>>>,
}

impl Streams {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, streams: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: u32) -> Option<Arc<Stream>> {
        self.lock().get(&id).cloned()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// A new stream; `None` if its number is in use.
    pub(crate) fn add(&self, id: u32) -> Option<Arc<Stream>> {
        let stream = Arc::new(Stream::new(id, Arc::clone(&self.outbox)));
        let mut streams = self.lock();
        if streams.contains_key(&id) {
            return None;
        }
        streams.insert(id, Arc::clone(&stream));
        Some(stream)
    }

    /// Forgets a stream: what still arrives for it is ignored.
    pub(crate) fn remove(&self, id: u32) {
        self.lock().remove(&id);
    }

    /// Handles a frame of a stream. One of a stream that is not known is ignored: it was sent before its
    /// sender learned that the stream is over.
    pub(crate) fn receive(&self, frame: Frame) -> Result<(), Malformed> {
        match frame {
            Frame::Data { stream, last, bytes } => {
                self.get(stream).map_or(Ok(()), |stream| stream.data(bytes, last))
            }
            Frame::Credit { stream, credit } => {
                self.get(stream).map_or(Ok(()), |stream| stream.credit(credit))
            }
            Frame::End { stream } => {
                self.finish(stream, Finish::End);
                Ok(())
            }
            Frame::Reset { stream, failure } => {
                self.finish(stream, Finish::Reset(failure));
                Ok(())
            }
            Frame::Close { stream } => {
                self.finish(stream, Finish::Close);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(&self, stream: u32, finish: Finish) {
        if let Some(stream) = self.get(stream) {
            stream.finish(finish);
        }
    }

    /// Ends every stream.
    pub(crate) fn end_all(&self, finish: &Finish) {
        let streams: Vec<_> = self.lock().drain().map(|(_, stream)| stream).collect();
        for stream in streams {
            stream.finish(finish.clone());
        }
    }
}
