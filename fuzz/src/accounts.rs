//! The file of accounts: people edit it, and whoever may write into its folder replaces it.

use std::fs;
use std::path::Path;

use standpipe_accounts::{AccountFile, Added};
use standpipe_security::Accounts;

/// Reads any bytes as a file of accounts, finds each account by its name, and adds and removes one: the
/// others stay as they are. No message tells a hash.
///
/// # Panics
/// When that is not so.
pub fn accounts(data: &[u8]) {
    // Changes are written to the disk, which would make each run wait.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder can be made");
    let path = folder.path().join("accounts.toml");
    fs::write(&path, data).expect("a file can be written");
    make_private(&path);

    let file = match AccountFile::open(&path) {
        Ok(file) => file,
        Err(error) => {
            let message = error.to_string();
            assert!(!hashes(data).any(|hash| message.contains(hash)), "a hash is told: {message}");
            return;
        }
    };
    let before = file.list().expect("what was read can be read again");
    for account in &before {
        assert_eq!(file.find(account.name.as_str()).as_ref(), Some(account));
    }
    if !matches!(file.add("a newcomer", "pass", None), Ok(Added::Created)) {
        return; // it is there already, or there is no SID left
    }
    let mut after = file.list().expect("what was written can be read");
    let new = file.find("A Newcomer").expect("who was added is found");
    assert!(before.iter().all(|account| account.sid != new.sid), "a SID was given twice");
    after.retain(|account| *account != new);
    assert_eq!(after, before);
    file.remove("a newcomer").expect("who was added can be removed");
    assert_eq!(file.list().expect("what was written can be read"), before);
}

/// What stands where a hash belongs, if it could be one and stands nowhere else.
fn hashes(data: &[u8]) -> impl Iterator<Item = &str> {
    let text = str::from_utf8(data).unwrap_or_default();
    let values = text.split("nt-hash = \"").skip(1).filter_map(|rest| rest.get(..32));
    values.filter(move |hash| {
        hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.matches(hash).count() == 1
    })
}

#[cfg(unix)]
fn make_private(path: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).expect("its owner may");
}

#[cfg(not(unix))]
fn make_private(_: &Path) {}
