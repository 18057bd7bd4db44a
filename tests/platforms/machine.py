"""A systemd of the test's own: process 1 of new namespaces, on a copy of this machine's files."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = Path("/sys/fs/cgroup")


class Machine:
    """systemd with these files at their places, and this unit to start."""

    def __init__(self, folder, files, unit):
        self.place = folder / "machine"
        self.place.mkdir()
        self.groups = _own_groups()
        enter = " && ".join(f"echo $$ > {group}/cgroup.procs" for group in self.groups)
        unshare = "exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child"
        script = f"{enter} && {unshare} sh {HERE}/boot.sh {self.place} {files} {unit}"
        self.log = open(folder / "machine.log", "wb")
        self.outer = subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.pid = self._first_process()

    def _first_process(self):
        """The number of process 1 outside of its namespace."""
        children = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        for _ in range(300):
            assert self.outer.poll() is None, self.said()
            found = children.read_text().split()
            if found and Path(f"/proc/{found[0]}/comm").read_text().strip() == "systemd":
                return int(found[0])
            time.sleep(0.1)
        raise AssertionError(f"systemd did not start: {self.said()}")

    def said(self):
        """What the start of the machine has printed."""
        return Path(self.log.name).read_text(errors="replace")

    def command(self, *words):
        """A command inside, as a list."""
        return ["nsenter", "--target", str(self.pid), "--all", "--wd=/", "--", *words]

    def run(self, *words, check=True):
        """The output of a command inside."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def outside(self, *words):
        """The output of a command with this machine's files, in the network of the other."""
        command = ["nsenter", "--target", str(self.pid), "--net", "--", *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout.strip()

    def show(self, unit, *names):
        """Properties of a unit."""
        lines = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names)).splitlines()
        shown = dict(line.split("=", 1) for line in lines)
        return [shown[name] for name in names] if len(names) > 1 else shown[names[0]]

    def wait(self, unit, state, seconds=60):
        """Waits until a unit is in a state, such as `active`."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.run("systemctl", "is-active", unit, check=False)
            if found == state:
                return
            if time.monotonic() > deadline:
                journal = self.run("journalctl", "--no-pager", "--lines=60", check=False)
                raise AssertionError(f"{unit} is {found}, not {state}:\n{journal}\n{self.said()}")
            time.sleep(0.2)

    def end(self):
        """Ends everything in it."""
        self.outer.kill()
        self.outer.wait()
        self.log.close()
        for group in self.groups:
            _remove(group)


def _own_groups():
    """A group of its own in each hierarchy, so that what is limited inside is not this process."""
    name = f"standpipe-{os.getpid()}"
    if (GROUPS / "cgroup.controllers").exists():
        parents = [GROUPS]
    else:
        current = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
        parents = []
        for controllers, path in current.items():
            folder = "unified" if not controllers else controllers.removeprefix("name=")
            here = GROUPS / folder / path.lstrip("/")
            if here.is_dir():
                parents.append(here)
    groups = []
    for parent in parents:
        group = parent / name
        group.mkdir(exist_ok=True)
        for key in ("cpuset.cpus", "cpuset.mems"):
            if (group / key).exists() and (parent / key).exists():
                shutil.copyfile(parent / key, group / key)
        groups.append(group)
    return groups


def _remove(group):
    """Removes a group and those below it, once their processes have gone."""
    for _ in range(50):
        try:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)
            return
        except OSError:
            time.sleep(0.1)


def main():
    """A machine for another program: it prints the number of process 1, and ends when its input does."""
    folder, files, unit = sys.argv[1:]
    machine = Machine(Path(folder), Path(files), unit)
    try:
        print(machine.pid, flush=True)
        sys.stdin.read()
    finally:
        machine.end()


if __name__ == "__main__":
    main()
