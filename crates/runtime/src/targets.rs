//! The file of targets: which instances of each role there are, and where they listen.
//!
//! The local runtime keeps it in the deployment's state folder as `targets.json`, and gives every instance
//! its absolute path in the variable [`VARIABLE`]. Whoever calls a role follows this file:
//!
//! ```json
//! {
//!   "version": 1,
//!   "deployment": "ServiceDemo",
//!   "roles": {
//!     "ServiceWatcher": [
//!       {"instance": 0, "update-domain": 0, "endpoints": {"NamedPipes": "127.0.0.1:4445"}},
//!       {"instance": 1, "update-domain": 1, "endpoints": {"NamedPipes": "127.0.0.2:4445"}}
//!     ],
//!     "Web": [{"instance": 0, "update-domain": 0, "endpoints": {"HttpIn": "127.0.0.1:8080"}}]
//!   }
//! }
//! ```
//!
//! - The file is private to its user, and replaced as a whole. It is never written in place. A reader looks
//!   at it at least every [`LOOK_INTERVAL`], ignores members that it does not know, and keeps what it has
//!   while the file is missing or cannot be read.
//! - Every role has a member, if only with an empty list. An instance that is listed may not be ready: its
//!   server says that itself.
//! - An instance that is no longer listed gets no new calls. It is asked to stop [`NOTICE`] later at the
//!   earliest, and then finishes what is in flight.
//! - The addresses are those that the instance itself has published. Until it has, they are what the
//!   deployment file says; an endpoint of which that does not say the port is missing so long.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The variable with the absolute path of the file.
pub const VARIABLE: &str = "STANDPIPE_TARGETS";

/// The version of the format.
pub const VERSION: u32 = 1;

/// How often a reader looks at the file, at least.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How long an instance goes on taking calls after it was taken out of the file: until every reader has
/// noticed, and what was on its way has arrived.
pub const NOTICE: Duration = Duration::from_secs(2);

/// How long an instance must have been ready before another one is taken out for it: until every balancer has
/// noticed. One that lost its connection tries again every second.
pub const SETTLE: Duration = Duration::from_secs(3);

/// A longer file was not written by a local runtime.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The instances of a deployment that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// The deployment.
    pub deployment: String,
    /// The instances of each role, by number.
    pub roles: BTreeMap<String, Vec<InstanceTarget>>,
}

/// One instance that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstanceTarget {
    /// Its number within the role, from 0.
    pub instance: u32,
    /// Which part of its role it is updated with, from 0.
    pub update_domain: u32,
    /// Where it listens, by the endpoint's name.
    pub endpoints: BTreeMap<String, SocketAddr>,
}

impl Targets {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not there or cannot be read, or is of another version.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut text = Vec::new();
        fs::File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
        let targets: Self = serde_json::from_slice(&text)?;
        if targets.version == VERSION {
            Ok(targets)
        } else {
            let version = targets.version;
            Err(io::Error::other(format!("the file of targets has version {version}, expected {VERSION}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_ignores_what_it_does_not_know_and_refuses_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.json");
        let text = r#"{"version": 1, "deployment": "D", "later": [], "roles": {"A": [
            {"instance": 0, "update-domain": 0, "endpoints": {"P": "127.0.0.1:4445"}, "later": 1}], "B": []}}"#;
        fs::write(&path, text).unwrap();
        let targets = Targets::read(&path).unwrap();
        assert_eq!(targets.roles["A"][0].endpoints["P"], SocketAddr::from(([127, 0, 0, 1], 4445)));
        assert!(targets.roles["B"].is_empty());
        fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
        assert!(Targets::read(&path).unwrap_err().to_string().contains("version 2"));
    }
}
