"""`standpipe run` as a container runs it: the first process of a PID namespace.

There it has nobody above it: its session has the number 0, every orphan is handed to it, and when it ends so does
all that it started. A container engine is not needed for that, only its namespace. Where the machine does not allow
one (it may be a container already), the same is asked of a plain process.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from deployment import until

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def prefix():
    allowed = subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    return NAMESPACE if allowed else []


@pytest.fixture
def entrypoint(deployment):
    """Instance 0 of the service's role, with a task before it that leaves children behind."""
    first_task = "[[roles.ServiceWatcher.startup]]\n"
    orphans = 'command = ["sh", "-c", "for i in 1 2 3 4 5; do setsid true & done"]\n'
    deployment.edit(first_task, first_task + orphans + "\n" + first_task)
    log = deployment.folder / "standpipe.log"
    with log.open("w") as output:
        run = ["standpipe", "run", "--role", "ServiceWatcher", "--state-dir", str(deployment.state)]
        outer = subprocess.Popen(
            [*prefix(), *run, "-f", str(deployment.file)],
            env=deployment.environment,
            cwd=deployment.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    yield outer
    outer.kill()
    outer.wait()
    print(log.read_text())  # shown where the test failed


def children(pid):
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def answers(deployment):
    result = deployment.call(0, "Hello", "--timeout", "5s")
    return result.returncode == 0 and result.stdout.strip() == "olleH"


def test_the_service_is_watched_and_orphans_are_reaped_until_a_stop_is_asked_for(entrypoint, deployment):
    until(lambda: answers(deployment), "a call is answered")
    first = children(entrypoint.pid)[0] if prefix() else entrypoint.pid

    killed = deployment.service_process(0)
    os.kill(killed, signal.SIGKILL)
    until(lambda: deployment.service_process(0) != killed, "there is another service process")
    until(lambda: answers(deployment), "a call is answered again")
    until(lambda: all(state_of(pid) != "Z" for pid in children(first)), "no child is left unreaped")

    os.kill(first, signal.SIGTERM)
    assert entrypoint.wait(30) == 0
    assert not deployment.processes()
