//! The initiator of SPNEGO and NTLM.

use standpipe_smb::auth::MAX_TOKEN;
use standpipe_smb::auth::server::{Acceptor, Step, StepInput};

use crate::bytes::Bytes;
use crate::{peer, world};

/// A log-on whose server sends the tokens of the input or, for as long as it says so, a genuine server's,
/// some bytes of them changed. No answer grows without bound, and when a genuine server takes the log-on,
/// both sides have the same key, and the server's challenge was not changed.
///
/// # Panics
/// When that does not hold.
pub fn initiator(data: &[u8]) {
    let _ = attempt(data);
}

/// Whether the client came to the end, and with a genuine server.
fn attempt(data: &[u8]) -> Option<bool> {
    let mut input = Bytes::new(data);
    let (names, accounts) = (world::names(), world::accounts());
    let step = StepInput { names: &names, challenge: [0x55; 8], time: world::TODAY, accounts: &accounts };

    let (hint, _) = token(&mut input, Some(Acceptor::hint()));
    let (challenging, first) = peer::initiator().start(&hint).ok()?;
    assert!(first.len() <= MAX_TOKEN, "a first token of {} bytes", first.len());

    let (acceptor, challenge) = match Acceptor::new().step(&first, &step) {
        Ok(Step::Continue { acceptor, token }) => (acceptor, token),
        other => unreachable!("the first token is always the same: {other:?}"),
    };
    let (challenge, genuine) = token(&mut input, Some(challenge));
    let (finishing, answer) = challenging.answer(&challenge, &peer::nonces(), world::TODAY).ok()?;
    assert!(answer.len() <= 4 * MAX_TOKEN, "an answer of {} bytes", answer.len());

    let taken = match acceptor.step(&answer, &step) {
        Ok(Step::Done { logon, token }) => Some((logon, token)),
        Ok(Step::Continue { .. }) => unreachable!("there is no third token"),
        Err(_) => None,
    };
    // The challenge is covered by the integrity code; of SPNEGO's wrapping around it, not every byte counts.
    let ntlm = |token: &[u8]| {
        token.windows(8).position(|bytes| bytes == b"NTLMSSP\0").map(|at| token[at..].to_vec())
    };
    assert!(
        taken.is_none() || genuine.as_deref().and_then(ntlm) == ntlm(&challenge),
        "the server took an answer to another challenge"
    );
    let server_key = taken.as_ref().map(|(logon, _)| logon.session_key.clone());
    let (last, _) = token(&mut input, taken.map(|(_, token)| token));
    let key = finishing.finish(&last).ok()?;
    assert!(server_key.as_ref().is_none_or(|server_key| *server_key == key), "two keys for one log-on");
    Some(server_key.is_some())
}

/// The token that the client gets, and the one that the server sent.
fn token(input: &mut Bytes<'_>, sent: Option<Vec<u8>>) -> (Vec<u8>, Option<Vec<u8>>) {
    let kind = input.u8();
    let Some(sent) = sent.filter(|_| kind & 1 == 0) else {
        return (input.block().to_vec(), None);
    };
    let mut token = sent.clone();
    for _ in 0..kind >> 6 {
        let (place, change) = (usize::from(input.u16()), input.u8());
        if let Some(byte) = token.get_mut(place) {
            *byte ^= change;
        }
    }
    (token, Some(sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genuine_log_on_ends_with_one_key() {
        assert_eq!(attempt(&[]), Some(true));
    }

    #[test]
    fn a_changed_challenge_is_found_out_by_the_server() {
        // The server's nonce.
        assert_eq!(attempt(&[0, 0x40, 60, 0, 1]), Some(false));
    }

    #[test]
    fn a_changed_verdict_is_found_out_by_the_client() {
        assert_eq!(attempt(&[0, 0, 0x40, 20, 0, 1]), None);
    }
}
