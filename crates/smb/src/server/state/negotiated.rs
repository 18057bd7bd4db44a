//! How far a connection has come, and what NEGOTIATE settled.

use crate::crypto::{Cipher, PreauthHash, SigningAlgorithm};
use crate::server::request::Request;
use crate::wire::ValidateNegotiateRequest;
use crate::wire::negotiate::Capabilities;
use crate::{Dialect, NtStatus};

/// What one credit pays for, in bytes ([MS-SMB2] 3.3.5.2.5).
const CREDIT_UNIT: u32 = 65_536;

/// How far a connection has come.
pub(crate) enum Phase {
    /// Nothing was received.
    Fresh,
    /// An SMB1 NEGOTIATE was answered with the wildcard: SMB2's own NEGOTIATE comes next.
    AfterSmb1,
    /// The dialect is agreed on.
    Negotiated(Negotiated),
    /// The connection is to be closed; nothing more is taken in.
    Closed,
}

impl Phase {
    /// What NEGOTIATE settled, once it has.
    pub(crate) fn negotiated(&self) -> Option<&Negotiated> {
        match self {
            Self::Negotiated(negotiated) => Some(negotiated),
            Self::Fresh | Self::AfterSmb1 | Self::Closed => None,
        }
    }

    /// Whether the connection is to be closed.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

/// What NEGOTIATE settled.
pub(crate) struct Negotiated {
    pub(crate) dialect: Dialect,
    pub(crate) signing: SigningAlgorithm,
    /// With what messages can be encrypted, if at all.
    pub(crate) cipher: Option<Cipher>,
    /// The largest read, write or transceive in bytes.
    pub(crate) max_transfer: u32,
    /// Whether requests may cost several credits.
    pub(crate) multi_credit: bool,
    /// The hash over the NEGOTIATE messages, in 3.1.1.
    pub(crate) preauth: Option<PreauthHash>,
    /// What the client offered, for FSCTL_VALIDATE_NEGOTIATE_INFO.
    pub(crate) client: ValidateNegotiateRequest,
    pub(crate) capabilities: Capabilities,
}

impl Negotiated {
    /// Checks the size of a request or of its answer against what was negotiated and what its credits pay
    /// for.
    pub(crate) fn check_size(&self, request: &Request<'_>, size: usize) -> Result<(), NtStatus> {
        let paid = u64::from(request.header.credit_charge.max(1)) * u64::from(CREDIT_UNIT);
        if size > self.max_transfer as usize || self.multi_credit && size as u64 > paid {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        Ok(())
    }
}
