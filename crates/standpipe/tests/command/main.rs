//! Runs the real binary and compares what a person sees: exit code, stdout and stderr.

mod account;
mod check;
mod sddl;
mod support;
mod usage;
