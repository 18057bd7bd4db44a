//! What one account can make the server hold, over all of its connections, and what others notice of it.

use std::time::Duration;

use standpipe_client::{Client, Pipe};
use standpipe_pipe::Mode;
use standpipe_pipe::connection::PipeConnection;
use standpipe_server::{Budget, Resources};
use tokio::time::sleep;

use crate::support::{Plan, Site, echo_messages, eventually, name, serve};

const MIB: usize = 1024 * 1024;

/// Messages that a thread of the server can have fetched before it counts them, and what the system needs for
/// a message beside its bytes.
const SLACK: usize = 4 * MIB;

/// A server that may use 32 MiB, whose pipe everybody can open.
async fn small() -> (Site, Budget) {
    let budget = Budget::new(Resources::within(32 * MIB, 20_000));
    let mut plan = Plan { sddl: Some("D:(A;;GRGW;;;AU)"), ..Plan::default() };
    plan.options = plan.options.with_budget(budget.clone());
    (Site::with(plan).await, budget)
}

async fn attacker(site: &Site) -> Client {
    site.client_as("guestling", "secret").await.unwrap()
}

/// Opens pipes and writes a long message to each, until the server takes no more.
async fn write_much(client: &Client, opens: usize) -> (Vec<Pipe>, bool) {
    let message = vec![b'x'; MIB - 4096];
    let mut pipes = Vec::new();
    for _ in 0..opens {
        let Ok(pipe) = client.open(&name()).await else {
            return (pipes, true);
        };
        // One that is not taken in, for want of room, counts as refused.
        let written = tokio::time::timeout(Duration::from_secs(1), pipe.write(&message)).await;
        let refused = !matches!(written, Ok(Ok(())));
        pipes.push(pipe);
        if refused {
            return (pipes, true);
        }
        // The reply is on its way.
        sleep(Duration::from_millis(5)).await;
    }
    (pipes, false)
}

async fn others_are_served(site: &Site) {
    let client = site.client().await;
    for _ in 0..20 {
        let pipe = client.open(&name()).await.unwrap();
        assert_eq!(pipe.transceive(b"hello", 100).await.unwrap().as_deref(), Some(&b"hello"[..]));
    }
}

/// Answers once, and then stays until the client goes.
async fn echo_once(connection: PipeConnection) {
    if let Ok(Some(message)) = connection.read_message().await {
        let _ = connection.write_message(&message).await;
    }
    let _ = connection.read_message().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_nobody_reads_fill_one_accounts_share_only() {
    let (site, budget) = small().await;
    let _service = serve(site.listen(Mode::Message).await, echo_once);
    let share = budget.resources().memory_share;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let client = attacker(&site).await;
        kept.push((write_much(&client, 40).await, client));
        assert!(budget.snapshot().memory_used <= share + SLACK, "{:?}", budget.snapshot());
    }
    sleep(Duration::from_millis(300)).await;
    assert!(budget.snapshot().memory_used <= share + SLACK, "{:?}", budget.snapshot());
    others_are_served(&site).await;
    drop(kept);
    eventually("all is given back but what the user holds", || budget.snapshot().memory_used < MIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_a_service_does_not_read_fill_one_accounts_share_only() {
    let (site, budget) = small().await;
    let deaf = |connection: PipeConnection| async move {
        let _ = connection.hung_up().await;
        sleep(Duration::from_millis(700)).await;
    };
    let _service = serve(site.listen(Mode::Message).await, deaf);
    let share = budget.resources().memory_share;
    let mut clients = Vec::new();
    let mut refused = false;
    for _ in 0..3 {
        let client = attacker(&site).await;
        let (pipes, ended) = write_much(&client, 40).await;
        refused |= ended;
        clients.push((client, pipes));
    }
    assert!(refused, "somebody hears that there is no room");
    let seen = budget.snapshot();
    assert!(seen.memory_used <= share + SLACK && seen.memory_used >= share / 2, "{seen:?}");
    // Closing does not make the service read.
    let opens = seen.opens_used;
    drop(clients);
    eventually("the connections are gone", || site.counters.snapshot().opens_now == 0).await;
    let seen = budget.snapshot();
    assert!(seen.memory_used >= share / 2 && seen.opens_used >= opens / 2, "{seen:?}");
    eventually("the service is gone", || budget.snapshot().memory_used == 0).await;
    assert_eq!(budget.snapshot().opens_used, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_can_take_neither_all_opens_nor_all_places() {
    let (site, budget) = small().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let Resources { opens_share, connections, .. } = *budget.resources();
    let mut kept: Vec<(Client, Vec<Pipe>)> = Vec::new();
    while kept.iter().map(|(_, pipes)| pipes.len()).sum::<usize>() < opens_share {
        let (client, mut pipes) = (attacker(&site).await, Vec::new());
        for _ in 0..100 {
            match client.open(&name()).await {
                Ok(pipe) => pipes.push(pipe),
                Err(_) => break,
            }
        }
        assert!(!pipes.is_empty(), "{:?}", budget.snapshot());
        kept.push((client, pipes));
    }
    assert!(attacker(&site).await.open(&name()).await.is_err());
    others_are_served(&site).await;
    // Silent connections.
    for _ in 0..connections {
        kept.push((attacker(&site).await, Vec::new()));
    }
    assert!(site.counters.snapshot().connections_displaced > 0);
    others_are_served(&site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_messages_go_on_when_there_is_room_again() {
    let (site, budget) = small().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    let client = site.client().await;
    let message: Vec<u8> = (0..MIB - 4096).map(|at| (at % 251) as u8).collect();
    // More at once than the share has room for: some wait, and none is lost.
    let calls = (0..16).map(|_| async {
        let pipe = client.open(&name()).await.unwrap();
        loop {
            if pipe.write(&message).await.is_ok() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        pipe.read_message(MIB).await.unwrap().unwrap() == message
    });
    let right = futures_util::future::join_all(calls).await;
    assert!(right.iter().all(|right| *right));
    assert!(budget.snapshot().memory_used <= budget.resources().memory_share + SLACK);
}
