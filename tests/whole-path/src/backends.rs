//! Where pipes can lead.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use standpipe_client::{CallOptions, ClientError, ReplyEnd};
use standpipe_pipe::backend::Backend;
use standpipe_pipe::{Caller, Mode};
use standpipe_system::user::User;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;

use crate::support::{Plan, Site, TIMEOUT, echo_messages, eventually, name, reverse_one, serve};

#[tokio::test]
async fn a_function_serves_messages() {
    let site = Site::before(Backend::handler(Mode::Message, reverse_one)).await;
    let client = site.client().await;
    for request in [&b"hello"[..], b"", &[7; 10_000]] {
        let reply = client.call(&name(), request, &CallOptions::default()).await.unwrap();
        let expected: Vec<u8> = request.iter().rev().copied().collect();
        assert!(reply == expected, "{}", request.len());
    }
    assert!(client.wait(&name(), TIMEOUT).await.unwrap(), "it listens always");
    eventually("closed", || site.counters.snapshot().opens_now == 0).await;
}

#[tokio::test]
async fn a_function_serves_messages_beyond_what_a_direction_holds() {
    let site = Site::before(Backend::handler(Mode::Message, echo_messages)).await;
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    let messages: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 50_000]).collect();
    let write = async {
        for message in &messages {
            pipe.write(message).await.unwrap();
        }
    };
    let read = async {
        for message in &messages {
            assert!(pipe.read_message(60_000).await.unwrap().unwrap() == *message);
        }
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn a_function_serves_bytes() {
    let echo = Backend::handler(Mode::Byte, |pipe| async move {
        let mut buffer = vec![0; 1000];
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            pipe.write_all(&buffer[..length]).await.unwrap();
        }
    });
    let site = Site::with(Plan { mode: Mode::Byte, backend: Some(echo), ..Plan::default() }).await;
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    let sent: Vec<u8> = (0..700_000_u32).map(|i| (i / 5) as u8).collect();
    let read = async {
        let mut received = Vec::new();
        while received.len() < sent.len() {
            received.extend_from_slice(&pipe.read(60_000).await.unwrap().unwrap());
        }
        received
    };
    let (written, received) = tokio::join!(pipe.write(&sent), read);
    written.unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn a_function_knows_its_caller() {
    let seen: Arc<Mutex<Vec<Caller>>> = Arc::default();
    let told = Arc::clone(&seen);
    let backend = Backend::handler(Mode::Message, move |pipe| {
        told.lock().unwrap().push(pipe.caller().unwrap().clone());
        reverse_one(pipe)
    });
    let site = Site::before(backend).await;
    let client = site.client_as("SERVICEUSER", "secret").await.unwrap();
    client.call(&name(), b"x", &CallOptions::default()).await.unwrap();
    let callers = seen.lock().unwrap();
    let [caller] = callers.as_slice() else { panic!("{callers:?}") };
    assert_eq!((caller.account(), caller.pipe()), ("serviceUser", "simple"));
    assert!(caller.sid().to_string().starts_with("S-1-5-21-"), "{caller:?}");
    assert!(caller.groups().iter().any(|group| group.to_string() == "S-1-5-11"));
    assert_eq!(caller.address().ip(), site.address.ip());
    assert_ne!(caller.address(), site.address);
}

#[tokio::test]
async fn a_function_that_panics_ends_its_own_open_only() {
    let backend = Backend::handler(Mode::Message, |pipe| async move {
        let message = pipe.read_message().await.unwrap().unwrap();
        assert_ne!(message, b"panic", "as asked");
        pipe.write_message(&message).await.unwrap();
    });
    let site = Site::with(Plan { max_instances: Some(1), backend: Some(backend), ..Plan::default() }).await;
    let client = site.client().await;
    let error = client.call(&name(), b"panic", &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::NoReply { .. }), "{error}");
    let options = CallOptions { reply_end: ReplyEnd::Message, ..CallOptions::default() };
    assert_eq!(client.call(&name(), b"go on", &options).await.unwrap(), b"go on");
}

