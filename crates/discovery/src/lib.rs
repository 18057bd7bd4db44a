#![doc = include_str!("../README.md")]

mod answers;
mod dns;
mod files;
mod follow;
mod places;

pub use answers::{KEPT_WHEN_ASKING_FAILS, KEPT_WHEN_NOTHING_IS_THERE};
pub use follow::{Followed, follow};
