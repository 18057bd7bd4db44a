//! Where a reply ends, and what is left of one that does not.

use std::time::{Duration, Instant};

use standpipe_client::{CallOptions, Client, ClientError, ReplyEnd};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::Backend;
use standpipe_pipe::listener::PipeConnection;

use crate::support::{Lost, Plan, Site, TIMEOUT, echo_messages, name, serve};

/// Answers bytes with themselves until the client goes.
async fn echo_bytes(connection: PipeConnection) {
    let mut buffer = vec![0; 10_000];
    while let Ok(length @ 1..) = connection.read(&mut buffer).await {
        if connection.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn byte_site() -> Site {
    Site::with(Plan { mode: Mode::Byte, ..Plan::default() }).await
}

async fn called(client: &Client, options: &CallOptions) -> (Vec<u8>, Option<ClientError>) {
    let mut reply = Vec::new();
    let result = client.call_into(&name(), b"Hello", options, &mut reply).await;
    (reply, result.err())
}

#[tokio::test]
async fn a_service_that_keeps_the_pipe_open_has_replied_with_its_first_message() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let client = site.client().await;
    let began = Instant::now();
    for reply_end in [ReplyEnd::Usual, ReplyEnd::Message, ReplyEnd::Quiet] {
        let options = CallOptions { reply_end, ..CallOptions::default() };
        assert_eq!(client.call(&name(), b"Hello", &options).await.unwrap(), b"Hello", "{reply_end:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_pipe_of_bytes_has_replied_when_it_falls_quiet_whatever_it_is_taken_for() {
    let site = byte_site().await;
    let _service = serve(site.listen(Mode::Byte).await, echo_bytes);
    let client = site.client().await;
    for mode in [Mode::Message, Mode::Byte] {
        let options = CallOptions { mode, ..CallOptions::default() };
        let began = Instant::now();
        assert_eq!(client.call(&name(), b"Hello", &options).await.unwrap(), b"Hello", "{mode:?}");
        assert!(began.elapsed() >= options.quiet, "{mode:?}");
    }
}

#[tokio::test]
async fn pauses_that_are_shorter_than_the_quiet_time_end_no_reply() {
    let site = byte_site().await;
    let _service = serve(site.listen(Mode::Byte).await, |connection| async move {
        for part in [&b"one "[..], b"two ", b"three"] {
            connection.write_all(part).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    });
    let client = site.client().await;
    let options = CallOptions { quiet: Duration::from_secs(1), ..CallOptions::default() };
    assert_eq!(client.call(&name(), b"Hello", &options).await.unwrap(), b"one two three");
}

#[tokio::test]
async fn a_service_that_speaks_first_has_its_whole_say() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, |connection| async move {
        connection.write_message(b"welcome ").await.unwrap();
        echo_messages(connection).await;
    });
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    // The greeting is there before the request goes.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pipe.exchange(b"Hello", &CallOptions::default()).await.unwrap(), b"welcome Hello");
}

#[tokio::test]
async fn a_pipe_of_bytes_that_is_to_give_a_message_says_what_it_is() {
    let site = byte_site().await;
    let _service = serve(site.listen(Mode::Byte).await, echo_bytes);
    let client = site.client().await;
    let options = CallOptions { reply_end: ReplyEnd::Message, ..CallOptions::default() };
    let error = client.call(&name(), b"Hello", &options).await.unwrap_err();
    assert!(matches!(error, ClientError::NoMessages { .. }) && !error.may_have_arrived(), "{error}");
    assert!(error.to_string().contains("is a pipe of bytes") && error.hint().is_some(), "{error}");
    let pipe = client.open(&name()).await.unwrap();
    let error = pipe.read_message(10).await.unwrap_err();
    assert!(matches!(error, ClientError::NoMessages { .. }), "{error}");
}

#[tokio::test]
async fn what_came_before_the_time_was_over_is_kept() {
    for mode in [Mode::Message, Mode::Byte] {
        let site = Site::with(Plan { mode, ..Plan::default() }).await;
        let _service = serve(site.listen(mode).await, move |connection| async move {
            match mode {
                Mode::Message => echo_messages(connection).await,
                Mode::Byte => echo_bytes(connection).await,
            }
        });
        let client = site.client().await;
        let reply_timeout = Duration::from_millis(300);
        let options =
            CallOptions { mode, reply_end: ReplyEnd::Disconnect, reply_timeout, ..CallOptions::default() };
        let (reply, error) = called(&client, &options).await;
        let error = error.unwrap();
        assert_eq!(reply, b"Hello", "{mode:?}");
        assert!(matches!(error, ClientError::ReplyTimeout { received: 5, .. }), "{error}");
        assert!(error.to_string().contains("did not end within 0.3 s"), "{error}");
    }
}

#[tokio::test]
async fn what_came_before_the_way_to_the_service_broke_is_kept() {
    for mode in [Mode::Message, Mode::Byte] {
        let site = Site::before(Backend::connector(mode, Lost { mode, before: b"half of" })).await;
        let client = site.client().await;
        let options = CallOptions {
            mode,
            reply_end: ReplyEnd::Disconnect,
            reply_timeout: TIMEOUT,
            ..CallOptions::default()
        };
        let (reply, error) = called(&client, &options).await;
        assert_eq!(reply, b"half of", "{mode:?}");
        assert!(error.is_some_and(|error| error.may_have_arrived()), "{mode:?}");
    }
}

#[tokio::test]
async fn a_reply_that_is_too_long_is_kept_up_to_its_limit() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let client = site.client().await;
    for reply_end in [ReplyEnd::Usual, ReplyEnd::Disconnect] {
        let options = CallOptions { max_reply: 4, reply_end, ..CallOptions::default() };
        let (reply, error) = called(&client, &options).await;
        assert!(matches!(error, Some(ClientError::ReplyTooLong { limit: 4, .. })), "{error:?}");
        assert_eq!(reply, b"Hell", "{reply_end:?}");
    }
}
