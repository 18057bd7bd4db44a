"""What the tests of exports share."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples/service-demo/standpipe.toml"


@pytest.fixture(scope="session")
def binaries():
    """The folder with the programs."""
    found = os.environ.get("STANDPIPE_BINARIES")
    if found is None:
        pytest.exit("run these tests with `cargo xtask test --only platforms`: it builds what they start", returncode=2)
    return Path(found)


@pytest.fixture(scope="module")
def folder():
    """An empty folder for the tests of one file."""
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def export(binaries):
    """Exports the demo, or another file, to a folder."""

    def export(platform, output, *options, file=DEMO):
        command = [binaries / "standpipe", "export", platform, "--file", file, "--output", output, *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return Path(output)

    return export