#[tokio::test]
async fn a_function_sees_that_its_client_is_gone() {
    let (gone, is_gone) = oneshot::channel();
    let gone = Mutex::new(Some(gone));
    let backend = Backend::handler(Mode::Message, move |pipe| {
        let gone = gone.lock().unwrap().take();
        async move {
            assert_eq!(pipe.read_message().await.unwrap().unwrap(), b"only");
            let end = pipe.read_message().await.unwrap();
            gone.unwrap().send(end).unwrap();
        }
    });
    let site = Site::before(backend).await;
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    pipe.write(b"only").await.unwrap();
    drop((pipe, client));
    assert_eq!(tokio::time::timeout(TIMEOUT, is_gone).await.unwrap().unwrap(), None);
}

async fn in_byte_mode(backend: Backend) -> Site {
    Site::with(Plan { mode: Mode::Byte, backend: Some(backend), ..Plan::default() }).await
}

/// Writes a request and reads until the service closes.
async fn exchange(site: &Site, request: &[u8]) -> Vec<u8> {
    let client = site.client().await;
    let pipe = client.open(&name()).await.unwrap();
    pipe.write(request).await.unwrap();
    let mut reply = Vec::new();
    while let Some(bytes) = pipe.read(1000).await.unwrap() {
        reply.extend_from_slice(&bytes);
    }
    reply
}

#[tokio::test]
async fn a_tcp_port_serves_bytes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = in_byte_mode(Backend::tcp("localhost", listener.local_addr().unwrap().port())).await;
    let service = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 5];
            // A look whether somebody listens sends nothing.
            if stream.read_exact(&mut request).await.is_ok() {
                request.reverse();
                stream.write_all(&request).await.unwrap();
            }
        }
    });
    assert!(site.client().await.wait(&name(), TIMEOUT).await.unwrap());
    assert_eq!(exchange(&site, b"hello").await, b"olleh");
    service.abort();
    let _ = service.await;
    let client = site.client().await;
    assert!(matches!(client.open(&name()).await, Err(ClientError::PipeBusy { .. })));
}

#[tokio::test]
async fn a_socket_in_a_folder_of_everybody_must_be_of_the_services_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CoreFxPipe_simple");
    let listener = UnixListener::bind(&path).unwrap();
    let stranger =
        in_byte_mode(Backend::unix_of(&path, Mode::Byte, [User::from_number(User::own().number() + 1)]))
            .await;
    let client = stranger.client().await;
    assert!(!client.wait(&name(), Duration::from_millis(50)).await.unwrap(), "nobody who counts listens");
    assert!(matches!(client.open(&name()).await, Err(ClientError::PipeBusy { .. })));

    let site = in_byte_mode(Backend::unix_of(&path, Mode::Byte, [User::own()])).await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 5];
            if stream.read_exact(&mut request).await.is_ok() {
                stream.write_all(&request).await.unwrap();
            }
        }
    });
    assert_eq!(exchange(&site, b"hello").await, b"hello");

    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let led_astray = in_byte_mode(Backend::unix_of(&link, Mode::Byte, [User::own()])).await;
    let client = led_astray.client().await;
    assert!(matches!(client.open(&name()).await, Err(ClientError::PipeBusy { .. })));
}

#[tokio::test]
async fn a_service_that_asks_is_told_its_caller() {
    for mode in [Mode::Message, Mode::Byte] {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::local(&folder.path().join("pipes"), &name(), mode).with_greeting();
        let site = Site::with(Plan { mode, backend: Some(backend), ..Plan::default() }).await;
        let _service = serve(crate::support::listen(folder.path(), mode).await, |pipe| async move {
            assert!(pipe.caller().is_none());
            let pipe = pipe.introduced().await.unwrap();
            let caller = pipe.caller().unwrap().clone();
            let answer = format!("{} {} {}", caller.account(), caller.pipe(), caller.address().ip());
            match pipe.mode() {
                Mode::Message => {
                    assert_eq!(pipe.read_message().await.unwrap().unwrap(), b"who am I?");
                    pipe.write_message(answer.as_bytes()).await.unwrap();
                }
                Mode::Byte => {
                    let mut request = [0; 100];
                    let length = pipe.read(&mut request).await.unwrap();
                    assert_eq!(&request[..length], b"who am I?");
                    pipe.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        assert_eq!(exchange(&site, b"who am I?").await, b"serviceUser simple 127.0.0.1", "{mode}");
    }
}
