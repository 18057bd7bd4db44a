//! Definitions at random: nothing panics, nothing is forgotten, and what comes out passes the check of
//! deployment files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use standpipe_import::{Import, InputFile, NoContent, Options, Outcome, Platform, import};

/// An element to be written.
#[derive(Debug, Clone)]
struct Node {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Self>,
}

fn node(name: &'static str, attributes: Vec<(&'static str, String)>, children: Vec<Node>) -> Node {
    Node { name, attributes, children }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '"' | '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

impl Node {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "<{}", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(text, " {name}=\"{}\"", escaped(value));
        }
        text.push_str(">\n");
        for child in &self.children {
            child.write(text);
        }
        let _ = writeln!(text, "</{}>", self.name);
    }

    /// Elements and attributes.
    fn count(&self) -> usize {
        1 + self.attributes.len() + self.children.iter().map(Self::count).sum::<usize>()
    }
}

/// Any text that XML can carry.
fn text() -> impl Strategy<Value = String> {
    let usual = select(vec![
        "Startup\\Startup.cmd",
        "a",
        "${HOME}",
        "$${",
        "",
        " ",
        "%TEMP%\\x",
        "x > y 2>&1",
        "\"quoted\" \\\\\"",
        "net user me Secret /add",
        "powershell -File .\\x.ps1",
        "..\\..\\..\\x.exe",
        "C:\\x",
        "Größe",
        "'''",
    ]);
    prop_oneof![
        3 => usual.prop_map(str::to_owned),
        2 => "[ -~]{0,20}",
        1 => "\\PC{0,12}".prop_map(|text: String| text.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()),
    ]
}

/// A name that is not empty.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[A-Za-z][A-Za-z0-9.]{0,10}",
        1 => "[ -~]{0,70}x",
        1 => "\\PC{0,5}ä",
    ]
    .prop_map(|text: String| text.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}' | '=')).collect())
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["445", "80", "443", "8445", "1", "65535"]).prop_map(str::to_owned),
        (1_u16..).prop_map(|port| port.to_string())
    ]
}

fn endpoint() -> impl Strategy<Value = Node> {
    let spoken = select(vec!["tcp", "udp", "http", "https", "any", "TCP", "x"]).prop_map(str::to_owned);
    let children = prop_oneof![
        3 => Just(Vec::new()),
        1 => port().prop_map(|port| vec![node("FixedPort", vec![("port", port)], Vec::new())]),
        1 => (1_u16..=65_535, 0_u16..100).prop_map(|(min, more)| {
            let max = min.saturating_add(more);
            vec![node("FixedPortRange", vec![("min", min.to_string()), ("max", max.to_string())], Vec::new())]
        }),
    ];
    let kind = select(vec!["InputEndpoint", "InternalEndpoint", "InstanceInputEndpoint"]);
    (kind, name(), spoken, port(), proptest::option::of(port()), children).prop_map(
        |(kind, name, spoken, port, local, children)| {
            let mut attributes = vec![("name", name), ("protocol", spoken)];
            match kind {
                "InputEndpoint" => {
                    attributes.push(("port", port));
                    attributes.extend(local.map(|local| ("localPort", local)));
                }
                "InternalEndpoint" => attributes.extend(local.map(|port| ("port", port))),
                _ => attributes.push(("localPort", port)),
            }
            node(kind, attributes, children)
        },
    )
}

fn environment() -> impl Strategy<Value = Node> {
    let expression = select(vec![
        "/RoleEnvironment/Deployment/@emulated",
        "/RoleEnvironment/CurrentInstance/@id",
        "/RoleEnvironment/CurrentInstance/@faultDomain",
        "/RoleEnvironment/CurrentInstance/ConfigurationSettings/ConfigurationSetting[@name='a']/@value",
        "/RoleEnvironment/CurrentInstance/LocalResources/LocalResource[@name='a']/@path",
        "/RoleEnvironment/CurrentInstance/Endpoints/Endpoint[@name='a']/@port",
        "nonsense",
    ]);
    let value = prop_oneof![
        text().prop_map(|value| (vec![("value", value)], Vec::new())),
        expression.prop_map(|path| {
            (Vec::new(), vec![node("RoleInstanceValue", vec![("xpath", path.to_owned())], Vec::new())])
        }),
    ];
    let variable = (name(), value).prop_map(|(name, (mut attributes, children))| {
        attributes.push(("name", name));
        node("Variable", attributes, children)
    });
    proptest::collection::vec(variable, 0..4).prop_map(|list| node("Environment", Vec::new(), list))
}

fn task() -> impl Strategy<Value = Node> {
    let kind = select(vec!["simple", "background", "foreground", "sudden"]).prop_map(str::to_owned);
    let context = select(vec!["elevated", "limited"]).prop_map(str::to_owned);
    (text(), kind, context, environment()).prop_map(|(line, kind, context, environment)| {
        let line = if line.trim().is_empty() { "x.cmd".to_owned() } else { line };
        let attributes = vec![("commandLine", line), ("taskType", kind), ("executionContext", context)];
        node("Task", attributes, vec![environment])
    })
}

fn list(name: &'static str, of: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    proptest::collection::vec(of, 0..4).prop_map(move |children| node(name, Vec::new(), children))
}

