//! What goes over the wire: SMB 2's frames, header and messages, [MS-SMB2] 2.
//!
//! A message's `decode` takes the whole message from its header on, because the offsets in a body count from
//! there; `encode` appends the body behind a header that was just appended. Decoding checks every offset and
//! length against the message; it never panics and allocates no more than the message is long.

mod create;
mod deframer;
mod dialect;
pub mod directory;
mod error;
mod filetime;
mod frame;
pub mod header;
pub mod info;
mod ioctl;
pub mod negotiate;
mod reader;
pub mod session;
mod smb1;
mod text;
pub mod transfer;

#[cfg(test)]
mod tests;

pub use create::{
    CloseRequest, CreateDisposition, CreateOptions, CreateRequest, CreateResponse, FileId,
    ImpersonationLevel, Opened, encode_close_response,
};
pub use deframer::{Assembled, Deframer, FrameError, Message};
pub use dialect::{Dialect, DialectRevision};
pub use error::{encode_buffer_too_small, encode_error};
pub use filetime::FileTime;
pub use frame::{FRAME_MAX, FRAME_PREFIX, FramePrefix, NETBIOS_KEEP_ALIVE, frame_prefix, frame_prefix_for};
pub use header::{Command, Flags, Header, TreeOrAsync};
pub use ioctl::{
    ControlCode, IoctlFlags, IoctlRequest, IoctlResponse, PipePeek, PipeWaitRequest,
    ValidateNegotiateRequest, ValidateNegotiateResponse,
};
pub use negotiate::{NegotiateContexts, NegotiateRequest, NegotiateResponse};
pub use reader::{Malformed, Reader};
pub use session::{
    Empty, SessionSetupRequest, SessionSetupResponse, TreeConnectRequest, TreeConnectResponse,
};
pub use smb1::Smb1Negotiate;
pub use text::{decode_utf16, encode_utf16};
pub use transfer::{FlushRequest, ReadRequest, ReadResponse, WriteRequest, WriteResponse};

/// Writes `value` at `at`, where bytes were left for it.
pub(crate) fn patch_u32(out: &mut [u8], at: usize, value: u32) {
    if let Some(field) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *field = value.to_le_bytes();
    }
}
