//! Exports on the platforms that they are for: units of the demo under a systemd of their own.

use std::process::Command;

use super::{Site, pytest};
use crate::install::debian;
use crate::shell::{self, Failure, Result};

/// What makes namespaces and networks, and systemd itself.
const PACKAGES: &[&str] = &["systemd", "util-linux", "iproute2"];

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "exports under systemd";
    if !cfg!(target_os = "linux") {
        return site.skip_stage(what, &Failure("it needs Debian's packages".to_owned()));
    }
    if !debian::is_root()? {
        return site.skip_stage(what, &Failure("only root can start a systemd".to_owned()));
    }
    if let Err(why) = debian::install(PACKAGES) {
        return site.skip_stage(what, &why);
    }
    pytest::build(site, &[])?;
    let mut command = match pytest::command(site, "tests/platforms") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    if let Err(why) = machine_allows_systemd() {
        site.cannot(what, &why);
        command.args(["-m", "not machine"]);
    }
    shell::run_within(shell::STAGE, &mut command)
}

/// Whether the machine lets root make what a systemd of its own needs. A container may forbid it, for
/// example.
fn machine_allows_systemd() -> Result<()> {
    let mounts = "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/up /mnt/work /mnt/root && \
                  mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work /mnt/root";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork", "sh", "-c", mounts]);
    shell::output(&mut unshare).map(|_| ())
}
