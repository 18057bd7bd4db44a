//! A session over a network that is slow, splits, lets replies overtake each other, and is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use standpipe_pair::{Loss, Network, Pair, Random, Side, client_config, server_config};
use standpipe_smb::Dialect;
use standpipe_smb::client::{
    Config, ConnectionError, Encryption, OpenPipe, READ_WRITE, Reply, RequestError, RequestId,
};

/// Longer than anything that a test waits for, the handshake included.
const LONG: Duration = Duration::from_mins(1);

/// A request that a session has made, and what it would be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Open,
    Call(OpenPipe, Vec<u8>),
    Read,
    Echo,
    Close,
    LogOff,
}

/// A client that opens pipes, calls each, closes them and logs off; all as soon as it can.
struct Session<'m> {
    pair: Pair<'m>,
    asked: BTreeMap<RequestId, Asked>,
    ended: BTreeMap<RequestId, Result<Reply, RequestError>>,
}

impl<'m> Session<'m> {
    fn new(mut pair: Pair<'m>, opens: usize) -> Self {
        // What is asked for before the log-on waits inside.
        let mut asked: BTreeMap<_, _> =
            (0..opens).map(|_| (pair.client.open("simple", READ_WRITE), Asked::Open)).collect();
        asked.insert(pair.client.echo(), Asked::Echo);
        Self { pair, asked, ended: BTreeMap::new() }
    }

    fn run(&mut self) {
        let Self { pair, asked, ended } = self;
        let mut closed = 0;
        let mut look = |pair: &mut Pair<'m>| {
            for (request, result) in std::mem::take(&mut pair.results) {
                let about = asked.get(&request).expect("a request of this session").clone();
                match (about, &result) {
                    (Asked::Open, Ok(Reply::Opened(pipe))) => {
                        let message = format!("call {} of this session", asked.len()).into_bytes();
                        let call = pair.client.transceive(*pipe, &message, 1000);
                        asked.insert(call, Asked::Call(*pipe, message));
                        asked.insert(pair.client.echo(), Asked::Echo);
                    }
                    (Asked::Call(pipe, _), _) => {
                        // Nothing is left to read, so that closing ends the read.
                        asked.insert(pair.client.read(pipe, 100), Asked::Read);
                        asked.insert(pair.client.close_pipe(pipe), Asked::Close);
                    }
                    (Asked::Close, _) => {
                        closed += 1;
                        let opens = asked.values().filter(|asked| **asked == Asked::Open).count();
                        if closed == opens {
                            asked.insert(pair.client.log_off(), Asked::LogOff);
                        }
                    }
                    _ => {}
                }
                assert!(ended.insert(request, result).is_none(), "{request:?} ended twice");
            }
        };
        pair.run_with(&mut look);
        // A silent server does not keep the client for ever, and a network that is lost tells it at once.
        pair.pass(LONG);
        pair.run_with(look);
    }

    /// Every request has one answer, and none contradicts what the service saw.
    fn check(&self) {
        let Self { pair, asked, ended } = self;
        assert!(pair.closed.is_some(), "the session came to no end: {ended:?}");
        for (request, asked) in asked {
            let result = ended.get(request).unwrap_or_else(|| panic!("{asked:?} has no answer"));
            let arrived =
                |message: &[u8]| pair.service.reached.iter().filter(|seen| *seen == message).count();
            match (asked, result) {
                (Asked::Call(_, message), Ok(Reply::Data(data))) => {
                    let turned: Vec<u8> = message.iter().rev().copied().collect();
                    assert_eq!((&data.bytes, data.more), (&turned, false), "the answer to somebody else");
                    assert_eq!(arrived(message), 1);
                }
                (Asked::Call(_, message), Err(RequestError::Lost { sent: false })) => {
                    assert_eq!(arrived(message), 0, "a request that was not sent has arrived");
                }
                (Asked::Call(_, message), Err(RequestError::Lost { sent: true })) => {
                    assert!(arrived(message) <= 1, "a request has arrived twice");
                }
                (Asked::Open, Ok(Reply::Opened(_)))
                | (Asked::Read, Ok(Reply::End) | Err(RequestError::Refused(_)))
                | (Asked::Echo | Asked::Close | Asked::LogOff, Ok(Reply::Done))
                | (_, Err(RequestError::Lost { .. })) => {}
                (asked, result) => panic!("{asked:?} ended in {result:?}"),
            }
        }
    }

    /// Whether nothing was lost.
    fn is_complete(&self) -> bool {
        self.pair.closed == Some(ConnectionError::LoggedOff)
            && self.ended.values().all(|result| !matches!(result, Err(RequestError::Lost { .. })))
    }
}

