//! The account that logs on, and what proves it.

use std::fmt;

use standpipe_security::NtHash;
use standpipe_smb::auth::client::Credentials as Wire;

/// A user and the proof of who it is. The secret is kept as the NT hash, wiped when dropped, and never
/// printed.
#[derive(Clone)]
pub struct Credentials(Wire);

impl Credentials {
    /// A user with its password. `user` is a local account of the server (`serviceUser`) or `DOMAIN\user`.
    pub fn with_password(user: &str, password: &str) -> Self {
        Self::with_nt_hash(user, NtHash::of_password(password))
    }

    /// A user with the NT hash of its password, which is all that the protocol needs.
    pub fn with_nt_hash(user: &str, nt_hash: NtHash) -> Self {
        let (domain, user) = user.split_once('\\').unwrap_or(("", user));
        // `.` is how Windows writes the computer's own accounts.
        let domain = if domain == "." { "" } else { domain };
        Self(Wire::from_nt_hash(user, domain, nt_hash))
    }

    /// The user's name without its domain.
    pub fn user(&self) -> &str {
        self.0.user()
    }

    pub(crate) fn for_wire(&self) -> Wire {
        self.0.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.0.user()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_can_stand_before_the_user() {
        for (text, domain, user) in
            [("serviceUser", "", "serviceUser"), (r"CORP\anna", "CORP", "anna"), (r".\anna", "", "anna")]
        {
            let credentials = Credentials::with_password(text, "x");
            assert_eq!((credentials.0.domain(), credentials.user()), (domain, user));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let hash = NtHash::of_password("secret");
        let text = format!("{:?}", Credentials::with_password("anna", "secret"));
        assert!(
            text.contains("anna") && !text.contains("secret") && !text.contains(&*hash.expose_hex()),
            "{text}"
        );
    }
}
