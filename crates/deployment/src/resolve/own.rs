//! What an instance has for itself: settings, secrets, local storage, a health port, and what its processes
//! find of that in their environment.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use toml::Spanned;

use super::references::suggest;
use super::{Resolver, names};
use crate::definition::{Health, Limits, LocalStorage, Role};
use crate::facts;
use crate::file::{Field, Problem, Span, Text, parsed};

/// Azure's default for `sizeInMB`.
const STORAGE_SIZE: u64 = 100 * 1024 * 1024;

/// What begins the secret part of a connection string.
const SECRET_PARTS: [&str; 5] =
    ["accountkey=", "sharedaccesskey=", "sharedaccesssignature=", "password=", "pwd="];

/// A variable of one process, and the name of the fact that it gets, with the places of both.
pub(super) type Wanted = (Spanned<String>, Text);

/// How much the endpoints may use.
pub(super) fn limits(limits: parsed::Limits) -> Limits {
    Limits {
        memory: limits.memory.given(),
        memory_per_account: limits.memory_per_account.given(),
        opens: limits.opens.given().map(Spanned::into_inner),
        opens_per_account: limits.opens_per_account.given().map(Spanned::into_inner),
    }
}

impl Resolver<'_> {
    pub(super) fn settings(&mut self, settings: Vec<(Spanned<String>, Text)>) -> Vec<(String, String)> {
        for (name, value) in &settings {
            let lower = value.as_str().to_lowercase();
            if SECRET_PARTS.iter().any(|part| lower.contains(part)) {
                self.report(
                    Problem::at(name.span(), format!("the setting `{}` holds a secret", name.get_ref())).hint(
                        "write the value to a file that only you can read, and its path under [roles.….secrets]",
                    ),
                );
            }
        }
        super::variables(settings)
    }

    pub(super) fn secrets(&mut self, secrets: Vec<(Spanned<String>, Text)>) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        for (name, path) in secrets {
            if let Some(path) = self.nonempty(Field::Given(path), name.get_ref()) {
                found.push((name.into_inner(), self.path(&path)));
            }
        }
        found
    }

    pub(super) fn local_storage(&mut self, storage: parsed::LocalStorage) -> LocalStorage {
        self.name(storage.name.get_ref(), storage.name.span(), "the name of a local storage", names::ROLE);
        LocalStorage {
            name: storage.name.into_inner(),
            size: storage.size.given().unwrap_or(STORAGE_SIZE),
            clean_on_recycle: storage.clean_on_recycle.given().unwrap_or(true),
        }
    }

    pub(super) fn health(&mut self, health: parsed::Health) -> Option<Health> {
        if health.port.is_absent() {
            self.missing(&health.at, "port", "`health`", "add a TCP port, such as: port = 8081");
        }
        let address = self.address(&health.address);
        let ports = health.port.given()?;
        Some(Health { port_span: ports.span(), ports: ports.into_inner(), address })
    }

    /// An IP address to listen on.
    pub(super) fn address(&mut self, field: &Field<Text>) -> Option<IpAddr> {
        let text = field.as_given()?;
        let address = text.as_str().trim().parse().ok();
        if address.is_none() {
            self.report(
                Problem::at(text.span(), "`address` must be an IP address")
                    .label("not one")
                    .hint("write the address of an interface, such as \"10.0.0.5\", or \"0.0.0.0\" for all"),
            );
        }
        address
    }

    /// Names that are different in the file and would be one variable.
    pub(super) fn facts_differ(&mut self, role: &parsed::Role) {
        let mut named: Vec<(String, Span)> = Vec::new();
        for endpoint in &role.endpoints {
            let names = facts::of_endpoint(endpoint.name.get_ref());
            named.extend(names.map(|name| (name, endpoint.name.span())));
        }
        named.extend(role.settings.iter().map(|(name, _)| (facts::setting(name.get_ref()), name.span())));
        named.extend(role.secrets.iter().map(|(name, _)| (facts::secret(name.get_ref()), name.span())));
        for storage in &role.local_storage {
            let names = facts::of_local_storage(storage.name.get_ref());
            named.extend(names.map(|name| (name, storage.name.span())));
        }
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (name, span) in named {
            let Some(first) = seen.insert(name.clone(), span.clone()) else { continue };
            self.report(
                Problem::at(span, format!("two names of the role would be the variable `{name}`"))
                    .also(first, "the first one")
                    .hint("rename one of the two"),
            );
        }
    }

    /// Whether each wanted fact is one that the role has.
    pub(super) fn facts_are_there(&mut self, role: &Role, wanted: &[Wanted]) {
        let names = facts::names(role);
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        for (_, fact) in wanted {
            if !known.contains(&fact.as_str()) {
                let problem = Problem::at(fact.span(), format!("there is no variable `{}`", fact.as_str()));
                self.report(suggest(problem, fact.as_str(), &known, "those of the role are"));
            }
        }
    }
}
