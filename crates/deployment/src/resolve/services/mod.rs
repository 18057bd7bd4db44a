//! The services of a role: one or several, in the order in which they start.

mod probe;

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use super::references::suggest;
use super::{Resolver, variables};
use crate::definition::{EventSource, Logs, Program, Service, Wine};
use crate::file::parsed;
use crate::file::{Field, Problem, Span, Text, list_of};
use crate::filter::EnvironmentFilter;

/// The story's monitor looked every 10 seconds.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// The story's monitor waited 10 seconds for the service to run.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// As long as a start may take that reports progress.
const START_TIMEOUT_LIMIT: Duration = Duration::from_mins(5);
/// As long as a service may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The story's MAXFAILS.
const MAX_FAILURES: u32 = 5;
/// Making a prefix takes half a minute on a slow machine.
const WINE_TIMEOUT: Duration = Duration::from_mins(2);

/// What services of a role have in common.
#[derive(Clone, Copy)]
struct Host<'a> {
    role: &'a str,
    /// Whether the role says where Wine is.
    has_wine: bool,
}

impl Resolver<'_> {
    /// The services of a role, and the names of their tables, where they have some. Each comes after those
    /// that it depends on; otherwise the order is that of the file.
    pub(super) fn services(&mut self, role: &mut parsed::Role) -> (Vec<Service>, Vec<Option<String>>) {
        let host = Host { role: role.name.get_ref(), has_wine: role.wine.is_some() };
        let mut parsed: Vec<parsed::Service> = std::mem::take(&mut role.services);
        match role.service.take() {
            Some(only) => {
                if let Some(other) = parsed.first() {
                    self.report(
                        Problem::at(
                            only.at.clone(),
                            format!("role `{}` has both `service` and `services`", host.role),
                        )
                        .also(other.at.clone(), "the other one")
                        .hint("move `service` to `services`, under a name of its own"),
                    );
                }
                self.stands_alone(&only);
                parsed = vec![only];
            }
            None => self.names_differ(&parsed),
        }
        let order = self.order(&parsed);
        let labels: Vec<Option<String>> = parsed.iter().map(|service| service.label.clone()).collect();
        let labels = order.iter().filter_map(|(index, _)| labels.get(*index).cloned()).collect();
        let mut services: Vec<Option<Service>> = Vec::new();
        for service in parsed {
            let pipes = made_by(&service, &role.pipes);
            services.push(Some(self.service(service, host, &pipes)));
        }
        let mut ordered = Vec::new();
        for (index, needs) in &order {
            let Some(mut service) = services.get_mut(*index).and_then(Option::take) else { continue };
            // What it depends on stands before it.
            let place = |need: &usize| order.iter().position(|(placed, _)| placed == need);
            service.depends_on = needs.iter().filter_map(place).collect();
            service.depends_on.sort_unstable();
            ordered.push(service);
        }
        (ordered, labels)
    }

    /// The place of the service that makes a pipe, among `services`.
    pub(super) fn service_of(&mut self, pipe: &parsed::Pipe, services: &[Option<String>]) -> Option<usize> {
        let name = pipe.name.get_ref();
        let labels: Vec<&str> = services.iter().flatten().map(String::as_str).collect();
        match &pipe.service {
            Field::Bad => None,
            Field::Given(text) if labels.is_empty() => {
                self.report(
                    Problem::at(text.span(), "`service` is for a role with several services")
                        .hint("take `service` out"),
                );
                None
            }
            Field::Given(text) => {
                let found = labels.iter().position(|label| *label == text.as_str());
                if found.is_none() {
                    let wanted = text.as_str();
                    let problem = Problem::at(text.span(), format!("the role has no service `{wanted}`"));
                    self.report(suggest(problem, wanted, &labels, "its services are"));
                }
                found
            }
            Field::Absent if services.len() > 1 && pipe.command.is_absent() => {
                self.report(
                    Problem::at(
                        pipe.name.span(),
                        format!("pipe `{name}` does not say which service makes it"),
                    )
                    .label("the role has several")
                    .hint(format!("add service = \"NAME\"; the services are {}", list_of(&labels, "and"))),
                );
                None
            }
            Field::Absent => (services.len() == 1).then_some(0),
        }
    }

    /// Keys that only mean something beside other services.
    fn stands_alone(&mut self, service: &parsed::Service) {
        for (key, is_there) in
            [("depends-on", !service.depends_on.is_absent()), ("essential", !service.essential.is_absent())]
        {
            if is_there {
                self.report(
                    Problem::at(service.at.clone(), format!("`{key}` is for a role with several services"))
                        .label("this is the only one")
                        .hint(format!("take `{key}` out, or name the services: [roles.….services.NAME]")),
                );
            }
        }
    }

    /// The service control manager compares names without regard to case.
    fn names_differ(&mut self, services: &[parsed::Service]) {
        for (index, service) in services.iter().enumerate() {
            let Some((name, at)) = name_of(service) else { continue };
            let same = services.iter().take(index).filter_map(name_of);
            let mut same = same.filter(|(other, _)| other.to_lowercase() == name.to_lowercase());
            if let Some((_, first)) = same.next() {
                self.report(
                    Problem::at(at, "two services of the role have the same name but for case")
                        .also(first, "the first one")
                        .hint("give one of them another name"),
                );
            }
        }
    }

    /// The services, each with those that it depends on, in the order in which they start. When they wait for
    /// each other in a circle, that is noted.
    fn order(&mut self, services: &[parsed::Service]) -> Vec<(usize, Vec<usize>)> {
        let needs: Vec<Vec<(usize, Span)>> =
            services.iter().map(|service| self.dependencies(service, services)).collect();
        let mut order: Vec<(usize, Vec<usize>)> = Vec::new();
        while order.len() < services.len() {
            let is_placed = |index: usize| order.iter().any(|(placed, _)| *placed == index);
            let next = needs.iter().enumerate().position(|(index, needs)| {
                !is_placed(index) && needs.iter().all(|(need, _)| is_placed(*need))
            });
            let Some(next) = next else {
                let waiting = (0..services.len()).filter(|index| !is_placed(*index));
                let circle = circle(&needs, &waiting.collect::<Vec<_>>());
                self.report_circle(services, &circle);
                break;
            };
            let of_next = needs.get(next).into_iter().flatten().map(|(need, _)| *need).collect();
            order.push((next, of_next));
        }
        order
    }

    /// The places of the services that one depends on, and where the file says it.
    fn dependencies(
        &mut self,
        service: &parsed::Service,
        services: &[parsed::Service],
    ) -> Vec<(usize, Span)> {
        let Some(own) = &service.label else { return Vec::new() };
        let mut found: Vec<(usize, Span)> = Vec::new();
        for text in service.depends_on.as_given().into_iter().flatten() {
            let wanted = text.as_str();
            let labels: Vec<&str> = services.iter().filter_map(|other| other.label.as_deref()).collect();
            match labels.iter().position(|label| *label == wanted) {
                _ if wanted == own => self.report(
                    Problem::at(text.span(), format!("service `{own}` depends on itself"))
                        .hint("take it out of `depends-on`"),
                ),
                Some(index) if found.iter().any(|(known, _)| *known == index) => self.report(
                    Problem::at(text.span(), format!("`depends-on` names `{wanted}` twice"))
                        .hint("take one of the two out"),
                ),
                Some(index) => {
                    self.is_worth_waiting_for(service, services.get(index), text);
                    found.push((index, text.span()));
                }
                None => {
                    let problem = Problem::at(text.span(), format!("the role has no service `{wanted}`"));
                    let others: Vec<&str> = labels.into_iter().filter(|label| label != own).collect();
                    self.report(suggest(problem, wanted, &others, "the others are"));
                }
            }
        }
        found
    }

    /// An essential service cannot depend on one that is given up without ending the instance.
    fn is_worth_waiting_for(&mut self, service: &parsed::Service, need: Option<&parsed::Service>, at: &Text) {
        let is_essential = |service: &parsed::Service| service.essential.as_given().copied().unwrap_or(true);
        if is_essential(service) && need.is_some_and(|need| !is_essential(need)) {
            let wanted = at.as_str();
            self.report(
                Problem::at(
                    at.span(),
                    format!("an essential service depends on `{wanted}`, which is not essential"),
                )
                .hint(format!("take `essential = false` from `{wanted}`, or add it here too")),
            );
        }
    }

    fn report_circle(&mut self, services: &[parsed::Service], circle: &[(usize, Span)]) {
        let label = |index: usize| {
            services.get(index).and_then(|service| service.label.as_deref()).unwrap_or_default()
        };
        let Some(((first, at), others)) = circle.split_first() else { return };
        let mut path: Vec<String> = circle.iter().map(|(index, _)| format!("`{}`", label(*index))).collect();
        path.push(format!("`{}`", label(*first)));
        let mut problem =
            Problem::at(at.clone(), format!("services wait for each other: {}", path.join(" depends on ")))
                .label("a circle begins here");
        if let Some((_, last)) = others.last() {
            problem = problem.also(last.clone(), "and is closed here");
        }
        self.report(problem.hint("take one of them out of `depends-on`"));
    }

    fn service(&mut self, mut service: parsed::Service, host: Host<'_>, pipes: &[&str]) -> Service {
        let is_installed = service.command.is_absent();
        if is_installed {
            self.can_be_installed(&service, host);
        }
        let fallback = service.label.clone().unwrap_or_else(|| host.role.to_owned());
        let start_timeout = service.start_timeout.given().unwrap_or(START_TIMEOUT);
        let limit = service.start_timeout_limit.given();
        if limit.is_some_and(|limit| limit < start_timeout) {
            self.report(
                Problem::at(service.at.clone(), "`start-timeout-limit` is shorter than `start-timeout`")
                    .hint("make it longer, or leave it out"),
            );
        }
        let stop_timeout = service.stop_timeout.given().unwrap_or(STOP_TIMEOUT);
        let stop_limit = service.stop_timeout_limit.given();
        if stop_limit.is_some_and(|limit| limit < stop_timeout) {
            self.report(
                Problem::at(service.at.clone(), "`stop-timeout-limit` is shorter than `stop-timeout`")
                    .hint("make it longer, or leave it out"),
            );
        }
        let check_interval = service.check_interval.given().unwrap_or(CHECK_INTERVAL);
        let (probe, check_interval) = self.probe(service.probe.take(), check_interval, pipes);
        if is_installed && service.notify.as_given() == Some(&true) {
            self.report(
                Problem::at(service.at.clone(), "only a service with a `command` can notify")
                    .hint("take `notify` out: the service control manager hears how it is"),
            );
        }
        Service {
            name: self.nonempty(service.name, "name").unwrap_or(fallback),
            command: service.command.given().and_then(|words| self.command(&words)),
            folder_span: service.folder.as_given().map(Text::span),
            folder: self.nonempty(service.folder, "folder").map(|path| self.path(&path)),
            depends_on: Vec::new(),
            essential: service.essential.given().unwrap_or(true),
            check_interval,
            probe,
            notifies: service.notify.given().unwrap_or(false),
            start_timeout,
            start_timeout_limit: limit.unwrap_or(START_TIMEOUT_LIMIT).max(start_timeout),
            stop_timeout,
            stop_timeout_limit: stop_limit.unwrap_or(stop_timeout).max(stop_timeout),
            max_failures: service.max_failures.given().map_or(MAX_FAILURES, Spanned::into_inner),
            when_paused: service.when_paused.given().unwrap_or_default(),
            recovery: service.recovery.given().unwrap_or_default(),
            environment: variables(service.environment),
            environment_from: variables(service.environment_from),
            passed_on: EnvironmentFilter {
                allow: service.environment_allow.given().map(|texts| self.patterns(&texts)),
                deny: service.environment_deny.given().map(|texts| self.patterns(&texts)).unwrap_or_default(),
            },
            logs: self.logs(service.logs, is_installed),
        }
    }

    /// A service without `command` needs a service control manager.
    fn can_be_installed(&mut self, service: &parsed::Service, host: Host<'_>) {
        let what = match &service.label {
            Some(label) => format!("service `{label}`"),
            None => "the service".to_owned(),
        };
        if !self.for_windows() && !host.has_wine {
            self.missing(
                &service.at,
                "command",
                &what,
                "add one, such as: command = [\"simple-service\"]. Or, for a Windows service, say where Wine keeps it: \
                 [roles.….wine] with prefix = \"PATH\"",
            );
        } else if service.label.is_none() && service.name.is_absent() {
            self.missing(
                &service.at,
                "name",
                &what,
                "add the name of an installed service, or a command that runs it",
            );
        }
    }

    fn patterns(&mut self, texts: &[Text]) -> Vec<String> {
        for text in texts {
            let pattern = text.as_str();
            if pattern.is_empty() || pattern.contains(['=', '\0']) {
                self.report(
                    Problem::at(text.span(), format!("`{pattern}` is not a pattern of a variable's name"))
                        .hint("write a name, in which `*` stands for any characters and `?` for one"),
                );
            }
        }
        texts.iter().map(|text| text.as_str().to_owned()).collect()
    }

    fn logs(&mut self, logs: Option<parsed::Logs>, is_installed: bool) -> Logs {
        let (event_log, files) = match logs {
            Some(logs) => (logs.event_log, logs.files),
            None => (Field::Absent, Field::Absent),
        };
        let event_log = match event_log {
            Field::Given(texts) => texts.iter().filter_map(|text| self.event_source(text)).collect(),
            Field::Absent if is_installed => {
                vec![EventSource { channel: "Application".to_owned(), provider: None }]
            }
            Field::Absent | Field::Bad => Vec::new(),
        };
        let files = files.given().unwrap_or_default();
        Logs { event_log, files: files.iter().filter_map(|text| self.log_file(text)).collect() }
    }

    fn event_source(&mut self, text: &Text) -> Option<EventSource> {
        let (channel, provider) = match text.as_str().split_once(':') {
            Some((channel, provider)) => (channel, Some(provider)),
            None => (text.as_str(), None),
        };
        // The query that selects the records quotes them.
        let is_bad = |part: &str| part.trim().is_empty() || part.contains(['\'', '"', '<', '>', '&', '\0']);
        if is_bad(channel) || provider.is_some_and(is_bad) {
            self.report(
                Problem::at(text.span(), "`event-log` names no channel").label("neither a channel nor a source").hint(
                    "write \"CHANNEL\" or \"CHANNEL:SOURCE\", such as \"Application\" or \"System:Service Control Manager\"",
                ),
            );
            return None;
        }
        Some(EventSource { channel: channel.to_owned(), provider: provider.map(str::to_owned) })
    }

    fn log_file(&mut self, text: &Text) -> Option<PathBuf> {
        let path = text.as_str();
        let (folder, name) = path.rsplit_once(['/', '\\']).unwrap_or(("", path));
        if name.is_empty() || path.contains('\0') || folder.contains(['*', '?']) {
            self.report(
                Problem::at(text.span(), "`files` names no file")
                    .label("not a path with a file's name at the end")
                    .hint("`*` and `?` can stand in the last part of a path only, such as \"logs/*.log\""),
            );
            return None;
        }
        // A path inside of a Wine prefix begins at a drive on every system.
        let is_of_a_drive = path.as_bytes().get(1) == Some(&b':');
        Some(if is_of_a_drive { path.into() } else { self.path(path) })
    }

    pub(super) fn wine(&mut self, wine: parsed::Wine) -> Wine {
        let program = self.nonempty(wine.program, "program");
        let is_path = |program: &String| self.machine.system.is_path(program);
        Wine {
            prefix: self.nonempty(wine.prefix, "prefix").map(|path| self.path(&path)),
            program: program.map(|program| {
                if is_path(&program) { Program::Path(self.path(&program)) } else { Program::Name(program) }
            }),
            startup_timeout: wine.startup_timeout.given().unwrap_or(WINE_TIMEOUT),
            span: wine.at,
        }
    }
}

