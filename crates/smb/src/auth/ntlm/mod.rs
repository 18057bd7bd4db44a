//! NTLM, [MS-NLMP]: its messages and its keys. What to do with them is in [`super::server`] and
//! [`super::client`].

mod av;
mod flags;
mod keys;
mod messages;

pub(super) use av::{AvId, AvPairs};
pub(super) use flags::Flags;
pub(super) use keys::{Direction, ExportedKey, ResponseKey, client_part, message_integrity_code, rc4};
pub(super) use messages::{Authenticate, AuthenticateFields, Challenge, MIC_RANGE, Negotiate, SIGNATURE};
