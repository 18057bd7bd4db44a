//! Connections that are lost, and what that makes of what was on its way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use standpipe_backoff::Backoff;
use standpipe_client::{
    CallOptions, Client, ClientError, ConnectOptions, Credentials, Pool, PoolOptions, ReplyEnd, ServerAddress,
};
use standpipe_pipe::Mode;
use tokio::task::JoinSet;

use crate::proxy::{CREATE, Cut, IOCTL, Proxy, READ, SESSION_SETUP, TREE_CONNECT, WRITE};
use crate::support::{Site, TIMEOUT, eventually, name, serve};

/// How often each request reached the service.
type Arrived = Arc<Mutex<BTreeMap<Vec<u8>, u32>>>;

/// A service that keeps count of its requests and reverses them, behind a server, behind a proxy.
struct Setting {
    site: Site,
    proxy: Proxy,
    arrived: Arrived,
}

impl Setting {
    async fn new() -> Self {
        let site = Site::new().await;
        let arrived = Arrived::default();
        let count = Arc::clone(&arrived);
        serve(site.listen(Mode::Message).await, move |connection| {
            let count = Arc::clone(&count);
            async move {
                if let Ok(Some(mut request)) = connection.read_message().await {
                    *count.lock().unwrap().entry(request.clone()).or_default() += 1;
                    request.reverse();
                    let _ = connection.write_message(&request).await;
                }
                connection.disconnect();
            }
        });
        let proxy = Proxy::new(site.address).await;
        Self { site, proxy, arrived }
    }

    fn pool(&self) -> Pool {
        self.pool_as("secret", 1)
    }

    fn pool_as(&self, password: &str, connections: usize) -> Pool {
        let options = PoolOptions {
            connect: ConnectOptions { timeout: TIMEOUT, ..ConnectOptions::default() },
            connections,
            reconnect: Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(5) },
            refusal: Backoff { first: Duration::from_hours(1), longest: Duration::from_hours(1) },
        };
        let credentials = Credentials::with_password("serviceUser", password);
        Pool::new(self.proxy.address.into(), credentials, options)
    }

    fn arrived(&self, request: &[u8]) -> u32 {
        self.arrived.lock().unwrap().get(request).copied().unwrap_or(0)
    }
}

fn to_message() -> CallOptions {
    CallOptions { reply_end: ReplyEnd::Message, ..CallOptions::default() }
}

#[tokio::test]
async fn a_lost_connection_is_made_again_by_the_next_who_needs_it() {
    let setting = Setting::new().await;
    let pool = setting.pool();
    for round in 1..=3 {
        assert_eq!(pool.call(&name(), b"abc", &CallOptions::default()).await.unwrap(), b"cba");
        assert_eq!(setting.proxy.connections(), round);
        let client = pool.client().await.unwrap();
        setting.proxy.kill();
        client.closed().await;
    }
}

#[tokio::test]
async fn an_open_on_a_connection_that_is_gone_unnoticed_is_tried_on_a_new_one() {
    let setting = Setting::new().await;
    let cuts = [Cut::BeforeRequest(CREATE), Cut::AfterRequest(CREATE), Cut::WithinReply(CREATE)];
    for (before, cut) in (0..).zip(cuts) {
        setting.proxy.cut([cut]);
        let pool = setting.pool();
        pool.client().await.unwrap();
        assert_eq!(pool.call(&name(), b"abc", &to_message()).await.unwrap(), b"cba");
        assert_eq!(setting.proxy.connections(), 2 * (before + 1), "{cut:?}");
        assert_eq!(setting.arrived(b"abc") as usize, before + 1, "{cut:?}");
    }
}

