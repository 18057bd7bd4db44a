//! Calls that succeed, and what happens to the others meanwhile.

use std::time::Duration;

use standpipe_client::{CallOptions, Client, ClientError, ConnectOptions, Credentials, ReplyEnd};
use standpipe_pipe::Mode;
use standpipe_server::Options;
use tokio::sync::oneshot;

use crate::support::{Plan, Site, TIMEOUT, echo_messages, eventually, name, reverse_one, serve};

fn to_message() -> CallOptions {
    CallOptions { reply_end: ReplyEnd::Message, ..CallOptions::default() }
}

#[tokio::test]
async fn a_request_comes_back_reversed() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let client = site.client().await;
    for options in [CallOptions::default(), to_message()] {
        for request in [&b"hello\0"[..], b"", b"x", "größe".as_bytes(), &[0; 1000]] {
            let reply = client.call(&name(), request, &options).await.unwrap();
            let expected: Vec<u8> = request.iter().rev().copied().collect();
            assert_eq!(reply, expected, "{request:?}");
        }
    }
    let counted = site.counters.snapshot();
    assert_eq!((counted.log_ons, counted.opens, counted.requests, counted.replies), (1, 10, 10, 10));
    eventually("closed", || site.counters.snapshot().opens_now == 0).await;
}

#[tokio::test]
async fn long_requests_and_replies_arrive_whole() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let client = site.client().await;
    for length in [4096, 65_535, 65_536, 65_537, 150_000] {
        let request: Vec<u8> = (0..length).map(|i: u32| (i / 3) as u8).collect();
        let expected: Vec<u8> = request.iter().rev().copied().collect();
        for options in [CallOptions::default(), to_message()] {
            let reply = client.call(&name(), &request, &options).await.unwrap();
            assert!(reply == expected, "{length} {options:?}");
        }
    }
}

#[tokio::test]
async fn a_reply_of_many_messages_is_read_to_its_end() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, |connection| async move {
        connection.read_message().await.unwrap();
        for number in 0..500_u32 {
            connection.write_message(format!("{number},").as_bytes()).await.unwrap();
        }
        connection.disconnect();
    });
    let to_the_end = CallOptions { reply_end: ReplyEnd::Disconnect, ..CallOptions::default() };
    let reply = site.client().await.call(&name(), b"go", &to_the_end).await.unwrap();
    let expected: String = (0..500).flat_map(|number| [number.to_string(), ",".to_owned()]).collect();
    assert_eq!(String::from_utf8(reply).unwrap(), expected);
}

#[tokio::test]
async fn messages_keep_their_boundaries_on_one_open() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    for message in [&b"one"[..], b"", b"three"] {
        pipe.write(message).await.unwrap();
    }
    for message in [&b"one"[..], b"", b"three"] {
        assert_eq!(pipe.read_message(1000).await.unwrap().unwrap(), message);
    }
    let long = vec![7; 200_000];
    assert_eq!(pipe.transceive(&long, 1_000_000).await.unwrap().unwrap(), long);
    assert_eq!(
        pipe.transceive(b"short", 1).await.err().map(|error| error.to_string().contains("longer")),
        Some(true)
    );
    pipe.close().await.unwrap();
}

#[tokio::test]
async fn bytes_flow_through_a_byte_pipe() {
    let site = Site::with(Plan { mode: Mode::Byte, ..Plan::default() }).await;
    let _service = serve(site.listen(Mode::Byte).await, |connection| async move {
        let mut buffer = vec![0; 10_000];
        loop {
            match connection.read(&mut buffer).await.unwrap() {
                0 => return,
                length => connection.write_all(&buffer[..length]).await.unwrap(),
            }
        }
    });
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    let sent: Vec<u8> = (0..700_000_u32).map(|i| (i / 5) as u8).collect();
    let write = pipe.write(&sent);
    let read = async {
        let mut received = Vec::new();
        while received.len() < sent.len() {
            received.extend_from_slice(&pipe.read(60_000).await.unwrap().unwrap());
        }
        received
    };
    let (written, received) = tokio::join!(write, read);
    written.unwrap();
    assert!(received == sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once_get_their_own_replies() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let client = site.client().await;
        for lane in 0..8 {
            let client = client.clone();
            callers.spawn(async move {
                for round in 0..10 {
                    let request = format!("caller {caller} lane {lane} round {round}");
                    let reply =
                        client.call(&name(), request.as_bytes(), &CallOptions::default()).await.unwrap();
                    let expected: Vec<u8> = request.bytes().rev().collect();
                    assert_eq!(reply, expected);
                }
            });
        }
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    assert_eq!(site.counters.snapshot().requests, 640);
}

#[tokio::test]
async fn a_service_that_does_not_answer_holds_up_nobody_else() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, |connection| async move {
        match connection.read_message().await.unwrap().as_deref() {
            Some(b"sleep") => std::future::pending::<()>().await,
            Some(request) => connection.write_message(request).await.unwrap(),
            None => {}
        }
    });
    let client = site.client().await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        let pipe = client.open(&name()).await.unwrap();
        pipe.write(b"sleep").await.unwrap();
        stuck.push(tokio::spawn(async move { pipe.read_message(100).await }));
    }
    let reply = client.call(&name(), b"awake", &CallOptions::default()).await.unwrap();
    assert_eq!(reply, b"awake");
    assert!(stuck.iter().all(|read| !read.is_finished()));
}