fn over(config: Config, network: Network) -> Pair<'static> {
    Pair::new(config, server_config()).over(network)
}

/// A session that is lost after this many bytes of this side.
fn lost(config: Config, from: Side, after: usize) -> Session<'static> {
    let mut session = Session::new(over(config, Network::instant().losing(Loss { from, after })), 1);
    session.run();
    session.check();
    session
}

/// Ways to protect messages that differ in how many there are and how long.
fn configs() -> [Config; 3] {
    let oldest = Config { max_dialect: Dialect::Smb202, ..client_config() };
    let encrypted = Config { encryption: Encryption::Required, ..client_config() };
    [client_config(), oldest, encrypted]
}

#[test]
fn a_connection_that_is_lost_at_any_byte_leaves_no_request_without_an_answer() {
    for config in configs() {
        let mut whole = Session::new(over(config.clone(), Network::instant()), 1);
        whole.run();
        whole.check();
        assert!(whole.is_complete(), "{:?}", whole.ended);
        for from in [Side::Client, Side::Server] {
            let length = whole.pair.arrived(from);
            assert!(length > 500, "{length} bytes are no whole session");
            for after in 0..length {
                let session = lost(config.clone(), from, after);
                assert!(!session.is_complete(), "lost after {after} of {length} bytes of {from:?}");
            }
        }
    }
}

#[test]
fn latency_and_split_reads_change_no_answer() {
    for seed in 0..20 {
        for config in configs() {
            let network = Network { reorders: false, ..Network::rough(seed) };
            let mut session = Session::new(over(config, network), 3);
            session.run();
            session.check();
            assert!(session.is_complete(), "{seed}: {:?}", session.ended);
        }
    }
}

#[test]
fn replies_that_overtake_each_other_find_their_requests() {
    for seed in 0..20 {
        let pair = over(client_config(), Network::rough(seed)).with_slow_service(Duration::from_millis(200));
        let mut session = Session::new(pair, 20);
        session.run();
        session.check();
        assert!(session.is_complete(), "{seed}: {:?}", session.ended);
    }
}

#[test]
fn the_same_seed_gives_the_same_session() {
    let session = |seed| {
        let pair = over(client_config(), Network::rough(seed)).with_slow_service(Duration::from_millis(50));
        let mut session = Session::new(pair, 3);
        session.run();
        std::mem::take(&mut session.pair.sent)
    };
    assert!(session(5) == session(5), "the same seed, another session");
    assert!(session(5) != session(6), "the seed changes nothing");
}

#[test]
#[should_panic(expected = "the pair goes in circles")]
fn a_pair_that_goes_in_circles_is_given_up() {
    let mut pair = over(client_config(), Network::instant());
    pair.client.echo();
    pair.run_with(|pair| {
        if std::mem::take(&mut pair.results).into_values().any(|result| result.is_ok()) {
            pair.client.echo();
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_of_any_session_has_one_answer(seed: u64, opens in 1usize..8, is_lost: bool) {
        let mut random = Random::new(seed);
        let config = configs()[random.below(3)].clone();
        let mut network = Network { splits: random.below(2) == 0, ..Network::rough(seed) };
        if is_lost {
            let from = [Side::Client, Side::Server][random.below(2)];
            network = network.losing(Loss { from, after: random.below(6000) });
        }
        let slow = Duration::from_millis(random.below(300) as u64);
        let mut session = Session::new(over(config, network).with_slow_service(slow), opens);
        session.run();
        session.check();
        prop_assert!(is_lost || session.is_complete(), "{:?}", session.ended);
    }
}
