"""Our server, where Samba's programs look for one: at port 445, which some of them cannot be talked out of."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

from deployment import PATIENCE, until

PORT = 445
USER = "someUser"
PASSWORD = "s0me pass word"
# The pipe of the tests, and those that smbtorture takes for files.
PIPES = ("simple", "sessid.tst", "tcontest.tmp")

FILE = """
name = "Samba"

[roles.Peer]
accounts = "accounts.toml"

[roles.Peer.service]
name = "Reverser"
command = {command}

[roles.Peer.endpoints.NamedPipes]
protocol = "smb"
port = {port}
"""
# smbtorture wants to delete what it opens.
PIPE = """
[roles.Peer.pipes."{name}"]
sddl = "D:(D;;GA;;;AN)(A;;FA;;;AU)"
"""
# The user is no administrator.
CLOSED = """
[roles.Peer.pipes.closed]
sddl = "D:(A;;GA;;;BA)"
command = ["cat"]
"""


def free_address():
    """A loopback address where nobody listens at PORT. Others may run these tests at the same time."""
    for _ in range(100):
        address = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            try:
                probe.bind((address, PORT))
            except OSError:
                continue
        return address
    raise AssertionError(f"port {PORT} is free nowhere: only root can have it")


class Served:
    """One instance of `standpipe run` with a service behind it, in a folder of its own."""

    def __init__(self, binaries, folder):
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "standpipe.log"
        self.address = free_address()
        self.password = PASSWORD
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("STANDPIPE_")}
        self.environment["PATH"] = f"{binaries}:{self.environment['PATH']}"
        command = [sys.executable, str(Path(__file__).with_name("service.py")), *PIPES]
        text = FILE.format(command=json.dumps(command), port=PORT)
        (folder / "standpipe.toml").write_text(text + "".join(PIPE.format(name=name) for name in PIPES) + CLOSED)
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(PASSWORD)
        added = self.command("account", "add", USER, "--password-file", secret, "--file", folder / "accounts.toml")
        assert added.returncode == 0, added.stderr

    def command(self, *arguments):
        """Runs `standpipe` to its end."""
        return subprocess.run(
            ["standpipe", *map(str, arguments)],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    @contextlib.contextmanager
    def running(self):
        """Runs it; at the end it must stop when asked."""
        with self.log.open("w") as log:
            process = subprocess.Popen(
                ["standpipe", "run", "--address", self.address, "--state-dir", str(self.state)],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:

            def ready():
                assert process.poll() is None, f"it ended with {process.returncode}"
                shown = self.command("ps", "--state-dir", self.state, "--json")
                return shown.returncode == 0 and any(each["ready"] for each in json.loads(shown.stdout))

            until(ready, "it is ready")
            yield self
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        except BaseException:
            print(f"--- what standpipe said:\n{self.log.read_text()}")
            raise
        finally:
            process.kill()
            process.wait()


class Posing:
    """A server that says of its pipes that they are new files, and answers every name with one: only for tests."""

    def __init__(self, binaries, served, folder):
        self.program = binaries / "examples/pose_as_files"
        self.address = free_address()
        self.accounts = served.folder / "accounts.toml"
        self.log = folder / "posing.log"

    @contextlib.contextmanager
    def running(self):
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [self.program, f"{self.address}:{PORT}", self.accounts],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:

            def listens():
                assert process.poll() is None, self.log.read_text()
                return "listening" in self.log.read_text()

            until(listens, "it listens")
            yield self
            assert process.poll() is None, f"it ended with {process.returncode}"
        finally:
            process.kill()
            process.wait()
