#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

pub mod buffers;
pub mod deadline;
pub mod keep_alive;
pub mod outgoing;
pub mod receiving;
