//! What one part of the file says about another: targets of calls, ports that meet, names that differ only in
//! case.

use std::collections::HashMap;

use toml::Spanned;

use super::Resolver;
use crate::file::parsed::{Call, File, Role};
use crate::file::{Field, Problem, Protocol, Span, list_of, nearest};

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

/// Instances of all roles share the loopback addresses, so that any two endpoints with one port meet on
/// 127.0.0.1.
fn ports_differ(resolver: &mut Resolver<'_>, file: &File) {
    let mut seen: HashMap<u32, (Span, &str)> = HashMap::new();
    for role in &file.roles {
        for endpoint in &role.endpoints {
            let Field::Given(port) = &endpoint.port else { continue };
            let number = *port.get_ref();
            if let Some((first, owner)) = seen.get(&number) {
                resolver.report(
                    Problem::at(port.span(), format!("port {number} is used twice"))
                        .label("used again here")
                        .also(first.clone(), format!("used by role `{owner}` first"))
                        .hint("choose another port: instances of both would listen on the same address"),
                );
            } else {
                seen.insert(number, (port.span(), role.name.get_ref()));
            }
        }
    }
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
    if endpoint.protocol.as_given() == Some(&Protocol::Http) {
        resolver.report(
            Problem::at(text.span(), format!("endpoint `{endpoint_name}` does not serve pipes"))
                .label("this is an http endpoint")
                .hint("name an endpoint with protocol = \"smb\""),
        );
        return;
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
