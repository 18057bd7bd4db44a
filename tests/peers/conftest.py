"""What the peer tests share: one deployment that runs for all of them, and others of their own."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from deployment import Deployment


@pytest.fixture(scope="session")
def binaries():
    """The folder of the built programs."""
    folder = os.environ.get("STANDPIPE_BINARIES")
    if not folder:
        pytest.exit("run these tests with `cargo xtask test --only peers`: it builds what they start", returncode=2)
    return Path(folder)


@pytest.fixture(scope="session")
def demo(binaries):
    """The demo's deployment, running, with one account of each kind. Tests that break it put it right again."""
    with short_folder() as folder:
        deployment = Deployment(binaries, folder)
        with deployment.running():
            deployment.add_accounts()
            yield deployment


@pytest.fixture
def deployment(binaries, folder):
    """A deployment of the test's own, not started yet."""
    return Deployment(binaries, folder)


@pytest.fixture
def folder():
    """An empty folder of the test's own."""
    with short_folder() as folder:
        yield folder


@contextlib.contextmanager
def short_folder():
    """pytest's own folders have long names, and the path of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        yield Path(folder)
