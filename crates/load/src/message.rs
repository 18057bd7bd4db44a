//! Requests that can be told apart, so that a reply to another one is noticed.

/// What a service's reply must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// The request's bytes.
    #[default]
    Same,
    /// The request is a text that ends with a NUL; the reply is that text backwards, without the NUL.
    Reversed,
    /// Anything: replies are not looked at.
    Anything,
}

/// The hexadecimal digits that make each request another one.
const DIGITS: usize = 16;
/// Callers are told apart by the digits above these bits, one caller's calls by those below.
const CALL_BITS: u32 = 40;

/// One caller's requests, all of one length: printable ASCII.
#[derive(Debug)]
pub struct Message {
    bytes: Vec<u8>,
    next: u64,
    expect: Expect,
}

impl Message {
    /// Requests of `size` bytes. `caller` tells those of several callers apart.
    pub fn new(size: usize, expect: Expect, caller: usize) -> Self {
        // No two places next to each other hold the same, so bytes that are missing or doubled are noticed.
        let mut bytes: Vec<u8> = (0..size).map(|place| b'a' + (place % 23) as u8).collect();
        if expect == Expect::Reversed
            && let Some(last) = bytes.last_mut()
        {
            *last = 0;
        }
        Self { bytes, next: (caller as u64) << CALL_BITS, expect }
    }

    /// The next request. One that is shorter than its number holds the number's last digits.
    pub fn next_request(&mut self) -> &[u8] {
        self.next += 1;
        let length = self.text_length().min(DIGITS);
        let mut number = self.next;
        for digit in self.bytes.iter_mut().take(length).rev() {
            *digit = b"0123456789abcdef".get((number & 15) as usize).copied().unwrap_or(b'?');
            number >>= 4;
        }
        &self.bytes
    }

    /// Whether this is the reply to the last request.
    pub fn is_answered_by(&self, reply: &[u8]) -> bool {
        match self.expect {
            Expect::Same => self.bytes == reply,
            Expect::Reversed => {
                reply.len() == self.text_length()
                    && reply.iter().eq(self.bytes.iter().take(self.text_length()).rev())
            }
            Expect::Anything => true,
        }
    }

    /// How long the reply must be, in bytes; `None` if any length is right.
    pub fn reply_length(&self) -> Option<usize> {
        (self.expect != Expect::Anything).then(|| self.text_length())
    }

    fn text_length(&self) -> usize {
        self.bytes.len().saturating_sub(usize::from(self.expect == Expect::Reversed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_to_another_request_is_noticed() {
        let (mut one, mut other) = (Message::new(64, Expect::Same, 1), Message::new(64, Expect::Same, 2));
        let first = one.next_request().to_vec();
        assert!(one.is_answered_by(&first) && !one.is_answered_by(&first[1..]));
        let second = one.next_request().to_vec();
        assert!(one.is_answered_by(&second) && !one.is_answered_by(&first));
        other.next_request();
        let theirs = other.next_request();
        assert_eq!(theirs.len(), second.len());
        assert_ne!(theirs, second, "the second request of another caller");
    }

    #[test]
    fn a_text_comes_back_reversed() {
        let mut message = Message::new(20, Expect::Reversed, 0);
        let request = message.next_request().to_vec();
        let text = request.strip_suffix(&[0]).unwrap();
        assert_eq!((text.len(), &text[..16]), (19, &b"0000000000000001"[..]));
        let backwards: Vec<u8> = text.iter().rev().copied().collect();
        assert!(message.is_answered_by(&backwards));
        assert!(!message.is_answered_by(text) && !message.is_answered_by(&request));
        assert_eq!(message.reply_length(), Some(19));
    }

    #[test]
    fn short_requests_differ_while_they_can() {
        for size in 0..20 {
            let mut message = Message::new(size, Expect::Same, 7);
            let first = message.next_request().to_vec();
            assert_eq!(first.len(), size);
            assert_eq!(message.next_request() == first, size == 0);
        }
        assert!(Message::new(4, Expect::Anything, 0).is_answered_by(b"whatever"));
    }
}
