"""Wine prefixes of the tests' own, and the programs that run in them."""

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
from pathlib import Path

from deployment import PATIENCE, until


@dataclasses.dataclass(frozen=True)
class Tools:
    """What `cargo xtask test --only wine` has prepared."""

    # The folders of our programs for this machine and for Windows, and of programs that are not written here.
    binaries: Path
    windows_binaries: Path
    programs: Path
    # The program that starts programs for Windows, and a prefix that is only copied.
    wine: Path
    prepared: Path

    @classmethod
    def from_environment(cls):
        names = ("BINARIES", "WINDOWS_BINARIES", "WINDOWS_PROGRAMS", "WINE", "WINE_PREFIX")
        values = [os.environ.get(f"STANDPIPE_{name}") for name in names]
        return cls(*map(Path, values)) if all(values) else None


def to_windows(path):
    """The path of a file of this machine as programs inside Wine see it."""
    return "Z:" + str(path).replace("/", "\\")


class Prefix:
    """A copy of the prepared prefix. The files of Windows are hard links: no test writes to them, and copying
    them would take longer than most tests."""

    def __init__(self, tools, folder):
        self.tools = tools
        self.folder = folder
        folder.mkdir()
        for entry in tools.prepared.iterdir():
            if entry.name == "drive_c":
                continue
            subprocess.run(["cp", "-a", entry, folder], check=True)
        (folder / "drive_c").mkdir()
        for entry in (tools.prepared / "drive_c").iterdir():
            how = "-al" if entry.name in ("windows", "Program Files", "Program Files (x86)") else "-a"
            subprocess.run(["cp", how, entry, folder / "drive_c"], check=True)

    @property
    def environment(self):
        # pytest's variable has the name of the test: Wine would be started again for each, as its services get it.
        left_out = ("STANDPIPE_", "WINE", "DISPLAY", "PYTEST_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(left_out)}
        kept["PATH"] = f"{self.tools.binaries}:{kept['PATH']}"
        return kept | {"WINEPREFIX": str(self.folder), "WINEDEBUG": "-all"}

    def run(self, *command, patience=PATIENCE):
        """Runs a program inside the prefix to its end, and returns its exit code and its output.

        Its output goes through a pipe, since Windows' Python does not start when it is a plain file. The first
        program in a prefix starts Wine's own processes, which keep the pipe open; so its end is that of the
        program."""
        process = subprocess.Popen(
            [str(self.tools.wine), *map(str, command)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.set_blocking(process.stdout.fileno(), False)
        said = b""

        def ended():
            nonlocal said
            code = process.poll()
            said += process.stdout.read() or b""
            return code is not None

        try:
            until(ended, f"{command} ends", patience)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        return process.returncode, said.decode(errors="replace").replace("\r", "")

    def processes(self):
        """Every process of the prefix that is not a zombie: process id to its command line."""
        found = {}
        wanted = f"WINEPREFIX={self.folder}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):  # it ended meanwhile
                if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                    continue
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    continue
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(entry.name)] = line.strip()
        return found

    def inside(self):
        """The processes that Wine runs; what started it from outside is not among them."""
        return {pid: line for pid, line in self.processes().items() if ".exe" in line or "wineserver" in line}

    def process_of(self, program):
        """The process id of a service's program, once it runs; the one that was installed last."""

        def find():
            return [pid for pid, line in self.inside().items() if program.lower() in line.lower()]

        return max(until(find, f"{program} runs"))

    def end(self):
        """Ends every process of the prefix and removes it."""
        subprocess.run(
            [self.tools.wine.with_name("wineserver"), "--kill"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
