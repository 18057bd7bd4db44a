//! The load generator, on services that answer and on some that do not.

use std::time::Duration;

use standpipe_client::{ConnectOptions, Credentials, PipeAddress, SigningAlgorithm};
use standpipe_load::{Expect, Kind, LoadError, PipeLoad, Plan, Report};
use standpipe_pipe::Mode;

use crate::support::{Site, TIMEOUT, echo_messages, eventually, name, reverse_one, serve};

fn load(site: &Site) -> PipeLoad {
    let connect = ConnectOptions { timeout: TIMEOUT, ..ConnectOptions::default() };
    PipeLoad {
        pipe: PipeAddress { server: site.server(), pipe: name() },
        credentials: Credentials::with_password("serviceUser", "secret"),
        connect,
        from: Vec::new(),
        kind: Kind::Transceive,
        callers: 1,
        size: 64,
        expect: Expect::Same,
    }
}

/// Long enough for a call also where other work takes the machine for a while.
fn plan() -> Plan {
    let duration = Duration::from_millis(500);
    Plan { connections: 3, threads: 2, warm_up: Duration::ZERO, duration, idle: false }
}

async fn report(load: PipeLoad, plan: Plan) -> Report {
    tokio::task::spawn_blocking(move || Report::of(&load, &plan, None)).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_kind_of_call_is_counted() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    for kind in [Kind::Transceive, Kind::Call, Kind::LogOn] {
        let before = site.counters.snapshot();
        let report = report(PipeLoad { kind, callers: 2, size: 1000, ..load(&site) }, plan()).await;
        assert!(report.is_good(), "{kind:?} {report:?}");
        let counted = site.counters.snapshot();
        if kind == Kind::LogOn {
            assert!(counted.log_ons - before.log_ons >= report.calls, "{report:?}");
        } else {
            assert_eq!(counted.log_ons - before.log_ons, 3, "{kind:?}");
            assert!(counted.requests - before.requests >= report.calls, "{report:?}");
        }
    }
}

#[tokio::test]
async fn idle_connections_hold_their_pipes_open() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, echo_messages);
    // Long enough to be seen.
    let plan = Plan { connections: 20, duration: Duration::from_secs(2), idle: true, ..plan() };
    let from = vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()];
    let signing = Some(SigningAlgorithm::AesCmac);
    let connect = ConnectOptions { timeout: TIMEOUT, signing, ..ConnectOptions::default() };
    let running = tokio::spawn(report(PipeLoad { from, connect, ..load(&site) }, plan));
    eventually("all open", || site.counters.snapshot().opens_now == 20).await;
    assert_eq!(site.counters.snapshot().requests, 0);
    let report = running.await.unwrap();
    assert_eq!((report.calls, report.errors, report.wrong_replies), (20, 0, 0), "{report:?}");
}

#[tokio::test]
async fn a_service_that_answers_something_else_is_found_out() {
    let site = Site::new().await;
    let _service = serve(site.listen(Mode::Message).await, reverse_one);
    let same = report(PipeLoad { kind: Kind::Call, ..load(&site) }, plan()).await;
    assert!(same.wrong_replies > 0 && same.calls == 0 && !same.is_good(), "{same:?}");
    // This one answers once for each open, and a warm pipe does not stay one.
    let once = report(PipeLoad { expect: Expect::Anything, ..load(&site) }, plan()).await;
    assert!(once.calls > 0 && once.errors > 0 && once.first_error.is_some(), "{once:?}");
}

#[tokio::test]
async fn a_wrong_password_is_told_before_anything_else() {
    let site = Site::new().await;
    let load = PipeLoad { credentials: Credentials::with_password("serviceUser", "wrong"), ..load(&site) };
    let plan = Plan { connections: 1, ..plan() };
    let error =
        tokio::task::spawn_blocking(move || Report::of(&load, &plan, None)).await.unwrap().unwrap_err();
    assert!(matches!(error, LoadError::Connect { number: 1, all: 1, .. }), "{error:?}");
}
