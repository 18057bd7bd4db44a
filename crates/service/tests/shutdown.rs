//! Which signals ask a process to stop.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use standpipe_process::{ProcessSpec, spawn};
use standpipe_teller::{Teller, soon};
use tempfile::TempDir;

/// What a process that listens, begun with `before`, notices of each of the signals, in this order.
async fn noticed(before: &str, signals: &[&str]) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let shell = |script: &str| ProcessSpec::new("test", ["sh", "-c", script], folder.path());
    let mut teller = Teller::new(folder.path());
    let listener = env!("CARGO_BIN_EXE_standpipe-listener");
    let process = spawn(&shell(&format!("{before} exec '{listener}' teller"))).await.unwrap();
    assert_eq!(teller.line().await, "listening");
    let pid = process.pid();
    let mut noticed = Vec::new();
    for signal in signals {
        let mut kill = spawn(&shell(&format!("kill -{signal} {pid}"))).await.unwrap();
        soon(kill.wait()).await;
        // A signal that is ignored leaves no trace: the next one does.
        if signal != &"HUP" && signal != &"QUIT" || before.is_empty() {
            noticed.push(teller.line().await);
        }
    }
    noticed
}

#[tokio::test]
async fn every_request_to_stop_is_noticed() {
    let all = noticed("", &["TERM", "INT", "HUP", "QUIT"]).await;
    assert_eq!(all, ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]);
}

#[tokio::test]
async fn signals_that_are_ignored_from_the_start_stay_ignored() {
    assert_eq!(noticed("trap '' HUP QUIT;", &["HUP", "QUIT", "TERM"]).await, ["SIGTERM"]);
}
