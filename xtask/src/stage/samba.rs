//! Samba as a peer: its clients call our server, our client calls smbd, its library decides on the same
//! descriptors, and tshark reads along. nmap is here because its scripts look for servers at port 445.

use super::{Site, pytest};
use crate::install::{debian, rust_peers};
use crate::shell::{self, Failure, Result};

const PACKAGES: &[&str] = &["samba", "smbclient", "python3-samba", "samba-testsuite", "tshark", "nmap"];

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "server, client and descriptors with Samba";
    if !cfg!(target_os = "linux") {
        return site.skip_stage(what, &Failure("it needs Debian's packages".to_owned()));
    }
    if !debian::is_root()? {
        // Some of Samba's clients know no other port than 445.
        return site.skip_stage(what, &Failure("only root may listen at port 445".to_owned()));
    }
    if let Err(why) = debian::install(PACKAGES) {
        return site.skip_stage(what, &why);
    }
    let examples = ["--example", "answers", "--example", "pose_as_files"];
    let features = ["--features", "standpipe-server/conformance"];
    pytest::build(
        site,
        &[&["--package", "standpipe-security", "--package", "standpipe-server"][..], &features, &examples]
            .concat(),
    )?;
    let mut command = match pytest::command(site, "tests/samba") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    command.env("STANDPIPE_SMB_RS", rust_peers::smb_rs(site.workspace)?);
    shell::run_within(shell::STAGE, &mut command)
}
