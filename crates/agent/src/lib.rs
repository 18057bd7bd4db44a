#![doc = include_str!("../README.md")]

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the end outside of Wine is for Linux"))]
mod channel;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux has Wine"))]
pub mod host;
pub mod inside;
mod platform;
#[cfg_attr(not(any(target_os = "linux", windows)), allow(dead_code, reason = "only Linux has Wine"))]
pub mod wire;
