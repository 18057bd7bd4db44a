//! The packages and the image: the same bytes twice, and containers of the image that podman and runc run.

use std::process::Command;

use super::{Site, pytest};
use crate::dist::{self, Profile, Programs, Release};
use crate::install::debian;
use crate::shell::{self, Failure, Result};

/// Podman, what starts its containers, and what connects them.
const PACKAGES: &[&str] =
    &["podman", "runc", "catatonit", "netavark", "aardvark-dns", "iptables", "iproute2", "systemd"];

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "the packages and the image";
    if !cfg!(target_os = "linux") {
        return site.skip_stage(what, &Failure("it needs Debian's packages".to_owned()));
    }
    if !debian::is_root()? {
        return site
            .skip_stage(what, &Failure("only root can install the package and run podman".to_owned()));
    }
    if let Err(why) = debian::install(PACKAGES) {
        return site.skip_stage(what, &why);
    }
    let workspace = site.workspace;
    // Optimised programs would say no more here. `cargo xtask dist` makes those.
    let built = dist::linux_programs(workspace, Profile::Dev, &["standpipe", "simple-service"])?;
    let programs = Programs { linux: built.join("standpipe"), windows: None };
    let release = Release::of(workspace)?;
    let folder = workspace.target().join("images");
    let (made, again) = (folder.join("dist"), folder.join("dist-again"));
    for folder in [&made, &again] {
        dist::pack(workspace, &release, &programs, folder)?;
    }
    dist::compare(&made, &again)?;

    let mut command = match pytest::command(site, "tests/images") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    if let Err(why) = machine_allows_containers() {
        site.cannot("containers of the image", &why);
        command.args(["-m", "not containers"]);
    }
    command.env("STANDPIPE_DIST", made).env("STANDPIPE_STATIC_BINARIES", built);
    shell::run_within(shell::STAGE, &mut command)
}

/// Whether the machine lets root make what a container consists of. A container may forbid it, for example.
/// Where it is allowed, podman must succeed.
fn machine_allows_containers() -> Result<()> {
    let namespaces = "mount -t tmpfs tmpfs /mnt && ip link set lo up && mkdir -p /mnt/group";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--mount-proc"]);
    shell::output(unshare.args(["sh", "-c", namespaces]))?;
    // runc puts each container into a group of its own, which version 1 keeps in a folder for each limit.
    let group = format!("standpipe-{}", std::process::id());
    let make = format!(
        "for limits in /sys/fs/cgroup /sys/fs/cgroup/memory; do \
           if [ -e $limits/cgroup.procs ]; then mkdir $limits/{group} && rmdir $limits/{group} || exit 1; fi; \
         done"
    );
    shell::output(Command::new("sh").args(["-c", &make])).map(|_| ())
}
