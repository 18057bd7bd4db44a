//! What is refused, and how it is told.

use std::time::Duration;

use standpipe_client::{CallOptions, Client, ClientError, ConnectOptions, Credentials, ServerAddress};
use standpipe_pipe::Mode;
use standpipe_smb::NtStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

use crate::support::{Plan, Site, TIMEOUT, connect, echo_messages, eventually, name, serve};

#[tokio::test]
async fn log_ons_without_the_right_password_fail() {
    let site = Site::new().await;
    site.accounts.add("disabled", "secret", None).unwrap();
    site.accounts.set_enabled("disabled", false).unwrap();
    for (user, password, expected) in [
        ("serviceUser", "wrong", NtStatus::LOGON_FAILURE),
        ("nobody", "secret", NtStatus::LOGON_FAILURE),
        ("disabled", "wrong", NtStatus::LOGON_FAILURE),
        ("disabled", "secret", NtStatus::ACCOUNT_DISABLED),
    ] {
        match site.client_as(user, password).await {
            Err(error @ ClientError::LogOnFailed { status, .. }) => {
                assert_eq!(status, expected, "{user}/{password}");
                assert!(error.to_string().contains(user) && error.hint().is_some(), "{error}");
                assert!(!error.may_have_arrived());
            }
            other => panic!("{user}/{password}: {other:?}"),
        }
    }
    assert_eq!(site.counters.snapshot().log_ons_refused, 4);
    assert_eq!(site.counters.snapshot().log_ons, 0);
}

#[tokio::test]
async fn guessing_is_slowed_down_over_all_connections() {
    let mut plan = Plan::default();
    plan.options.guessing.per_account_and_address = 2;
    plan.options.guessing.first_wait = Duration::from_hours(1);
    plan.options.guessing.longest_wait = Duration::from_hours(1);
    let site = Site::with(plan).await;
    for (user, password) in [("serviceUser", "guess"), ("SERVICEUSER", "guess"), ("serviceUser", "secret")] {
        match site.client_as(user, password).await {
            Err(ClientError::LogOnFailed { status, .. }) => assert_eq!(status, NtStatus::LOGON_FAILURE),
            other => panic!("{user}/{password}: {other:?}"),
        }
    }
    // Others go on as before.
    site.accounts.add("another", "secret", None).unwrap();
    site.client_as("another", "secret").await.unwrap();
}

#[tokio::test]
async fn a_link_in_a_services_folder_leads_nowhere() {
    let site = Site::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let _other = serve(crate::support::listen(elsewhere.path(), Mode::Message).await, echo_messages);
    let pipes = site.folder.path().join("pipes");
    std::fs::create_dir_all(&pipes).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("pipes/simple"), pipes.join("simple")).unwrap();
    let client = site.client().await;
    assert!(!client.wait(&name(), Duration::from_millis(50)).await.unwrap(), "nobody listens");
    assert!(matches!(client.open(&name()).await, Err(ClientError::PipeBusy { .. })));
}

#[tokio::test]
async fn a_password_that_is_changed_counts_at_once() {
    let site = Site::new().await;
    site.client_as("SERVICEUSER", "secret").await.unwrap();
    site.accounts.set_password("serviceUser", "other").unwrap();
    assert!(matches!(site.client_as("serviceUser", "secret").await, Err(ClientError::LogOnFailed { .. })));
    site.client_as("serviceUser", "other").await.unwrap();
    site.accounts.remove("serviceUser").unwrap();
    assert!(matches!(site.client_as("serviceUser", "other").await, Err(ClientError::LogOnFailed { .. })));
}

#[tokio::test]
async fn the_pipes_own_access_control_list_decides() {
    let site = Site::new().await;
    let service = site.listen(Mode::Message).await;
    let client = site.client_as("guestling", "secret").await.unwrap();
    let error = client.call(&name(), b"request", &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::AccessDenied { .. }), "{error}");
    assert!(error.to_string().contains("guestling") && !error.may_have_arrived(), "{error}");
    assert_eq!(site.counters.snapshot().opens_refused, 1);
    // Nothing has reached the service.
    assert!(tokio::time::timeout(Duration::from_millis(20), service.accept()).await.is_err());
}

