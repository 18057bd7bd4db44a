//! Addresses of servers and of pipes on them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use standpipe_pipe::{NameError, PipeName};

/// SMB's port over TCP.
pub const DEFAULT_PORT: u16 = 445;

/// A server: a host's name or address, and a port. Written `host`, `host:port`, `[IPv6]:port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

/// A pipe on a server, written `//host[:port]/pipe/NAME` or `\\host[:port]\pipe\NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PipeAddress {
    /// The server.
    pub server: ServerAddress,
    /// The pipe's name.
    pub pipe: PipeName,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not have the form of a pipe's address.
    #[error("`{0}` is not the address of a pipe: expected //host[:port]/pipe/NAME")]
    Form(String),
    /// The host's part cannot be a host.
    #[error("`{0}` is not a host's name or address")]
    Host(String),
    /// The port's part is no port.
    #[error("`{0}` is not a port: expected a number from 1 to 65535")]
    Port(String),
    /// The name's part cannot be a pipe's name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl ServerAddress {
    /// A server by its host's name or address (IPv6 with or without brackets) and port.
    pub fn new(host: &str, port: u16) -> Result<Self, AddressError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let refused = || AddressError::Host(host.to_owned());
        if bare.contains(':') {
            // A zone (fe80::1%eth0) is for the resolver.
            let address = bare.split('%').next().unwrap_or_default();
            address.parse::<Ipv6Addr>().map_err(|_| refused())?;
        } else if bare.len() != host.len() {
            return Err(refused());
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if bare.is_empty() || bare.len() > 255 || !bare.chars().all(allowed) {
            return Err(refused());
        }
        if port == 0 {
            return Err(AddressError::Port(port.to_string()));
        }
        Ok(Self { host: bare.to_owned(), port })
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<std::net::SocketAddr> for ServerAddress {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // The last colon starts a port, unless it is one of an IPv6 address without brackets.
        let port_at = match text.rfind(']') {
            Some(bracket) if bracket + 1 == text.len() => None,
            Some(bracket) => Some(bracket + 1),
            None if text.matches(':').count() > 1 => None,
            None => text.find(':'),
        };
        let Some(at) = port_at else {
            return Self::new(text, DEFAULT_PORT);
        };
        let (host, port) = text.split_at(at);
        let digits = port.strip_prefix(':').ok_or_else(|| AddressError::Host(text.to_owned()))?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { digits.parse().ok() } else { None };
        Self::new(host, number.ok_or_else(|| AddressError::Port(digits.to_owned()))?)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl FromStr for PipeAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError::Form(text.to_owned());
        // Either kind of slash, but one kind.
        let separator = text.chars().next().filter(|c| matches!(c, '/' | '\\')).ok_or_else(form)?;
        // A pipe's name may have backslashes in it, and no other slashes.
        let mut parts = text.splitn(5, separator);
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(""), Some(""), Some(server), Some(share), Some(pipe))
                if share.eq_ignore_ascii_case("pipe") && !pipe.contains('/') =>
            {
                if server.is_empty() {
                    return Err(form());
                }
                Ok(Self { server: server.parse()?, pipe: PipeName::new(pipe)? })
            }
            _ => Err(form()),
        }
    }
}

impl fmt::Display for PipeAddress {
    /// With forward slashes; without the port when it is SMB's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server: ServerAddress { host, port }, pipe } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "//{open}{host}{close}")?;
        if *port != DEFAULT_PORT {
            write!(f, ":{port}")?;
        }
        write!(f, "/pipe/{pipe}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> (String, u16, String) {
        let address: PipeAddress = text.parse().unwrap();
        (address.server.host().to_owned(), address.server.port(), address.pipe.to_string())
    }

    #[test]
    fn reads_both_kinds_of_slashes() {
        for text in [
            "//server/pipe/simple",
            r"\\server\pipe\simple",
            r"\\server\PIPE\simple",
            "//server:445/Pipe/simple",
        ] {
            assert_eq!(parsed(text), ("server".to_owned(), 445, "simple".to_owned()), "{text}");
        }
        assert_eq!(
            parsed("//127.0.0.2:4445/pipe/simple"),
            ("127.0.0.2".to_owned(), 4445, "simple".to_owned())
        );
    }

