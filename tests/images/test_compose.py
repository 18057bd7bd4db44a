"""The guide's image for compose, which podman-compose runs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from calls import PASSWORD, USER, is_answered
from deployment import free_port, until
from podman import Container
from processes import status

pytestmark = pytest.mark.containers

FILE = Path(__file__).parent / "compose.yaml"
IMAGE_USER = 65532


@pytest.fixture
def secrets(folder):
    """A folder with the password, for the image's user alone."""
    path = folder / "secrets"
    path.mkdir(mode=0o700)
    secret = path / USER
    secret.touch(mode=0o400)
    secret.write_text(PASSWORD)
    for each in (path, secret):
        shutil.chown(each, IMAGE_USER, IMAGE_USER)
    return path


def test_compose_starts_it_again_when_it_dies_and_stops_it(podman, folder, name, secrets):
    port = free_port(["127.0.0.1"])
    # podman-compose starts a program of a name.
    engine = folder / "podman"
    engine.write_text(f"#!/bin/sh\nexec {' '.join(podman.words)} \"$@\"\n")
    engine.chmod(0o755)

    def compose(*words):
        command = [sys.executable, "-m", "podman_compose", "--podman-path", engine, "-p", name, "-f", FILE, *words]
        environment = podman.environment | {"SECRETS": str(secrets), "PORT": str(port)}
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    compose("up", "--detach", "--no-build")
    container = Container(podman, f"{name}_greetings_1")
    try:
        until(lambda: is_answered("127.0.0.1", port), "a call is answered")
        killed = container.process
        assert int(status(killed)["CapEff"], 16) == 0
        os.kill(killed, signal.SIGKILL)
        until(lambda: container.process not in (0, killed), "it is started again")
        until(lambda: is_answered("127.0.0.1", port), "a call is answered again")
        compose("stop")
        assert container.exit_code == 0
    except BaseException:
        print(container.log())
        raise
    finally:
        compose("down")