#[tokio::test]
async fn a_call_that_is_given_up_closes_its_pipe() {
    let site = Site::new().await;
    let (gone, is_gone) = oneshot::channel();
    let listener = site.listen(Mode::Message).await;
    let service = tokio::spawn(async move {
        let connection = listener.accept().await.unwrap();
        assert_eq!(connection.read_message().await.unwrap().unwrap(), b"request");
        // Never answers; waits for the client to go.
        let end = connection.read_message().await.unwrap();
        gone.send(end).unwrap();
    });
    let client = site.client().await;
    let options = CallOptions { reply_timeout: Duration::from_millis(50), ..CallOptions::default() };
    let error = client.call(&name(), b"request", &options).await.unwrap_err();
    assert!(matches!(error, ClientError::ReplyTimeout { .. }) && error.may_have_arrived(), "{error}");
    assert_eq!(tokio::time::timeout(TIMEOUT, is_gone).await.unwrap().unwrap(), None);
    service.await.unwrap();
    assert!(!client.is_closed(), "the connection stays");
}

#[tokio::test]
async fn bytes_written_before_closing_reach_the_service() {
    let site = Site::new().await;
    let listener = site.listen(Mode::Message).await;
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    pipe.write(b"first").await.unwrap();
    pipe.write(b"").await.unwrap();
    pipe.close().await.unwrap();
    client.log_off().await;
    let connection = listener.accept().await.unwrap();
    assert_eq!(connection.read_message().await.unwrap(), Some(b"first".to_vec()));
    assert_eq!(connection.read_message().await.unwrap(), Some(vec![]));
    assert_eq!(connection.read_message().await.unwrap(), None);
}

#[tokio::test]
async fn a_service_that_dies_ends_the_call_with_an_error_that_says_so() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, |connection| async move {
        connection.read_message().await.unwrap();
        drop(connection);
    });
    let client = site.client().await;
    for options in [to_message(), CallOptions::default()] {
        let error = client.call(&name(), b"request", &options).await.unwrap_err();
        assert!(matches!(error, ClientError::NoReply { .. }) && error.may_have_arrived(), "{error}");
    }
}

