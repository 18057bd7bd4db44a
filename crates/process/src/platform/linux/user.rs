//! The identity to run a process under.

use std::ffi::{CString, OsStr};
use std::io;
use std::path::PathBuf;

use nix::unistd::{User, getgrouplist};
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::error::SpawnError;

/// A user, with the groups that a log-on would give.
#[derive(Debug)]
pub(super) struct Identity {
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
    name: String,
    home: PathBuf,
    shell: PathBuf,
}

impl Identity {
    /// The user of this name, or `None` when this process runs as that user already.
    pub(super) fn find(name: &str) -> Result<Option<Self>, SpawnError> {
        let unknown = || SpawnError::NoSuchUser { user: name.to_owned() };
        let user = User::from_name(name).ok().flatten().ok_or_else(unknown)?;
        let own = geteuid();
        if own.as_raw() == user.uid.as_raw() {
            return Ok(None);
        }
        if !own.is_root() {
            return Err(SpawnError::NotRoot { user: name.to_owned() });
        }
        let c_name = CString::new(name).map_err(|_| unknown())?;
        let groups = getgrouplist(&c_name, user.gid).map_err(|_| unknown())?;
        let groups = groups.into_iter().map(|group| Gid::from_raw(group.as_raw())).collect();
        Ok(Some(Self {
            user: Uid::from_raw(user.uid.as_raw()),
            group: Gid::from_raw(user.gid.as_raw()),
            groups,
            name: user.name,
            home: user.dir,
            shell: user.shell,
        }))
    }

    /// The numbers of the user and of its own group.
    pub(super) fn ids(&self) -> (u32, u32) {
        (self.user.as_raw(), self.group.as_raw())
    }

    /// What a log-on would set in the environment.
    pub(super) fn variables(&self) -> [(&'static str, &OsStr); 4] {
        let name = OsStr::new(&self.name);
        [
            ("HOME", self.home.as_os_str()),
            ("USER", name),
            ("LOGNAME", name),
            ("SHELL", self.shell.as_os_str()),
        ]
    }

    /// Becomes the user, for good. Only for a process that has one thread: the calls change that thread.
    pub(super) fn assume(&self) -> io::Result<()> {
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(self.group, self.group, self.group)?;
        set_thread_res_uid(self.user, self.user, self.user)?;
        Ok(())
    }
}
