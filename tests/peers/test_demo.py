"""`cargo xtask demo`, as someone new to the project tries it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from deployment import until
from page import Page

# Where the demo is, whoever runs it.
PAGE = ("127.0.0.1", 8080)
PORTS = [PAGE, ("127.0.0.1", 4445), ("127.0.0.2", 4445)]


@pytest.fixture
def demo_command(binaries, folder):
    """The command and its environment; the state is kept apart from that of a demo that somebody looks at."""
    for address in PORTS:
        try:
            socket.create_server(address).close()
        except OSError as error:
            pytest.skip(f"the demo needs {address}: {error}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STANDPIPE_")}
    environment |= {"CARGO_TARGET_DIR": str(binaries.parent), "XDG_RUNTIME_DIR": str(folder)}
    return [str(binaries / "xtask"), "demo"], environment


def test_the_demo_does_what_it_says(demo_command, folder, binaries):
    command, environment = demo_command
    log = folder / "demo.log"
    with log.open("w") as output:
        demo = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        page = Page(address=f"http://{PAGE[0]}:{PAGE[1]}/")
        until(lambda: "2 of 2 instances ready" in page.fetch()[1], "both instances are ready", patience=120)
        said = log.read_text()
        assert page.address in said
        assert "Processed Text: olleH by instance: ServiceWatcher/" in page.process("Hello")

        line = re.search(r"\S*standpipe call .*?serviceUser\n", said, re.DOTALL)[0]
        pasted = subprocess.run(line.rpartition("\n")[0], shell=True, capture_output=True, text=True, timeout=30)
        assert (pasted.returncode, pasted.stdout) == (0, "epip ,olleH\n"), pasted.stderr
        secret = Path(re.search(r"--password-file (\S+)", said)[1])
        assert secret.stat().st_mode & 0o777 == 0o600

        os.killpg(demo.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
        assert demo.wait(30) == 0, log.read_text()
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(30)
    assert not secret.parent.exists()
    assert sorted(path.name for path in folder.iterdir()) == ["demo.log"]
    for address in PORTS:
        with socket.socket() as probe:
            assert probe.connect_ex(address) != 0, f"somebody still listens on {address}"


def test_the_demo_says_when_its_port_is_taken(demo_command):
    command, environment = demo_command
    with contextlib.closing(socket.create_server(PAGE)):
        result = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
    assert result.returncode == 75
    assert "examples/service-demo/standpipe.toml" in result.stderr
    assert "8080" in result.stderr and "in use" in result.stderr
