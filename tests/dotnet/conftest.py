"""What the tests with .NET and mono share."""

import os
import tempfile
from pathlib import Path

import pytest
from node import Node
from runtimes import Runtimes


def given(variable):
    value = os.environ.get(variable)
    if not value:
        pytest.exit("run these tests with `cargo xtask test --only dotnet`: it makes what they need", returncode=2)
    return Path(value)


@pytest.fixture(scope="session")
def binaries():
    """The folder of the built programs."""
    return given("STANDPIPE_BINARIES")


@pytest.fixture(scope="session")
def runtimes():
    """The programs of this folder, compiled."""
    with tempfile.TemporaryDirectory(prefix="standpipe-net-") as folder:
        Path(folder).chmod(0o755)
        yield Runtimes(given("STANDPIPE_DOTNET"), Path(folder))


@pytest.fixture
def node(binaries, runtimes):
    """Makes a node; its folder has a short path, for its sockets, and lets other users pass."""
    with tempfile.TemporaryDirectory(prefix="sp-") as folder:
        Path(folder).chmod(0o711)

        def node(runtime, *how, **options):
            return Node(binaries, Path(folder), runtimes.command(runtime, "server", "simple", *how), **options)

        yield node


@pytest.fixture
def client(runtimes):
    """Runs a client: what it printed."""

    def client(node, runtime, *arguments, name="simple", timeout=10_000):
        return node.run(runtimes.command(runtime, "client", name, timeout, *arguments)).stdout.strip()

    return client
