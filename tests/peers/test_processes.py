"""What other processes of the same user see of one that serves, and what its service gets of whoever started it."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from deployment import until

# A user without rights, where the tests run as root, which may look into everything.
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
SECRET = "a-secret-of-whoever-starts-it"

FILE = """
name = "Processes"

[roles.R.service]
name = "service"
command = ["sh", "-c", "ls /proc/self/fd > {folder}/fds; tr '\\\\0' '\\\\n' < /proc/self/environ > {folder}/environ; exec sleep 1000"]

[roles.Other.service]
name = "other"
command = ["sleep", "1000"]
environment = {{ KEY = "${{OF_ANOTHER_ROLE}}" }}
"""


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="standpipe-processes-"))
    if NOBODY:
        os.chown(path, NOBODY["user"], NOBODY["group"])
    yield path
    shutil.rmtree(path)


def test_secrets_and_descriptors_stay_with_the_one_that_serves(deployment, folder):
    """The service learns neither what the file uses in another role nor what was left open, and cannot look it up."""
    environment = deployment.environment | {"STANDPIPE_PASSWORD": SECRET, "OF_ANOTHER_ROLE": SECRET}
    options = {"env": environment, "cwd": folder, "stdin": subprocess.DEVNULL} | NOBODY
    if subprocess.run(["standpipe", "--version"], capture_output=True, **options).returncode != 0:
        pytest.skip("the user nobody cannot reach the program")
    (folder / "standpipe.toml").write_text(FILE.format(folder=folder))
    left_open = os.open("/etc/passwd", os.O_RDONLY)
    run = ["standpipe", "run", "--role", "R", "--state-dir", folder / "state"]
    process = subprocess.Popen(run, pass_fds=[left_open], **options)
    try:
        until(lambda: (folder / "environ").exists() and (folder / "environ").read_text(), "the service runs")
        assert SECRET not in (folder / "environ").read_text()
        assert sorted((folder / "fds").read_text().split()) == ["0", "1", "2", "3"]  # the last is that of ls
        looked = subprocess.run(["cat", f"/proc/{process.pid}/environ"], capture_output=True, text=True, **NOBODY)
        assert looked.returncode != 0 and SECRET not in looked.stdout, looked
        if NOBODY:
            # Root may look, and finds that nothing is there.
            assert SECRET not in Path(f"/proc/{process.pid}/environ").read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        os.close(left_open)


def test_an_instance_that_starts_nothing_can_start_nothing(demo):
    """The page's instance gives up, in all of its threads, what those need that start services."""

    def rights(instance):
        for task in Path(f"/proc/{instance['pid']}/task").iterdir():
            fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            yield fields["NoNewPrivs"], fields["Seccomp"]

    assert set(rights(demo.instance(0, "Web"))) == {("1", "2")}
    assert ("1", "2") not in set(rights(demo.instance(0)))