#[tokio::test]
async fn the_error_of_a_lost_connection_is_right_about_the_request() {
    // Where the connection is cut; how often the request arrives; whether that is to be feared.
    let cases = [
        (Cut::AtOnce, 0, false),
        (Cut::BeforeRequest(SESSION_SETUP), 0, false),
        (Cut::AfterRequest(SESSION_SETUP), 0, false),
        (Cut::WithinReply(TREE_CONNECT), 0, false),
        // On a connection that is new, so that it is not tried on another.
        (Cut::BeforeRequest(CREATE), 0, false),
        (Cut::WithinReply(CREATE), 0, false),
        (Cut::BeforeRequest(WRITE), 0, true),
        (Cut::AfterRequest(WRITE), 1, true),
        (Cut::WithinReply(WRITE), 1, true),
        (Cut::WithinReply(READ), 1, true),
        (Cut::BeforeRequest(IOCTL), 0, true),
        (Cut::AfterRequest(IOCTL), 1, true),
        (Cut::WithinReply(IOCTL), 1, true),
    ];
    let setting = Setting::new().await;
    for (number, (cut, arrives, to_fear)) in cases.into_iter().enumerate() {
        let options = match cut {
            Cut::BeforeRequest(IOCTL) | Cut::AfterRequest(IOCTL) | Cut::WithinReply(IOCTL) => to_message(),
            _ => CallOptions { reply_end: ReplyEnd::Disconnect, ..CallOptions::default() },
        };
        let request = format!("request {number}").into_bytes();
        setting.proxy.cut([cut]);
        let error = setting.pool().call(&name(), &request, &options).await.unwrap_err();
        assert_eq!(error.may_have_arrived(), to_fear, "{cut:?}: {error}");
        if arrives > 0 {
            eventually("the request arrived", || setting.arrived(&request) > 0).await;
        }
        // A call of its own shows that the service has seen everything that came before.
        let reply = setting.pool().call(&name(), b"barrier", &options).await.unwrap();
        assert_eq!(reply, b"reirrab");
        assert_eq!(setting.arrived(&request), arrives, "{cut:?}");
    }
}

#[tokio::test]
async fn a_request_that_certainly_never_left_is_said_to_be_so() {
    let setting = Setting::new().await;
    let pool = setting.pool();
    let pipe = pool.open(&name(), TIMEOUT).await.unwrap();
    let client = pool.client().await.unwrap();
    setting.proxy.kill();
    client.closed().await;
    let error = pipe.exchange(b"abc", &CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Disconnected { may_have_arrived: false, .. }), "{error}");
    assert_eq!(setting.arrived(b"abc"), 0);
}

