//! The service behind the server's pipes: it turns every message around.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use standpipe_smb::server::{DisconnectReason, Event, Input, OpenId, Output, PipeId, PipeMode, WaitId};

use crate::config::PIPES;
use crate::random::Random;

/// What the service does with what it gets, and what it got.
#[derive(Debug, Default)]
pub struct Service {
    /// Whether the service leaves messages without an answer.
    pub silent: bool,
    /// How long the service takes for each answer. Answers on one open keep their order; those on different
    /// opens overtake each other.
    pub delay: Range<Duration>,
    /// Every open that was asked for, oldest first.
    pub opened: Vec<OpenId>,
    /// Every message that reached the service, oldest first.
    pub reached: Vec<Vec<u8>>,
    /// What the server has reported.
    pub events: Vec<Event>,
    /// Why the server closed the connection.
    pub disconnect: Option<DisconnectReason>,
    answers: VecDeque<(Duration, Answer)>,
    /// When the last answer on each open is due.
    last: BTreeMap<OpenId, Duration>,
}

/// An answer of the service to the server.
#[derive(Debug)]
pub(crate) enum Answer {
    Opened(OpenId, PipeId),
    Written(OpenId),
    Data(OpenId, Vec<u8>),
    Waited(WaitId),
}

/// What a pipe of the server carries.
fn mode_of(pipe: PipeId) -> PipeMode {
    PIPES.get(pipe.0).map_or(PipeMode::Message, |(_, mode)| *mode)
}

impl Answer {
    pub(crate) fn input(&self) -> Input<'_> {
        match self {
            Self::Opened(open, pipe) => Input::Opened { open: *open, result: Ok(mode_of(*pipe).into()) },
            Self::Written(open) => Input::Written { open: *open, result: Ok(()) },
            Self::Data(open, bytes) => Input::Data { open: *open, bytes },
            Self::Waited(wait) => Input::Waited { wait: *wait, available: true },
        }
    }
}

impl Service {
    /// Takes what the server asks for.
    pub(crate) fn take(&mut self, now: Duration, random: &mut Random, output: Output) {
        match output {
            Output::Open { open, pipe, .. } => {
                self.opened.push(open);
                self.answer(now, random, Some(open), Answer::Opened(open, pipe));
            }
            Output::Write { open, bytes } => {
                self.answer(now, random, Some(open), Answer::Written(open));
                if !self.silent {
                    let turned = bytes.iter().rev().copied().collect();
                    self.answer(now, random, Some(open), Answer::Data(open, turned));
                }
                self.reached.push(bytes);
            }
            Output::Wait { wait, .. } => self.answer(now, random, None, Answer::Waited(wait)),
            Output::Event(event) => self.events.push(event),
            Output::Disconnect(reason) => self.disconnect = Some(reason),
            Output::Close { .. }
            | Output::CancelWait { .. }
            | Output::SessionStarted { .. }
            | Output::SessionEnded { .. }
            | Output::EndSession { .. } => {}
        }
    }

    fn answer(&mut self, now: Duration, random: &mut Random, open: Option<OpenId>, answer: Answer) {
        let mut due = now + random.duration(&self.delay);
        if let Some(open) = open {
            let last = self.last.entry(open).or_default();
            due = due.max(*last);
            *last = due;
        }
        let place = self.answers.partition_point(|(other, _)| *other <= due);
        self.answers.insert(place, (due, answer));
    }

    /// When the next answer is due.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.answers.front().map(|(due, _)| *due)
    }

    /// The next answer.
    pub(crate) fn next(&mut self) -> Option<Answer> {
        self.answers.pop_front().map(|(_, answer)| answer)
    }
}
