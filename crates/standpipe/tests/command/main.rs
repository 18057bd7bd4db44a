//! Runs the real binary and compares what a person sees: exit code, stdout and stderr.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod account;
#[cfg(unix)]
mod call;
mod check;
#[cfg(unix)]
mod connect;
#[cfg(unix)]
mod doctor;
mod export;
#[cfg(unix)]
mod facts;
#[cfg(unix)]
mod health;
mod import;
#[cfg(target_os = "linux")]
mod local;
#[cfg(unix)]
mod log;
mod pack;
#[cfg(unix)]
mod remote;
#[cfg(unix)]
mod run;
mod sddl;
mod service;
#[cfg(target_os = "linux")]
mod shortage;
#[cfg(target_os = "linux")]
mod siege;
#[cfg(target_os = "linux")]
mod signals;
mod support;
mod usage;
