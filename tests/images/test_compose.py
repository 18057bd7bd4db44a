"""The demo as `standpipe export compose` writes it, which podman-compose runs: two instances and the page."""

import os
import signal
import subprocess
import sys

import pytest

from calls import is_answered
from deployment import free_port, until
from exported import SERVICE_PORT, Exported
from page import Page
from podman import Container
from processes import status

pytestmark = pytest.mark.containers

ROLE = "servicewatcher"


@pytest.fixture
def compose(podman, made, folder, name):
    """A function that runs podman-compose on the exported file."""
    web_port = free_port(["127.0.0.1"])
    exported = Exported(made, folder, "compose", web_port)
    exported.write_secrets()
    # podman-compose starts a program of a name.
    engine = folder / "podman"
    engine.write_text(f"#!/bin/sh\nexec {' '.join(podman.words)} \"$@\"\n")
    engine.chmod(0o755)

    def compose(*words):
        file = exported.folder / "compose.yaml"
        command = [sys.executable, "-m", "podman_compose", "--podman-path", engine, "-p", name, "-f", file, *words]
        options = {"cwd": exported.folder, "capture_output": True, "text": True, "timeout": 120}
        done = subprocess.run(command, env=podman.environment, stdin=subprocess.DEVNULL, **options)
        assert done.returncode == 0, done.stdout + done.stderr

    compose.web_port = web_port
    yield compose
    compose("down")


def test_the_exported_file_runs_the_demo_until_it_is_stopped(compose, podman, name):
    compose("up", "--detach", "--no-build")
    instances = [Container(podman, f"{name}_{ROLE}-{number}_1") for number in (0, 1)]
    web = Container(podman, f"{name}_web-0_1")
    page = Page(address=f"http://127.0.0.1:{compose.web_port}/")
    try:
        for instance in instances:
            until(lambda: is_answered(instance.address, SERVICE_PORT), "a call is answered")
            assert int(status(instance.process)["CapEff"], 16) == 0
        until(lambda: page.fetch()[0] == 200, "the page is shown")
        # The page finds both by the name of their role, and calls one of them.
        until(lambda: "2 of 2 instances ready" in page.fetch()[1], "the page has found both instances")
        assert "olleH" in page.process("Hello")
        # Without systemd, podman asks only when it is told to.
        for container in instances:
            healthy = ("healthcheck", "run", container.name)
            until(lambda: podman(*healthy, check=False).returncode == 0, "it is healthy")

        killed = instances[0].process
        os.kill(killed, signal.SIGKILL)
        until(lambda: instances[0].process not in (0, killed), "it is started again")
        until(lambda: is_answered(instances[0].address, SERVICE_PORT), "a call is answered again")

        compose("stop")
        assert [container.exit_code for container in (*instances, web)] == [0, 0, 0]
    except BaseException:
        for container in (*instances, web):
            print(f"--- {container.name}:\n{container.log()}")
        print(page.fetch()[1])
        raise
