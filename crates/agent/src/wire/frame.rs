//! What a frame says, and its bytes.

use standpipe_pipe::Mode;
use standpipe_service::Status;
use standpipe_service::scm::ScmOptions;

use super::fields::{Malformed, Part, Reader, Writer};
use super::hello::Hello;
use super::service;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The first frame of both ends.
    Hello(Hello),
    /// The agent has something for the log.
    Log {
        /// How important it is.
        level: LogLevel,
        /// What it is.
        text: String,
    },
    /// The host wants something, and exactly one [`Self::Reply`] with the same number.
    Request {
        /// The number; the host uses none twice.
        id: u32,
        /// What it wants.
        request: Request,
    },
    /// What came of a request.
    Reply {
        /// The request's number.
        id: u32,
        /// What came of it.
        reply: Reply,
    },
    /// The status of a service that is watched has changed.
    Changed {
        /// The service.
        service: String,
        /// Its status now.
        status: Status,
    },
    /// The host opens a pipe.
    Open {
        /// The number of the open, which the host uses for no other.
        stream: u32,
        /// The pipe's bare name.
        pipe: String,
        /// How long the agent may wait for a free end of the pipe, in milliseconds.
        timeout: u32,
    },
    /// The pipe is open.
    Opened {
        /// Which open.
        stream: u32,
        /// What the pipe carries.
        mode: Mode,
        /// Its security descriptor, self-relative; empty where it has none.
        descriptor: Vec<u8>,
    },
    /// The pipe cannot be opened. The stream is over.
    Refused {
        /// Which open.
        stream: u32,
        /// Why.
        failure: Failure,
    },
    /// A message or a part of one; in byte mode, bytes.
    Data {
        /// Which open.
        stream: u32,
        /// Whether the message ends here.
        last: bool,
        /// At most [`MAX_PIECE`](super::MAX_PIECE) bytes.
        bytes: Vec<u8>,
    },
    /// The sender of this frame takes so much more.
    Credit {
        /// Which open.
        stream: u32,
        /// Bytes with their overhead.
        credit: u32,
    },
    /// Its sender writes nothing more to the stream.
    End {
        /// Which open.
        stream: u32,
    },
    /// The stream is over because something failed.
    Reset {
        /// Which open.
        stream: u32,
        /// What failed.
        failure: Failure,
    },
    /// The host is done with the stream, however far it is.
    Close {
        /// Which open.
        stream: u32,
    },
}

/// What the host wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The service's status, and a [`Frame::Changed`] whenever it changes from now on.
    Watch {
        /// The service.
        service: String,
        /// How it is managed. Only the first request about a service can say it.
        options: ScmOptions,
    },
    /// The service's status, looked at afresh.
    Query {
        /// The service.
        service: String,
    },
    /// The service is started.
    Start {
        /// The service.
        service: String,
    },
    /// The service is asked to stop.
    Stop {
        /// The service.
        service: String,
    },
    /// The service is ended without being asked.
    Kill {
        /// The service.
        service: String,
    },
    /// Whether a pipe could be opened now, without opening it.
    IsAvailable {
        /// The pipe's bare name.
        pipe: String,
    },
    /// Services started from now on find these variables; those that were set the last time and are not here
    /// any more are removed.
    SetEnvironment {
        /// Names and values.
        variables: Vec<(String, String)>,
    },
}

/// What came of a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done, or was taken.
    Done,
    /// The service's status.
    Status(Status),
    /// The answer is yes or no: whether a pipe is available, whether the environment was another before.
    Answer(bool),
    /// It failed.
    Failed(Failure),
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What that means for the one who asked.
    pub kind: FailureKind,
    /// The Windows code, or 0 where there is none.
    pub code: u32,
    /// In words for a person.
    pub text: String,
}

/// What a [`Failure`] means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Trying again may help.
    ForNow,
    /// Trying again does not help.
    ForGood,
    /// Somebody has to permit it first.
    NotPermitted,
    /// There is nothing of that name: nobody listens, or no such service.
    NotFound,
    /// Every end of the pipe is in use.
    Busy,
    /// It is not in the state for that: a start of something that is not stopped.
    WrongState,
    /// It took too long.
    TimedOut,
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// For whoever runs it.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

