//! What goes over the wire: SMB 2's header and messages, [MS-SMB2] 2.2.

mod dialect;
mod filetime;

pub use dialect::Dialect;
pub use filetime::FileTime;
