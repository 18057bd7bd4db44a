//! The acceptor of SPNEGO and NTLM.

use standpipe_smb::auth::server::{Acceptor, Step, StepInput};
use standpipe_smb::auth::{MAX_TOKEN, client};

use crate::bytes::Bytes;
use crate::{peer, world};

const CHALLENGE: [u8; 8] = [0x55; 8];

/// A log-on with the tokens of the input or, for as long as it says so, with a genuine client's, some bytes
/// of them changed. Nobody gets in with tokens that no client made, and no answer or name grows without
/// bound.
///
/// # Panics
/// When that does not hold.
pub fn logon(data: &[u8]) {
    let _ = attempt(data);
}

/// Whether the attempt ended in a log-on.
fn attempt(data: &[u8]) -> bool {
    let mut input = Bytes::new(data);
    let names = world::names();
    let accounts = world::accounts();
    let step = StepInput { names: &names, challenge: CHALLENGE, time: world::TODAY, accounts: &accounts };

    let mut genuine = Genuine::Start(Box::new(peer::initiator()));
    let mut acceptor = Acceptor::new();
    let mut reply = Acceptor::hint();
    loop {
        let (token, is_genuine) = next_token(&mut input, &mut genuine, &reply);
        match acceptor.step(&token, &step) {
            Ok(Step::Continue { acceptor: next, token }) => {
                assert!(token.len() <= MAX_TOKEN, "an answer of {} bytes", token.len());
                acceptor = next;
                reply = token;
            }
            Ok(Step::Done { logon, .. }) => {
                assert!(is_genuine, "logged on with tokens that no client made");
                assert_eq!(logon.account.name.as_str(), world::USER);
                return true;
            }
            Err(failure) => {
                assert!(
                    failure.user.is_none_or(|user| user.encode_utf16().count() <= 256),
                    "a name without bound"
                );
                return false;
            }
        }
        if input.is_empty() && matches!(genuine, Genuine::Lost) {
            return false;
        }
    }
}

/// How far a genuine client has come.
enum Genuine {
    Start(Box<client::Initiator>),
    Challenged(Box<client::Challenging>),
    /// It has said all it has to say, or the acceptor has left its path.
    Lost,
}

/// The next token, and whether all that it proves was made by somebody who knows the password.
fn next_token(input: &mut Bytes<'_>, genuine: &mut Genuine, reply: &[u8]) -> (Vec<u8>, bool) {
    let kind = input.u8();
    if kind & 1 == 1 {
        return (input.block().to_vec(), false);
    }
    let made = match std::mem::replace(genuine, Genuine::Lost) {
        Genuine::Start(initiator) => initiator.start(reply).ok().map(|(challenging, token)| {
            *genuine = Genuine::Challenged(Box::new(challenging));
            token
        }),
        Genuine::Challenged(challenging) => {
            challenging.answer(reply, &peer::nonces(), world::TODAY).ok().map(|(_, token)| token)
        }
        Genuine::Lost => None,
    };
    let is_genuine = made.is_some();
    let mut token = made.unwrap_or_else(|| input.block().to_vec());
    for _ in 0..kind >> 6 {
        let (place, change) = (usize::from(input.u16()), input.u8());
        if let Some(byte) = token.get_mut(place) {
            *byte ^= change;
        }
    }
    // A changed token may still be right: not every byte of it is looked at, or has a meaning.
    (token, is_genuine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the fuzzer would only ever see the first token.
    #[test]
    fn only_the_unchanged_log_on_gets_in() {
        let seed = |name: &str| {
            let path = format!("{}/seeds/logon/{name}", env!("CARGO_MANIFEST_DIR"));
            attempt(&std::fs::read(path).unwrap())
        };
        assert!(seed("genuine"));
        assert!(!seed("changed-proof"));
    }
}
