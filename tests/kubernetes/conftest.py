"""What the tests with an API server share."""

import os
import tempfile
from pathlib import Path

import pytest

from control_plane import running

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "crates/export/tests/golden"


@pytest.fixture(scope="session")
def plane():
    """The control plane."""
    if "STANDPIPE_KUBERNETES" not in os.environ:
        pytest.exit("run these tests with `cargo xtask test --only kubernetes`: it builds the API server", returncode=2)
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder, running(folder) as plane:
        yield plane
