//! The files with secrets that a deployment file names.

use std::collections::BTreeSet;

use standpipe_deployment::Span;
use toml::de::{DeTable, DeValue};

use super::{roles, table_of, tables, text_of};

/// The options of `standpipe account` that are followed by the path of a secret.
const OPTIONS: [&str; 2] = ["--password-file", "--nt-hash-file"];

/// A file with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// What it is called on platforms: letters, digits, `-`, `_` and `.`.
    pub(crate) key: String,
    /// The path in the deployment file, as it stands there.
    pub(crate) path: String,
    /// The roles that read it.
    pub(crate) roles: BTreeSet<String>,
    /// What is in it, for a comment.
    pub(crate) meaning: String,
}

/// A place in the file where a secret's path stands.
pub(super) struct Place {
    pub(super) span: Span,
    pub(super) key: String,
    /// What stands before the path in the same text, such as `--password-file=`.
    pub(super) option: String,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) secrets: Vec<Secret>,
    pub(super) places: Vec<Place>,
}

/// Finds the paths of secrets: passwords of calls, accounts, secrets of services, and what startup tasks give
/// to `standpipe account`.
pub(super) fn find(root: &DeTable<'_>) -> Found {
    let mut found = Found::default();
    for (role, table) in roles(root) {
        if let Some((path, span)) = text_of(table, "accounts") {
            found.add(role, path, span, "", "accounts.toml", "the accounts that may log on");
        }
        for (_, call) in tables(table_of(table, "calls")) {
            let user = text_of(call, "user").map_or("password", |(user, _)| user);
            if let Some((path, span)) = text_of(call, "password-file") {
                found.add(role, path, span, "", user, &format!("the password of {user}"));
            }
        }
        for (name, value) in table_of(table, "secrets").into_iter().flat_map(|secrets| secrets.iter()) {
            if let DeValue::String(path) = value.get_ref() {
                let name = name.get_ref();
                found.add(role, path, value.span(), "", name, &format!("the secret {name} of the service"));
            }
        }
        let tasks = table.iter().find(|(key, _)| key.get_ref() == "startup");
        if let Some(DeValue::Array(tasks)) = tasks.map(|(_, value)| value.get_ref()) {
            for task in tasks {
                if let DeValue::Table(task) = task.get_ref() {
                    found.add_arguments(role, task);
                }
            }
        }
    }
    found
}

impl Found {
    fn add_arguments(&mut self, role: &str, task: &DeTable<'_>) {
        let command = task.iter().find(|(key, _)| key.get_ref() == "command");
        let Some(DeValue::Array(words)) = command.map(|(_, value)| value.get_ref()) else { return };
        let words: Vec<(&str, Span)> = words
            .iter()
            .filter_map(|word| match word.get_ref() {
                DeValue::String(text) => Some((text.as_ref(), word.span())),
                _ => None,
            })
            .collect();
        // `standpipe account add NAME …`
        let user = words.iter().position(|(word, _)| *word == "account").and_then(|at| words.get(at + 2));
        let user = user.map_or("password", |(user, _)| *user);
        let meaning = format!("the password of {user}");
        for (index, (word, span)) in words.iter().enumerate() {
            if OPTIONS.contains(word) {
                if let Some((path, span)) = words.get(index + 1) {
                    self.add(role, path, span.clone(), "", user, &meaning);
                }
            } else if let Some((option, path)) =
                word.split_once('=').filter(|(option, _)| OPTIONS.contains(option))
            {
                self.add(role, path, span.clone(), &format!("{option}="), user, &meaning);
            }
        }
    }

    /// Adds a place. The same path is the same secret; `name` is taken when the path's last part is none.
    fn add(&mut self, role: &str, path: &str, span: Span, option: &str, name: &str, meaning: &str) {
        let known = self.secrets.iter().position(|secret| secret.path == path);
        let index = known.unwrap_or_else(|| {
            let last = path.rsplit(['/', '\\']).next().unwrap_or_default();
            let base = if is_key(last) { last.to_owned() } else { key_from(name) };
            let taken = |key: &str| self.secrets.iter().any(|secret| secret.key == key);
            let numbered = (2..).map(|number| format!("{base}-{number}"));
            let key = std::iter::once(base.clone()).chain(numbered).find(|key| !taken(key));
            self.secrets.push(Secret {
                key: key.unwrap_or(base),
                path: path.to_owned(),
                roles: BTreeSet::new(),
                meaning: meaning.to_owned(),
            });
            self.secrets.len() - 1
        });
        let Some(secret) = self.secrets.get_mut(index) else { return };
        secret.roles.insert(role.to_owned());
        let key = secret.key.clone();
        self.places.push(Place { span, key, option: option.to_owned() });
    }
}

/// Whether a text can be the key of a Kubernetes secret, and the name of a file everywhere.
fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 100
        && !text.starts_with('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A key from any text.
fn key_from(text: &str) -> String {
    let key: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).take(100).collect();
    if is_key(&key) { key } else { "secret".to_owned() }
}
