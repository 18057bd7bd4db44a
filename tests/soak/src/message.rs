//! What the clients say to the services, and what has to come back.
//!
//! A request begins with how long the service should take, and holds a number that no other request of the
//! run has; the reply is the request backwards. So a reply that belongs to another request, or to half of
//! one, is seen.

use std::time::Duration;

use crate::random::Random;

/// The delay and the number.
const HEADER: usize = 10;

/// One request, and the only reply that is right for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request(pub(crate) Vec<u8>);

impl Request {
    /// A request of at least `length` bytes whose reply takes `delay`.
    pub(crate) fn new(random: &mut Random, delay: Duration, length: usize) -> Self {
        let delay = u16::try_from(delay.as_millis()).unwrap_or(u16::MAX);
        let mut bytes = Vec::with_capacity(length.max(HEADER) + 7);
        bytes.extend_from_slice(&delay.to_le_bytes());
        bytes.extend_from_slice(&random.next().to_le_bytes());
        while bytes.len() < length {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(length.max(HEADER));
        Self(bytes)
    }

    /// A text for the service of the story, which takes one up to a NUL, and what it makes of it.
    pub(crate) fn text(random: &mut Random, length: usize) -> (Self, Vec<u8>) {
        let mut text = format!("{:016x}", random.next());
        while text.len() < length {
            text.push(char::from(b'a' + random.below(26) as u8));
        }
        let reply = text.bytes().rev().collect();
        text.push('\0');
        (Self(text.into_bytes()), reply)
    }

    pub(crate) fn reply(&self) -> Vec<u8> {
        reply_to(&self.0)
    }
}

/// What a service answers.
pub(crate) fn reply_to(request: &[u8]) -> Vec<u8> {
    request.iter().rev().copied().collect()
}

/// How long a service should take.
pub(crate) fn delay_of(request: &[u8]) -> Duration {
    let delay = request.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes));
    Duration::from_millis(delay.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_its_own_reply() {
        let mut random = Random::of(1, 1);
        let delay = Duration::from_millis(300);
        let requests: Vec<_> = (0..50).map(|length| Request::new(&mut random, delay, length)).collect();
        for (index, request) in requests.iter().enumerate() {
            assert_eq!(request.0.len(), index.max(HEADER));
            assert_eq!(delay_of(&request.0), delay);
            assert!(requests.iter().filter(|other| other.reply() == request.reply()).count() == 1);
        }
    }

    #[test]
    fn texts_end_with_a_nul_and_come_back_without() {
        let (request, reply) = Request::text(&mut Random::of(1, 1), 40);
        assert_eq!(request.0.len(), reply.len() + 1);
        assert_eq!(reply_to(&reply), request.0[..40]);
    }
}
