//! The gate before the log-on: whether an attempt counts.

/// The judge of a client's log-ons, which a connection asks.
pub trait LogonGate: Send {
    /// Whether an attempt in this name counts. One that does not is answered as an unknown user is, whether
    /// or not the password is right.
    fn admits(&mut self, user: &str) -> bool;

    /// An attempt failed that counted, in the name of this account; `None` for a name that no account has.
    fn failed(&mut self, account: Option<&str>);

    /// An attempt in this name succeeded. The client may not have shown yet that it has the key.
    fn succeeded(&mut self, user: &str);
}
