"""Running what Debian's packages bring."""

import os
import subprocess
from pathlib import Path

# The Python that Debian's bindings of Samba are made for, whatever else is first on the PATH.
PYTHON = "/usr/bin/python3"
BINDINGS = Path(__file__).parent / "bindings"
PATIENCE = 120

CONFIGURATION = """
[global]
  workgroup = PEER
  client min protocol = SMB2_02
  private dir = {folder}
  lock directory = {folder}
  state directory = {folder}
  cache directory = {folder}
  pid directory = {folder}
  log file = {folder}/log
{more}
"""


def run(*command, **options):
    """Runs a program to its end, with what it says on standard error among its output."""
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT} | options
    return subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, timeout=PATIENCE, **options
    )


def run_bindings(script, *arguments, **options):
    """Runs one of the programs that use Samba's Python bindings; standard error is apart."""
    command = [PYTHON, "-B", str(BINDINGS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **options)


class Client:
    """Samba's programs as clients, with a configuration of their own and an account of the server's."""

    def __init__(self, folder, user, password):
        self.folder = folder
        self.configuration = self.configure("smb.conf")
        self.account = self.authentication(user, password)

    def configure(self, name, *lines):
        """Writes a configuration with more in it."""
        path = self.folder / name
        path.write_text(CONFIGURATION.format(folder=self.folder, more="\n".join(f"  {line}" for line in lines)))
        return path

    def authentication(self, user, password):
        """A file that says who logs on: a command line is no place for a password."""
        path = self.folder / f"account.{len(list(self.folder.iterdir()))}"
        path.touch(mode=0o600)
        path.write_text(f"username = {user}\npassword = {password}\ndomain = PEER\n")
        return path

    def smbclient(self, address, *arguments, account=None, configuration=None):
        configuration = configuration or self.configuration
        account = account or self.account
        options = ("-s", configuration, "-A", account, *arguments)
        return run("smbclient", f"//{address}/IPC$", *options, env=self.environment)

    @property
    def environment(self):
        return os.environ | {"LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
