//! Calls over instances that come and go.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use standpipe_client::Credentials;
use standpipe_client::balancer::{Balancer, Options, Target};
use standpipe_deployment::AddressSource;
use standpipe_discovery::{Followed, follow};
use standpipe_pipe::Mode;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::support::{Site, TIMEOUT, eventually, name, serve};

fn options() -> Options {
    Options { check_interval: Duration::from_millis(20), connect_timeout: TIMEOUT, ..Options::default() }
}

fn credentials() -> Credentials {
    Credentials::with_password("serviceUser", "secret")
}

/// The instances of a role, and the file that says where they are.
struct Instances {
    running: Vec<(Site, JoinHandle<()>)>,
    file: std::path::PathBuf,
}

impl Instances {
    async fn start_one(&mut self) {
        let site = Site::new().await;
        let service = site.reverse().await;
        self.running.push((site, service));
    }

    /// Writes where they are, as a whole.
    fn publish(&self, which: impl Iterator<Item = usize>) {
        let lines: Vec<String> = which.map(|place| self.running[place].0.address.to_string()).collect();
        let new = self.file.with_extension("new");
        std::fs::write(&new, lines.join("\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }
}

fn following(file: &Path) -> Balancer {
    let followed = Followed {
        role: "Watcher".to_owned(),
        endpoint: "Pipes".to_owned(),
        port: None,
        sources: vec![AddressSource::File(file.to_path_buf())],
    };
    Balancer::following(follow(followed), name(), &credentials(), options())
}

/// Callers that go on until they are told to stop; the number of their calls, each of which is answered.
struct Callers {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Callers {
    fn begin(balancer: &Arc<Balancer>) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = (0..8).map(|_| {
            let (balancer, stop, answered) = (Arc::clone(balancer), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(balancer.call(b"abc").await.unwrap().reply, b"cba");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self { tasks: tasks.collect(), stop, answered }
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until some more calls were answered.
    async fn go_on(&self) {
        let before = self.answered();
        eventually("calls are answered", || self.answered() > before + 20).await;
    }

    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.answered.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_come_and_go_lose_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut instances = Instances { running: Vec::new(), file: folder.path().join("targets") };
    instances.start_one().await;
    instances.publish(0..1);
    let balancer = Arc::new(following(&instances.file));
    eventually("the first one is found", || balancer.snapshot().iter().any(|state| state.ready)).await;
    let callers = Callers::begin(&balancer);
    let mut seen = BTreeSet::new();
    // Each time another one comes, and the oldest one goes.
    for oldest in 0..5 {
        instances.start_one().await;
        let newest = instances.running.len() - 1;
        let address = instances.running[newest].0.address.to_string();
        instances.publish(oldest..=newest);
        eventually("the new one answers", || {
            balancer
                .snapshot()
                .iter()
                .any(|state| state.target.server.to_string() == address && state.answered > 0)
        })
        .await;
        seen.insert(address);
        instances.publish(oldest + 1..=newest);
        eventually("the old one is gone", || balancer.snapshot().len() == newest - oldest).await;
        // It ends as it does when it is asked to: what is under way is answered.
        instances.running[oldest].0.stop.cancel();
        callers.go_on().await;
    }
    assert_eq!(seen.len(), 5);
    assert!(callers.end().await > 100);
}

#[tokio::test]
async fn a_call_under_way_is_answered_by_an_instance_that_is_gone_and_then_its_connection_closes() {
    let site = Site::new().await;
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (was_asked, may_answer) = (Arc::clone(&asked), Arc::clone(&answer));
    let _service = serve(site.listen(Mode::Message).await, move |connection| {
        let (asked, answer) = (Arc::clone(&was_asked), Arc::clone(&may_answer));
        async move {
            let message = connection.read_message().await.unwrap().unwrap();
            asked.notify_one();
            answer.notified().await;
            connection.write_message(&message).await.unwrap();
            connection.disconnect();
        }
    });
    let target = Target { instance: "Watcher/0".to_owned(), server: site.server() };
    let (targets, followed) = watch::channel(vec![target]);
    let balancer = Arc::new(Balancer::following(followed, name(), &credentials(), options()));
    let caller = Arc::clone(&balancer);
    let call = tokio::spawn(async move { caller.call(b"late").await });
    asked.notified().await;
    assert_eq!(site.counters.snapshot().connections_now, 1);
    targets.send_replace(Vec::new());
    eventually("nobody is there", || balancer.snapshot().is_empty()).await;
    assert!(balancer.call(b"x").await.is_err(), "no new call goes there");
    answer.notify_one();
    assert_eq!(call.await.unwrap().unwrap().reply, b"late");
    eventually("the connection is closed", || site.counters.snapshot().connections_now == 0).await;
}

#[tokio::test]
async fn an_instance_that_stays_keeps_its_connection() {
    let (one, other) = (Site::new().await, Site::new().await);
    let _services = (one.reverse().await, other.reverse().await);
    let target =
        |number: u32, site: &Site| Target { instance: format!("Watcher/{number}"), server: site.server() };
    let (targets, followed) = watch::channel(vec![target(0, &one)]);
    let balancer = Balancer::following(followed, name(), &credentials(), options());
    balancer.call(b"abc").await.unwrap();
    let since = balancer.snapshot()[0].since;
    targets.send_replace(vec![target(1, &other), target(0, &one)]);
    eventually("both are ready", || balancer.snapshot().iter().filter(|state| state.ready).count() == 2)
        .await;
    let shown = balancer.snapshot();
    assert_eq!(shown[1].target, target(0, &one));
    assert_eq!((shown[1].since, shown[1].answered), (since, 1));
}
