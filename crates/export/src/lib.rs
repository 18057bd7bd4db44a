#![doc = include_str!("../README.md")]

mod compose;
mod container;
mod file;
#[cfg(test)]
mod golden;
mod kubernetes;
mod origin;
mod problems;
mod role;
mod systemd;
mod yaml;

pub use compose::{ComposeOptions, compose};
pub use container::{Container, resolve};
pub use file::{ExportedFile, WriteError, write_all};
pub use kubernetes::{KubernetesOptions, kubernetes};
pub use origin::{secret_paths, with_secrets_in};
pub use systemd::{SystemdOptions, systemd};
