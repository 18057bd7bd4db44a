//! This client against this server, with a service behind it that turns every message around.

use std::time::Duration;

use standpipe_pair::{PASSWORD, Pair, USER, VISITOR, client_config, server_config};
use standpipe_smb::auth::client::Credentials;
use standpipe_smb::client::{
    Config, Connection, ConnectionError, Data, Peeked, READ_WRITE, ReadMode, Reply, RequestError, Stage,
};
use standpipe_smb::crypto::SigningAlgorithm;
use standpipe_smb::{Dialect, NtStatus, server};

fn connected(config: Config) -> Pair<'static> {
    Pair::new(config, server_config())
}

pub(crate) fn whole(bytes: &[u8]) -> Reply {
    Reply::Data(Data { bytes: bytes.to_vec(), more: false })
}

fn part(bytes: &[u8]) -> Reply {
    Reply::Data(Data { bytes: bytes.to_vec(), more: true })
}

#[test]
fn calls_are_answered_in_every_dialect_and_with_every_signature() {
    let one = |dialect| Config { min_dialect: dialect, max_dialect: dialect, ..client_config() };
    let signed = |algorithm| Config { signing: vec![algorithm], ..client_config() };
    let configs = Dialect::ALL.into_iter().map(one).chain(SigningAlgorithm::ALL.into_iter().map(signed));
    for config in configs {
        let mut pair = connected(config.clone());
        let pipe = pair.open("simple");
        let ready = pair.became_ready.expect("ready before anything is answered");
        assert_eq!(ready.dialect, config.max_dialect);
        if config.signing.len() == 1 {
            assert_eq!(ready.signing, config.signing[0]);
        }
        let call = pair.client.transceive(pipe, b"Standpipe", 100);
        assert_eq!(pair.result(call), Ok(whole(b"epipdnatS")), "{config:?}");

        let write = pair.client.write(pipe, b"abc");
        assert_eq!(pair.result(write), Ok(Reply::Written(3)));
        let read = pair.client.read(pipe, 100);
        assert_eq!(pair.result(read), Ok(whole(b"cba")));
        for ask in [Connection::echo, Connection::log_off] {
            let request = ask(&mut pair.client);
            assert_eq!(pair.result(request), Ok(Reply::Done));
        }
        assert_eq!(pair.closed, Some(ConnectionError::LoggedOff));
    }
}

#[test]
fn a_large_message_goes_through_in_one_piece() {
    let mut pair = connected(client_config());
    let pipe = pair.open("simple");
    let message: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
    let call = pair.client.transceive(pipe, &message, 300_000);
    let turned: Vec<u8> = message.into_iter().rev().collect();
    assert_eq!(pair.result(call), Ok(whole(&turned)));
}

#[test]
fn a_message_is_read_in_parts() {
    let mut pair = connected(client_config());
    let pipe = pair.open("simple");
    let mode = pair.client.set_read_mode(pipe, ReadMode::Message);
    assert_eq!(pair.result(mode), Ok(Reply::Done));
    let call = pair.client.transceive(pipe, b"123456", 2);
    assert_eq!(pair.result(call), Ok(part(b"65")));
    let peek = pair.client.peek(pipe, 1);
    let peeked = Peeked {
        available: 4,
        messages: 1,
        message_length: 4,
        data: Data { bytes: b"4".to_vec(), more: true },
    };
    assert_eq!(pair.result(peek), Ok(Reply::Peeked(peeked)));
    let read = pair.client.read(pipe, 3);
    assert_eq!(pair.result(read), Ok(part(b"432")));
    let read = pair.client.read(pipe, 3);
    assert_eq!(pair.result(read), Ok(whole(b"1")));
}

#[test]
fn a_read_waits_until_the_service_writes_and_ends_when_it_closes() {
    let mut pair = connected(client_config());
    let pipe = pair.open("simple");
    let read = pair.client.read(pipe, 100);
    pair.run();
    pair.pass(Duration::from_secs(1));
    assert!(pair.results.is_empty(), "it is pending");
    let open = pair.service.opened[0];
    pair.tell(server::Input::Data { open, bytes: b"at last" });
    assert_eq!(pair.result(read), Ok(whole(b"at last")));

    let read = pair.client.read(pipe, 100);
    pair.run();
    pair.tell(server::Input::Closed { open });
    assert_eq!(pair.result(read), Ok(Reply::End));
}

#[test]
fn a_read_whose_service_is_lost_is_refused_and_no_end() {
    let mut pair = connected(client_config());
    let pipe = pair.open("simple");
    let read = pair.client.read(pipe, 100);
    pair.run();
    let open = pair.service.opened[0];
    pair.tell(server::Input::Lost { open });
    assert_eq!(pair.result(read), Err(RequestError::Refused(NtStatus::CONNECTION_RESET)));
}

