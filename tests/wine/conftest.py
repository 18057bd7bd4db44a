"""What the tests under Wine share."""

import tempfile
from pathlib import Path

import pytest

from prefix import Tools


@pytest.fixture(scope="session")
def tools():
    """What the tests start."""
    found = Tools.from_environment()
    if found is None:
        pytest.exit("run these tests with `cargo xtask test --only wine`: it builds what they start", returncode=2)
    return found


@pytest.fixture(scope="module")
def module_folder():
    """An empty folder for the tests of one file."""
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        yield Path(folder)


@pytest.fixture
def folder():
    """An empty folder of the test's own."""
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        yield Path(folder)