    #[test]
    fn a_pipes_name_may_have_several_parts() {
        for text in [r"\\server\pipe\sql\query", r"//server/pipe/sql\query"] {
            assert_eq!(parsed(text), ("server".to_owned(), 445, r"sql\query".to_owned()), "{text}");
        }
        let address: PipeAddress = r"\\server\pipe\MSSQL$NAME\sql\query".parse().unwrap();
        assert_eq!(address.to_string(), r"//server/pipe/MSSQL$NAME\sql\query");
        assert_eq!(address.to_string().parse::<PipeAddress>(), Ok(address));
        assert!(matches!(r"\\server\pipe\pipe\x".parse::<PipeAddress>(), Err(AddressError::Name(_))));
    }

    #[test]
    fn reads_ipv6() {
        for text in ["//[::1]:4445/pipe/a b", r"\\[::1]:4445\pipe\a b"] {
            assert_eq!(parsed(text), ("::1".to_owned(), 4445, "a b".to_owned()));
        }
        assert_eq!(parsed("//::1/pipe/x").0, "::1");
        assert_eq!(parsed("//[fe80::1%eth0]/pipe/x").0, "fe80::1%eth0");
    }

    #[test]
    fn prints_what_it_reads() {
        for text in
            ["//server/pipe/simple", "//server:4445/pipe/simple", "//[::1]/pipe/x", "//[::1]:4445/pipe/x"]
        {
            assert_eq!(text.parse::<PipeAddress>().unwrap().to_string(), text);
        }
        assert_eq!(
            r"\\server:445\pipe\simple".parse::<PipeAddress>().unwrap().to_string(),
            "//server/pipe/simple"
        );
        assert_eq!("[::1]:80".parse::<ServerAddress>().unwrap().to_string(), "[::1]:80");
        assert_eq!("host".parse::<ServerAddress>().unwrap().to_string(), "host:445");
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "server",
            "/server/pipe/x",
            "//server/x",
            "//server/IPC$/x",
            "//server/pipe",
            "///pipe/x",
            r"//server\pipe\x",
            "//server/pipe/x/y",
            "smb://server/pipe/x",
            "//server/pipe/x/",
        ] {
            assert!(matches!(text.parse::<PipeAddress>(), Err(AddressError::Form(_))), "{text}");
        }
        for text in
            ["//se rver/pipe/x", "//[::1/pipe/x", "//[server]/pipe/x", "//1:2:3/pipe/x", "//[::1]x/pipe/x"]
        {
            assert!(matches!(text.parse::<PipeAddress>(), Err(AddressError::Host(_))), "{text}");
        }
        for text in ["//server:0/pipe/x", "//server:65536/pipe/x", "//server:/pipe/x", "//server:+1/pipe/x"] {
            assert!(matches!(text.parse::<PipeAddress>(), Err(AddressError::Port(_))), "{text}");
        }
        assert!(matches!("//server/pipe/..".parse::<PipeAddress>(), Err(AddressError::Name(_))));
        assert!(matches!("//server/pipe/".parse::<PipeAddress>(), Err(AddressError::Name(_))));
    }

    proptest! {
        #[test]
        fn any_address_comes_back(host in "[a-z][a-z0-9.-]{0,20}", port in 1..=u16::MAX, name in "[^/\\\\:\\p{C}]{1,40}") {
            prop_assume!(name != "." && name != "..");
            let address = PipeAddress {
                server: ServerAddress::new(&host, port).unwrap(),
                pipe: PipeName::new(name).unwrap(),
            };
            prop_assert_eq!(address.to_string().parse::<PipeAddress>(), Ok(address));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = text.parse::<PipeAddress>();
            let _ = text.parse::<ServerAddress>();
        }
    }
}
