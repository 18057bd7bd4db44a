//! Requests, their replies, and what a server must not get away with.

use super::*;
use crate::wire::info::PipeState;
use standpipe_security::DesiredAccess;

#[test]
fn an_early_request_is_sent_when_the_client_is_ready() {
    let mut pair = ScriptedPair::new(Behaviour::good(Dialect::Smb311));
    let open = pair.client.open("simple", READ_WRITE);
    assert!(matches!(pair.exchange()[..], [Event::Ready(_)]));
    let (header, message) = pair.server.requests.remove(0);
    let request = CreateRequest::decode(&message).expect("a CREATE");
    assert_eq!((request.name.as_str(), request.desired_access), ("simple", DesiredAccess(READ_WRITE)));
    pair.server.reply(&header, NtStatus::SUCCESS, |out| {
        CreateResponse { file_id: FILE, opened: Opened::Pipe }.encode(out);
    });
    assert_eq!(pair.result(open), Ok(Reply::Opened(PIPE)));
}

#[test]
fn a_pipe_is_written_read_and_closed() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let write = pair.client.write(PIPE, b"text");
    let (header, message) = pair.request();
    let request = WriteRequest::decode(&message).expect("a WRITE");
    assert_eq!((request.file_id, request.data), (FILE, &b"text"[..]));
    pair.server.reply(&header, NtStatus::SUCCESS, |out| WriteResponse { count: 4 }.encode(out));
    assert_eq!(pair.result(write), Ok(Reply::Written(4)));

    let read = pair.client.read(PIPE, 100);
    let (header, message) = pair.request();
    assert_eq!(ReadRequest::decode(&message).expect("a READ").length, 100);
    pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"txet" }.encode(out));
    assert_eq!(pair.result(read), Ok(Reply::Data(Data { bytes: b"txet".to_vec(), more: false })));

    let close = pair.client.close_pipe(PIPE);
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::SUCCESS, encode_close_response);
    assert_eq!(pair.result(close), Ok(Reply::Done));
}

fn output(output: &[u8]) -> impl FnOnce(&mut Vec<u8>) {
    let output = output.to_vec();
    move |out| {
        IoctlResponse { code: ControlCode::PIPE_TRANSCEIVE, file_id: FILE, output: &output }.encode(out);
    }
}

#[test]
fn a_transceive_that_overflows_has_more_to_read() {
    let mut pair = ScriptedPair::ready(Dialect::Smb302);
    let call = pair.client.transceive(PIPE, b"ask", 4);
    let (header, message) = pair.request();
    let request = IoctlRequest::decode(&message).expect("an IOCTL");
    assert_eq!(
        (request.code, request.input, request.max_output),
        (ControlCode::PIPE_TRANSCEIVE, &b"ask"[..], 4)
    );
    pair.server.reply(&header, NtStatus::BUFFER_OVERFLOW, output(b"answ"));
    assert_eq!(pair.result(call), Ok(Reply::Data(Data { bytes: b"answ".to_vec(), more: true })));

    let read = pair.client.read(PIPE, 100);
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::BUFFER_OVERFLOW, |out| ReadResponse { data: b"er" }.encode(out));
    assert_eq!(pair.result(read), Ok(Reply::Data(Data { bytes: b"er".to_vec(), more: true })));
}

#[test]
fn the_end_of_a_pipe_is_no_error() {
    for status in [NtStatus::PIPE_BROKEN, NtStatus::PIPE_DISCONNECTED, NtStatus::END_OF_FILE] {
        let mut pair = ScriptedPair::ready(Dialect::Smb311);
        for ask in [
            |client: &mut Connection| client.read(PIPE, 10),
            |client: &mut Connection| client.transceive(PIPE, b"", 10),
            |client: &mut Connection| client.peek(PIPE, 10),
        ] {
            let request = ask(&mut pair.client);
            let (header, _) = pair.request();
            pair.server.reply(&header, status, encode_error);
            assert_eq!(pair.result(request), Ok(Reply::End));
        }
        let write = pair.client.write(PIPE, b"lost");
        let (header, _) = pair.request();
        pair.server.reply(&header, status, encode_error);
        assert_eq!(pair.result(write), Err(RequestError::Refused(status)), "but nothing can be written");
    }
}

#[test]
fn a_peek_tells_what_could_be_read() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let peek = pair.client.peek(PIPE, 2);
    let (header, message) = pair.request();
    assert_eq!(IoctlRequest::decode(&message).expect("an IOCTL").max_output, 18);
    let mut peeked = vec![];
    PipePeek { state: PipeState::CONNECTED, available: 5, messages: 1, message_length: 5 }
        .encode(&mut peeked);
    peeked.extend_from_slice(b"he");
    pair.server.reply(&header, NtStatus::BUFFER_OVERFLOW, output(&peeked));
    let data = Data { bytes: b"he".to_vec(), more: true };
    let expected = Peeked { available: 5, messages: 1, message_length: 5, data };
    assert_eq!(pair.result(peek), Ok(Reply::Peeked(expected)));
}

