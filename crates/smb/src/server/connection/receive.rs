//! From the client's bytes to its messages.

use super::Connection;
use crate::NtStatus;
use crate::crypto::encryption::TransformHeader;
use crate::server::commands::negotiate;
use crate::server::request::Compound;
use crate::server::state::{Established, Rest};
use crate::server::{DisconnectReason, Event, Malformation, Now, Violation};
use crate::wire::header::{HEADER_LEN, PROTOCOL_SMB1, PROTOCOL_SMB2, PROTOCOL_TRANSFORM};
use crate::wire::{Command, Flags, FrameError, Header, Message, TreeOrAsync};

/// How much a frame may be longer than the largest transfer after log-on: headers, names and compounds.
const FRAME_OVERHEAD: usize = 64 * 1024;

/// How many keep-alives are ignored before a user has logged on. Clients send one in some seconds at most.
const KEEP_ALIVES_OF_STRANGERS: u32 = 16;

impl Connection {
    /// Takes bytes in, or holds them until the client has taken more of its replies.
    pub(super) fn received(&mut self, now: Now, bytes: &[u8]) {
        if self.is_held_up() {
            self.held.extend_from_slice(bytes);
            self.resume(now);
        } else {
            self.take_in(now, bytes);
        }
    }

    /// Goes on with what was held.
    pub(super) fn resume(&mut self, now: Now) {
        while !self.is_full()
            && let Some(Rest { bytes, compound }) = self.paused.pop_front()
        {
            self.paused_bytes -= bytes.len();
            self.replies.begin();
            self.carry_out(now, &bytes, compound);
        }
        if !self.held.is_empty() && self.paused.is_empty() && !self.is_full() {
            let held = core::mem::take(&mut self.held);
            self.take_in(now, &held);
        }
    }

    fn take_in(&mut self, now: Now, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.state.phase.is_closed() {
            if self.is_full() || !self.paused.is_empty() {
                self.held = bytes.to_vec();
                return;
            }
            match self.deframer.next(&mut bytes, self.frame_limit()) {
                Ok(Some(mut message)) => {
                    self.frame_since = None;
                    self.message(now, &mut message);
                    self.deframer.recycle(message);
                }
                Ok(None) => {
                    self.frame_since.get_or_insert(now.monotonic);
                    return;
                }
                Err(FrameError::TooLong { length, limit }) => {
                    self.disconnect(DisconnectReason::FrameTooLong { length, limit });
                }
                Err(FrameError::UnknownKind(_)) => self.disconnect(Malformation::Frame.into()),
            }
        }
    }

    /// How long a frame may be now, in bytes.
    fn frame_limit(&self) -> usize {
        let limits = &self.state.config.limits;
        if self.state.holdings.sessions.has_user() {
            limits.max_transfer as usize + FRAME_OVERHEAD
        } else {
            limits.frame_before_logon
        }
    }

    fn message(&mut self, now: Now, message: &mut Message<'_>) {
        let bytes = message.bytes();
        match bytes.first_chunk() {
            Some(&PROTOCOL_SMB2) => {
                self.replies.begin();
                self.carry_out(now, bytes, Compound::new(None));
            }
            Some(&PROTOCOL_TRANSFORM) => self.encrypted_message(now, message),
            Some(&PROTOCOL_SMB1) => self.smb1_message(now, bytes),
            // A keep-alive, an empty frame or that of NetBIOS ([RFC 1002] 4.3.6); strangers have little to
            // keep.
            None if bytes.is_empty() && self.state.holdings.sessions.has_user() => {}
            None if bytes.is_empty() && self.keep_alives < KEEP_ALIVES_OF_STRANGERS => self.keep_alives += 1,
            // Compression is not offered.
            _ => self.disconnect(Malformation::ProtocolId.into()),
        }
    }

    /// An encrypted message, [MS-SMB2] 3.3.5.2.1.1: whatever is wrong with it, the connection is closed.
    fn encrypted_message(&mut self, now: Now, message: &mut Message<'_>) {
        let Ok(TransformHeader { session_id }) = TransformHeader::decode(message.bytes()) else {
            return self.disconnect(Malformation::TransformHeader.into());
        };
        let session = self.state.holdings.sessions.established(session_id);
        let Some(decrypter) = session.and_then(Established::decrypter) else {
            return self.disconnect(Violation::EncryptedWithoutKeys.into());
        };
        match decrypter.open(message.to_mut()) {
            Ok(inner) if inner.first_chunk() == Some(&PROTOCOL_SMB2) => {
                self.replies.begin();
                self.carry_out(now, inner, Compound::new(Some(session_id)));
            }
            Ok(_) => self.disconnect(Violation::EncryptedOther.into()),
            Err(_) => {
                self.state.holdings.outputs.event(Event::BadSignature { missing: false });
                self.disconnect(Violation::EncryptedChanged.into());
            }
        }
    }

    /// An SMB1 message: only a NEGOTIATE that offers SMB2, and only as the very first.
    fn smb1_message(&mut self, now: Now, message: &[u8]) {
        let (config, phase) = (&self.state.config, &mut self.state.phase);
        let response = match negotiate::from_smb1(now, message, config, phase) {
            Ok(response) => response,
            Err(reason) => return self.disconnect(reason),
        };
        // The SMB1 message used the message id 0 ([MS-SMB2] 3.3.5.3.1).
        self.credits.consume(0, 1);
        let header = Header {
            credit_charge: 0,
            status: NtStatus::SUCCESS,
            command: Command::NEGOTIATE,
            credits: self.credits.grant(1),
            flags: Flags::RESPONSE,
            next_command: 0,
            message_id: 0,
            tree_or_async: TreeOrAsync::Tree(0),
            session_id: 0,
        };
        self.replies.begin();
        let out = self.replies.reply(&header, None);
        let start = out.len() - HEADER_LEN;
        response.encode(out, start, &[0; 32]);
        self.end_frame(None);
    }
}