/// The names of the pipes that a service makes.
fn made_by<'a>(service: &parsed::Service, pipes: &'a [parsed::Pipe]) -> Vec<&'a str> {
    let is_its_own = |pipe: &&parsed::Pipe| match &service.label {
        None => true,
        Some(label) => pipe.service.as_given().is_none_or(|text| text.as_str() == label),
    };
    let made = pipes.iter().filter(|pipe| pipe.command.is_absent()).filter(is_its_own);
    made.map(|pipe| pipe.name.get_ref().as_str()).collect()
}

fn name_of(service: &parsed::Service) -> Option<(&str, Span)> {
    match (&service.name, &service.label) {
        (Field::Given(name), _) => Some((name.as_str(), name.span())),
        (_, Some(label)) => Some((label, service.at.clone())),
        _ => None,
    }
}

/// One circle among services that wait for each other: each of `waiting` depends on another of them.
fn circle(needs: &[Vec<(usize, Span)>], waiting: &[usize]) -> Vec<(usize, Span)> {
    let mut path: Vec<(usize, Span)> = Vec::new();
    let mut at = waiting.first().copied();
    while let Some(index) = at {
        if let Some(start) = path.iter().position(|(seen, _)| *seen == index) {
            return path.split_off(start);
        }
        let next = needs.get(index).into_iter().flatten().find(|(need, _)| waiting.contains(need));
        at = next.map(|(need, span)| {
            path.push((index, span.clone()));
            *need
        });
    }
    Vec::new()
}

#[cfg(test)]
mod tests;
