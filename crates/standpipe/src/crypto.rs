//! What signs and encrypts: whoever builds Standpipe chooses by the feature `aws-lc`.

use standpipe_client::crypto::Provider;

/// The provider of every server and client of this program.
#[cfg(not(feature = "aws-lc"))]
pub(crate) const PROVIDER: &dyn Provider = standpipe_client::crypto::RUST_CRYPTO;
/// The provider of every server and client of this program.
#[cfg(feature = "aws-lc")]
pub(crate) const PROVIDER: &dyn Provider = standpipe_client::crypto::AWS_LC;
