#![doc = include_str!("../README.md")]

mod api;
mod app;
mod balanced;
mod calls;
mod guard;
mod health;
mod incoming;
mod memory;
mod outgoing;
mod page;
mod serve;
mod site;
mod statistics;
mod text;
mod trace;

pub use app::app;
pub use calls::{CallError, CallErrorKind, CallFuture, PipeCalls, Readiness, Reply};
pub use health::{Check, Health, health};
pub use memory::{Memory, Room};
pub use serve::{serve, serve_at_most};
pub use site::Site;
pub use statistics::CallStatistics;
