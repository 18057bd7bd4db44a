//! Pipes with a limited number of instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use standpipe_client::{Client, ClientError};
use standpipe_pipe::Mode;
use standpipe_pipe::backend::Backend;
use tokio::task::JoinSet;

use crate::support::{Plan, Site, TIMEOUT, eventually, name, reverse_one, serve};

#[tokio::test]
async fn instances_are_limited_over_all_connections() {
    let site = Site::with(Plan { max_instances: Some(2), ..Plan::default() }).await;
    let _service = site.listen(Mode::Message).await;
    let (one, other) = (site.client().await, site.client().await);
    let first = one.open(&name()).await.unwrap();
    let _second = other.open(&name()).await.unwrap();
    assert!(matches!(one.open(&name()).await, Err(ClientError::PipeBusy { .. })));
    let waiting = tokio::spawn(async move { other.open_when_free(&name(), TIMEOUT).await });
    first.close().await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_service_that_has_disconnected_can_take_the_next_client() {
    let site = Site::with(Plan { max_instances: Some(1), ..Plan::default() }).await;
    let _service = serve(site.listen(Mode::Message).await, reverse_one);
    let (one, other) = (site.client().await, site.client().await);
    let first = one.open(&name()).await.unwrap();
    assert!(matches!(other.open(&name()).await, Err(ClientError::PipeBusy { .. })));
    assert_eq!(first.transceive(b"ab", 100).await.unwrap().unwrap(), b"ba");
    assert_eq!(first.read_message(100).await.unwrap(), None, "the service disconnects after one message");
    // The first client still holds its end.
    other.open_when_free(&name(), TIMEOUT).await.unwrap();
    drop(first);
}

/// A pipe of one instance, and how many it served at once at most.
async fn single_instance() -> (Site, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let backend = Backend::handler(Mode::Message, move |pipe| {
        let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
        async move {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            reverse_one(pipe).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    });
    let plan = Plan { max_instances: Some(1), backend: Some(backend), ..Plan::default() };
    (Site::with(plan).await, most)
}

async fn call(client: &Client) {
    let pipe = client.open_when_free(&name(), TIMEOUT).await.unwrap();
    assert_eq!(pipe.transceive(b"ab", 100).await.unwrap().unwrap(), b"ba");
    pipe.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_share_a_single_instance() {
    let (site, most) = single_instance().await;
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let client = site.client().await;
        callers.spawn(async move {
            for _ in 0..10 {
                call(&client).await;
            }
        });
    }
    callers.join_all().await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_in_a_hurry_does_not_starve_one_that_waits() {
    let (site, _) = single_instance().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut hurried = JoinSet::new();
    for _ in 0..4 {
        let (client, stop) = (site.client().await, Arc::clone(&stop));
        hurried.spawn(async move {
            // Opens again and again and never waits.
            while !stop.load(Ordering::Relaxed) {
                if let Ok(pipe) = client.open(&name()).await {
                    pipe.transceive(b"ab", 100).await.unwrap();
                    pipe.close().await.unwrap();
                }
            }
        });
    }
    eventually("busy", || site.counters.snapshot().requests > 20).await;
    let patient = site.client().await;
    for _ in 0..20 {
        call(&patient).await;
    }
    stop.store(true, Ordering::Relaxed);
    hurried.join_all().await;
}

#[tokio::test]
async fn an_account_that_cannot_open_the_pipe_keeps_nobody_else_out() {
    let (site, _) = single_instance().await;
    let client = site.client().await;
    let guest = site.client_as("guestling", "secret").await.unwrap();
    let first = client.open(&name()).await.unwrap();
    let waiting = tokio::spawn(async move { guest.wait(&name(), TIMEOUT).await });
    tokio::task::yield_now().await;
    first.close().await.unwrap();
    assert!(waiting.await.unwrap().unwrap());
    client.open(&name()).await.unwrap();
}
