#![doc = include_str!("../README.md")]

mod container;

pub use container::{Container, resolve};
