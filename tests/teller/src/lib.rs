//! How scripts that tests run tell the test something, and how a test waits without hanging.
//!
//! For the tests of crates that run real processes. Scripts, and so the teller, are for Linux.

#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "a test that cannot go on must fail"))]
#![expect(clippy::expect_used, reason = "a test that cannot go on must fail")]

#[cfg(target_os = "linux")]
mod linux;

use std::future::Future;
use std::time::Duration;

#[cfg(target_os = "linux")]
pub use linux::{Teller, is_alive};

/// How long something may take that should happen at once.
const LONG: Duration = Duration::from_secs(30);

/// Waits for something that must happen soon.
///
/// # Panics
/// When it has not happened after 30 s.
pub async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, event).await.expect("nothing happened")
}

/// Waits until something holds that happens in another thread or process and has no signal of its own.
///
/// # Panics
/// When it does not hold after 30 s.
pub async fn eventually(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
