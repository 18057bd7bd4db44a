//! The one server that all targets talk to: its names, its account, its pipe.

use std::sync::Arc;

use standpipe_security::{Account, AccountName, AccountSet, NtHash, Sid, well_known};
use standpipe_smb::auth::ServerNames;
use standpipe_smb::server::{Config, Encryption, Limits, Pipe};
use standpipe_smb::{Dialect, FileTime};

pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "password";
pub(crate) const PIPE: &str = "simple";
/// Any day will do, as long as it is the same in every run.
pub(crate) const TODAY: FileTime = FileTime(133_500_000_000_000_000);

pub(crate) fn names() -> ServerNames {
    ServerNames {
        netbios_computer: "SERVER".to_owned(),
        netbios_domain: "SERVER".to_owned(),
        dns_computer: "server".to_owned(),
        dns_domain: "server".to_owned(),
    }
}

pub(crate) fn account() -> Account {
    Account {
        name: AccountName::new(USER).expect("a name"),
        sid: "S-1-5-21-1-2-3-1000".parse::<Sid>().expect("a SID"),
        nt_hash: NtHash::of_password(PASSWORD),
        groups: vec![well_known::BUILTIN_USERS],
        enabled: true,
    }
}

pub(crate) fn accounts() -> AccountSet {
    let mut accounts = AccountSet::new();
    accounts.add(account()).expect("the first account");
    accounts
}

pub(crate) fn config() -> Config {
    let pipe = Pipe {
        name: PIPE.to_owned(),
        security_descriptor: Some("D:(A;;GRGW;;;AU)".parse().expect("SDDL")),
        max_instances: None,
        require_encryption: false,
    };
    Config {
        names: names(),
        guid: [7; 16],
        pipes: vec![pipe],
        accounts: Arc::new(accounts()),
        min_dialect: Dialect::Smb202,
        max_dialect: Dialect::Smb311,
        require_signing: true,
        session_lifetime: None,
        filter_administrators: true,
        encryption: Encryption::Offered,
        limits: Limits::default(),
        crypto: standpipe_smb::crypto::provider::RUST_CRYPTO,
    }
}

/// How many bytes a connection with these limits holds at most, with what surrounds it in a target: a frame
/// that arrives and its copy in the clear, the replies until the client takes them and those to the last
/// message, what services wrote and what they have not taken yet, each of them in a buffer that may have
/// twice the room; and a constant for what is small.
pub(crate) fn most_memory(limits: &Limits) -> usize {
    let transfer = limits.max_transfer as usize;
    let frame = transfer + 64 * 1024;
    2 * (2 * frame + 4 * transfer + limits.opens * limits.read_ahead.min(64 * 1024) + limits.write_backlog)
        + 4 * 1024 * 1024
}
