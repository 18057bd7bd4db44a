//! An attacker between our client and our server that can read, change, drop, repeat and invent messages, and
//! does not know the password: what they try, and that it ends the connection before the service has seen a
//! byte.
//!
//! `docs/SECURITY.md` has the table of the attacks.

#[cfg(test)]
mod log_on;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod negotiation;
#[cfg(test)]
mod world;
