//! What the tests need beyond the Rust toolchain. Nothing is installed in the checkout save under the target
//! directory; Debian's packages are installed only by root, and start no service.

pub(crate) mod browser;
pub(crate) mod cross;
pub(crate) mod debian;
pub(crate) mod dotnet;
pub(crate) mod python;
pub(crate) mod smb_rs;
pub(crate) mod tools;
pub(crate) mod windows_programs;
pub(crate) mod wine;
