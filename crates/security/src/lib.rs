#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod access;
mod account;
mod attribute;
mod check;
mod condition;
mod descriptor;
pub mod explain;
mod guid;
mod literal;
mod nt_hash;
mod sddl;
mod sid;
mod token;
mod trustee;
mod upcase;
pub mod well_known;

pub use access::{AccessMask, DesiredAccess, GenericMapping, GrantedAccess, PIPE_MAPPING};
pub use account::{Account, AccountName, AccountNameError, AccountSet, Accounts, AddAccountError};
pub use attribute::ResourceAttribute;
pub use check::{
    AccessDecision, DecidedBy, Denial, Effect, EntryEffect, Grant, Refusal, check_access, check_pipe_client,
};
pub use condition::Condition;
pub use descriptor::{
    Ace, AceBody, AceFlags, Acl, DecodeError, DescriptorControl, DescriptorParts, EncodeError, ObjectTypes,
    SecurityDescriptor, Verdict,
};
pub use guid::Guid;
pub use nt_hash::{NtHash, NtHashError};
pub use sddl::{SddlError, SddlProblem};
pub use sid::{MAX_SUB_AUTHORITIES, Sid, SidError};
pub use token::{Integrity, Token};
pub use trustee::Trustee;
pub use upcase::upcase;
