//! Native pipes of Windows, from a client of the network to a service that knows nothing of Standpipe.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use standpipe_client::{CallOptions, ClientError};
use standpipe_pipe::backend::Backend;
use standpipe_pipe::listener::{ListenOptions, PipeListener};
use standpipe_pipe::{Mode, PipeName};
use tokio::task::JoinSet;

use crate::support::{Plan, STORY, Site, TIMEOUT, echo_messages, name, reverse_one, serve};

/// A name that no other test has.
fn native_name() -> PipeName {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("standpipe-path-{}-{number}", std::process::id()).parse().unwrap()
}

/// A site whose pipe leads to the native pipe, and has no descriptor in its configuration.
async fn site(native: &PipeName) -> Site {
    let backend = Backend::native(native).with_connect_timeout(TIMEOUT);
    Site::with(Plan { sddl: None, backend: Some(backend), ..Plan::default() }).await
}

async fn listen(native: &PipeName, sddl: &str, max_instances: Option<u32>) -> PipeListener {
    let options = ListenOptions { descriptor: Some(sddl.parse().unwrap()), max_instances };
    PipeListener::bind_with(native.as_str(), Mode::Message, &options).await.unwrap()
}

#[tokio::test]
async fn the_pipes_own_descriptor_decides_who_is_let_in() {
    let native = native_name();
    let _service = serve(listen(&native, STORY, None).await, echo_messages);
    let site = site(&native).await;
    let open = site.client().await.open(&name()).await.unwrap();
    for message in [&b"hello"[..], b"", b"again"] {
        open.write(message).await.unwrap();
        assert_eq!(open.read_message(100).await.unwrap().unwrap(), message);
    }
    let denied = site.client_as("guestling", "secret").await.unwrap().open(&name()).await;
    assert!(matches!(denied, Err(ClientError::AccessDenied { .. })), "{denied:?}");
}

#[tokio::test]
async fn a_service_with_one_instance_serves_many_clients_and_is_not_kept_by_denied_ones() {
    const CLIENTS: u8 = 16;
    let native = native_name();
    let listener = listen(&native, STORY, Some(1)).await;
    let _service = tokio::spawn(async move {
        // One after the other, as services with one instance do.
        while let Ok(client) = listener.accept().await {
            let _ = tokio::time::timeout(Duration::from_secs(5), reverse_one(client)).await;
        }
    });
    let site = site(&native).await;
    let denied = site.client_as("guestling", "secret").await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..CLIENTS {
        let client = site.client().await;
        let options = CallOptions { wait_for_pipe: TIMEOUT * 3, ..CallOptions::default() };
        calls.spawn(async move {
            let reply = client.call(&name(), &[number, 1], &options).await.unwrap();
            assert_eq!(reply, [1, number]);
        });
        assert!(denied.open(&name()).await.is_err());
    }
    calls.join_all().await;
}
