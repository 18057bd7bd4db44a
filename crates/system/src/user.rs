//! Users of this machine, as the system knows them.

use std::fmt;

use crate::platform;

/// A user of this machine: on Unix a user's number.
///
/// On Windows only the user of this process is known so far. It is nobody else, so it is never the
/// administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct User(pub(crate) platform::UserId);

impl User {
    /// The user that this process acts as.
    #[must_use]
    pub fn own() -> Self {
        Self(platform::own_user())
    }

    /// The user with this number; `None` on a system whose users have no numbers.
    #[must_use]
    pub fn by_number(number: u32) -> Option<Self> {
        platform::user_by_number(number)
    }

    /// The users who may do everything on this machine, as far as they are known: root on Unix.
    #[must_use]
    pub fn administrators() -> &'static [Self] {
        platform::ADMINISTRATORS
    }

    /// Whether the user may do everything on this machine: root on Unix.
    #[must_use]
    pub fn is_administrator(self) -> bool {
        Self::administrators().contains(&self)
    }

    /// Whether this process may rely on what the user made: its own user, or one that may do everything
    /// anyway.
    #[must_use]
    pub fn is_trusted(self) -> bool {
        self.is_administrator() || self == Self::own()
    }
}

#[cfg(unix)]
impl User {
    /// Root.
    pub const ROOT: Self = Self(0);

    /// The user with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The user's number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The user's number on Unix.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_trusts_its_own_user() {
        assert!(User::own().is_trusted());
    }

    #[cfg(unix)]
    #[test]
    fn only_root_is_the_administrator() {
        assert!(User::ROOT.is_administrator() && User::ROOT.is_trusted());
        let other = User::from_number(User::own().number() ^ 0x4000_0001);
        assert!(!other.is_administrator() && !other.is_trusted());
    }
}
