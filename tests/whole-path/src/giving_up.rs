//! Callers who give up, and what they leave behind.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use standpipe_client::{Client, ClientError, ConnectOptions, Credentials};
use standpipe_pipe::Mode;

use crate::proxy::Proxy;
use crate::support::{Plan, Site, TIMEOUT, eventually, name};

/// Polls what has to wait, once.
async fn begin(mut future: Pin<&mut impl Future>) {
    let waits = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
    assert!(waits, "it is still under way");
}

#[tokio::test]
async fn a_pipe_that_was_opened_for_nobody_is_closed() {
    let site = Site::new().await;
    let _service = site.listen(Mode::Message).await;
    let client = site.client().await;
    {
        let name = name();
        let mut open = pin!(client.open(&name));
        begin(open.as_mut()).await;
        eventually("the pipe is open", || site.counters.snapshot().opens_now == 1).await;
        // The reply is there, and was not taken, once what was asked later is answered.
        for _ in 0..3 {
            client.echo().await.unwrap();
        }
    }
    eventually("the pipe is closed", || site.counters.snapshot().opens_now == 0).await;
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_pipe_is_closed_though_nobody_waits_for_that() {
    let mut plan = Plan::default();
    // A read that waits leaves nothing to send another request with.
    plan.options.limits.credits = 1;
    plan.options.limits.interim_after = Duration::from_hours(1);
    plan.options.limits.interim_after_for_few_credits = Duration::from_hours(1);
    let site = Site::with(plan).await;
    let service = site.listen(Mode::Message).await;
    let client = site.client().await;
    let (kept, closed) = (client.open(&name()).await.unwrap(), client.open(&name()).await.unwrap());
    let (first, _second) = (service.accept().await.unwrap(), service.accept().await.unwrap());
    {
        let mut read = pin!(kept.read(100));
        begin(read.as_mut()).await;
        {
            let mut close = pin!(closed.close());
            begin(close.as_mut()).await;
            // The runtime has one thread: before this task goes on, the connection's task has taken it up.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        first.write_message(b"abc").await.unwrap();
        assert_eq!(read.await.unwrap().unwrap(), b"abc");
    }
    eventually("one pipe is closed", || site.counters.snapshot().opens_now == 1).await;
}

#[tokio::test]
async fn a_server_that_does_not_say_when_a_pipe_is_free_is_given_up() {
    let site = Site::new().await;
    let proxy = Proxy::new(site.address).await;
    let options = ConnectOptions { timeout: TIMEOUT, keep_alive: None, ..ConnectOptions::default() };
    let credentials = Credentials::with_password("serviceUser", "secret");
    let client = Client::connect(&proxy.address.into(), &credentials, &options).await.unwrap();
    proxy.freeze(true);
    tokio::time::pause();
    let asked = Duration::from_secs(1);
    let name = name();
    let wait = tokio::time::timeout(TIMEOUT * 10, client.wait(&name, asked));
    match wait.await.expect("it ends") {
        Err(ClientError::ConnectTimeout { timeout, .. }) => assert_eq!(timeout, TIMEOUT + asked),
        other => panic!("{other:?}"),
    }
}
