//! The deployment file as a text: where its parts stand, and how it reads on another machine.

mod secrets;

use std::collections::BTreeMap;
use std::env::VarError;
use std::path::Path;

use standpipe_deployment::{Deployment, Environment, Machine, Problem, Problems, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use secrets::Secret;

/// A deployment for a machine, with the file that says it.
pub(crate) struct Origin {
    pub(crate) deployment: Deployment,
}

/// What differs between the file as a person wrote it and the one on the machine that runs it.
pub(crate) struct Surroundings<'a> {
    /// The path of the file with a secret.
    pub(crate) secret: &'a dyn Fn(&str) -> String,
    /// Where the instances of a target (role and endpoint) are found, in the words of `addresses`.
    pub(crate) addresses: &'a dyn Fn(&str, &str) -> Option<Vec<String>>,
    /// The address where pages listen that the file gives none, when that is not the instance's own.
    pub(crate) page: Option<&'static str>,
}

/// The file for the machine that runs it, and what it needs there.
pub(crate) struct PlatformFile {
    /// Its text.
    pub(crate) text: String,
    /// The secrets that it names, by key.
    pub(crate) secrets: Vec<Secret>,
    /// For each role, the environment variables that the file and the role's calls read.
    pub(crate) variables: BTreeMap<String, Vec<String>>,
}

/// An environment in which every variable is set. What a variable holds is decided on the machine that runs
/// the deployment.
struct Lenient<'a>(&'a dyn Environment);

impl Environment for Lenient<'_> {
    fn get(&self, name: &str) -> Result<String, VarError> {
        match self.0.get(name) {
            Err(VarError::NotPresent) => Ok("unset".to_owned()),
            found => found,
        }
    }
}

impl Origin {
    /// Reads a deployment file for `machine`.
    pub(crate) fn read(
        file: &Path,
        machine: &Machine,
        environment: &dyn Environment,
    ) -> Result<Self, Problems> {
        let deployment = Deployment::load_for(file, machine, &Lenient(environment)).map_err(|problems| {
            // A variable that is not set may be the true reason.
            Deployment::load_for(file, machine, environment).err().unwrap_or(problems)
        })?;
        Ok(Self { deployment })
    }

    /// The problems, unless there are none.
    pub(crate) fn check(&self, problems: Vec<Problem>) -> Result<(), Problems> {
        Problems::check(self.deployment.source(), problems)
    }

    /// Where the value or the table at `path` stands: its key's place for a table. The start of the file
    /// where there is none.
    pub(crate) fn span(&self, path: &[&str]) -> Span {
        let text = self.deployment.source().text();
        let (root, _) = DeTable::parse_recoverable(text);
        let mut table = root.get_ref();
        let mut span = 0..0;
        for name in path {
            let Some((key, value)) = entry(table, name) else { return span };
            match value.get_ref() {
                DeValue::Table(inner) => {
                    span = key.span();
                    table = inner;
                }
                _ => return value.span(),
            }
        }
        span
    }

    /// The file as the machine sees that runs it.
    pub(crate) fn for_platform(&self, surroundings: &Surroundings<'_>) -> PlatformFile {
        let text = self.deployment.source().text();
        let (root, _) = DeTable::parse_recoverable(text);
        let found = secrets::find(root.get_ref());
        let mut edits: Vec<(Span, String)> = Vec::new();
        for place in &found.places {
            let path = (surroundings.secret)(&place.key);
            edits.push((place.span.clone(), quoted(&format!("{}{path}", place.option))));
        }
        edits.extend(addresses(text, root.get_ref(), surroundings.addresses));
        edits.extend(surroundings.page.into_iter().flat_map(|address| pages(text, root.get_ref(), address)));
        let rewritten = edited(text, edits);
        let variables = variables(&rewritten);
        PlatformFile { text: rewritten, secrets: found.secrets, variables }
    }
}

/// The paths of the files with secrets that the text of a deployment file names, as they stand there.
pub fn secret_paths(text: &str) -> Vec<String> {
    let (root, _) = DeTable::parse_recoverable(text);
    secrets::find(root.get_ref()).secrets.into_iter().map(|secret| secret.path).collect()
}

/// The text of a deployment file in which relative paths of secrets start from `folder`, for a file that is
/// used in another folder than the one that it was written for. A path that begins with a variable stays as
/// it is.
pub fn with_secrets_in(text: &str, folder: &Path) -> String {
    let (root, _) = DeTable::parse_recoverable(text);
    let found = secrets::find(root.get_ref());
    let mut edits: Vec<(Span, String)> = Vec::new();
    for place in found.places {
        let secret = found.secrets.iter().find(|secret| secret.key == place.key);
        let Some(path) = secret.map(|secret| secret.path.as_str()) else { continue };
        if path.starts_with("${") || Path::new(path).is_absolute() {
            continue;
        }
        // A folder may have `${` in its name, which is no variable.
        let folder = folder.to_string_lossy().replace("${", "$${");
        let path = Path::new(&folder).join(path);
        edits.push((place.span, quoted(&format!("{}{}", place.option, path.display()))));
    }
    edited(text, edits)
}

/// A text with other words in some places.
fn edited(text: &str, mut edits: Vec<(Span, String)>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let mut edited = text.to_owned();
    for (span, new) in edits.into_iter().rev() {
        edited.replace_range(span, &new);
    }
    edited
}

