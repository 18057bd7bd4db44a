"""Instances come and go, and no call is lost: an update, a restart, more instances and fewer."""

import re
import threading
import time

from deployment import Deployment, free_port
from page import Page

CALLERS = 4


class Callers:
    """Calls through the web role, one after the other, in several threads."""

    def __init__(self, deployment):
        self.page = Page(deployment)
        self.stop = threading.Event()
        self.answered = [0] * CALLERS
        self.lost = []
        self.threads = [threading.Thread(target=self.call, args=(number,)) for number in range(CALLERS)]

    def call(self, number):
        while not self.stop.is_set():
            status, text = self.page.bridge("abc")
            if (status, text) == (200, "cba"):
                self.answered[number] += 1
            else:
                self.lost.append((time.monotonic(), status, text))
            time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_no_call_is_lost_while_instances_come_and_go(binaries, folder):
    deployment = Deployment(binaries, folder)
    hosts = [f"127.0.0.{number}" for number in range(1, 5)]
    port = free_port(hosts)
    deployment.edit(f"port = {deployment.smb_port}", f"port = {port}")
    deployment.smb_port = port
    with deployment.running(), Callers(deployment) as callers:
        for command in (
            ["update", "ServiceWatcher"],
            ["scale", "ServiceWatcher=4"],
            ["restart", "ServiceWatcher"],
            ["scale", "ServiceWatcher=2"],
        ):
            before = sum(callers.answered)
            result = deployment.command(*command, "--state-dir", deployment.state, timeout=120)
            assert result.returncode == 0, result.stderr
            assert sum(callers.answered) > before + 100, command
            assert not callers.lost, (command, len(callers.lost), callers.lost[:5])
            if command[-1] == "ServiceWatcher=4":
                new_instances_are_called(deployment)
    assert not callers.lost, callers.lost[:5]


def new_instances_are_called(deployment):
    """The web role, which was not started again, finds the instances that are new."""
    deadline = time.monotonic() + 30
    seen = set()
    while len(seen) < 4:
        assert time.monotonic() < deadline, seen
        answer = re.search(r"by instance: ServiceWatcher/(\d)", Page(deployment).process("abc"))
        seen.update(answer.groups() if answer else ())