#[test]
fn a_wait_says_how_long_as_windows_does() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let wait = pair.client.wait("simple", Duration::from_millis(1500));
    let (header, message) = pair.request();
    let request = IoctlRequest::decode(&message).expect("an IOCTL");
    assert_eq!((request.code, request.file_id), (ControlCode::PIPE_WAIT, FileId::ANY));
    let input = PipeWaitRequest::decode(request.input).expect("a wait");
    assert_eq!((input.timeout, input.name.as_str()), (Some(-15_000_000), "simple"));
    pair.server.reply(&header, NtStatus::IO_TIMEOUT, encode_error);
    assert_eq!(pair.result(wait), Err(RequestError::Refused(NtStatus::IO_TIMEOUT)));
}

#[test]
fn a_failed_open_says_why() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let open = pair.client.open("simple", READ_WRITE);
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::ACCESS_DENIED, encode_error);
    assert_eq!(pair.result(open), Err(RequestError::Refused(NtStatus::ACCESS_DENIED)));
    assert!(!pair.client.is_closed());
}

#[test]
fn replies_in_any_order_find_their_requests() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let reads: Vec<_> = (0..5).map(|_| pair.client.read(PIPE, 10)).collect();
    assert!(pair.exchange().is_empty());
    let requests = core::mem::take(&mut pair.server.requests);
    for place in [3, 0, 4, 2, 1] {
        let data = [place as u8];
        pair.server
            .reply(&requests[place].0, NtStatus::SUCCESS, |out| ReadResponse { data: &data }.encode(out));
        let expected = Data { bytes: data.to_vec(), more: false };
        assert_eq!(pair.result(reads[place]), Ok(Reply::Data(expected)));
    }
}

#[test]
fn an_interim_reply_goes_before_the_final_one() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let read = pair.client.read(PIPE, 10);
    let (header, _) = pair.request();
    let pending = pair.server.interim(&header, 77);
    assert!(pair.exchange().is_empty());
    pair.server.reply(&pending, NtStatus::SUCCESS, |out| ReadResponse { data: b"late" }.encode(out));
    assert_eq!(pair.result(read), Ok(Reply::Data(Data { bytes: b"late".to_vec(), more: false })));
}

#[test]
fn a_request_on_its_way_is_cancelled_once_by_its_ids() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let read = pair.client.read(PIPE, 10);
    let (header, _) = pair.request();
    pair.client.cancel(read);
    let (cancel, message) = pair.request();
    assert_eq!((cancel.command, cancel.message_id), (Command::CANCEL, header.message_id));
    assert_eq!((cancel.async_id(), cancel.credit_charge), (None, 0));
    assert!(Empty::decode(&message).is_ok());

    // A second one would be signed with the first one's nonce.
    let pending = pair.server.interim(&header, 77);
    assert!(pair.exchange().is_empty());
    pair.client.cancel(read);
    assert!(pair.exchange().is_empty() && pair.server.requests.is_empty());
    pair.server.reply(&pending, NtStatus::CANCELLED, encode_error);
    assert_eq!(pair.result(read), Err(RequestError::Refused(NtStatus::CANCELLED)));
    pair.client.cancel(read);
    assert!(pair.exchange().is_empty() && pair.server.requests.is_empty(), "it is over");
}

#[test]
fn a_request_that_was_announced_is_cancelled_by_its_async_id() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let read = pair.client.read(PIPE, 10);
    let (header, _) = pair.request();
    pair.server.interim(&header, 77);
    assert!(pair.exchange().is_empty());
    pair.client.cancel(read);
    let (cancel, _) = pair.request();
    assert_eq!((cancel.async_id(), cancel.message_id), (Some(77), header.message_id));
}

#[test]
fn a_request_that_waits_is_cancelled_at_once() {
    let mut pair = ScriptedPair::new(Behaviour::good(Dialect::Smb311));
    let open = pair.client.open("simple", READ_WRITE);
    pair.client.cancel(open);
    let cancelled = Err(RequestError::Refused(NtStatus::CANCELLED));
    assert!(matches!(&pair.events()[..], [Event::Completed { request, result }]
        if *request == open && *result == cancelled));
    pair.exchange();
    assert!(pair.server.requests.is_empty());
}

