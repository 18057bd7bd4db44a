//! What differs between systems: the programs of Wine outside of it, and the system's own services and pipes
//! inside.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{Host, find_wine};

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Host, find_wine};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::serve_on_standard_handles;

#[cfg(not(windows))]
mod not_windows;
#[cfg(not(windows))]
pub use not_windows::serve_on_standard_handles;
