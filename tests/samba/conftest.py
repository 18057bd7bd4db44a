"""What the tests with Samba share."""

import os
from pathlib import Path

import pytest
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