#[test]
fn requests_wait_for_credits() {
    let mut pair = ScriptedPair::new(Behaviour { credits: 1, ..Behaviour::good(Dialect::Smb311) });
    let echoes: Vec<_> = (0..3).map(|_| pair.client.echo()).collect();
    assert!(matches!(pair.exchange()[..], [Event::Ready(_)]));
    for echo in echoes {
        let (header, _) = pair.request();
        pair.server.reply(&header, NtStatus::SUCCESS, Empty::encode);
        // The next one goes out with the credit that this reply brought.
        let mut ended = pair.exchange();
        assert!(matches!(ended.pop(), Some(Event::Completed { request, .. }) if request == echo));
    }
    assert_eq!(pair.client.outstanding(), 0);
}

#[test]
fn a_large_request_costs_several_credits() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    pair.client.write(PIPE, &vec![7; 200_000]);
    let (header, message) = pair.request();
    assert_eq!(header.credit_charge, 4);
    assert_eq!(WriteRequest::decode(&message).expect("a WRITE").data.len(), 200_000);
    pair.client.echo();
    let (after, _) = pair.request();
    assert_eq!((after.message_id, after.credit_charge), (header.message_id + 4, 1));
}

#[test]
fn a_server_that_grants_too_little_is_not_waited_for() {
    let mut pair = ScriptedPair::new(Behaviour { credits: 1, ..Behaviour::good(Dialect::Smb311) });
    let write = pair.client.write(PIPE, &vec![7; 200_000]);
    let echo = pair.client.echo();
    let events = pair.exchange();
    assert!(
        matches!(&events[1..], [Event::Completed { request, result: Err(RequestError::TooFewCredits) }]
        if *request == write),
        "{events:?}"
    );
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::SUCCESS, Empty::encode);
    assert_eq!(pair.result(echo), Ok(Reply::Done));
}

#[test]
fn a_request_that_does_not_fit_is_refused_at_once() {
    let mut pair = ScriptedPair::ready(Dialect::Smb202);
    for (ask, length) in [
        ((|client| client.read(PIPE, 65_537)) as fn(&mut Connection) -> RequestId, 65_537),
        (|client| client.write(PIPE, &vec![0; 65_537]), 65_537),
        (|client| client.transceive(PIPE, &vec![0; 65_537], 1), 65_537),
        (|client| client.transceive(PIPE, &[], 65_537), 65_537),
        (|client| client.open(&"x".repeat(257), READ_WRITE), 257),
    ] {
        let request = ask(&mut pair.client);
        let result = pair.result(request);
        assert!(
            matches!(result, Err(RequestError::TooLarge { length: found, .. }) if found == length),
            "{result:?}"
        );
    }
    assert!(pair.server.requests.is_empty());
    // 2.0.2 has no charges.
    pair.client.read(PIPE, 65_536);
    assert_eq!(pair.request().0.credit_charge, 0);
}

#[test]
fn an_unsigned_or_badly_signed_reply_ends_the_connection() {
    for (dialect, tampered) in [(Dialect::Smb202, true), (Dialect::Smb300, true), (Dialect::Smb311, false)] {
        let mut pair = ScriptedPair::ready(dialect);
        let read = pair.client.read(PIPE, 10);
        let (header, _) = pair.request();
        if tampered {
            pair.server.behaviour.tamper = |message| *message.last_mut().expect("a message") ^= 1;
            pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"data" }.encode(out));
        } else {
            let header = Header { status: NtStatus::SUCCESS, flags: Flags::RESPONSE, ..header };
            pair.server.send(&header, false, |out| ReadResponse { data: b"data" }.encode(out));
        }
        let events = pair.exchange();
        let [Event::Completed { request, result }, Event::Closed(error)] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((*request, result), (read, &Err(RequestError::Lost { sent: true })));
        let expected = if tampered {
            ConnectionError::BadSignature
        } else {
            ConnectionError::Unsigned { status: NtStatus::SUCCESS }
        };
        assert_eq!(*error, expected);
    }
}

#[test]
fn replies_that_nobody_asked_for_end_the_connection() {
    let mut answers: Vec<fn(&Header) -> Header> = vec![
        |header| Header { message_id: header.message_id + 1, ..*header },
        |header| Header { command: Command::WRITE, ..*header },
        |header| Header { session_id: 1, ..*header },
    ];
    for change in answers.drain(..) {
        let mut pair = ScriptedPair::ready(Dialect::Smb311);
        pair.client.read(PIPE, 10);
        let (header, _) = pair.request();
        pair.server.reply(&change(&header), NtStatus::SUCCESS, |out| ReadResponse { data: b"" }.encode(out));
        assert!(matches!(pair.error(), ConnectionError::Violation(_)));
    }
    // More data than was asked for. The request ends, too.
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let read = pair.client.read(PIPE, 3);
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"four" }.encode(out));
    match &pair.exchange()[..] {
        [
            Event::Completed { request, result: Err(RequestError::Lost { sent: true }) },
            Event::Closed(ConnectionError::Malformed(_)),
        ] if *request == read => {}
        other => panic!("{other:?}"),
    }
    // The same reply twice.
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    pair.client.echo();
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::SUCCESS, Empty::encode);
    pair.server.reply(&header, NtStatus::SUCCESS, Empty::encode);
    assert!(matches!(pair.error(), ConnectionError::Violation(_)));
    // Two interim replies.
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    pair.client.read(PIPE, 3);
    let (header, _) = pair.request();
    pair.server.interim(&header, 1);
    pair.server.interim(&header, 2);
    assert!(matches!(pair.error(), ConnectionError::Violation(_)));
}

