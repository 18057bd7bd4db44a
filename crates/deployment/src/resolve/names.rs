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

/// What is wrong with the name of a host, as the end of a sentence ([RFC 1123] 2.1; `_` is used, too).
///
/// [RFC 1123]: https://www.rfc-editor.org/rfc/rfc1123
pub(super) fn host(name: &str) -> Result<(), String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let may_hold = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(c) = name.chars().find(|c| !may_hold(*c)) {
        let hint = match c {
            ':' => "; the port is left out",
            '/' => "; only the name of a URL is meant",
            '*' => "; each name stands by itself",
            c if !c.is_ascii() => "; browsers send such a name in its ASCII form (`xn--…`)",
            _ => "",
        };
        return Err(format!("cannot hold `{}`{hint}", c.escape_debug()));
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err("each part has 1 to 63 characters, the whole 253 at most".to_owned());
    }
    Ok(())
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
