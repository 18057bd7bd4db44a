//! Debian's packages.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::shell::{self, Failure, Result};

/// Makes sure that packages are installed; fails with the reason where that cannot be done.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<_> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let wanted = missing.join(", ");
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !system.lines().any(|line| line == "ID=debian") {
        return Err(Failure(format!("this is not Debian, so {wanted} cannot be installed from here")));
    }
    if !is_root()? {
        return Err(Failure(format!("only root can install {wanted}; install it and try again")));
    }
    let _quiet = NoServices::demand()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    shell::run(apt().args(["-qq", "update"]))?;
    shell::run(apt().args(["-qq", "install", "--yes", "--no-install-recommends"]).args(&missing))
}

fn is_installed(package: &str) -> bool {
    shell::output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

pub(crate) fn is_root() -> Result<bool> {
    Ok(shell::output(Command::new("id").arg("--user"))?.trim() == "0")
}

/// Debian's way to say that no package may start a service, for as long as this lives.
struct NoServices {
    ours: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn demand() -> Result<Self> {
        if Path::new(Self::POLICY).exists() {
            return Ok(Self { ours: false }); // the machine has a policy of its own, which stays
        }
        let cannot = |error| Failure(format!("cannot write {}: {error}", Self::POLICY));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
        let mut file = options.open(Self::POLICY).map_err(cannot)?;
        file.write_all(b"#!/bin/sh\nexit 101\n").map_err(cannot)?;
        Ok(Self { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(Self::POLICY)
        {
            eprintln!("warning: cannot remove {}: {error}", Self::POLICY);
        }
    }
}
