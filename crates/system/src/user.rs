//! Users of this machine, as the system knows them.

use std::fmt;

use crate::platform;

/// Who may do everything on this machine, as a message says it.
pub const ADMINISTRATOR: &str = platform::ADMINISTRATOR;

/// A user of this machine: on Unix a user's number, on Windows a SID, which may be a group's too.
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

    /// The users who may do everything on this machine: root on Unix; on Windows the system, the group of
    /// administrators and the installer of Windows.
    #[must_use]
    pub fn administrators() -> &'static [Self] {
        platform::ADMINISTRATORS
    }

    /// Whether the user may do everything on this machine: see [`administrators`](Self::administrators).
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

#[cfg(windows)]
impl User {
    /// The user or group with this name (`name` or `DOMAIN\name`) or SID (`S-1-…`); `None` when there is
    /// none.
    ///
    /// # Errors
    ///
    /// Those of the system, for example when the domain cannot be asked.
    pub fn by_name(name: &str) -> std::io::Result<Option<Self>> {
        platform::user_by_name(name)
    }
}

/// The user's number on Unix, the SID on Windows.
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
