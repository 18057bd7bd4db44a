//! What becomes of the output of processes, on every system.

#[cfg(any(windows, test))]
pub(crate) mod decode;
#[cfg(any(target_os = "linux", windows, test))]
pub(crate) mod lines;
#[cfg(any(target_os = "linux", windows))]
pub(crate) mod log;
