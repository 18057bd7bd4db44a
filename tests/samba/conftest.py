"""What the tests with Samba share."""

import os
from pathlib import Path

import pytest


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