#[tokio::test]
async fn an_empty_message_is_a_reply() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, |connection| async move {
        connection.read_message().await.unwrap();
        connection.write_message(b"").await.unwrap();
        connection.disconnect();
    });
    let client = site.client().await;
    for options in [to_message(), CallOptions::default()] {
        assert_eq!(client.call(&name(), b"request", &options).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn the_longest_waits_there_are_do_no_harm() {
    let mut options = Options::new().unwrap();
    options.send_timeout = Duration::MAX;
    options.drain_timeout = Duration::MAX;
    options.limits.logon_timeout = Duration::MAX;
    options.limits.interim_after = Duration::MAX;
    options.limits.interim_after_for_few_credits = Duration::MAX;
    options.limits.max_pipe_wait = Duration::MAX;
    let site = Site::with(Plan { options, ..Plan::default() }).await;
    let connect = ConnectOptions { timeout: Duration::MAX, ..ConnectOptions::default() };
    let credentials = Credentials::with_password("serviceUser", "secret");
    let client = Client::connect(&site.server(), &credentials, &connect).await.unwrap();
    let call =
        CallOptions { wait_for_pipe: Duration::MAX, reply_timeout: Duration::MAX, ..CallOptions::default() };
    let call = tokio::spawn(async move { client.call(&name(), b"ab", &call).await });
    let _service = site.reverse().await;
    assert_eq!(call.await.unwrap().unwrap(), b"ba");
    site.stop.cancel();
    tokio::time::timeout(TIMEOUT, site.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_to_a_byte_pipe_can_be_of_any_length() {
    let site = Site::with(Plan { mode: Mode::Byte, ..Plan::default() }).await;
    // It answers while it still reads, so that who only wrote would wait for ever.
    let _service = serve(site.listen(Mode::Byte).await, |connection| async move {
        let (mut buffer, mut left) = (vec![0; 10_000], 3_000_000);
        while left > 0 {
            let length = connection.read(&mut buffer).await.unwrap();
            connection.write_all(&buffer[..length]).await.unwrap();
            left -= length;
        }
        connection.disconnect();
    });
    let client = site.client().await;
    let request: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 11) as u8).collect();
    let options = CallOptions { mode: Mode::Byte, ..CallOptions::default() };
    assert!(client.call(&name(), &request, &options).await.unwrap() == request);
    let error = client.call(&name(), &request, &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTooLong { .. }), "{error}");
}

#[tokio::test]
async fn an_open_waits_for_a_service_that_starts() {
    let site = Site::new().await;
    let client = site.client().await;
    assert!(matches!(client.open(&name()).await, Err(ClientError::PipeBusy { .. })));
    let call = {
        let client = client.clone();
        tokio::spawn(async move { client.call(&name(), b"ab", &CallOptions::default()).await })
    };
    let _service = serve(site.listen(Mode::Message).await, reverse_one);
    assert_eq!(call.await.unwrap().unwrap(), b"ba");
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_not_reached() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let client = site.client().await;
    assert!(client.wait(&name(), TIMEOUT).await.unwrap());
    site.readiness.send(false).unwrap();
    assert!(matches!(client.open(&name()).await, Err(ClientError::PipeBusy { .. })));
    assert!(!client.wait(&name(), Duration::from_millis(30)).await.unwrap());
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.wait(&name(), TIMEOUT).await })
    };
    site.readiness.send(true).unwrap();
    assert!(waiting.await.unwrap().unwrap());
    client.open(&name()).await.unwrap();
}

#[tokio::test]
async fn stopping_lets_what_is_in_flight_end() {
    let site = Site::new().await;
    let (asked, is_asked) = oneshot::channel();
    let (answer, may_answer) = oneshot::channel::<()>();
    let listener = site.listen(Mode::Message).await;
    tokio::spawn(async move {
        let connection = listener.accept().await.unwrap();
        connection.read_message().await.unwrap();
        asked.send(()).unwrap();
        may_answer.await.unwrap();
        connection.write_message(b"late").await.unwrap();
        connection.disconnect();
    });
    let client = site.client().await;
    let idle = site.client().await;
    let call = {
        let client = client.clone();
        tokio::spawn(async move { client.call(&name(), b"request", &CallOptions::default()).await })
    };
    is_asked.await.unwrap();
    site.stop.cancel();
    // A connection without opens is closed at once, a new one is not accepted.
    tokio::time::timeout(TIMEOUT, idle.closed()).await.unwrap();
    eventually("refused", || std::net::TcpStream::connect(site.address).is_err()).await;
    assert!(!call.is_finished());
    answer.send(()).unwrap();
    assert_eq!(call.await.unwrap().unwrap(), b"late");
    tokio::time::timeout(TIMEOUT, site.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut plan = Plan::default();
    plan.options.drain_timeout = Duration::from_millis(20);
    let site = Site::with(plan).await;
    let _service = serve(site.listen(Mode::Message).await, |connection| async move {
        let _connection = connection;
        std::future::pending::<()>().await;
    });
    let client = site.client().await;
    let call = {
        let client = client.clone();
        tokio::spawn(async move { client.call(&name(), b"request", &CallOptions::default()).await })
    };
    eventually("asked", || site.counters.snapshot().requests == 1).await;
    site.stop.cancel();
    tokio::time::timeout(TIMEOUT, site.server).await.unwrap().unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Disconnected { may_have_arrived: true, .. }), "{error}");
}