/// The entry of this name.
fn entry<'t, 'i>(
    table: &'t DeTable<'i>,
    name: &str,
) -> Option<(&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    table.iter().find(|(key, _)| key.get_ref() == name)
}

fn table_of<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t DeTable<'i>> {
    match entry(table, name)?.1.get_ref() {
        DeValue::Table(inner) => Some(inner),
        _ => None,
    }
}

fn text_of<'t>(table: &'t DeTable<'_>, name: &str) -> Option<(&'t str, Span)> {
    let (_, value) = entry(table, name)?;
    match value.get_ref() {
        DeValue::String(text) => Some((text, value.span())),
        _ => None,
    }
}

/// The roles of the file, by name.
fn roles<'t, 'i>(root: &'t DeTable<'i>) -> impl Iterator<Item = (&'t str, &'t DeTable<'i>)> {
    tables(table_of(root, "roles"))
}

/// The tables in a table, by name.
fn tables<'t, 'i: 't>(table: Option<&'t DeTable<'i>>) -> impl Iterator<Item = (&'t str, &'t DeTable<'i>)> {
    table.into_iter().flat_map(|table| table.iter()).filter_map(|(name, value)| match value.get_ref() {
        DeValue::Table(inner) => Some((name.get_ref().as_ref(), inner)),
        _ => None,
    })
}

/// A text as TOML writes it.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(['\'', '\n']) || !text.contains(['\\', '"']) {
        let escaped = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
        return format!("\"{escaped}\"");
    }
    format!("'{text}'")
}

/// The places after the targets of calls that have no addresses yet, with the addresses.
fn addresses(
    text: &str,
    root: &DeTable<'_>,
    of: &dyn Fn(&str, &str) -> Option<Vec<String>>,
) -> Vec<(Span, String)> {
    let mut edits = Vec::new();
    for (_, role) in roles(root) {
        for (_, call) in tables(table_of(role, "calls")) {
            if entry(call, "addresses").is_some() {
                continue;
            }
            let Some((key, value)) = entry(call, "target") else { continue };
            let DeValue::String(target) = value.get_ref() else { continue };
            let Some((role, endpoint)) = target.split_once('/') else { continue };
            let Some(found) = of(role, endpoint) else { continue };
            let found: Vec<String> = found.iter().map(|address| quoted(address)).collect();
            edits.push(beside(text, key, value, &format!("addresses = [{}]", found.join(", "))));
        }
    }
    edits
}

/// The places after the ports of pages that have no address yet, with the address.
fn pages(text: &str, root: &DeTable<'_>, address: &str) -> Vec<(Span, String)> {
    let mut edits = Vec::new();
    for (_, role) in roles(root) {
        for (_, endpoint) in tables(table_of(role, "endpoints")) {
            let is_page = text_of(endpoint, "protocol").is_some_and(|(protocol, _)| protocol == "http");
            if let Some((key, value)) = entry(endpoint, "port")
                && is_page
                && entry(endpoint, "address").is_none()
            {
                edits.push(beside(text, key, value, &format!("address = {}", quoted(address))));
            }
        }
    }
    edits
}

/// The place of a new entry after another one of its table: on its own line, with the same prefix of dotted
/// keys, or in the same inline table.
fn beside<K, V>(text: &str, key: &Spanned<K>, value: &Spanned<V>, new: &str) -> (Span, String) {
    let line = text[..key.span().start].rfind('\n').map_or(0, |end| end + 1);
    let before = &text[line..key.span().start];
    let is_prefix = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '\t' | '.' | '-' | '_' | '"');
    let separator = if before.chars().all(is_prefix) { format!("\n{before}") } else { ", ".to_owned() };
    let end = value.span().end;
    (end..end, format!("{separator}{new}"))
}

/// For each role, the variables that its part of the file reads, and its calls.
fn variables(text: &str) -> BTreeMap<String, Vec<String>> {
    let (root, _) = DeTable::parse_recoverable(text);
    let root = root.get_ref();
    let mut of_all = Vec::new();
    for (_, value) in root.iter().filter(|(name, _)| name.get_ref() != "roles") {
        named_in(value.get_ref(), &mut of_all);
    }
    roles(root)
        .map(|(name, role)| {
            let mut names = of_all.clone();
            for (_, value) in role {
                named_in(value.get_ref(), &mut names);
            }
            for (_, call) in tables(table_of(role, "calls")) {
                names.extend(text_of(call, "password-env").map(|(name, _)| name.to_owned()));
            }
            names.sort_unstable();
            names.dedup();
            (name.to_owned(), names)
        })
        .collect()
}

/// Adds the names of the variables in every text of a value.
fn named_in(value: &DeValue<'_>, names: &mut Vec<String>) {
    match value {
        DeValue::String(text) => {
            let mut rest: &str = text;
            while let Some(start) = rest.find("${") {
                let is_escaped = rest[..start].ends_with('$');
                let Some(length) = rest[start..].find('}') else { return };
                if !is_escaped {
                    names.push(rest[start + 2..start + length].to_owned());
                }
                rest = &rest[start + length + 1..];
            }
        }
        DeValue::Array(values) => values.iter().for_each(|value| named_in(value.get_ref(), names)),
        DeValue::Table(table) => table.iter().for_each(|(_, value)| named_in(value.get_ref(), names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