/// However the connections die under many calls at once, no request arrives twice, and every answer is true.
#[tokio::test]
async fn no_request_arrives_twice_wherever_connections_are_cut() {
    const CALLERS: usize = 8;
    const CUTS: usize = 24;
    let setting = Setting::new().await;
    let pool = setting.pool_as("secret", 2);
    // From within the log-on to far behind it.
    setting.proxy.cut((0..CUTS).map(|number| Cut::AfterBytes(500 + 211 * number)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (pool, connections) = (pool.clone(), setting.proxy.counter());
        callers.spawn(async move {
            let mut ends = Vec::new();
            // Until the connections that are cut are used up, and a little longer.
            let mut more = 3;
            for number in 0.. {
                if connections() > CUTS {
                    more -= 1;
                }
                if more == 0 {
                    break;
                }
                let request = format!("{caller}/{number}").into_bytes();
                let options = if number % 2 == 0 { to_message() } else { CallOptions::default() };
                let end = pool.call(&name(), &request, &options).await;
                ends.push((request, end));
            }
            ends
        });
    }
    let ends: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    eventually("the server has done with all", || setting.site.counters.snapshot().opens_now == 0).await;
    let mut answered = 0;
    for (request, end) in &ends {
        let times = setting.arrived(request);
        assert!(times <= 1, "{request:?} arrived {times} times: {end:?}");
        match end {
            Ok(reply) => {
                let expected: Vec<u8> = request.iter().rev().copied().collect();
                assert_eq!((reply, times), (&expected, 1));
                answered += 1;
            }
            Err(error) if error.may_have_arrived() => {}
            Err(error) => assert_eq!(times, 0, "{request:?}: {error}"),
        }
    }
    assert!(answered > 0 && answered < ends.len(), "{answered} of {} answered", ends.len());
}

#[tokio::test]
async fn those_who_need_a_connection_at_once_share_the_attempt() {
    let setting = Setting::new().await;
    let pool = setting.pool();
    for connections in 1..=2 {
        let mut calls = JoinSet::new();
        for number in 0..50 {
            let pool = pool.clone();
            calls.spawn(async move {
                let request = format!("{connections}-{number}").into_bytes();
                let reply = pool.call(&name(), &request, &to_message()).await.unwrap();
                assert_eq!(reply, request.into_iter().rev().collect::<Vec<u8>>());
            });
        }
        calls.join_all().await;
        assert_eq!(setting.proxy.connections(), connections);
        let client = pool.client().await.unwrap();
        setting.proxy.kill();
        client.closed().await;
    }
}

#[tokio::test]
async fn an_attempt_goes_on_when_the_caller_who_began_it_gives_up() {
    let setting = Setting::new().await;
    let pool = setting.pool();
    setting.proxy.freeze(true);
    let first = tokio::spawn({
        let pool = pool.clone();
        async move { pool.client().await }
    });
    eventually("connecting", || setting.proxy.connections() == 1).await;
    let other = tokio::spawn({
        let pool = pool.clone();
        async move { pool.client().await }
    });
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    setting.proxy.freeze(false);
    other.await.unwrap().unwrap();
    assert_eq!(setting.proxy.connections(), 1);
}

#[tokio::test]
async fn several_connections_are_used_in_turn() {
    let setting = Setting::new().await;
    let pool = setting.pool_as("secret", 3);
    for _ in 0..9 {
        pool.call(&name(), b"abc", &CallOptions::default()).await.unwrap();
    }
    assert_eq!(setting.proxy.connections(), 3);
}

#[tokio::test]
async fn a_failed_log_on_is_not_tried_again_at_once() {
    let setting = Setting::new().await;
    let pool = setting.pool_as("wrong", 1);
    for _ in 0..10 {
        let error = pool.call(&name(), b"abc", &CallOptions::default()).await.unwrap_err();
        assert!(matches!(error, ClientError::LogOnFailed { .. }) && !error.may_have_arrived(), "{error}");
    }
    assert_eq!(setting.proxy.connections(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_not_on_every_connection() {
    let setting = Setting::new().await;
    let pool = setting.pool_as("wrong", 4);
    let mut calls = JoinSet::new();
    for _ in 0..12 {
        let pool = pool.clone();
        calls.spawn(async move { pool.call(&name(), b"abc", &CallOptions::default()).await });
    }
    for end in calls.join_all().await {
        let error = end.unwrap_err();
        assert!(matches!(error, ClientError::LogOnFailed { .. }), "{error}");
    }
    // Nor later on any of those that were not used yet.
    for _ in 0..8 {
        pool.client().await.unwrap_err();
    }
    assert_eq!(setting.proxy.connections(), 1);
}

#[tokio::test]
async fn a_password_that_no_longer_counts_is_tried_on_one_connection() {
    let setting = Setting::new().await;
    let pool = setting.pool_as("secret", 3);
    for _ in 0..3 {
        pool.client().await.unwrap();
    }
    let clients = [pool.client().await.unwrap(), pool.client().await.unwrap(), pool.client().await.unwrap()];
    setting.site.accounts.set_password("serviceUser", "other").unwrap();
    setting.proxy.kill();
    for client in clients {
        client.closed().await;
    }
    let mut calls = JoinSet::new();
    for _ in 0..9 {
        let pool = pool.clone();
        calls.spawn(async move { pool.client().await });
    }
    for end in calls.join_all().await {
        let error = end.unwrap_err();
        assert!(matches!(error, ClientError::LogOnFailed { .. }), "{error}");
    }
    assert_eq!(setting.proxy.connections(), 3 + 1);
}

#[tokio::test]
async fn a_server_that_is_back_is_found_again() {
    let setting = Setting::new().await;
    let pool = setting.pool();
    setting.proxy.cut([Cut::AtOnce; 5]);
    let mut failures = 0;
    while let Err(error) = pool.call(&name(), b"abc", &CallOptions::default()).await {
        assert!(matches!(error, ClientError::Handshake { .. }), "{error}");
        failures += 1;
    }
    assert_eq!((failures, setting.proxy.connections(), setting.arrived(b"abc")), (5, 6, 1));
}

async fn kept_alive(server: &ServerAddress, interval: Duration) -> Client {
    let options =
        ConnectOptions { timeout: TIMEOUT, keep_alive: Some(interval), ..ConnectOptions::default() };
    Client::connect(server, &Credentials::with_password("serviceUser", "secret"), &options).await.unwrap()
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let setting = Setting::new().await;
    let client = kept_alive(&setting.proxy.address.into(), TIMEOUT / 4).await;
    let pipe = client.open(&name()).await.unwrap();
    let read = tokio::spawn(async move { pipe.read(100).await });
    setting.proxy.freeze(true);
    // Nobody says anything any more, so that nothing but the clock counts; a slow machine is not taken for
    // silence.
    tokio::time::pause();
    tokio::time::timeout(TIMEOUT, client.closed()).await.unwrap();
    let error = read.await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Disconnected { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_is_only_idle_is_kept() {
    let setting = Setting::new().await;
    let client = kept_alive(&setting.proxy.address.into(), Duration::from_secs(1)).await;
    eventually("asked, and it answered", || setting.proxy.echoes() > 0).await;
    assert!(!client.is_closed());
    assert_eq!(client.call(&name(), b"abc", &CallOptions::default()).await.unwrap(), b"cba");
}
