//! Log-on: NTLMv2 ([MS-NLMP]), in SPNEGO ([MS-SPNG], RFC 4178) or bare.
//!
//! [`server`] accepts log-ons, [`client`] makes them. Both are deterministic: challenges, nonces and the time
//! are arguments.
//!
//! What is refused, always: NTLMv1 and LM, anonymous and guest log-ons, and clients without the extended
//! session security that NTLMv2 is made for. The proof of the password is always verified, whether or not the
//! message carries an integrity code.

pub mod client;
mod ntlm;
pub mod server;
mod spnego;

use alloc::string::String;

/// The longest token looked at, in bytes. Real ones have a few hundred.
pub const MAX_TOKEN: usize = 16 * 1024;

/// The names that a server tells its clients during log-on, [MS-NLMP] 2.2.2.1. Each is cut to 255 UTF-16
/// units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    /// The computer's NetBIOS name, such as `SERVER1`. Some clients use it as the domain of local accounts.
    pub netbios_computer: String,
    /// The domain's NetBIOS name; the computer's, outside of a domain.
    pub netbios_domain: String,
    /// The computer's DNS name.
    pub dns_computer: String,
    /// The domain's DNS name; the computer's, outside of a domain.
    pub dns_domain: String,
}
