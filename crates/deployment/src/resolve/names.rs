//! Which names are allowed. Names become parts of paths, of addresses and of log lines.

/// A rule for one kind of name.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    longest: usize,
    may_hold: fn(char) -> bool,
    hint: &'static str,
}

/// A deployment's name: becomes a directory.
pub(super) const DEPLOYMENT: Rule = Rule {
    longest: 63,
    may_hold: |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
    hint: "use a letter, then letters, digits, `-`, `_` and `.`, 63 characters at most",
};

/// The name of a role, an endpoint or a call: no dot, as `Role.0` is an instance's directory.
pub(super) const ROLE: Rule = Rule {
    longest: 63,
    may_hold: |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'),
    hint: "use a letter, then letters, digits, `-` and `_`, 63 characters at most",
};

/// Whether a role can have this name: a letter, then letters, digits, `-` and `_`, 63 characters at most.
/// Such a name can be part of a file's name.
pub fn is_role_name(name: &str) -> bool {
    ROLE.check(name).is_ok()
}

impl Rule {
    /// What is wrong with a name, as the end of a sentence.
    pub(super) fn check(self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("is empty".to_owned());
        }
        if name.len() > self.longest {
            return Err(format!("is longer than {} bytes", self.longest));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err("does not start with a letter".to_owned());
        }
        match name.chars().find(|c| !(self.may_hold)(*c)) {
            Some(c) => Err(format!("cannot hold `{}`", c.escape_debug())),
            None => Ok(()),
        }
    }

    /// What to write instead.
    pub(super) fn hint(self) -> &'static str {
        self.hint
    }
}
