#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

mod error;
mod format;
mod group;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use standpipe_security::{Account, AccountName, AccountSet, Accounts, NtHash, Sid, well_known};

pub use error::{AccountFileError, PasswordError};
pub use group::{UnknownGroup, group_name, parse_group};

use format::Contents;
use store::{Found, Identity};

/// The most UTF-16 units in the name of a local account on Windows.
const MAX_NAME_UNITS: usize = 20;

/// The most UTF-16 units in a password on Windows.
const MAX_PASSWORD_UNITS: usize = 256;

/// An account file: looks accounts up for log-ons, and changes them.
///
/// The file need not exist: then there are no accounts, and the first one added creates it. Several
/// processes can use one file at once.
#[derive(Debug)]
pub struct AccountFile {
    path: PathBuf,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    /// What the file looked like when `accounts` was read from it; `None` when it has to be read again.
    identity: Option<Identity>,
    accounts: Arc<AccountSet>,
    /// The last failure that was logged, so that each is logged once and not for each log-on.
    logged: Option<String>,
}

/// What [`AccountFile::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The account is new.
    Created,
    /// It was there already, with the same password.
    Unchanged,
}

impl AccountFile {
    /// The file at `path`, which is read when it is needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), cache: Mutex::default() }
    }

    /// The file at `path`, read now, so that one that cannot be used is known early. A file that is not
    /// there is no error.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, AccountFileError> {
        let file = Self::new(path);
        file.refresh()?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All accounts as the file has them now, by name.
    pub fn list(&self) -> Result<Vec<Arc<Account>>, AccountFileError> {
        Ok(self.refresh()?.iter().cloned().collect())
    }

    /// Adds an account with a new SID.
    ///
    /// `groups` is what it is a member of, `None` for *Users* alone. An account of this name that has the
    /// same password (and the same groups, when they are given) stays as it is; one that differs is an
    /// error.
    pub fn add(&self, name: &str, password: &str, groups: Option<&[Sid]>) -> Result<Added, AccountFileError> {
        let name = local_name(name)?;
        let nt_hash = password_hash(password)?;
        self.change(|contents| {
            if let Some(existing) = contents.accounts.find(name.as_str()) {
                if !existing.nt_hash.ct_eq(&nt_hash) {
                    return Err(AccountFileError::OtherPassword {
                        path: self.path.clone(),
                        name: existing.name.clone(),
                    });
                }
                if groups.is_some_and(|groups| !same_members(groups, &existing.groups)) {
                    return Err(AccountFileError::OtherGroups {
                        path: self.path.clone(),
                        name: existing.name.clone(),
                    });
                }
                return Ok((Added::Unchanged, false));
            }
            let sid = contents
                .take_sid()
                .ok_or_else(|| AccountFileError::NoMoreSids { path: self.path.clone() })?;
            let groups = groups.unwrap_or(&[well_known::BUILTIN_USERS]).to_vec();
            let account =
                Account { name: name.clone(), sid, nt_hash: nt_hash.clone(), groups, enabled: true };
            // The name was looked for above, and the SID is above every one in the file.
            contents.accounts.replace(account);
            Ok((Added::Created, true))
        })
    }

    /// Removes an account. Its SID is not used again.
    pub fn remove(&self, name: &str) -> Result<(), AccountFileError> {
        self.change(|contents| match contents.accounts.remove(name) {
            Some(_) => Ok(((), true)),
            None => Err(self.unknown(name)),
        })
    }

    /// Gives an account another password.
    pub fn set_password(&self, name: &str, password: &str) -> Result<(), AccountFileError> {
        let nt_hash = password_hash(password)?;
        self.edit(name, |account| account.nt_hash = nt_hash.clone())
    }

    /// Lets an account log on, or not.
    pub fn set_enabled(&self, name: &str, enabled: bool) -> Result<(), AccountFileError> {
        self.edit(name, |account| account.enabled = enabled)
    }

    /// Says what an account is a member of, instead of what was said before.
    pub fn set_groups(&self, name: &str, groups: &[Sid]) -> Result<(), AccountFileError> {
        self.edit(name, |account| account.groups = groups.to_vec())
    }

    fn edit(&self, name: &str, edit: impl Fn(&mut Account)) -> Result<(), AccountFileError> {
        self.change(|contents| {
            let mut account = match contents.accounts.find(name) {
                Some(found) => Account::clone(&found),
                None => return Err(self.unknown(name)),
            };
            edit(&mut account);
            contents.accounts.replace(account);
            Ok(((), true))
        })
    }

    /// Reads the file, has `change` change what it says, and writes it if `change` says so; nobody else
    /// writes meanwhile.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<(T, bool), AccountFileError>,
    ) -> Result<T, AccountFileError> {
        let _lock = store::lock(&self.path, store::LOCK_TIMEOUT)?;
        let mut contents = match store::read(&self.path)? {
            Some(found) => self.parse(&found)?,
            None => Contents::new(random_machine_sid()?),
        };
        let (result, changed) = change(&mut contents)?;
        if changed {
            store::replace(&self.path, &contents.print())?;
        }
        Ok(result)
    }

    fn parse(&self, found: &Found) -> Result<Contents, AccountFileError> {
        let mut contents = Contents::parse(&found.text).map_err(|error| AccountFileError::Syntax {
            path: self.path.clone(),
            line: error.line,
            message: error.message,
        })?;
        if contents.machine_sid.is_none() {
            contents.machine_sid = Some(random_machine_sid()?);
        }
        Ok(contents)
    }

    /// The accounts as the file has them now; reads it only when it changed.
    fn refresh(&self) -> Result<Arc<AccountSet>, AccountFileError> {
        let identity = store::identify(&self.path)?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if identity.is_some() && identity == cache.identity {
            return Ok(Arc::clone(&cache.accounts));
        }
        if let Some(found) = store::read(&self.path)? {
            cache.accounts = Arc::new(self.parse(&found)?.accounts);
            cache.identity = found.identity;
        } else {
            // Writers replace the file in one step, so one that is missing was taken away on purpose.
            cache.accounts = Arc::default();
            cache.identity = None;
        }
        cache.logged = None;
        Ok(Arc::clone(&cache.accounts))
    }

    fn unknown(&self, name: &str) -> AccountFileError {
        AccountFileError::Unknown { path: self.path.clone(), name: name.to_owned() }
    }
}