fn role() -> impl Strategy<Value = Node> {
    let setting = prop_oneof![Just("a".to_owned()), name()]
        .prop_map(|name| node("Setting", vec![("name", name)], Vec::new()));
    let storage = (prop_oneof![Just("a".to_owned()), name()], 1_u32..100_000).prop_map(|(name, size)| {
        node("LocalStorage", vec![("name", name), ("sizeInMB", size.to_string())], Vec::new())
    });
    let program = proptest::option::of(text()).prop_map(|line| {
        let program = |line| node("ProgramEntryPoint", vec![("commandLine", line)], Vec::new());
        node("EntryPoint", Vec::new(), line.map(program).into_iter().collect())
    });
    let runtime = (environment(), program)
        .prop_map(|(environment, entry)| node("Runtime", Vec::new(), vec![environment, entry]));
    let junk = (text(), text())
        .prop_map(|(a, b)| node("Junk", vec![("a", a)], vec![node("Inner", vec![("name", b)], Vec::new())]));
    let site = (text(), text()).prop_map(|(name, header)| {
        let binding = node("Binding", vec![("name", name.clone()), ("hostHeader", header)], Vec::new());
        node("Site", vec![("name", name)], vec![node("Bindings", Vec::new(), vec![binding])])
    });
    let parts = (
        list("Endpoints", endpoint()),
        list("ConfigurationSettings", setting),
        list("LocalResources", storage),
        list("Startup", task()),
        runtime,
        list("Sites", site),
        proptest::option::of(junk),
    );
    (any::<bool>(), name(), text(), parts).prop_map(|(is_web, name, size, parts)| {
        let (endpoints, settings, storage, startup, runtime, sites, junk) = parts;
        let mut children = vec![endpoints, settings, storage, startup, runtime, sites];
        children.extend(junk);
        node(if is_web { "WebRole" } else { "WorkerRole" }, vec![("name", name), ("vmsize", size)], children)
    })
}

fn definition() -> impl Strategy<Value = Node> {
    (name(), proptest::collection::vec(role(), 1..4), text()).prop_map(|(name, mut roles, junk)| {
        // Names that differ, as Azure wants them.
        for (number, role) in roles.iter_mut().enumerate() {
            role.attributes[0].1 = format!("{}{number}", role.attributes[0].1.trim());
            let endpoints = role.children.iter_mut().filter(|child| child.name == "Endpoints");
            for (number, endpoint) in endpoints.flat_map(|list| list.children.iter_mut()).enumerate() {
                endpoint.attributes[0].1 = format!("{}{number}", endpoint.attributes[0].1.trim());
            }
        }
        let attributes = vec![("name", name), ("junk", junk)];
        node("ServiceDefinition", attributes, roles)
    })
}

fn imported(bytes: Vec<u8>, platform: Platform) -> Result<Import, String> {
    let none = BTreeMap::new();
    let options = Options {
        configuration: None,
        platform,
        services: &none,
        pipes: &none,
        descriptors: &none,
        content: &NoContent,
        output: Path::new("standpipe.toml"),
    };
    let input = InputFile { path: "ServiceDefinition.csdef".into(), bytes };
    import(&[input], &options).map_err(|problems| problems.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_definition_becomes_a_sound_file_and_nothing_is_forgotten(definition in definition()) {
        let mut text = String::new();
        definition.write(&mut text);
        let linux = imported(text.clone().into_bytes(), Platform::Linux);
        let linux = linux.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        prop_assert!(linux.report.problems.is_empty(), "{:?}\n{}", linux.report.problems, linux.deployment);
        let windows = imported(text.clone().into_bytes(), Platform::Windows).unwrap();
        for problem in &windows.report.problems {
            // Linux has no IIS.
            let is_of_iis = problem.contains("the service has no `command`") || problem.contains("has no `sddl`");
            prop_assert!(problem.contains("on Linux, ") && is_of_iis, "{problem}\n{}", windows.deployment);
            prop_assert!(windows.deployment.contains("W3SVC"), "{problem}\n{}", windows.deployment);
        }
        for import in [linux, windows] {
            prop_assert!(import.report.entries.len() >= definition.count());
            let unknown = import.report.entries.iter().filter(|entry| entry.outcome == Outcome::Unknown);
            let junk = definition.children.iter().flat_map(|role| &role.children).filter(|child| child.name == "Junk");
            prop_assert_eq!(unknown.count(), 1 + junk.map(Node::count).sum::<usize>());
            let is_said = |outcome| !matches!(outcome, Outcome::Mapped);
            for entry in import.report.entries.iter().filter(|entry| is_said(entry.outcome) && entry.note.is_none()) {
                // What is in an element that is left out is said with it.
                prop_assert!(entry.what.contains('/') || entry.what.contains('@'), "{entry:?}");
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(imported(bytes, Platform::Linux).is_err());
    }

    #[test]
    fn a_damaged_definition_is_refused_or_read(definition in definition(), cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut text = String::new();
        definition.write(&mut text);
        let mut bytes = text.into_bytes();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for platform in [Platform::Linux, Platform::Windows] {
            if let Err(problems) = imported(bytes.clone(), platform) {
                prop_assert!(problems.contains("error: "));
            }
        }
    }
}
