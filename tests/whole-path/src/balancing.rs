//! Calls over several instances.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use standpipe_client::balancer::{Balancer, BalancerError, Options, Target};
use standpipe_client::{ClientError, Credentials};
use standpipe_pipe::backend::{Backend, ConnectFuture, Connector, Slot};
use standpipe_pipe::{Caller, Mode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{Plan, STORY, Site, TIMEOUT, eventually, name, reverse_one, serve};

fn options() -> Options {
    Options { check_interval: Duration::from_millis(20), connect_timeout: TIMEOUT, ..Options::default() }
}

fn target(instance: usize, site: &Site) -> Target {
    Target { instance: format!("ServiceWatcher/{instance}"), server: site.server() }
}

fn balancer(sites: &[&Site]) -> Balancer {
    balancer_as("serviceUser", sites)
}

fn balancer_as(user: &str, sites: &[&Site]) -> Balancer {
    let targets = sites.iter().enumerate().map(|(place, site)| target(place, site)).collect();
    Balancer::new(targets, name(), &Credentials::with_password(user, "secret"), options())
}

async fn readiness(balancer: &Balancer, expected: &[bool]) {
    eventually(&format!("ready: {expected:?}"), || {
        balancer.snapshot().iter().map(|state| state.ready).eq(expected.iter().copied())
    })
    .await;
}

#[tokio::test]
async fn every_instance_gets_calls() {
    let (one, other) = (Site::new().await, Site::new().await);
    let _services = (one.reverse().await, other.reverse().await);
    let balancer = balancer(&[&one, &other]);
    // The first call waits for the first checks, no longer.
    let mut answered_by = BTreeSet::new();
    for _ in 0..100 {
        let answer = balancer.call(b"abc").await.unwrap();
        assert_eq!(answer.reply, b"cba");
        answered_by.insert(answer.target.instance);
    }
    readiness(&balancer, &[true, true]).await;
    assert_eq!(answered_by.len(), 2, "{answered_by:?}");
    let answered: u64 = balancer.snapshot().iter().map(|state| state.answered).sum();
    assert_eq!(answered, 100);
}

#[tokio::test]
async fn an_instance_whose_service_goes_is_left_out_until_it_is_back() {
    let (one, other) = (Site::new().await, Site::new().await);
    let service = one.reverse().await;
    let _other = other.reverse().await;
    let balancer = balancer(&[&one, &other]);
    readiness(&balancer, &[true, true]).await;

    service.abort();
    eventually("gone", || service.is_finished()).await;
    for _ in 0..20 {
        // The instance is found out by the first open that fails there; the call goes on to the other.
        assert_eq!(balancer.call(b"abc").await.unwrap().target.instance, "ServiceWatcher/1");
    }
    readiness(&balancer, &[false, true]).await;
    let error = balancer.snapshot().remove(0).error.unwrap();
    assert!(matches!(*error, ClientError::PipeBusy { .. }), "{error}");

    let _service = one.reverse().await;
    readiness(&balancer, &[true, true]).await;
}

#[tokio::test]
async fn an_instance_whose_server_goes_is_left_out_at_once() {
    let (one, other) = (Site::new().await, Site::new().await);
    let _services = (one.reverse().await, other.reverse().await);
    let balancer = balancer(&[&one, &other]);
    readiness(&balancer, &[true, true]).await;
    one.server.abort();
    readiness(&balancer, &[false, true]).await;
    for _ in 0..20 {
        assert_eq!(balancer.call(b"abc").await.unwrap().target.instance, "ServiceWatcher/1");
    }
}

/// A relay that stops passing anything on when told to, as a machine does that hangs.
async fn freezable(server: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (freeze, frozen) = watch::channel(false);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut frozen = frozen.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                    _ = frozen.wait_for(|frozen| *frozen) => {}
                }
                std::future::pending::<()>().await;
            });
        }
    });
    (address, freeze)
}

#[tokio::test]
async fn an_instance_that_hangs_is_given_up_in_time_and_another_answers() {
    let (one, other) = (Site::new().await, Site::new().await);
    let _services = (one.reverse().await, other.reverse().await);
    let (relay, freeze) = freezable(one.address).await;
    let targets =
        vec![Target { instance: "ServiceWatcher/0".into(), server: relay.into() }, target(1, &other)];
    let credentials = Credentials::with_password("serviceUser", "secret");
    // The readiness check is slower to notice than a call.
    let options = Options {
        connect_timeout: Duration::from_secs(1),
        check_interval: Duration::from_millis(20),
        check_timeout: Duration::from_mins(1),
        ..Options::default()
    };
    let balancer = Balancer::new(targets, name(), &credentials, options);
    readiness(&balancer, &[true, true]).await;
    freeze.send_replace(true);
    for _ in 0..20 {
        assert_eq!(balancer.call(b"abc").await.unwrap().target.instance, "ServiceWatcher/1");
    }
    readiness(&balancer, &[false, true]).await;
    other.server.abort();
    readiness(&balancer, &[false, false]).await;
    assert!(matches!(balancer.call(b"abc").await, Err(BalancerError::NoneReady { .. })));
}