#[test]
fn a_pending_read_is_cancelled() {
    let mut pair = connected(client_config());
    let pipe = pair.open("simple");
    for wait in [false, true] {
        let read = pair.client.read(pipe, 100);
        pair.run();
        if wait {
            pair.pass(Duration::from_secs(1));
        }
        pair.client.cancel(read);
        assert_eq!(pair.result(read), Err(RequestError::Refused(NtStatus::CANCELLED)));
    }
    let echo = pair.client.echo();
    assert_eq!(pair.result(echo), Ok(Reply::Done), "the connection goes on");
}

#[test]
fn closing_a_pipe_ends_its_reads() {
    let mut pair = connected(client_config());
    let pipe = pair.open("simple");
    let read = pair.client.read(pipe, 100);
    let close = pair.client.close_pipe(pipe);
    assert_eq!(pair.result(close), Ok(Reply::Done));
    assert_eq!(pair.results.remove(&read), Some(Ok(Reply::End)));
    let late = pair.client.read(pipe, 100);
    assert_eq!(pair.result(late), Err(RequestError::Refused(NtStatus::FILE_CLOSED)));
}

#[test]
fn many_calls_at_once_keep_their_answers_apart() {
    let mut pair = connected(client_config());
    let pipes: Vec<_> = (0..50).map(|_| pair.open("simple")).collect();
    pair.service.silent = true;
    let calls: Vec<_> = pipes.iter().map(|pipe| pair.client.transceive(*pipe, b"?", 100)).collect();
    pair.run();
    for (number, open) in pair.service.opened.clone().into_iter().enumerate().rev() {
        pair.tell(server::Input::Data { open, bytes: &[number as u8] });
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(pair.result(call), Ok(whole(&[number as u8])));
    }
}

#[test]
fn a_stream_is_read_as_bytes() {
    let mut pair = connected(client_config());
    let pipe = pair.open("stream");
    for bytes in [b"ab", b"cd"] {
        let write = pair.client.write(pipe, bytes);
        assert_eq!(pair.result(write), Ok(Reply::Written(2)));
    }
    let read = pair.client.read(pipe, 3);
    assert_eq!(pair.result(read), Ok(whole(b"bad")));
    let read = pair.client.read(pipe, 3);
    assert_eq!(pair.result(read), Ok(whole(b"c")));
}

#[test]
fn refusals_have_the_status_that_windows_gives() {
    let refused = |status| Err(RequestError::Refused(status));
    let mut pair = connected(client_config());
    let missing = pair.client.open("missing", READ_WRITE);
    assert_eq!(pair.result(missing), refused(NtStatus::OBJECT_NAME_NOT_FOUND));
    let wait = pair.client.wait("missing", Duration::from_secs(1));
    assert_eq!(pair.result(wait), refused(NtStatus::OBJECT_NAME_NOT_FOUND));
    let wait = pair.client.wait("simple", Duration::from_secs(1));
    assert_eq!(pair.result(wait), Ok(Reply::Done));

    let guest = Credentials::from_password(VISITOR, "", PASSWORD);
    let mut pair = connected(Config::new("server", guest));
    let denied = pair.client.open("simple", READ_WRITE);
    assert_eq!(pair.result(denied), refused(NtStatus::ACCESS_DENIED));

    for (user, password) in [(USER, "guess"), ("nobody", PASSWORD)] {
        let mut pair = connected(Config::new("server", Credentials::from_password(user, "", password)));
        pair.run();
        let expected = ConnectionError::Refused { stage: Stage::LogOn, status: NtStatus::LOGON_FAILURE };
        assert_eq!(pair.closed, Some(expected), "{user}");
    }
}

#[test]
fn a_session_that_expires_ends_the_connection_and_what_met_it_was_not_done() {
    let lifetime = Duration::from_hours(1);
    let config = server::Config { session_lifetime: Some(lifetime), ..server_config() };
    let mut pair = Pair::new(client_config(), config);
    pair.service.silent = true;
    let pipe = pair.open("simple");
    let read = pair.client.read(pipe, 100);
    pair.run();
    pair.pass(lifetime);
    let write = pair.client.write(pipe, b"late");
    assert_eq!(pair.result(write), Err(RequestError::Lost { sent: false }));
    assert_eq!(pair.closed, Some(ConnectionError::SessionExpired));
    assert_eq!(pair.result(read), Err(RequestError::Lost { sent: true }));
}
