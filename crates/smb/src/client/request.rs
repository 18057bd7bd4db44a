//! What a caller can ask for, and how it is written.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::time::Duration;

use standpipe_security::{AccessMask, DesiredAccess};

use super::flight::Purpose;
use super::reply::Expected;
use super::writer::RequestWriter;

use super::{Connection, OpenPipe, ReadMode, Ready, RequestError, RequestId};
use crate::wire::info::{
    FileInfoClass, FilePipeInformation, InfoType, PipeCompletionMode, PipeReadMode, SetInfoRequest,
};
use crate::wire::transfer::{ReadFlags, WriteFlags};
use crate::wire::{
    CloseRequest, Command, ControlCode, CreateOptions, CreateRequest, Empty, FileId, FlushRequest,
    ImpersonationLevel, IoctlFlags, IoctlRequest, PipePeek, PipeWaitRequest, ReadRequest, WriteRequest,
};

/// Something to ask the server for: the input of [`Connection::request`].
///
/// Names and bytes are borrowed or owned. What is borrowed is copied only when the request has to wait before
/// it can be written.
#[derive(Clone, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Open a pipe. Ends in [`Reply::Opened`](super::Reply::Opened).
    Open {
        /// Its bare name (`simple`).
        name: Cow<'a, str>,
        /// The rights to ask for, such as [`READ_WRITE`](super::READ_WRITE).
        access: AccessMask,
    },
    /// Set how reads treat the boundaries of messages. Ends in [`Reply::Done`](super::Reply::Done).
    SetReadMode {
        /// Of which pipe.
        pipe: OpenPipe,
        /// How.
        mode: ReadMode,
    },
    /// Read; if there is nothing, wait for it.
    /// Ends in [`Reply::Data`](super::Reply::Data) or [`Reply::End`](super::Reply::End).
    Read {
        /// From which pipe.
        pipe: OpenPipe,
        /// At most how many bytes.
        max: u32,
    },
    /// Write, to a pipe of messages as one message. Ends in [`Reply::Written`](super::Reply::Written).
    Write {
        /// To which pipe.
        pipe: OpenPipe,
        /// The bytes.
        bytes: Cow<'a, [u8]>,
    },
    /// Write one message and wait for one message, in one round trip (`FSCTL_PIPE_TRANSCEIVE`). Ends in
    /// [`Reply::Data`](super::Reply::Data) or [`Reply::End`](super::Reply::End).
    Transceive {
        /// Over which pipe.
        pipe: OpenPipe,
        /// The message to write.
        bytes: Cow<'a, [u8]>,
        /// The most bytes to read.
        max: u32,
    },
    /// Look at what could be read now (`FSCTL_PIPE_PEEK`).
    /// Ends in [`Reply::Peeked`](super::Reply::Peeked) or [`Reply::End`](super::Reply::End).
    Peek {
        /// At which pipe.
        pipe: OpenPipe,
        /// The most bytes to look at.
        max: u32,
    },
    /// Wait until the service has read everything that was written. Ends in
    /// [`Reply::Done`](super::Reply::Done).
    Flush {
        /// On which pipe.
        pipe: OpenPipe,
    },
    /// Wait until a pipe can be opened (`FSCTL_PIPE_WAIT`).
    /// Ends in [`Reply::Done`](super::Reply::Done), or is refused with
    /// `STATUS_IO_TIMEOUT`.
    Wait {
        /// The pipe's bare name.
        name: Cow<'a, str>,
        /// How long at most.
        timeout: Duration,
    },
    /// Close a pipe. Reads that wait on it end in [`Reply::End`](super::Reply::End) or are refused.
    /// Ends in [`Reply::Done`](super::Reply::Done).
    Close {
        /// Which pipe.
        pipe: OpenPipe,
    },
    /// Ask for a sign of life. Ends in [`Reply::Done`](super::Reply::Done).
    Echo,
    /// End the session and with it every open pipe. Ends in [`Reply::Done`](super::Reply::Done), then
    /// [`Event::Closed`](super::Event::Closed) with
    /// [`ConnectionError::LoggedOff`](super::ConnectionError::LoggedOff).
    LogOff,
}