#[tokio::test]
async fn an_instance_that_is_not_ready_says_so_and_gets_nothing() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let balancer = balancer(&[&site]);
    readiness(&balancer, &[true]).await;
    site.readiness.send(false).unwrap();
    readiness(&balancer, &[false]).await;
    let opens = site.counters.snapshot().opens;
    let error = balancer.call(b"abc").await.unwrap_err();
    assert!(matches!(&error, BalancerError::NoneReady { instances } if instances.len() == 1), "{error}");
    assert!(matches!(error.cause(), Some(ClientError::PipeBusy { .. })), "{error:?}");
    assert_eq!(site.counters.snapshot().opens, opens);
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let (one, other) = (Site::new().await, Site::new().await);
    let mut services = Vec::new();
    for site in [&one, &other] {
        services.push(serve(site.listen(Mode::Message).await, |connection| async move {
            // Takes the request and dies of it; there is never a reply.
            connection.read_message().await.unwrap();
            std::future::pending::<()>().await;
        }));
    }
    let mut options = options();
    options.call.reply_timeout = Duration::from_millis(50);
    let targets = vec![target(0, &one), target(1, &other)];
    let balancer =
        Balancer::new(targets, name(), &Credentials::with_password("serviceUser", "secret"), options);
    readiness(&balancer, &[true, true]).await;
    let error = balancer.call(b"abc").await.unwrap_err();
    assert!(error.cause().unwrap().may_have_arrived(), "{error}");
    assert_eq!(one.counters.snapshot().requests + other.counters.snapshot().requests, 1);
}

/// A service that says that it is there, and that nobody can connect to.
#[derive(Clone, Default)]
struct Refusing(Arc<AtomicUsize>);

impl Connector for Refusing {
    fn connect(&self, _caller: Caller, _slot: Slot) -> ConnectFuture {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(std::io::ErrorKind::PermissionDenied.into()) })
    }

    fn is_available(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { true })
    }

    fn describe(&self) -> String {
        "a service that refuses".to_owned()
    }
}

#[tokio::test]
async fn an_instance_that_says_it_is_ready_and_refuses_every_open_is_tried_ever_less_often() {
    let refusing = Refusing::default();
    let site = Site::before(Backend::connector(Mode::Message, refusing.clone())).await;
    let balancer = balancer(&[&site]);
    let began = std::time::Instant::now();
    let mut changes = balancer.changes();
    // As the page does: again whenever something changes, for a while.
    while began.elapsed() < Duration::from_secs(1) {
        assert!(matches!(balancer.call(b"abc").await, Err(BalancerError::NoneReady { .. })));
        let _ = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
    }
    let opens = refusing.0.load(Ordering::Relaxed);
    assert!((2..=6).contains(&opens), "{opens} opens");
}

#[tokio::test]
async fn an_instance_whose_reply_is_late_gets_no_call_while_others_are_ready() {
    let (one, other) = (Site::new().await, Site::new().await);
    let hangs = Arc::new(AtomicBool::new(true));
    let hung = Arc::clone(&hangs);
    let _service = serve(one.listen(Mode::Message).await, move |connection| {
        let hangs = hung.load(Ordering::Relaxed);
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            reverse_one(connection).await;
        }
    });
    let _other = other.reverse().await;
    let mut options = options();
    options.call.reply_timeout = Duration::from_millis(300);
    let targets = vec![target(0, &one), target(1, &other)];
    let balancer =
        Balancer::new(targets, name(), &Credentials::with_password("serviceUser", "secret"), options);
    readiness(&balancer, &[true, true]).await;
    let mut late = 0;
    for _ in 0..50 {
        late += u32::from(balancer.call(b"abc").await.is_err());
    }
    assert!(late <= 1, "{late} calls went to an instance that hangs");
    // Once it answers again, it gets calls as before.
    hangs.store(false, Ordering::Relaxed);
    let began = std::time::Instant::now();
    while balancer.snapshot()[0].answered < 5 {
        balancer.call(b"abc").await.unwrap();
        assert!(began.elapsed() < TIMEOUT, "it gets no calls any more");
    }
}

#[tokio::test]
async fn a_failed_log_on_is_told_as_what_it_is() {
    let site = Site::new().await;
    let _service = site.reverse().await;
    let error = balancer_as("nobody", &[&site]).call(b"abc").await.unwrap_err();
    assert!(matches!(error, BalancerError::NoneReady { .. }));
    assert!(matches!(error.cause(), Some(ClientError::LogOnFailed { .. })), "{error:?}");
}

#[tokio::test]
async fn a_denied_open_is_told_as_what_it_is_and_not_tried_elsewhere() {
    let plan = || Plan { sddl: Some(STORY), ..Plan::default() };
    let (one, other) = (Site::with(plan()).await, Site::with(plan()).await);
    let _services = (one.reverse().await, other.reverse().await);
    let balancer = balancer_as("guestling", &[&one, &other]);
    let error = balancer.call(b"abc").await.unwrap_err();
    assert!(matches!(error.cause(), Some(ClientError::AccessDenied { .. })), "{error:?}");
    assert_eq!(one.counters.snapshot().opens_refused + other.counters.snapshot().opens_refused, 1);
}

#[tokio::test]
async fn instances_that_fail_differently_have_no_common_cause() {
    let site = Site::new().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let targets =
        vec![target(0, &site), Target { instance: "ServiceWatcher/1".to_owned(), server: free.into() }];
    let balancer =
        Balancer::new(targets, name(), &Credentials::with_password("serviceUser", "secret"), options());
    let error = balancer.call(b"abc").await.unwrap_err();
    assert!(error.cause().is_none());
    let BalancerError::NoneReady { instances } = error else { panic!("{error}") };
    assert!(matches!(*instances[0].1, ClientError::PipeBusy { .. }));
    assert!(matches!(*instances[1].1, ClientError::Unreachable { .. }));
}

#[tokio::test]
async fn without_instances_none_is_ready() {
    let error = balancer(&[]).call(b"abc").await.unwrap_err();
    assert!(matches!(error, BalancerError::NoneReady { instances } if instances.is_empty()));
}