const HELLO: u8 = 0;
const LOG: u8 = 1;
const REQUEST: u8 = 2;
const REPLY: u8 = 3;
const CHANGED: u8 = 4;
const OPEN: u8 = 5;
const OPENED: u8 = 6;
const REFUSED: u8 = 7;
const DATA: u8 = 8;
const CREDIT: u8 = 9;
const END: u8 = 10;
const RESET: u8 = 11;
const CLOSE: u8 = 12;

impl Frame {
    /// Appends the frame's bytes, its length among them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        with_length(out, |to| self.write(to));
    }

    /// Appends what [`Self::Data`] would be, without a copy of `bytes` before.
    pub fn encode_data(stream: u32, last: bool, bytes: &[u8], out: &mut Vec<u8>) {
        with_length(out, |to| write_data(to, stream, last, bytes));
    }

    fn write(&self, to: &mut Writer<'_>) {
        match self {
            Self::Hello(hello) => hello.write(to.u8(HELLO)),
            Self::Log { level, text } => {
                to.u8(LOG).u8(*level as u8).text(text);
            }
            Self::Request { id, request } => request.write(to.u8(REQUEST).u32(*id)),
            Self::Reply { id, reply } => reply.write(to.u8(REPLY).u32(*id)),
            Self::Changed { service, status } => service::write(status, to.u8(CHANGED).text(service)),
            Self::Open { stream, pipe, timeout } => {
                to.u8(OPEN).u32(*stream).u32(*timeout).text(pipe);
            }
            Self::Opened { stream, mode, descriptor } => {
                to.u8(OPENED).u32(*stream).flag(*mode == Mode::Message).bytes(descriptor);
            }
            Self::Refused { stream, failure } => failure.write(to.u8(REFUSED).u32(*stream)),
            Self::Data { stream, last, bytes } => write_data(to, *stream, *last, bytes),
            Self::Credit { stream, credit } => {
                to.u8(CREDIT).u32(*stream).u32(*credit);
            }
            Self::End { stream } => {
                to.u8(END).u32(*stream);
            }
            Self::Reset { stream, failure } => failure.write(to.u8(RESET).u32(*stream)),
            Self::Close { stream } => {
                to.u8(CLOSE).u32(*stream);
            }
        }
    }

    /// The frame that `bytes` are, without its length.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let frame = Self::read(&mut from)?;
        from.finish()?;
        Ok(frame)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8("frame")? {
            HELLO => Self::Hello(Hello::read(from)?),
            LOG => Self::Log { level: LogLevel::read(from)?, text: from.text("text")? },
            REQUEST => Self::Request { id: from.u32("id")?, request: Request::read(from)? },
            REPLY => Self::Reply { id: from.u32("id")?, reply: Reply::read(from)? },
            CHANGED => Self::Changed { service: from.text("service")?, status: service::read(from)? },
            OPEN => {
                let (stream, timeout) = (from.u32("stream")?, from.u32("timeout")?);
                Self::Open { stream, pipe: from.text("pipe")?, timeout }
            }
            OPENED => Self::Opened {
                stream: from.u32("stream")?,
                mode: if from.flag("mode")? { Mode::Message } else { Mode::Byte },
                descriptor: from.bytes("descriptor")?.to_vec(),
            },
            REFUSED => Self::Refused { stream: from.u32("stream")?, failure: Failure::read(from)? },
            DATA => {
                let (stream, last) = (from.u32("stream")?, from.flag("last")?);
                let bytes = from.rest();
                if bytes.len() > super::MAX_PIECE {
                    return Err(Malformed(Part::Field("bytes")));
                }
                Self::Data { stream, last, bytes: bytes.to_vec() }
            }
            CREDIT => Self::Credit { stream: from.u32("stream")?, credit: from.u32("credit")? },
            END => Self::End { stream: from.u32("stream")? },
            RESET => Self::Reset { stream: from.u32("stream")?, failure: Failure::read(from)? },
            CLOSE => Self::Close { stream: from.u32("stream")? },
            _ => return Err(Malformed(Part::Choice("frame"))),
        })
    }
}

