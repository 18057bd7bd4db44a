//! The client and the server that tests usually begin with.

use std::sync::Arc;

use standpipe_security::{Account, AccountSet, NtHash, Sid, well_known};
use standpipe_smb::auth::ServerNames;
use standpipe_smb::auth::client::Credentials;
use standpipe_smb::server::{self, Pipe, PipeMode};
use standpipe_smb::{Dialect, FileTime, client};

/// A user whom the pipes let in.
pub const USER: &str = "serviceUser";
/// A guest, whom the pipes do not let in.
pub const VISITOR: &str = "visitor";
/// The password of both.
pub const PASSWORD: &str = "correct horse";
/// The pipes' descriptor: every user that logs on may open them, except guests.
pub const ACL: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";
/// The pipes, and what the service behind each carries.
pub(crate) const PIPES: [(&str, PipeMode); 2] = [("simple", PipeMode::Message), ("stream", PipeMode::Byte)];
/// The time of day on both sides; it does not go on.
pub const TODAY: FileTime = FileTime(133_500_000_000_000_000);

/// A client of [`USER`] with everything as it is by default.
#[must_use]
pub fn client_config() -> client::Config {
    client::Config::new("server", Credentials::from_password(USER, "", PASSWORD))
}

/// A server with both users and two pipes, `simple` of messages and `stream` of bytes; the rest as it is by
/// default.
#[must_use]
pub fn server_config() -> server::Config {
    let mut accounts = AccountSet::new();
    for (name, rid, group) in
        [(USER, 1001, well_known::BUILTIN_USERS), (VISITOR, 1002, well_known::BUILTIN_GUESTS)]
    {
        let account = Account {
            name: name.parse().expect("a name"),
            sid: Sid::new(5, &[21, 1, 2, 3, rid]).expect("a SID"),
            nt_hash: NtHash::of_password(PASSWORD),
            groups: vec![group],
            enabled: true,
        };
        accounts.add(account).expect("the names differ");
    }
    let name = || "server".to_owned();
    server::Config {
        names: ServerNames {
            netbios_computer: name(),
            netbios_domain: name(),
            dns_computer: name(),
            dns_domain: name(),
        },
        guid: [5; 16],
        pipes: PIPES.iter().map(|(name, _)| pipe(name)).collect(),
        accounts: Arc::new(accounts),
        require_signing: true,
        session_lifetime: None,
        filter_administrators: true,
        encryption: server::Encryption::Offered,
        min_dialect: Dialect::Smb202,
        max_dialect: Dialect::Smb311,
        limits: server::Limits::default(),
        crypto: standpipe_smb::crypto::provider::RUST_CRYPTO,
    }
}

/// A pipe with the usual [`ACL`].
#[must_use]
pub fn pipe(name: &str) -> Pipe {
    Pipe {
        name: name.to_owned(),
        security_descriptor: Some(ACL.parse().expect("an ACL")),
        max_instances: None,
        require_encryption: false,
    }
}
