//! The whole path: the demo's deployment is started and called by impacket, smbprotocol and a browser.

use super::Site;
use crate::install::{browser, python};
use crate::shell::{self, Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let workspace = site.workspace;
    if !cfg!(unix) {
        return site
            .skip_stage("the whole path", &Failure("the service runs only on Unix so far".to_owned()));
    }
    let build = ["build", "--quiet", "--package", "standpipe", "--package", "simple-service"];
    shell::run(workspace.cargo().args(build))?;

    let python = match python::environment(workspace) {
        Ok(python) => python,
        Err(why) => return site.skip_stage("the whole path with impacket and smbprotocol", &why),
    };
    let mut command = workspace.command(python);
    command.args(["-m", "pytest", "tests/peers", "--durations=5"]);
    command.env("STANDPIPE_BINARIES", workspace.binaries());
    command.env("PYTHONPYCACHEPREFIX", workspace.target().join("peers/pycache"));
    match browser::find_or_install() {
        Ok(chromium) => {
            command.env("STANDPIPE_CHROMIUM", chromium);
        }
        Err(why) => site.skip_part("the page in a real browser", &why)?,
    }
    if site.is_ci() {
        command.arg("--nothing-skipped");
    }
    shell::run(&mut command)
}
