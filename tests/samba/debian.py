"""Running what Debian's packages bring."""

import subprocess
from pathlib import Path

# The Python that Debian's bindings of Samba are made for, whatever else is first on the PATH.
PYTHON = "/usr/bin/python3"
BINDINGS = Path(__file__).parent / "bindings"


def run_bindings(script, *arguments, **options):
    """Runs one of the programs that use Samba's Python bindings."""
    command = [PYTHON, "-B", str(BINDINGS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
