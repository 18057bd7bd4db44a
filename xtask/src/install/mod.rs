//! What the tests need beyond the Rust toolchain. Nothing is installed in the checkout save under the target
//! directory; Debian's packages are installed only by root, and start no service.

pub(crate) mod browser;
pub(crate) mod cross;
pub(crate) mod debian;
pub(crate) mod dotnet;
pub(crate) mod go_smb2;
pub(crate) mod kubernetes;
pub(crate) mod python;
pub(crate) mod rust_peers;
pub(crate) mod tools;
pub(crate) mod windows_programs;
pub(crate) mod wine;
