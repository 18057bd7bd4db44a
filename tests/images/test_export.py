"""An exported compose file, which podman-compose runs."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from calls import PASSWORD, USER, is_answered
from deployment import free_port, until
from podman import Container
from processes import status

pytestmark = pytest.mark.containers

IMAGE_USER = 65532
FILE = """
name = "Greetings"
[[roles.Simple.startup]]
command = ["standpipe", "account", "add", "{user}", "--password-file", "secrets/{user}"]
[roles.Simple.service]
command = ["simple-service"]
[roles.Simple.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
[roles.Simple.endpoints.NamedPipes]
protocol = "smb"
port = {port}
visibility = "input"
"""


def test_an_exported_compose_file_runs_as_it_is(podman, made, folder, name):
    port = free_port(["127.0.0.1"])
    (folder / "standpipe.toml").write_text(FILE.format(user=USER, port=port))
    export = [made.programs / "standpipe", "export", "compose", "-f", folder / "standpipe.toml", "-o", folder / "compose"]
    subprocess.run([*export, "--image", "localhost/greetings"], check=True, capture_output=True, timeout=60)
    secret = folder / "compose/secrets" / USER
    secret.parent.mkdir()
    secret.write_text(PASSWORD)
    secret.chmod(0o400)
    shutil.chown(secret, IMAGE_USER, IMAGE_USER)
    # podman-compose starts a program of a name.
    engine = folder / "podman"
    engine.write_text(f"#!/bin/sh\nexec {' '.join(podman.words)} \"$@\"\n")
    engine.chmod(0o755)

    def compose(*words):
        file = folder / "compose/compose.yaml"
        command = [sys.executable, "-m", "podman_compose", "--podman-path", engine, "-p", name, "-f", file, *words]
        done = subprocess.run(
            command, env=podman.environment, cwd=folder / "compose", capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    compose("up", "--detach", "--no-build")
    container = Container(podman, f"{name}_simple-0_1")
    try:
        until(lambda: is_answered("127.0.0.1", port), "a call is answered")
        # podman runs no health check by itself where systemd is not the init of the machine.
        podman("healthcheck", "run", container.name)
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
