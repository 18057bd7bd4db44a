//! Building replies: the frames that wait to be sent, their compounds and signatures.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::NtStatus;
use crate::crypto::encryption::{Sealer, TRANSFORM_LEN};
use crate::crypto::{Sender, SessionKeys};
use crate::server::state::ReplyTo;
use crate::wire::header::{HEADER_LEN, WrittenHeader};
use crate::wire::negotiate::pad_to_8;
use crate::wire::{FRAME_MAX, FRAME_PREFIX, Header, frame_prefix_for};

/// A reply that is not complete yet.
struct Unfinished {
    start: usize,
    keys: Option<Arc<SessionKeys>>,
}

/// Why a frame was not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFramed {
    /// It is longer than a frame can be.
    TooLong,
    /// The session has no key to encrypt it with.
    WithoutKey,
    /// The session's key has encrypted as many messages as it may.
    KeyUsedUp,
}

/// Replies in frames that wait to be sent, the last of which may still be growing.
///
/// A frame is begun, gets one reply or several (then they form a compound), and is ended. A reply is signed
/// when the next one begins or the frame ends, because its padding and NextCommand are part of what is
/// signed.
#[derive(Default)]
pub(crate) struct Replies {
    buffer: Vec<u8>,
    /// Where the frame begins that is being written.
    frame: Option<usize>,
    /// The reply before the one being written, and where it ends without padding. It is finished once it is
    /// certain that the one being written stays, because its NextCommand points there.
    before: Option<(Unfinished, usize)>,
    /// The reply being written.
    reply: Option<Unfinished>,
    /// Whether there is a request whose reply is begun only when it is certain that it does not wait.
    is_planned: bool,
}

impl Replies {
    /// Begins a frame.
    pub(crate) fn begin(&mut self) {
        debug_assert!(self.frame.is_none());
        self.frame = Some(self.buffer.len());
        self.buffer.extend_from_slice(&[0; FRAME_PREFIX]);
    }

    /// Begins a reply and gives the buffer to which its body is to be appended. With `keys` it will be
    /// signed.
    pub(crate) fn reply(&mut self, header: &Header, keys: Option<Arc<SessionKeys>>) -> &mut Vec<u8> {
        self.finish_before();
        if let Some(reply) = self.reply.take() {
            let end = self.buffer.len();
            pad_to_8(&mut self.buffer, reply.start);
            self.before = Some((reply, end));
        }
        let start = self.buffer.len();
        header.encode(&mut self.buffer);
        self.reply = Some(Unfinished { start, keys });
        &mut self.buffer
    }

    /// Sets the status of the reply being written.
    pub(crate) fn set_status(&mut self, status: NtStatus) {
        if let Some((mut header, _)) = self.written() {
            header.set_status(status);
        }
    }

    /// Sets the credits that the reply being written grants.
    pub(crate) fn set_credits(&mut self, credits: u16) {
        if let Some((mut header, _)) = self.written() {
            header.set_credits(credits);
        }
    }

    /// Gives the reply being written this signature, for want of a key.
    pub(crate) fn set_signature(&mut self, signature: [u8; 16]) {
        if let Some((mut header, _)) = self.written() {
            header.set_signed();
            header.set_signature(&signature);
        }
    }

    /// The header of the reply being written, and the reply.
    fn written(&mut self) -> Option<(WrittenHeader<'_>, &mut Unfinished)> {
        let reply = self.reply.as_mut()?;
        Some((WrittenHeader(self.buffer.get_mut(reply.start..)?), reply))
    }

    /// The next reply is that of a request which may have to wait: it is begun once something is written to
    /// it.
    pub(crate) fn plan(&mut self) {
        self.is_planned = true;
    }

    /// Begins the reply that was planned, unless it is begun.
    pub(crate) fn begin_planned(&mut self, to: &ReplyTo) {
        if mem::take(&mut self.is_planned) {
            self.reply(&to.header(NtStatus::SUCCESS, 0, None), to.keys.clone());
        }
    }

    /// Throws the reply being written away, or the plan of one.
    pub(crate) fn drop_reply(&mut self) {
        if mem::take(&mut self.is_planned) {
            return;
        }
        if let Some(reply) = self.reply.take() {
            self.buffer.truncate(reply.start);
        }
        if let Some((before, end)) = self.before.take() {
            self.buffer.truncate(end);
            self.reply = Some(before);
        }
    }

