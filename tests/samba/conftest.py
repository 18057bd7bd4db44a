"""What the tests with Samba share."""

import os
import subprocess
from pathlib import Path

import pytest
import smbd
from debian import Client
from served import PASSWORD, USER, Posing, Served


@pytest.fixture(scope="session")
def binaries():
    """The folder of the built programs."""
    folder = os.environ.get("STANDPIPE_BINARIES")
    if not folder:
        pytest.exit("run these tests with `cargo xtask test --only samba`: it builds what they start", returncode=2)
    return Path(folder)


@pytest.fixture(scope="session")
def answers(binaries):
    """The program that answers questions about descriptors with our code."""
    return binaries / "examples/answers"


@pytest.fixture
def call(binaries, tmp_path):
    """`standpipe call` as smbd's user."""

    def call(server, *arguments, pipe="simple", password=smbd.PASSWORD, user=smbd.USER, port=None, secret_option="--password-file"):
        secret = Path(tmp_path, "secret")
        secret.touch(mode=0o600)
        secret.write_text(password)
        host = server.address if port is None else f"{server.address}:{port}"
        command = [binaries / "standpipe", "call", f"//{host}/pipe/{pipe}", *arguments, "-u", user]
        return subprocess.run(
            [*map(str, command), secret_option, str(secret)],
            env={name: text for name, text in os.environ.items() if not name.startswith("STANDPIPE_")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


@pytest.fixture(scope="session")
def served(binaries, tmp_path_factory):
    """Our server, running."""
    with Served(binaries, tmp_path_factory.mktemp("served")).running() as served:
        yield served


@pytest.fixture
def guarded(binaries, tmp_path):
    """One more server, for a test that guesses passwords: a server is slow to believe those who did."""
    with Served(binaries, tmp_path).running() as served:
        yield served


@pytest.fixture(scope="session")
def posing(binaries, served, tmp_path_factory):
    """A server whose pipes pose as files, for clients that know nothing else."""
    with Posing(binaries, served, tmp_path_factory.mktemp("posing")).running() as posing:
        yield posing


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    """Samba's programs, with an account of our server."""
    return Client(tmp_path_factory.mktemp("client"), USER, PASSWORD)
