"""Clients in other languages: programs that `cargo xtask test` builds, and names in a variable of the environment."""

import os
import subprocess
from pathlib import Path

import pytest

from deployment import PATIENCE


def built(variable):
    """The program that this variable names."""
    path = os.environ.get(variable)
    if not path:
        pytest.exit("run these tests with `cargo xtask test --only peers`: it builds what they start", returncode=2)
    return Path(path)


def run(program, *arguments, password):
    """Runs it to its end. It takes the password from PASSWD."""
    return subprocess.run(
        [program, *map(str, arguments)],
        env=os.environ | {"PASSWD": password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