/// Writes the length of what `write` writes, and that.
fn with_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(&mut Writer(out));
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn write_data(to: &mut Writer<'_>, stream: u32, last: bool, bytes: &[u8]) {
    to.u8(DATA).u32(stream).flag(last).raw(bytes);
}

const WATCH: u8 = 0;
const QUERY: u8 = 1;
const START: u8 = 2;
const STOP: u8 = 3;
const KILL: u8 = 4;
const IS_AVAILABLE: u8 = 5;
const SET_ENVIRONMENT: u8 = 6;

impl Request {
    fn write(&self, to: &mut Writer<'_>) {
        match self {
            Self::Watch { service, options } => {
                service::write_options(*options, to.u8(WATCH));
                to.text(service)
            }
            Self::Query { service } => to.u8(QUERY).text(service),
            Self::Start { service } => to.u8(START).text(service),
            Self::Stop { service } => to.u8(STOP).text(service),
            Self::Kill { service } => to.u8(KILL).text(service),
            Self::IsAvailable { pipe } => to.u8(IS_AVAILABLE).text(pipe),
            Self::SetEnvironment { variables } => {
                to.u8(SET_ENVIRONMENT).u32(u32::try_from(variables.len()).unwrap_or(u32::MAX));
                for (name, value) in variables {
                    to.text(name).text(value);
                }
                to
            }
        };
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8("request")? {
            WATCH => {
                let options = service::read_options(from)?;
                Self::Watch { service: from.text("service")?, options }
            }
            QUERY => Self::Query { service: from.text("service")? },
            START => Self::Start { service: from.text("service")? },
            STOP => Self::Stop { service: from.text("service")? },
            KILL => Self::Kill { service: from.text("service")? },
            IS_AVAILABLE => Self::IsAvailable { pipe: from.text("pipe")? },
            SET_ENVIRONMENT => {
                // Nothing is reserved for a number that the frame may not keep.
                let mut variables = Vec::new();
                for _ in 0..from.u32("variables")? {
                    variables.push((from.text("name")?, from.text("value")?));
                }
                Self::SetEnvironment { variables }
            }
            _ => return Err(Malformed(Part::Choice("request"))),
        })
    }
}

const DONE: u8 = 0;
const STATUS: u8 = 1;
const ANSWER: u8 = 2;
const FAILED: u8 = 3;

impl Reply {
    fn write(&self, to: &mut Writer<'_>) {
        match self {
            Self::Done => {
                to.u8(DONE);
            }
            Self::Status(status) => service::write(status, to.u8(STATUS)),
            Self::Answer(answer) => {
                to.u8(ANSWER).flag(*answer);
            }
            Self::Failed(failure) => failure.write(to.u8(FAILED)),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8("reply")? {
            DONE => Self::Done,
            STATUS => Self::Status(service::read(from)?),
            ANSWER => Self::Answer(from.flag("answer")?),
            FAILED => Self::Failed(Failure::read(from)?),
            _ => return Err(Malformed(Part::Choice("reply"))),
        })
    }
}

impl Failure {
    fn write(&self, to: &mut Writer<'_>) {
        to.u8(self.kind as u8).u32(self.code).text(&self.text);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { kind: FailureKind::read(from)?, code: from.u32("code")?, text: from.text("text")? })
    }
}

impl FailureKind {
    /// Every kind, in the order of their numbers.
    pub(super) const ALL: [Self; 7] = [
        Self::ForNow,
        Self::ForGood,
        Self::NotPermitted,
        Self::NotFound,
        Self::Busy,
        Self::WrongState,
        Self::TimedOut,
    ];

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let number = from.u8("failure")?;
        let known = Self::ALL.into_iter().find(|kind| *kind as u8 == number);
        known.ok_or(Malformed(Part::Choice("failure")))
    }
}

impl LogLevel {
    /// Every level, in the order of their numbers.
    pub(super) const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let number = from.u8("level")?;
        let known = Self::ALL.into_iter().find(|level| *level as u8 == number);
        known.ok_or(Malformed(Part::Choice("log level")))
    }
}
