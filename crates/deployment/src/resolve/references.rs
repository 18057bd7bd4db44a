//! What one part of the file says about another: targets of calls, ports that meet, names that differ only in
//! case.

use std::collections::HashMap;

use toml::Spanned;

use super::Resolver;
use crate::addresses::AddressSource;
use crate::file::parsed::{Call, File, Role};
use crate::file::{Field, Ports, Problem, Protocol, Span, Text, list_of, nearest};

/// Checks every reference of the file.
pub(super) fn check(resolver: &mut Resolver<'_>, file: &File) {
    for role in &file.roles {
        pipes_differ(resolver, role);
        for call in &role.calls {
            target(resolver, file, call);
        }
    }
    roles_differ(resolver, file);
    ports_differ(resolver, file);
}

/// Role names become directories, and some file systems ignore case.
fn roles_differ(resolver: &mut Resolver<'_>, file: &File) {
    let names = file.roles.iter().map(|role| &role.name);
    differ(resolver, names, "two roles have the same name but for case");
}

/// Pipe names are compared without regard to case, as Windows does.
fn pipes_differ(resolver: &mut Resolver<'_>, role: &Role) {
    let names = role.pipes.iter().map(|pipe| &pipe.name);
    differ(resolver, names, "two pipes have the same name but for case");
}

fn differ<'n>(resolver: &mut Resolver<'_>, names: impl Iterator<Item = &'n Spanned<String>>, message: &str) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for name in names {
        if let Some(first) = seen.insert(name.get_ref().to_lowercase(), name.span()) {
            resolver.report(
                Problem::at(name.span(), message).also(first, "the first one").hint("rename one of the two"),
            );
        }
    }
}

/// Ports that somebody listens on.
struct Taken<'f> {
    ports: Ports,
    is_udp: bool,
    address: Option<&'f str>,
    span: Span,
    role: &'f str,
}

/// Instances of all roles share the loopback addresses, so that any two endpoints with one port meet on
/// 127.0.0.1, unless both say where else they listen.
fn ports_differ(resolver: &mut Resolver<'_>, file: &File) {
    let mut taken: Vec<Taken<'_>> = Vec::new();
    for role in &file.roles {
        let endpoints = role.endpoints.iter().map(|endpoint| {
            let is_udp = endpoint.protocol.as_given() == Some(&Protocol::Udp);
            (&endpoint.port, is_udp, &endpoint.address)
        });
        let health = role.health.iter().map(|health| (&health.port, false, &health.address));
        for (port, is_udp, address) in endpoints.chain(health) {
            let Field::Given(port) = port else { continue };
            let address = address.as_given().map(Text::as_str);
            let here = Taken {
                ports: *port.get_ref(),
                is_udp,
                address,
                span: port.span(),
                role: role.name.get_ref(),
            };
            if let Some((first, number)) =
                taken.iter().find_map(|first| meet(first, &here).map(|number| (first, number)))
            {
                resolver.report(
                    Problem::at(here.span, format!("port {number} is used twice"))
                        .label("used again here")
                        .also(first.span.clone(), format!("used by role `{}` first", first.role))
                        .hint("choose another port: instances of both would listen on the same address"),
                );
            } else {
                taken.push(here);
            }
        }
    }
}

/// A port that both would take.
fn meet(one: &Taken<'_>, other: &Taken<'_>) -> Option<u16> {
    let apart = matches!((one.address, other.address), (Some(one), Some(other)) if one != other);
    if apart || one.is_udp != other.is_udp {
        return None;
    }
    let ((first, last), (from, to)) = (one.ports.bounds()?, other.ports.bounds()?);
    let number = first.max(from);
    (number <= last.min(to)).then_some(number)
}

fn target(resolver: &mut Resolver<'_>, file: &File, call: &Call) {
    let Field::Given(text) = &call.target else { return };
    let value = text.as_str();
    let Some((role_name, endpoint_name)) = value.split_once('/') else {
        resolver.report(
            Problem::at(text.span(), "`target` must be `Role/Endpoint`")
                .label("no `/`")
                .hint("name the role and its smb endpoint, such as: target = \"ServiceWatcher/NamedPipes\""),
        );
        return;
    };
    let slash = role_name.len();
    let Some(role) = file.roles.iter().find(|role| role.name.get_ref() == role_name) else {
        let names: Vec<&str> = file.roles.iter().map(|role| role.name.get_ref().as_str()).collect();
        let problem = Problem::at(text.part(0..slash.max(1)), format!("there is no role `{role_name}`"));
        resolver.report(suggest(problem, role_name, &names, "the roles are"));
        return;
    };
    let Some(endpoint) = role.endpoints.iter().find(|endpoint| endpoint.name.get_ref() == endpoint_name)
    else {
        let names: Vec<&str> =
            role.endpoints.iter().map(|endpoint| endpoint.name.get_ref().as_str()).collect();
        let problem = Problem::at(
            text.part(slash + 1..value.len()),
            format!("role `{role_name}` has no endpoint `{endpoint_name}`"),
        );
        resolver.report(suggest(problem, endpoint_name, &names, "its endpoints are"));
        return;
    };
    if let Some(protocol) = endpoint.protocol.as_given().filter(|protocol| **protocol != Protocol::Smb) {
        let label = match protocol {
            Protocol::Http => "this is an http endpoint",
            _ => "this is an endpoint of the service's own",
        };
        resolver.report(
            Problem::at(text.span(), format!("endpoint `{endpoint_name}` does not serve pipes"))
                .label(label)
                .hint("name an endpoint with protocol = \"smb\""),
        );
        return;
    }
    let is_fixed = endpoint.port.as_given().is_none_or(|port| port.get_ref().fixed().is_some());
    for address in call.addresses.as_given().into_iter().flatten().filter(|_| !is_fixed) {
        let source = AddressSource::parse(address.as_str(), |path| path.into());
        if source.is_ok_and(|source| source.needs_port()) {
            resolver.report(
                Problem::at(address.span(), format!("endpoint `{endpoint_name}` has no fixed port"))
                    .label("no port here either")
                    .hint(
                        "add the port here, or use \"srv:…\" or \"file:…\", which have it for each instance",
                    ),
            );
        }
    }
    let (pipe, span) = match &call.pipe {
        Field::Given(pipe) => (pipe.as_str(), pipe.span()),
        Field::Absent => (call.name.get_ref().as_str(), call.name.span()),
        Field::Bad => return,
    };
    if !role.pipes.iter().any(|known| known.name.get_ref().to_lowercase() == pipe.to_lowercase()) {
        let names: Vec<&str> = role.pipes.iter().map(|pipe| pipe.name.get_ref().as_str()).collect();
        let problem = Problem::at(span, format!("role `{role_name}` serves no pipe `{pipe}`"));
        let problem = suggest(problem, pipe, &names, "its pipes are");
        resolver.report(if call.pipe.is_absent() {
            problem.label("without `pipe`, the call's own name is the pipe's")
        } else {
            problem
        });
    }
}

/// A problem with a word that is not known, with what was probably meant.
pub(super) fn suggest(problem: Problem, word: &str, known: &[&str], these: &str) -> Problem {
    if let Some(near) = nearest(word, known) {
        problem.label(format!("did you mean `{near}`?"))
    } else {
        problem.label("not there").hint(format!("{these} {}", list_of(known, "and")))
    }
}