#[tokio::test]
async fn a_pipe_that_does_not_exist_says_so() {
    let site = Site::new().await;
    let error = site.client().await.open(&"other".parse().unwrap()).await.unwrap_err();
    assert!(
        matches!(error, ClientError::NoSuchPipe { .. }) && error.to_string().contains("/pipe/other"),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_longer_than_the_server_takes_is_not_sent() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let client = site.client().await;
    let request = vec![0; client.ready().max_write as usize + 1];
    let error = client.call(&name(), &request, &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::RequestTooLong { .. }) && !error.may_have_arrived(), "{error}");
}

#[tokio::test]
async fn a_reply_longer_than_the_caller_takes_ends_the_call() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let client = site.client().await;
    for (max_reply, good) in [(99, false), (100, true)] {
        let options = CallOptions { max_reply, ..CallOptions::default() };
        match client.call(&name(), &[7; 100], &options).await {
            Ok(reply) => assert!(good && reply.len() == 100),
            Err(error) => {
                assert!(!good && matches!(error, ClientError::ReplyTooLong { limit: 99, .. }), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = connect(&free.into(), "u", "p").await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&free.to_string()) && error.hint().is_some());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().into();
    let options = ConnectOptions { timeout: Duration::from_millis(50), ..ConnectOptions::default() };
    let error = Client::connect(&address, &Credentials::with_password("u", "p"), &options).await.unwrap_err();
    assert!(matches!(error, ClientError::ConnectTimeout { .. }), "{error}");
    assert!(error.to_string().ends_with("within 0.05 s"), "{error}");
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_given_up() {
    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = web.local_addr().unwrap().into();
    tokio::spawn(async move {
        let (mut stream, _) = web.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let error = connect(&address, "u", "p").await.unwrap_err();
    assert!(matches!(error, ClientError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn garbage_is_answered_by_closing_the_connection() {
    let site = Site::new().await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0xff, 0xff, 0xff], &[0, 0, 0, 4, 1, 2, 3, 4]] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok() && answer.is_empty(), "{garbage:?}: {answer:?}");
    }
    eventually("gone", || site.counters.snapshot().connections_now == 0).await;
    site.client().await;
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let mut plan = Plan::default();
    plan.options.max_connections_per_address = 2;
    let site = Site::with(plan).await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let first = site.client().await;
    let second = site.client().await;
    let _busy = (first.open(&name()).await.unwrap(), second.open(&name()).await.unwrap());
    let third = site.client_as("serviceUser", "secret").await;
    let is_served = match third {
        Ok(client) => client.echo().await.is_ok(),
        Err(_) => false,
    };
    assert!(!is_served);
    assert_eq!(site.counters.snapshot().connections_refused, 1);
    first.log_off().await;
    eventually("place is free", || site.counters.snapshot().connections_now == 1).await;
    site.client().await.echo().await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let mut plan = Plan::default();
    plan.options.send_timeout = Duration::from_millis(100);
    let site = Site::with(plan).await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);

    // Between client and server somebody who at some time forwards requests only.
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay_address: ServerAddress = relay.local_addr().unwrap().into();
    let (deafen, mut deaf) = oneshot::channel::<()>();
    let address = site.address;
    tokio::spawn(async move {
        let (client, _) = relay.accept().await.unwrap();
        let server = TcpSocket::new_v4().unwrap();
        server.set_recv_buffer_size(64 * 1024).unwrap();
        let server = server.connect(address).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let requests = tokio::io::copy(&mut from_client, &mut to_server);
        let replies = async {
            tokio::select! {
                _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                _ = &mut deaf => std::future::pending().await,
            }
        };
        let _ = tokio::join!(requests, replies);
    });
    let client = connect(&relay_address, "serviceUser", "secret").await.unwrap();
    let mut pipes = Vec::new();
    for _ in 0..200 {
        pipes.push(client.open(&name()).await.unwrap());
    }
    deafen.send(()).unwrap();
    // More than the buffers of two sockets hold.
    for pipe in pipes {
        tokio::spawn(async move { pipe.transceive(&vec![0; 65_536], 65_536).await });
    }
    eventually("busy", || site.counters.snapshot().requests > 10).await;
    eventually("closed", || site.counters.snapshot().connections_now == 0).await;
    assert_eq!(site.counters.snapshot().opens_now, 0);
}

#[tokio::test]
async fn a_server_that_goes_is_noticed() {
    let site = Site::new().await;
    let client = site.client().await;
    site.server.abort();
    tokio::time::timeout(TIMEOUT, client.closed()).await.unwrap();
    let error = client.call(&name(), b"x", &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Disconnected { may_have_arrived: false, .. }), "{error}");
}
