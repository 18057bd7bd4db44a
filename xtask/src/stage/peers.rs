//! The whole path: the demo's deployment is started and called by impacket, smbprotocol, aiosmb, smb-rs,
//! smb2, go-smb2 and a browser.

use super::{Site, pytest};
use crate::install::{browser, debian, go_smb2, rust_peers};
use crate::shell::{self, Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "the whole path with impacket and smbprotocol";
    if !cfg!(unix) {
        return site.skip_stage(what, &Failure("the service runs only on Unix so far".to_owned()));
    }
    pytest::build(site, &[])?;
    let mut command = match pytest::command(site, "tests/peers") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    command.env("STANDPIPE_SMB_RS", rust_peers::smb_rs(site.workspace)?);
    command.env("STANDPIPE_SMB2_RS", rust_peers::smb2_rs(site.workspace)?);
    match go_smb2::build(site.workspace) {
        Ok(program) => {
            command.env("STANDPIPE_GO_SMB2", program);
        }
        Err(why) => site.skip_part("the client go-smb2", &why)?,
    }
    match debian::install(&["tmux"]) {
        Ok(()) => {
            command.env("STANDPIPE_TMUX", "1");
        }
        Err(why) => site.skip_part("the live view on a terminal", &why)?,
    }
    if let Err(why) = debian::install(&["dnsmasq-base", "libfaketime", "iproute2"]) {
        site.skip_part("several machines", &why)?;
    }
    match browser::find_or_install() {
        Ok(chromium) => {
            command.env("STANDPIPE_CHROMIUM", chromium);
        }
        Err(why) => site.skip_part("the page in a real browser", &why)?,
    }
    shell::run_within(shell::STAGE, &mut command)
}
