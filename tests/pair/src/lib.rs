//! A client core and a server core with a simulated network between them and a service behind the server.
//!
//! Nothing here waits or depends on the machine: time is virtual, and every random choice follows from one
//! seed. When a test fails, its seed and network are printed, so that the same run can be had again.
//!
//! ```
//! use standpipe_pair::{Network, Pair, client_config, server_config};
//!
//! let mut pair = Pair::new(client_config(), server_config()).over(Network::rough(7));
//! let pipe = pair.open("simple");
//! let call = pair.client.transceive(pipe, b"hello", 100);
//! assert!(pair.result(call).is_ok());
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness of tests fails by panicking"
)]

mod config;
mod network;
mod pair;
mod random;
mod service;

pub use config::{ACL, PASSWORD, TODAY, USER, VISITOR, client_config, pipe, server_config};
pub use network::{Loss, Network, Side, frames};
pub use pair::{Middle, Pair};
pub use random::Random;
pub use service::Service;
