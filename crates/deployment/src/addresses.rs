//! Where the instances of a target are: what `addresses` of a call, `--target` and `STANDPIPE_TARGETS` say.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where some instances of a target are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressSource {
    /// At this host, under this port; without it, that of the target's endpoint. `HOST:PORT`.
    Host(String, Option<u16>),
    /// At every address that this name has, under this port; without it, that of the target's endpoint.
    /// `dns:NAME:PORT`.
    Dns(String, Option<u16>),
    /// At every host and port in the SRV records of this name. `srv:_SERVICE._tcp.NAME`.
    Srv(String),
    /// Where this file says, which is watched. `file:PATH`.
    File(PathBuf),
}

/// Why a text does not say where instances are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressSourceError {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// The host cannot be one.
    #[error("`{0}` is not a host's name or address")]
    Host(String),
    /// The port cannot be one.
    #[error("`{0}` is not a port from 1 to 65535")]
    Port(String),
    /// The name of SRV records does not have their form.
    #[error("`{0}` does not begin with `_SERVICE._tcp.`")]
    Srv(String),
    /// The path is empty.
    #[error("`file:` has no path")]
    NoPath,
}

impl AddressSourceError {
    /// What to write instead.
    pub fn hint(&self) -> &'static str {
        "write \"HOST:PORT\" for one address, \"dns:NAME:PORT\" for all that a name has, \
         \"srv:_SERVICE._tcp.NAME\" for SRV records, or \"file:PATH\" for a file with one address in each line"
    }
}

impl AddressSource {
    /// What a text says; `path` says what a path in it means.
    pub fn parse(text: &str, path: impl FnOnce(&str) -> PathBuf) -> Result<Self, AddressSourceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressSourceError::Empty);
        }
        if let Some(file) = text.strip_prefix("file:") {
            return if file.is_empty() {
                Err(AddressSourceError::NoPath)
            } else {
                Ok(Self::File(path(file)))
            };
        }
        if let Some(name) = text.strip_prefix("srv:") {
            return srv_name(name).map(Self::Srv);
        }
        if let Some(name) = text.strip_prefix("dns:") {
            let (host, port) = host_and_port(name)?;
            return Ok(Self::Dns(host, port));
        }
        let (host, port) = host_and_port(text)?;
        Ok(Self::Host(host, port))
    }

    /// Whether the target's endpoint has to have a fixed port.
    pub fn needs_port(&self) -> bool {
        matches!(self, Self::Host(_, None) | Self::Dns(_, None))
    }
}

/// As it is written.
impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, host, port) = match self {
            Self::Host(host, port) => ("", host, port),
            Self::Dns(name, port) => ("dns:", name, port),
            Self::Srv(name) => return write!(f, "srv:{name}"),
            Self::File(path) => return write!(f, "file:{}", path.display()),
        };
        match port {
            Some(port) if host.contains(':') => write!(f, "{form}[{host}]:{port}"),
            Some(port) => write!(f, "{form}{host}:{port}"),
            None => write!(f, "{form}{host}"),
        }
    }
}

fn srv_name(name: &str) -> Result<String, AddressSourceError> {
    let wrong = || AddressSourceError::Srv(name.to_owned());
    let mut labels = name.trim_end_matches('.').split('.');
    let service = labels.next().is_some_and(|label| label.len() > 1 && label.starts_with('_'));
    let protocol = labels.next().is_some_and(|label| label == "_tcp");
    let rest: Vec<&str> = labels.collect();
    if service && protocol && is_host(&rest.join(".")) { Ok(name.to_owned()) } else { Err(wrong()) }
}

/// `host`, `host:port`, `[IPv6]:port`, or an address of IPv6 alone.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), AddressSourceError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or(port))),
            None => return Err(AddressSourceError::Host(text.to_owned())),
        },
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if !is_host(host) {
        return Err(AddressSourceError::Host(host.to_owned()));
    }
    let port = port.map(|port| {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse::<u16>().ok().filter(|number| digits && *number > 0);
        number.ok_or_else(|| AddressSourceError::Port(port.to_owned()))
    });
    Ok((host.to_owned(), port.transpose()?))
}

