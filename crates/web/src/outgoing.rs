//! Replies that are written as the client takes them: what is escaped grows up to six-fold, so never all of
//! it is held escaped.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};

use crate::memory::Room;
use crate::text::escape_into;

/// How many bytes are escaped at once.
const CHUNK: usize = 8 * 1024;

/// A part of a reply.
enum Part {
    /// As it is.
    Plain(Vec<u8>),
    /// Bytes of a pipe's reply, as they are.
    Raw(Vec<u8>),
    /// A text, escaped for HTML.
    Markup(Vec<u8>),
    /// A text, escaped as what stands between the quotation marks of a JSON text.
    Json(Vec<u8>),
}

impl Part {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) | Self::Raw(bytes) | Self::Markup(bytes) | Self::Json(bytes) => bytes,
        }
    }

    /// The part of it between these places, as it is sent.
    fn encode(&self, from: usize, to: usize) -> Vec<u8> {
        let bytes = self.bytes().get(from..to).unwrap_or_default();
        match self {
            Self::Plain(_) | Self::Raw(_) => bytes.to_vec(),
            Self::Markup(_) => {
                let mut escaped = String::with_capacity(bytes.len());
                escape_into(&String::from_utf8_lossy(bytes), &mut escaped);
                escaped.into_bytes()
            }
            Self::Json(_) => {
                let text = String::from_utf8_lossy(bytes);
                let quoted = serde_json::to_vec(&text).unwrap_or_default();
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_vec()
            }
        }
    }

    /// Where a piece that begins at `from` ends: not within a character.
    fn cut(&self, from: usize) -> usize {
        let bytes = self.bytes();
        let end = bytes.len().min(from + CHUNK);
        if end == bytes.len() || matches!(self, Self::Plain(_) | Self::Raw(_)) {
            return end;
        }
        let is_inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
        // A character has four bytes at most; what is no text can be cut anywhere.
        (end - 3..=end).rev().find(|at| !is_inside(at)).unwrap_or(end)
    }
}

/// A reply in parts, and the room that it holds until it is sent.
pub(crate) struct Outgoing {
    parts: VecDeque<Part>,
    /// How much of the first part is sent.
    at: usize,
    _room: Option<Room>,
}

impl Outgoing {
    /// A reply that holds this room.
    pub(crate) fn new(room: Option<Room>) -> Self {
        Self { parts: VecDeque::new(), at: 0, _room: room }
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push_back(part);
        self
    }

    /// Goes on with this.
    pub(crate) fn plain(self, text: impl Into<Vec<u8>>) -> Self {
        self.with(Part::Plain(text.into()))
    }

    /// Goes on with the bytes of a pipe's reply.
    pub(crate) fn raw(self, bytes: Vec<u8>) -> Self {
        self.with(Part::Raw(bytes))
    }

    /// Goes on with a text in which nothing is markup.
    pub(crate) fn markup(self, text: impl Into<Vec<u8>>) -> Self {
        self.with(Part::Markup(text.into()))
    }

    /// Goes on with a text within the quotation marks of a JSON text.
    pub(crate) fn json(self, text: Vec<u8>) -> Self {
        self.with(Part::Json(text))
    }

    /// As the body of a response.
    pub(crate) fn into_body(self) -> Body {
        Body::new(self)
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while let Some(part) = self.parts.front() {
            let (at, end) = (self.at, part.cut(self.at));
            if end > at {
                let piece = part.encode(at, end);
                self.at = end;
                return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
            }
            self.parts.pop_front();
            self.at = 0;
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        let as_they_are = self.parts.iter().all(|part| matches!(part, Part::Plain(_) | Part::Raw(_)));
        if !as_they_are {
            return SizeHint::default();
        }
        let length: usize = self.parts.iter().map(|part| part.bytes().len()).sum();
        SizeHint::with_exact(length.saturating_sub(self.at) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// The pieces of a reply.
    fn pieces(mut reply: Outgoing) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = hyper::body::Body::poll_frame(Pin::new(&mut reply), &mut cx)
        {
            pieces.push(frame.into_data().unwrap().to_vec());
        }
        pieces
    }

    #[test]
    fn a_long_text_is_escaped_piece_by_piece() {
        let text = "\"é€😀'".repeat(10_000);
        let markup = pieces(Outgoing::new(None).plain("<p>").markup(text.clone()).plain("</p>"));
        assert!(markup.iter().all(|piece| piece.len() <= 6 * CHUNK));
        let mut expected = String::from("<p>");
        escape_into(&text, &mut expected);
        assert_eq!(markup.concat(), format!("{expected}</p>").into_bytes());
        let json = pieces(Outgoing::new(None).plain("\"").json(text.clone().into_bytes()).plain("\""));
        assert_eq!(serde_json::from_slice::<String>(&json.concat()).unwrap(), text);
    }

    #[test]
    fn what_is_no_text_is_shown_as_what_it_is() {
        let bytes = [b"a\xff".repeat(9000), vec![0x80; 20_000], b"\xe2\x82".to_vec()].concat();
        let json = pieces(Outgoing::new(None).plain("\"").json(bytes.clone()).plain("\""));
        let text: String = serde_json::from_slice(&json.concat()).unwrap();
        assert!(text.starts_with("a\u{fffd}a"));
        let raw = Outgoing::new(None).raw(bytes.clone());
        assert_eq!(hyper::body::Body::size_hint(&raw).exact(), Some(bytes.len() as u64));
        assert_eq!(pieces(raw).concat(), bytes);
    }
}
