//! The format of the channel between the two ends, without any I/O.
//!
//! A frame is the length of what follows it (32 bits, little-endian, at most [`MAX_FRAME`]), a byte that says
//! what it is, and its fields. Numbers are little-endian; a text or a run of bytes has its length (32 bits)
//! before it. Both ends begin with [`Frame::Hello`].
//!
//! | frames | from |
//! | --- | --- |
//! | [`Hello`], [`Data`], [`Credit`], [`End`], [`Reset`] | both |
//! | [`Request`](Frame::Request), [`Open`], [`Close`] | the host |
//! | [`Reply`](Frame::Reply), [`Changed`], [`Log`], [`Opened`], [`Refused`] | the agent |
//!
//! [`Hello`]: Frame::Hello
//! [`Data`]: Frame::Data
//! [`Credit`]: Frame::Credit
//! [`End`]: Frame::End
//! [`Reset`]: Frame::Reset
//! [`Open`]: Frame::Open
//! [`Close`]: Frame::Close
//! [`Changed`]: Frame::Changed
//! [`Log`]: Frame::Log
//! [`Opened`]: Frame::Opened
//! [`Refused`]: Frame::Refused
//!
//! **Streams.** The host chooses the number of each open, and uses none twice. `Open` is answered by `Opened`
//! or by `Refused`. A message goes in pieces of at most [`MAX_PIECE`] bytes, of which the last is marked.
//! `End` says that its sender writes nothing more. When the agent's comes, the stream is over; the agent
//! answers the host's with its own once the service's pipe is closed. `Reset` ends both directions with a
//! failure, and what is under way is lost. The host's `Close` ends the stream for the agent, however far it
//! is; the frames that the agent sent before it learned of that are ignored.
//!
//! **Flow control.** Each direction of a stream begins with a credit of [`WINDOW`]. A piece costs its length
//! and [`PIECE_OVERHEAD`]; its receiver gives that back with `Credit` when the piece has left its queue. A
//! sender that spends more than it has breaks the format.

mod decoder;
mod fields;
mod flow;
mod frame;
mod hello;
mod pieces;
mod service;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use fields::{Malformed, Part};
pub use flow::{Receiving, Sending};
pub use frame::{Failure, FailureKind, Frame, LogLevel, Reply, Request};
pub use hello::{Disagreement, Hello};
pub use pieces::{Assembler, TooLong};

/// The longest frame that is taken, in bytes after its length.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

/// The most bytes of a message, or of a pipe in byte mode, that one frame carries.
pub const MAX_PIECE: usize = 64 * 1024;

/// What a direction of a stream may hold before its sender waits, in bytes with their overhead.
pub const WINDOW: usize = 256 * 1024;

/// What a piece costs beyond its bytes, so that empty messages are not free.
pub const PIECE_OVERHEAD: usize = 64;

/// The longest message that is put together from pieces, in bytes.
pub const MAX_MESSAGE: usize = 1024 * 1024;