/// Each [`Operation`] as a call.
impl Connection {
    /// [`Operation::Open`].
    pub fn open(&mut self, name: &str, access: AccessMask) -> RequestId {
        self.request(Operation::Open { name: Cow::Borrowed(name), access })
    }

    /// [`Operation::SetReadMode`].
    pub fn set_read_mode(&mut self, pipe: OpenPipe, mode: ReadMode) -> RequestId {
        self.request(Operation::SetReadMode { pipe, mode })
    }

    /// [`Operation::Read`].
    pub fn read(&mut self, pipe: OpenPipe, max: u32) -> RequestId {
        self.request(Operation::Read { pipe, max })
    }

    /// [`Operation::Write`].
    pub fn write(&mut self, pipe: OpenPipe, bytes: &[u8]) -> RequestId {
        self.request(Operation::Write { pipe, bytes: Cow::Borrowed(bytes) })
    }

    /// [`Operation::Transceive`].
    pub fn transceive(&mut self, pipe: OpenPipe, bytes: &[u8], max: u32) -> RequestId {
        self.request(Operation::Transceive { pipe, bytes: Cow::Borrowed(bytes), max })
    }

    /// [`Operation::Peek`].
    pub fn peek(&mut self, pipe: OpenPipe, max: u32) -> RequestId {
        self.request(Operation::Peek { pipe, max })
    }

    /// [`Operation::Flush`].
    pub fn flush(&mut self, pipe: OpenPipe) -> RequestId {
        self.request(Operation::Flush { pipe })
    }

    /// [`Operation::Wait`].
    pub fn wait(&mut self, name: &str, timeout: Duration) -> RequestId {
        self.request(Operation::Wait { name: Cow::Borrowed(name), timeout })
    }

    /// [`Operation::Close`].
    pub fn close_pipe(&mut self, pipe: OpenPipe) -> RequestId {
        self.request(Operation::Close { pipe })
    }

    /// [`Operation::Echo`].
    pub fn echo(&mut self) -> RequestId {
        self.request(Operation::Echo)
    }

    /// [`Operation::LogOff`].
    pub fn log_off(&mut self) -> RequestId {
        self.request(Operation::LogOff)
    }
}

/// The longest name of a pipe, in UTF-16 units, as Windows has it.
const MAX_NAME: u32 = 256;

impl Operation<'_> {
    /// The same without borrowing.
    pub(super) fn into_owned(self) -> Operation<'static> {
        match self {
            Operation::Open { name, access } => {
                Operation::Open { name: Cow::Owned(name.into_owned()), access }
            }
            Operation::SetReadMode { pipe, mode } => Operation::SetReadMode { pipe, mode },
            Operation::Read { pipe, max } => Operation::Read { pipe, max },
            Operation::Write { pipe, bytes } => {
                Operation::Write { pipe, bytes: Cow::Owned(bytes.into_owned()) }
            }
            Operation::Transceive { pipe, bytes, max } => {
                Operation::Transceive { pipe, bytes: Cow::Owned(bytes.into_owned()), max }
            }
            Operation::Peek { pipe, max } => Operation::Peek { pipe, max },
            Operation::Flush { pipe } => Operation::Flush { pipe },
            Operation::Wait { name, timeout } => {
                Operation::Wait { name: Cow::Owned(name.into_owned()), timeout }
            }
            Operation::Close { pipe } => Operation::Close { pipe },
            Operation::Echo => Operation::Echo,
            Operation::LogOff => Operation::LogOff,
        }
    }

    /// Whether it fits into one request; if so, how many bytes it carries or asks for, whichever is more.
    pub(super) fn check(&self, ready: &Ready) -> Result<usize, RequestError> {
        let fits = |length: usize, limit: u32| {
            if length > limit as usize { Err(RequestError::TooLarge { length, limit }) } else { Ok(length) }
        };
        match self {
            Operation::Read { max, .. } => fits(*max as usize, ready.max_read),
            Operation::Write { bytes, .. } => fits(bytes.len(), ready.max_write),
            Operation::Transceive { bytes, max, .. } => {
                Ok(fits(bytes.len(), ready.max_transceive)?.max(fits(*max as usize, ready.max_transceive)?))
            }
            Operation::Peek { max, .. } => fits(*max as usize, ready.max_transceive - PipePeek::LEN)
                .map(|max| max + PipePeek::LEN as usize),
            Operation::Open { name, .. } | Operation::Wait { name, .. } => {
                fits(name.encode_utf16().count(), MAX_NAME)
            }
            _ => Ok(0),
        }
    }

    fn expected(&self) -> Expected {
        match self {
            Operation::Open { .. } => Expected::Opened,
            Operation::Read { max, .. } => Expected::Read { max: *max },
            Operation::Write { .. } => Expected::Written,
            Operation::Transceive { max, .. } => Expected::Transceived { max: *max },
            Operation::Peek { max, .. } => Expected::Peeked { max: *max },
            Operation::LogOff => Expected::LoggedOff,
            Operation::SetReadMode { .. }
            | Operation::Flush { .. }
            | Operation::Wait { .. }
            | Operation::Close { .. }
            | Operation::Echo => Expected::Done,
        }
    }
}