    /// The reply being written, for the command that fills it in.
    pub(crate) fn current_mut(&mut self) -> Reply<'_> {
        Reply { replies: self, planned: None }
    }

    /// The same for a reply that may only be planned.
    pub(crate) fn planned_mut<'a>(&'a mut self, to: &'a ReplyTo) -> Reply<'a> {
        Reply { replies: self, planned: Some(to) }
    }

    /// The reply being written, from its header on.
    pub(crate) fn current(&self) -> &[u8] {
        self.reply.as_ref().and_then(|reply| self.buffer.get(reply.start..)).unwrap_or_default()
    }

    /// Ends the frame, if one is begun; one without a reply is thrown away. With a sealer it is encrypted. If
    /// that fails, the frame is thrown away too.
    pub(crate) fn end(&mut self, sealer: Option<&mut Sealer>) -> Result<(), NotFramed> {
        let Some(frame) = self.frame.take() else {
            return Ok(());
        };
        self.finish_before();
        if let Some(reply) = self.reply.take() {
            let end = self.buffer.len();
            self.sign(reply, end);
        }
        if self.buffer.len() == frame + FRAME_PREFIX {
            self.buffer.truncate(frame);
            return Ok(());
        }
        if self.buffer.len() - frame > FRAME_MAX - TRANSFORM_LEN {
            self.buffer.truncate(frame);
            return Err(NotFramed::TooLong);
        }
        if let Some(sealer) = sealer
            && sealer.seal(&mut self.buffer, frame + FRAME_PREFIX).is_none()
        {
            self.buffer.truncate(frame);
            return Err(NotFramed::KeyUsedUp);
        }
        let length = self.buffer.len() - frame - FRAME_PREFIX;
        if let Some(prefix) = self.buffer.get_mut(frame..).and_then(<[u8]>::first_chunk_mut) {
            *prefix = frame_prefix_for(length);
        }
        Ok(())
    }

    /// Throws the frame being written away, if one is begun.
    pub(crate) fn abandon(&mut self) {
        if let Some(frame) = self.frame.take() {
            self.buffer.truncate(frame);
            self.before = None;
            self.reply = None;
            self.is_planned = false;
        }
    }

    /// Finishes the reply before the one being written.
    fn finish_before(&mut self) {
        if let (Some((before, _)), Some(reply)) = (self.before.take(), &self.reply) {
            let next = reply.start;
            if let Some(message) = self.buffer.get_mut(before.start..) {
                WrittenHeader(message).set_next_command((next - before.start) as u32);
            }
            self.sign(before, next);
        }
    }

    fn sign(&mut self, reply: Unfinished, end: usize) {
        if let (Some(keys), Some(message)) = (reply.keys, self.buffer.get_mut(reply.start..end)) {
            keys.signing.sign(message, Sender::Server);
        }
    }

    /// Takes memory for a reply of about this many bytes, if nothing is written and it would take as much by
    /// itself.
    pub(crate) fn lend(&mut self, memory: Vec<u8>, bytes: usize) {
        debug_assert!(memory.is_empty());
        if self.buffer.is_empty() && (bytes..=2 * bytes).contains(&memory.capacity()) {
            self.buffer = memory;
        }
    }

    /// How many bytes there are to send, the frame being written included.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// How much memory they take, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether there is anything to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Swaps what is to be sent with `into`, which must be empty.
    pub(crate) fn take(&mut self, into: &mut Vec<u8>) {
        debug_assert!(self.frame.is_none());
        mem::swap(&mut self.buffer, into);
    }
}

/// The reply being written, for the command that fills it in.
pub(crate) struct Reply<'a> {
    replies: &'a mut Replies,
    /// What it answers, if it may not be begun yet.
    planned: Option<&'a ReplyTo>,
}

impl Reply<'_> {
    fn begun(&mut self) -> &mut Replies {
        if let Some(to) = self.planned {
            self.replies.begin_planned(to);
        }
        self.replies
    }

    /// The buffer to which the reply's body is to be appended, right behind its header.
    pub(crate) fn body(&mut self) -> &mut Vec<u8> {
        let replies = self.begun();
        if let Some(reply) = &replies.reply {
            replies.buffer.truncate(reply.start + HEADER_LEN);
        }
        &mut replies.buffer
    }

    /// Sets the session, and the keys to sign with,: SESSION_SETUP makes them.
    pub(crate) fn set_session(&mut self, session_id: u64, keys: Option<Arc<SessionKeys>>) {
        if let Some((mut header, reply)) = self.begun().written() {
            header.set_session_id(session_id);
            if keys.is_some() {
                reply.keys = keys;
            }
        }
    }

    /// Sets the TreeId: TREE_CONNECT makes it.
    pub(crate) fn set_tree(&mut self, tree_id: u32) {
        if let Some((mut header, _)) = self.begun().written() {
            header.set_tree_id(tree_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TreeOrAsync;
    use crate::wire::{Command, FramePrefix, frame_prefix};

    fn header(message_id: u64) -> Header {
        Header {
            credit_charge: 1,
            status: NtStatus::SUCCESS,
            command: Command::ECHO,
            credits: 0,
            flags: crate::wire::Flags::RESPONSE,
            next_command: 0,
            message_id,
            tree_or_async: TreeOrAsync::Tree(0),
            session_id: 0,
        }
    }

    fn add(replies: &mut Replies, message_id: u64) {
        replies.reply(&header(message_id), None).extend_from_slice(&[4, 0, 0, 0]);
    }

    fn only_frame(replies: &mut Replies) -> Vec<u8> {
        let mut out = Vec::new();
        replies.take(&mut out);
        let (prefix, message) = out.split_first_chunk().unwrap();
        assert_eq!(frame_prefix(*prefix), FramePrefix::Message(message.len()));
        message.to_vec()
    }

    #[test]
    fn replies_of_a_compound_are_aligned_and_chained() {
        let mut replies = Replies::default();
        replies.begin();
        (0..3).for_each(|id| add(&mut replies, id));
        replies.end(None).unwrap();
        let message = only_frame(&mut replies);
        assert_eq!(message.len(), 72 + 72 + 68);
        let next: Vec<u32> =
            [0, 72, 144].iter().map(|at| Header::decode(&message[*at..]).unwrap().next_command).collect();
        assert_eq!(next, [72, 72, 0]);
    }

    #[test]
    fn a_dropped_reply_leaves_no_trace_in_the_one_before() {
        let mut replies = Replies::default();
        replies.begin();
        add(&mut replies, 0);
        add(&mut replies, 1);
        replies.drop_reply();
        replies.end(None).unwrap();
        let message = only_frame(&mut replies);
        assert_eq!(message.len(), 68);
        assert_eq!(Header::decode(&message).unwrap().next_command, 0);
    }

    #[test]
    fn a_frame_without_replies_is_not_sent() {
        let mut replies = Replies::default();
        replies.begin();
        add(&mut replies, 0);
        replies.drop_reply();
        replies.end(None).unwrap();
        assert!(replies.is_empty());
    }
}
