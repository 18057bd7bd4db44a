//! What those who mean no good can do to others.

use std::time::Duration;

use standpipe_client::ServerAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::support::{Plan, Site, TIMEOUT, connect, eventually};

#[tokio::test]
async fn strangers_keep_no_user_out() {
    let mut plan = Plan::default();
    plan.options.max_connections_before_logon = 8;
    let site = Site::with(plan).await;
    let mut strangers = Vec::new();
    for _ in 0..20 {
        strangers.push(TcpStream::connect(site.address).await.unwrap());
    }
    let client = site.client().await;
    client.echo().await.unwrap();
    // Four silent ones stay, or three if the user, while silent too, took the place of one.
    eventually("the others went", || (4..=5).contains(&site.counters.snapshot().connections_now)).await;
    let counted = site.counters.snapshot();
    assert_eq!((counted.connections, counted.connections_refused), (21, 0));
    assert!((16..=17).contains(&counted.connections_displaced), "{counted:?}");
    for _ in 0..10 {
        strangers.push(TcpStream::connect(site.address).await.unwrap());
    }
    client.echo().await.unwrap();
    eventually("the last four and the user", || site.counters.snapshot().connections_now == 5).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_in_time() {
    let mut plan = Plan::default();
    plan.options.limits.logon_timeout = Duration::from_millis(50);
    let site = Site::with(plan).await;
    let mut stranger = TcpStream::connect(site.address).await.unwrap();
    let end = tokio::time::timeout(TIMEOUT, stranger.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(end, Ok(0)), "{end:?}");
}

/// Empty frames, which a user may send to keep a connection alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_pauses_cannot_outrun_the_end() {
    let mut plan = Plan::default();
    plan.options.drain_timeout = Duration::MAX;
    let site = Site::with(plan).await;
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay_address: ServerAddress = relay.local_addr().unwrap().into();
    let (flood, mut is_flood) = oneshot::channel::<()>();
    let (flooding, is_flooding) = oneshot::channel::<()>();
    let address = site.address;
    let flooder = tokio::spawn(async move {
        let (mut client, _) = relay.accept().await.unwrap();
        let mut server = TcpStream::connect(address).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
            _ = &mut is_flood => {}
        }
        let empty_frames = vec![0; 1 << 20];
        for _ in 0..16 {
            server.write_all(&empty_frames).await.unwrap();
        }
        flooding.send(()).unwrap();
        while server.write_all(&empty_frames).await.is_ok() {}
    });
    let client = connect(&relay_address, "serviceUser", "secret").await.unwrap();
    flood.send(()).unwrap();
    is_flooding.await.unwrap();
    site.stop.cancel();
    tokio::time::timeout(TIMEOUT, site.server).await.unwrap().unwrap();
    tokio::time::timeout(TIMEOUT, flooder).await.unwrap().unwrap();
    drop(client);
}