#[test]
fn a_request_that_was_begun_may_have_arrived_though_the_session_has_expired() {
    for begun in [false, true] {
        let mut pair = ScriptedPair::ready(Dialect::Smb311);
        let write = pair.client.write(PIPE, b"text");
        let (mut header, _) = pair.request();
        if begun {
            header = pair.server.interim(&header, 77);
        }
        pair.server.reply(&header, NtStatus::NETWORK_SESSION_EXPIRED, encode_error);
        match &pair.exchange()[..] {
            [
                Event::Completed { request, result: Err(RequestError::Lost { sent }) },
                Event::Closed(ConnectionError::SessionExpired),
            ] => assert_eq!((*request, *sent), (write, begun)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn whether_a_lost_request_was_sent_is_known() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let sent = pair.client.echo();
    pair.request();
    let written = pair.client.echo();
    pair.client.handle(NOW, Input::Disconnected);
    let late = pair.client.echo();
    let events = pair.events();
    let lost: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Completed { request, result: Err(RequestError::Lost { sent }) } => Some((*request, *sent)),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [(sent, true), (written, false), (late, false)]);
    assert!(matches!(events[2], Event::Closed(ConnectionError::Disconnected)));
    assert!(!pair.client.take_transmit(&mut vec![]), "what nobody waits for is not sent");
}

#[test]
fn logging_off_ends_the_connection() {
    let mut pair = ScriptedPair::ready(Dialect::Smb311);
    let log_off = pair.client.log_off();
    let (header, _) = pair.request();
    pair.server.reply(&header, NtStatus::SUCCESS, Empty::encode);
    let events = pair.exchange();
    assert!(
        matches!(&events[..], [
        Event::Completed { request, result: Ok(Reply::Done) },
        Event::Closed(ConnectionError::LoggedOff),
    ] if *request == log_off),
        "{events:?}"
    );
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection() {
    let mut client =
        connect(Config { limits: Limits { max_transfer: 65_536, ..Limits::default() }, ..config() });
    client.handle(NOW, Input::Received(&[0, 2, 0, 1]));
    let event = client.poll_event();
    assert!(
        matches!(event, Some(Event::Closed(ConnectionError::Frame(FrameError::TooLong { .. })))),
        "{event:?}"
    );
}

proptest! {
    #[test]
    fn noise_never_panics_and_ends_in_one_closing(bytes: Vec<u8>, cut: prop::sample::Index, framed: bool) {
        let mut client = connect(config());
        let request = client.open("simple", READ_WRITE);
        let mut stream = bytes;
        if framed {
            let length = stream.len() as u32;
            stream.splice(0..0, length.to_be_bytes());
        }
        let cut = cut.index(stream.len() + 1);
        client.handle(NOW, Input::Received(&stream[..cut]));
        client.handle(NOW, Input::Received(&stream[cut..]));
        client.handle(NOW, Input::Disconnected);
        let events: Vec<_> = core::iter::from_fn(|| client.poll_event()).collect();
        let expected = Err(RequestError::Lost { sent: false });
        prop_assert!(matches!(&events[..], [Event::Completed { request: ended, result }, Event::Closed(_)]
            if *ended == request && *result == expected), "{:?}", events);
    }

    /// One changed byte anywhere in what the server says either changes nothing that matters, or ends the
    /// connection; it never lets a wrong answer through.
    #[test]
    fn a_changed_byte_never_gives_a_wrong_answer(
        dialect in prop::sample::select(&Dialect::ALL[..]),
        position: prop::sample::Index,
        change in 1u8..,
    ) {
        let mut pair = ScriptedPair::ready(dialect);
        let read = pair.client.read(PIPE, 10);
        let (header, _) = pair.request();
        pair.server.reply(&header, NtStatus::SUCCESS, |out| ReadResponse { data: b"answer" }.encode(out));
        let mut bytes = pair.server.take();
        let position = position.index(bytes.len());
        bytes[position] ^= change;
        pair.client.handle(NOW, Input::Received(&bytes));
        pair.client.handle(NOW, Input::Disconnected);
        let events = pair.events();
        let expected = Err(RequestError::Lost { sent: true });
        prop_assert!(matches!(&events[..], [Event::Completed { request, result }, Event::Closed(_)]
            if *request == read && *result == expected), "{:?}", events);
    }
}