fn is_host(host: &str) -> bool {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let is_label = |label: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !label.is_empty() && label.len() <= 63 && label.chars().all(allowed)
    };
    is_address || (host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label))
}

/// What is said of one target from outside of the deployment file: `ROLE/ENDPOINT=SOURCE`, or for all targets
/// alike a `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAddresses {
    /// The target; without it, all.
    pub target: Option<(String, String)>,
    /// Where its instances are.
    pub source: AddressSource,
}

impl TargetAddresses {
    /// What a text says. Paths are used as they are.
    ///
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parse = |text: &str| {
            AddressSource::parse(text, |path| path.into())
                .map_err(|error| format!("{error}; {}", error.hint()))
        };
        if text.trim().starts_with("file:") {
            return Ok(Self { target: None, source: parse(text)? });
        }
        let wrong = || format!("`{text}` is not ROLE/ENDPOINT=ADDRESS");
        let (target, source) = text.trim().split_once('=').ok_or_else(wrong)?;
        let (role, endpoint) = target.split_once('/').ok_or_else(wrong)?;
        if role.is_empty() || endpoint.is_empty() {
            return Err(wrong());
        }
        Ok(Self { target: Some((role.to_owned(), endpoint.to_owned())), source: parse(source)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_source_is_read_and_written_alike() {
        let host = |host: &str, port| AddressSource::Host(host.to_owned(), port);
        let dns = |name: &str, port| AddressSource::Dns(name.to_owned(), port);
        let cases = [
            ("10.0.0.1:4445", host("10.0.0.1", Some(4445))),
            ("server", host("server", None)),
            ("[::1]:445", host("::1", Some(445))),
            ("fe80::1", host("fe80::1", None)),
            ("dns:sp.ns.svc.cluster.local:445", dns("sp.ns.svc.cluster.local", Some(445))),
            ("dns:sp.", dns("sp.", None)),
            ("srv:_smb._tcp.sp.ns.svc", AddressSource::Srv("_smb._tcp.sp.ns.svc".to_owned())),
            ("file:run/targets", AddressSource::File("run/targets".into())),
        ];
        for (text, expected) in cases {
            let source = AddressSource::parse(text, |path| path.into()).unwrap();
            assert_eq!(source, expected, "{text}");
            assert_eq!(source.to_string(), text);
        }
    }

    #[test]
    fn a_source_that_is_none_says_what_is_wrong() {
        let wrong = |text: &str| AddressSource::parse(text, |path| path.into()).unwrap_err();
        assert_eq!(wrong(""), AddressSourceError::Empty);
        assert_eq!(wrong("a b"), AddressSourceError::Host("a b".to_owned()));
        assert_eq!(wrong("a..b"), AddressSourceError::Host("a..b".to_owned()));
        assert_eq!(wrong("a:0"), AddressSourceError::Port("0".to_owned()));
        assert_eq!(wrong("a:x"), AddressSourceError::Port("x".to_owned()));
        assert_eq!(wrong("dns::445"), AddressSourceError::Host(String::new()));
        assert_eq!(wrong("srv:smb.tcp.x"), AddressSourceError::Srv("smb.tcp.x".to_owned()));
        assert_eq!(wrong("srv:_smb._tcp"), AddressSourceError::Srv("_smb._tcp".to_owned()));
        assert_eq!(wrong("file:"), AddressSourceError::NoPath);
    }

    #[test]
    fn what_is_said_from_outside_names_its_target_or_is_a_file_for_all() {
        let one = TargetAddresses::parse("Watcher/Pipes=dns:w:445").unwrap();
        assert_eq!(one.target, Some(("Watcher".to_owned(), "Pipes".to_owned())));
        assert_eq!(one.source, AddressSource::Dns("w".to_owned(), Some(445)));
        assert_eq!(TargetAddresses::parse("file:/run/x.json").unwrap().target, None);
        for text in ["dns:w", "Watcher=w:1", "/Pipes=w:1", "Watcher/=w:1", "Watcher/Pipes=", "=x"] {
            assert!(TargetAddresses::parse(text).is_err(), "{text}");
        }
    }
}
