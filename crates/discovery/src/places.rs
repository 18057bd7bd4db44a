//! Where an instance is, and what stands in a file with addresses. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use standpipe_client::{AddressError, ServerAddress};
use thiserror::Error;

/// The version of the file that the local runtime writes.
const VERSION: u32 = 1;

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Its number in the role, where it is known.
    pub(crate) number: Option<u32>,
    pub(crate) server: ServerAddress,
}

impl Place {
    pub(crate) fn of_server(server: ServerAddress) -> Self {
        Self { number: None, server }
    }
}

/// A role's endpoint that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) role: String,
    pub(crate) endpoint: String,
    /// The port where none is said.
    pub(crate) port: Option<u16>,
}

/// Why a file does not say where instances are.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("line {line}: {source}")]
    Line { line: usize, source: AddressError },
    #[error("line {line} has no port, and the endpoint has no fixed one")]
    NoPort { line: usize },
    #[error("it is not the JSON that is expected")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` in it is not the address of a server")]
    Address(String),
    #[error("it has version {0}, and {VERSION} is expected")]
    Version(u32),
    #[error("it has no role `{0}`")]
    NoRole(String),
}

/// What stands in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// These are there, and no others.
    Places(Vec<Place>),
    /// It has no address: it may be just being written.
    Empty,
}

/// The file of the local runtime, as far as it matters here.
#[derive(Deserialize)]
struct Deployment {
    version: u32,
    roles: BTreeMap<String, Vec<Instance>>,
}

#[derive(Deserialize)]
struct Instance {
    instance: u32,
    endpoints: BTreeMap<String, String>,
}

/// Reads a file: one address in each line, an array of addresses as JSON, or the JSON of the local runtime.
pub(crate) fn read(text: &str, wanted: &Wanted) -> Result<Contents, FileError> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('{') {
        return of_deployment(start, wanted);
    }
    if start.starts_with('[') && start.trim_end().ends_with(']') && start.parse::<ServerAddress>().is_err() {
        let addresses: Vec<String> = serde_json::from_str(start)?;
        let places = addresses.iter().map(|text| {
            server(text, wanted.port)
                .ok()
                .flatten()
                .map(Place::of_server)
                .ok_or_else(|| FileError::Address(text.clone()))
        });
        return places.collect::<Result<Vec<_>, _>>().map(contents);
    }
    let mut places = Vec::new();
    for (index, line) in start.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let place = server(line, wanted.port)
            .map_err(|source| FileError::Line { line: index + 1, source })?
            .ok_or(FileError::NoPort { line: index + 1 })?;
        places.push(Place::of_server(place));
    }
    Ok(contents(places))
}

fn contents(places: Vec<Place>) -> Contents {
    if places.is_empty() { Contents::Empty } else { Contents::Places(places) }
}

/// The local runtime replaces its file as a whole, so that a role without instances has none.
fn of_deployment(text: &str, wanted: &Wanted) -> Result<Contents, FileError> {
    let Deployment { version, roles } = serde_json::from_str(text)?;
    if version != VERSION {
        return Err(FileError::Version(version));
    }
    let instances = roles.get(&wanted.role).ok_or_else(|| FileError::NoRole(wanted.role.clone()))?;
    let mut places = Vec::new();
    for Instance { instance, endpoints } in instances {
        // One that is listed without the endpoint has not said yet where it listens.
        let Some(address) = endpoints.get(&wanted.endpoint) else { continue };
        let server = address.parse().map_err(|_| FileError::Address(address.clone()))?;
        places.push(Place { number: Some(*instance), server });
    }
    Ok(Contents::Places(places))
}

/// A host with its port, or with this one; `None` without any.
pub(crate) fn server(text: &str, port: Option<u16>) -> Result<Option<ServerAddress>, AddressError> {
    // What has no port of its own gets 445 there, which may not be the endpoint's.
    let found: ServerAddress = text.parse()?;
    let has_port =
        !(text.ends_with(']') || text.matches(':').count() > 1 && !text.contains(']')) && text.contains(':');
    if has_port {
        return Ok(Some(found));
    }
    port.map(|port| ServerAddress::new(found.host(), port)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(port: Option<u16>) -> Wanted {
        Wanted { role: "Watcher".to_owned(), endpoint: "Pipes".to_owned(), port }
    }

    fn shown(text: &str, port: Option<u16>) -> Vec<String> {
        match read(text, &wanted(port)).unwrap() {
            Contents::Empty => Vec::new(),
            Contents::Places(places) => places.iter().map(|place| place.server.to_string()).collect(),
        }
    }

    #[test]
    fn a_file_has_an_address_in_each_line() {
        let text = "# ours\n10.0.0.1:4445\n\n  10.0.0.2   # the other\r\n[::1]:445\nfe80::1\n";
        assert_eq!(
            shown(text, Some(4446)),
            ["10.0.0.1:4445", "10.0.0.2:4446", "[::1]:445", "[fe80::1]:4446"]
        );
        assert!(matches!(read("10.0.0.1", &wanted(None)), Err(FileError::NoPort { line: 1 })));
        let error = read("10.0.0.1\n\na b\n", &wanted(Some(1))).unwrap_err();
        assert!(error.to_string().starts_with("line 3: `a b`"), "{error}");
    }

    #[test]
    fn an_array_of_json_is_a_list_too() {
        assert_eq!(shown(r#" ["10.0.0.1:1", "h"] "#, Some(2)), ["10.0.0.1:1", "h:2"]);
        assert!(matches!(read("[1]", &wanted(None)), Err(FileError::Json(_))));
        assert!(matches!(read(r#"["a"]"#, &wanted(None)), Err(FileError::Address(_))));
        // An address of IPv6 alone is none.
        assert_eq!(shown("[::1]", Some(7)), ["[::1]:7"]);
    }

    #[test]
    fn a_list_without_addresses_may_be_just_being_written() {
        for text in ["", "\n", "# nobody\n", "[]"] {
            assert_eq!(read(text, &wanted(None)).unwrap(), Contents::Empty, "{text:?}");
        }
    }

    #[test]
    fn the_file_of_the_local_runtime_has_every_role() {
        let text = r#"{"version": 1, "deployment": "D", "later": 1, "roles": {
            "Watcher": [
                {"instance": 0, "update-domain": 0, "endpoints": {"Pipes": "127.0.0.1:4445", "Other": "127.0.0.1:1"}},
                {"instance": 2, "update-domain": 0, "endpoints": {"Pipes": "127.0.0.3:4445"}},
                {"instance": 3, "update-domain": 0, "endpoints": {}}
            ], "Web": []}}"#;
        let Contents::Places(places) = read(text, &wanted(None)).unwrap() else { panic!("none") };
        let shown: Vec<_> = places.iter().map(|place| (place.number, place.server.to_string())).collect();
        assert_eq!(shown, [(Some(0), "127.0.0.1:4445".to_owned()), (Some(2), "127.0.0.3:4445".to_owned())]);
        let web = Wanted { role: "Web".to_owned(), ..wanted(None) };
        assert_eq!(read(text, &web).unwrap(), Contents::Places(Vec::new()));
        let other = Wanted { role: "Other".to_owned(), ..wanted(None) };
        assert!(matches!(read(text, &other), Err(FileError::NoRole(_))));
        let later = text.replace("\"version\": 1", "\"version\": 2");
        assert!(matches!(read(&later, &wanted(None)), Err(FileError::Version(2))));
    }
}
