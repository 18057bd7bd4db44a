//! Where an instance listens, and what it calls.

use std::time::Duration;

use super::{Resolver, names};
use crate::addresses::AddressSource;
use crate::definition::{Call, Endpoint, PasswordSource, Target};
use crate::file::{
    Encryption, Field, PortChoice, Ports, Problem, Protocol, Span, Text, Visibility, is_variable_name, parsed,
};
use toml::Spanned;

/// The story's `pipe.Connect(10000)`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Resolver<'_> {
    pub(super) fn endpoint(&mut self, endpoint: parsed::Endpoint) -> Option<Endpoint> {
        let name = endpoint.name.get_ref();
        let at = endpoint.name.span();
        self.name(name, at.clone(), "an endpoint's name", names::ROLE);
        let what = format!("endpoint `{name}`");
        if endpoint.protocol.is_absent() {
            self.missing(
                &at,
                "protocol",
                &what,
                "add protocol = \"smb\" for pipes or protocol = \"http\" for the page",
            );
        }
        if endpoint.port.is_absent() {
            self.missing(&at, "port", &what, "add a TCP port, such as: port = 4445");
        }
        let protocol = *endpoint.protocol.as_given()?;
        self.for_pipes_only(protocol, &endpoint);
        let hosts = self.hosts(protocol, &endpoint);
        let address = self.address(&endpoint.address);
        let choice = endpoint.port_choice.as_given().copied().unwrap_or_default();
        let port = endpoint.port.given()?;
        if !endpoint.port_choice.is_absent() && !matches!(port.get_ref(), Ports::Range(..)) {
            self.report(
                Problem::at(port.span(), format!("{what} has a `port-choice` and no ports to choose from"))
                    .hint("write a range, such as port = \"20000-20010\", or take `port-choice` out"),
            );
        }
        Some(Endpoint {
            session_lifetime: endpoint.session_lifetime.given(),
            filter_administrators: endpoint.filter_administrators.given().unwrap_or(true),
            encryption: endpoint.encryption.given().unwrap_or(Encryption::Offered),
            max_connections: endpoint.max_connections.given().map(Spanned::into_inner),
            max_connections_per_address: endpoint
                .max_connections_per_address
                .given()
                .map(Spanned::into_inner),
            max_connections_per_account: endpoint
                .max_connections_per_account
                .given()
                .map(Spanned::into_inner),
            visibility: endpoint.visibility.given().unwrap_or(match protocol {
                Protocol::Http => Visibility::Input,
                Protocol::Smb | Protocol::Tcp | Protocol::Udp => Visibility::Internal,
            }),
            protocol,
            port_span: port.span(),
            ports: port.into_inner(),
            hosts,
            by_instance: choice == PortChoice::Instance,
            address,
            name: endpoint.name.into_inner(),
        })
    }

    pub(super) fn call(&mut self, call: parsed::Call) -> Option<Call> {
        let name = call.name.get_ref().clone();
        let at = call.name.span();
        let what = format!("call `{name}`");
        self.name(&name, at.clone(), "a call's name", names::ROLE);
        if call.target.is_absent() {
            self.missing(&at, "target", &what, "say whose pipe it is, such as: target = \"Role/Endpoint\"");
        }
        if call.user.is_absent() {
            self.missing(&at, "user", &what, "say which account logs on, such as: user = \"serviceUser\"");
        }
        let (password, password_span) = self.password(&call, &at, &what);
        let pipe = self.nonempty(call.pipe, "pipe").unwrap_or_else(|| name.clone());
        let user = self.nonempty(call.user, "user");
        let addresses = self.addresses(&call.addresses);
        let target = call.target.given()?;
        let (role, endpoint) = target.as_str().split_once('/')?;
        Some(Call {
            name,
            target: Target { role: role.to_owned(), endpoint: endpoint.to_owned() },
            addresses,
            pipe,
            user: user?,
            password: password?,
            connect_timeout: call.connect_timeout.given().unwrap_or(CONNECT_TIMEOUT),
            password_span,
        })
    }

    /// The names of a page.
    fn hosts(&mut self, protocol: Protocol, endpoint: &parsed::Endpoint) -> Vec<String> {
        let Some(given) = endpoint.hosts.as_given() else { return Vec::new() };
        if protocol != Protocol::Http {
            let name = endpoint.name.get_ref();
            let what = format!(
                "endpoint `{name}` is not for the page, the only one that `hosts` says something about"
            );
            self.report(Problem::at(endpoint.name.span(), what).hint("leave it out"));
        }
        let mut hosts = Vec::new();
        for host in given {
            match names::host(host.as_str()) {
                Ok(()) => hosts.push(host.as_str().trim_end_matches('.').to_ascii_lowercase()),
                Err(wrong) => self.report(
                    Problem::at(host.span(), "this is not the name of a host")
                        .label(wrong)
                        .hint("write a name by which clients reach the page, such as \"shop.example.com\""),
                ),
            }
        }
        hosts
    }

    /// Notes the keys that mean something for pipes only.
    fn for_pipes_only(&mut self, protocol: Protocol, endpoint: &parsed::Endpoint) {
        let whose = match protocol {
            Protocol::Smb => return,
            Protocol::Http => "for the page",
            Protocol::Tcp | Protocol::Udp => "the service's own",
        };
        let keys = [
            ("encryption", endpoint.encryption.is_absent()),
            ("max-connections", endpoint.max_connections.is_absent()),
            ("max-connections-per-address", endpoint.max_connections_per_address.is_absent()),
            ("max-connections-per-account", endpoint.max_connections_per_account.is_absent()),
            ("session-lifetime", endpoint.session_lifetime.is_absent()),
            ("filter-administrators", endpoint.filter_administrators.is_absent()),
        ];
        for (key, is_absent) in keys {
            if is_absent {
                continue;
            }
            let name = endpoint.name.get_ref();
            let hint = match (key, protocol) {
                ("encryption", Protocol::Http) => {
                    "leave it out; put a TLS proxy in front of the page where it must be encrypted"
                }
                _ => "leave it out",
            };
            self.report(
                Problem::at(
                    endpoint.name.span(),
                    format!("endpoint `{name}` is {whose}, which `{key}` says nothing about"),
                )
                .hint(hint),
            );
        }
    }

    /// Where the target's instances are; `None` when the file does not say it.
    fn addresses(&mut self, field: &Field<Vec<Text>>) -> Option<Vec<AddressSource>> {
        let mut sources = Vec::new();
        for text in field.as_given()? {
            match AddressSource::parse(text.as_str(), |path| self.path(path)) {
                Ok(source) => sources.push(source),
                Err(error) => self.report(
                    Problem::at(text.span(), "this does not say where instances are")
                        .label(error.to_string())
                        .hint(error.hint()),
                ),
            }
        }
        Some(sources)
    }

    fn password(&mut self, call: &parsed::Call, at: &Span, what: &str) -> (Option<PasswordSource>, Span) {
        match (&call.password_file, &call.password_env) {
            (Field::Given(file), Field::Given(variable)) => {
                self.report(
                    Problem::at(variable.span(), format!("{what} has two passwords"))
                        .also(file.span(), "the other one")
                        .hint("keep either `password-file` or `password-env`"),
                );
                (None, variable.span())
            }
            (Field::Given(file), _) => {
                let path = self.nonempty(Field::Given(file.clone()), "password-file");
                (path.map(|path| PasswordSource::File(self.path(&path))), file.span())
            }
            (_, Field::Given(variable)) => {
                if !is_variable_name(variable.as_str()) {
                    self.report(
                        Problem::at(
                            variable.span(),
                            "`password-env` must be the name of an environment variable",
                        )
                        .hint("write the variable's name, not its value and without `$`"),
                    );
                    return (None, variable.span());
                }
                (Some(PasswordSource::Environment(variable.as_str().to_owned())), variable.span())
            }
            (Field::Absent, Field::Absent) => {
                self.missing(
                    at,
                    "password-file",
                    what,
                    "add password-file = \"secrets/…\" (a file that only you can read) or password-env = \"NAME\"",
                );
                (None, at.clone())
            }
            _ => (None, at.clone()),
        }
    }
}