impl Accounts for AccountFile {
    fn find(&self, name: &str) -> Option<Arc<Account>> {
        match self.refresh() {
            Ok(accounts) => accounts.find(name),
            Err(error) => {
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                let text = error.to_string();
                if cache.logged.as_ref() != Some(&text) {
                    let source = std::error::Error::source(&error);
                    let source = source.map(ToString::to_string).unwrap_or_default();
                    tracing::error!(%error, source, "the account file cannot be used; the last good accounts stay");
                    cache.logged = Some(text);
                }
                cache.accounts.find(name)
            }
        }
    }
}

fn local_name(name: &str) -> Result<AccountName, AccountFileError> {
    let units = name.encode_utf16().count();
    if units > MAX_NAME_UNITS {
        return Err(AccountFileError::NameTooLong { length: units, limit: MAX_NAME_UNITS });
    }
    Ok(AccountName::new(name)?)
}

/// Windows lets nobody log on over the network without a password.
fn password_hash(password: &str) -> Result<NtHash, PasswordError> {
    match password.encode_utf16().take(MAX_PASSWORD_UNITS + 1).count() {
        0 => Err(PasswordError::Empty),
        length if length > MAX_PASSWORD_UNITS => Err(PasswordError::TooLong { limit: MAX_PASSWORD_UNITS }),
        _ => Ok(NtHash::of_password(password)),
    }
}

fn same_members(one: &[Sid], other: &[Sid]) -> bool {
    one.iter().all(|sid| other.contains(sid)) && other.iter().all(|sid| one.contains(sid))
}

/// A machine's SID: `S-1-5-21-` and 96 random bits.
fn random_machine_sid() -> Result<Sid, AccountFileError> {
    let random = || getrandom::u32().map_err(|error| AccountFileError::Random(std::io::Error::other(error)));
    let parts = [21, random()?, random()?, random()?];
    Sid::new(5, &parts).map_err(|error| AccountFileError::Random(std::io::Error::other(error)))
}
