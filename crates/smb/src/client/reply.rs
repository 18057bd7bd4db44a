//! What a reply means for the request that it answers.

use super::{Data, OpenPipe, Peeked, Reply, RequestError};
use crate::NtStatus;
use crate::wire::{CreateResponse, IoctlResponse, Malformed, PipePeek, ReadResponse, WriteResponse};

/// What kind of reply a request gets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// CREATE.
    Opened,
    /// READ of at most this many bytes.
    Read { max: u32 },
    /// `FSCTL_PIPE_TRANSCEIVE` with at most this many bytes of reply.
    Transceived { max: u32 },
    /// `FSCTL_PIPE_PEEK` with at most this many bytes of data.
    Peeked { max: u32 },
    /// WRITE.
    Written,
    /// Anything that is done or not.
    Done,
    /// LOGOFF, after which the connection is over.
    LoggedOff,
}

impl Expected {
    /// Reads the final reply. A reply that does not parse is the server's fault and ends the connection.
    pub(super) fn read(
        self,
        status: NtStatus,
        message: &[u8],
    ) -> Result<Result<Reply, RequestError>, Malformed> {
        let more = status == NtStatus::BUFFER_OVERFLOW;
        let is_data = status == NtStatus::SUCCESS || more;
        Ok(Ok(match self {
            Self::Read { max } if is_data => {
                data(ReadResponse::decode(message)?.data, max, more).map(Reply::Data)?
            }
            Self::Transceived { max } if is_data => {
                data(IoctlResponse::decode(message)?.output, max, more).map(Reply::Data)?
            }
            Self::Peeked { max } if is_data => {
                let (peek, bytes) = PipePeek::decode(IoctlResponse::decode(message)?.output)?;
                Reply::Peeked(Peeked {
                    available: peek.available,
                    messages: peek.messages,
                    message_length: peek.message_length,
                    data: data(bytes, max, more)?,
                })
            }
            Self::Read { .. } | Self::Transceived { .. } | Self::Peeked { .. } if is_end(status) => {
                Reply::End
            }
            Self::Opened if status == NtStatus::SUCCESS => {
                Reply::Opened(OpenPipe(CreateResponse::decode(message)?.file_id))
            }
            Self::Written if status == NtStatus::SUCCESS => {
                Reply::Written(WriteResponse::decode(message)?.count)
            }
            Self::Done | Self::LoggedOff if status == NtStatus::SUCCESS => Reply::Done,
            _ => return Ok(Err(RequestError::Refused(status))),
        }))
    }
}

fn data(bytes: &[u8], max: u32, more: bool) -> Result<Data, Malformed> {
    if bytes.len() > max as usize {
        return Err(Malformed::new("reply", "its data is longer than what was asked for"));
    }
    Ok(Data { bytes: bytes.to_vec(), more })
}

/// How servers say that the other end is gone and nothing is left: closed, disconnected, and what Samba says
/// for either.
fn is_end(status: NtStatus) -> bool {
    [NtStatus::PIPE_BROKEN, NtStatus::PIPE_DISCONNECTED, NtStatus::END_OF_FILE].contains(&status)
}