/// Writes a request that was [checked](Operation::check) and is affordable.
pub(super) fn write(
    writer: &mut RequestWriter,
    request: RequestId,
    operation: &Operation<'_>,
    payload: usize,
) {
    let purpose = Purpose::Request { request, expected: operation.expected() };
    let mut send = |command, body: &dyn Fn(&mut Vec<u8>)| {
        writer.send(command, purpose, payload, |out, _| body(out));
    };
    match operation {
        Operation::Open { name, access } => send(Command::CREATE, &|out| {
            let request = CreateRequest {
                impersonation_level: ImpersonationLevel::IMPERSONATION,
                desired_access: DesiredAccess(*access),
                options: CreateOptions::NONE,
                name: name.clone().into_owned(),
                durable_reconnect: false,
            };
            request.encode(out);
        }),
        Operation::SetReadMode { pipe, mode } => send(Command::SET_INFO, &|out| {
            let read_mode = match mode {
                ReadMode::Byte => PipeReadMode::BYTE,
                ReadMode::Message => PipeReadMode::MESSAGE,
            };
            let mut input = Vec::new();
            FilePipeInformation { read_mode, completion_mode: PipeCompletionMode::QUEUE }.encode(&mut input);
            let request = SetInfoRequest {
                info_type: InfoType::FILE,
                class: FileInfoClass::PIPE,
                additional: 0,
                file_id: pipe.0,
                input: &input,
            };
            request.encode(out);
        }),
        Operation::Read { pipe, max } => send(Command::READ, &|out| {
            let request = ReadRequest {
                flags: ReadFlags::NONE,
                length: *max,
                file_id: pipe.0,
                minimum_count: 0,
                channel: 0,
            };
            request.encode(out);
        }),
        Operation::Write { pipe, bytes } => send(Command::WRITE, &|out| {
            WriteRequest { file_id: pipe.0, channel: 0, flags: WriteFlags::NONE, data: bytes }.encode(out);
        }),
        Operation::Transceive { pipe, bytes, max } => send(Command::IOCTL, &|out| {
            control(ControlCode::PIPE_TRANSCEIVE, pipe.0, *max, bytes).encode(out);
        }),
        Operation::Peek { pipe, max } => send(Command::IOCTL, &|out| {
            control(ControlCode::PIPE_PEEK, pipe.0, max + PipePeek::LEN, &[]).encode(out);
        }),
        Operation::Wait { name, timeout } => send(Command::IOCTL, &|out| {
            let timeout = Some(PipeWaitRequest::timeout_field(*timeout));
            let input = PipeWaitRequest { timeout, name: name.clone().into_owned() }.encode();
            control(ControlCode::PIPE_WAIT, FileId::ANY, 0, &input).encode(out);
        }),
        Operation::Flush { pipe } => {
            send(Command::FLUSH, &|out| FlushRequest { file_id: pipe.0 }.encode(out));
        }
        Operation::Close { pipe } => {
            send(Command::CLOSE, &|out| CloseRequest { file_id: pipe.0 }.encode(out));
        }
        Operation::Echo => send(Command::ECHO, &|out| Empty::encode(out)),
        Operation::LogOff => send(Command::LOGOFF, &|out| Empty::encode(out)),
    }
}

fn control(code: ControlCode, file_id: FileId, max_output: u32, input: &[u8]) -> IoctlRequest<'_> {
    IoctlRequest { code, file_id, max_output, flags: IoctlFlags::IS_FSCTL, input }
}
