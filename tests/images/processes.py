"""Processes as the kernel shows them."""

import contextlib
from pathlib import Path


def children(pid):
    """The process ids of a process's children; none when it is gone. Each of its threads has its own."""
    found = []
    for thread in Path("/proc").glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            found += map(int, thread.read_text().split())
    return found


def below(pid, name):
    """The process ids of the descendants that run a program of this name."""
    found = []
    for child in children(pid):
        found += [child] if program(child) == name else []
        found += below(child, name)
    return found


def program(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode().rpartition("/")[2]
    except OSError:
        return None


def status(pid):
    """What the kernel says of a process, such as its users and capabilities: {name: text}."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def options_of_root(pid):
    """The options of the mount that is a process's root."""
    mounts = (line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    [options] = [fields[5].split(",") for fields in mounts if fields[4] == "/"]
    return options
