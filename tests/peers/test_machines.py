"""Several machines: the service's instances on three, the web role on a fourth, which finds them by DNS.

The machines are network namespaces with addresses and links of their own. One has a clock that is three hours fast.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from conftest import short_folder
from deployment import Deployment, until
from machines import TOOLS, Network
from page import Page

NAME = "watchers.test"
INSTANCES = range(3)
WEB = 3
FAST_CLOCK = 2
CLOCK = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


class Site:
    """The four machines, and a process on each."""

    def __init__(self, deployment, network):
        self.deployment = deployment
        self.network = network
        self.processes = {}
        self.page = Page(address=f"http://{network.address(WEB)}:{deployment.web_port}/")

    def start(self, machine):
        role = "Web" if machine == WEB else "ServiceWatcher"
        command = ["standpipe", "run", "--role", role, "-f", str(self.deployment.file)]
        command += ["--state-dir", str(self.deployment.folder / f"state-{machine}")]
        command += ["--address", self.network.address(machine)]
        environment = dict(self.deployment.environment)
        if machine == WEB:
            environment["STANDPIPE_TARGETS"] = f"ServiceWatcher/NamedPipes=dns:{NAME}.:445"
        else:
            command += ["--instance", str(machine)]
        if machine == FAST_CLOCK:
            # Not by the program `faketime`, which does not pass a signal on.
            environment.update(LD_PRELOAD=str(CLOCK), FAKETIME="+3h", FAKETIME_DONT_FAKE_MONOTONIC="1")
        log = (self.deployment.folder / f"log-{machine}").open("a")
        self.processes[machine] = subprocess.Popen(
            self.network.on(machine, command),
            env=environment,
            cwd=self.deployment.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def stop(self, machine):
        process = self.processes.pop(machine)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

    def wait_until_ready(self, ready, all_of_them):
        expected = f"{ready} of {all_of_them} instances ready"
        until(lambda: expected in self.page.fetch()[1], f"the page says {expected}")

    def show_logs(self):
        for log in sorted(self.deployment.folder.glob("log-*")):
            print(f"--- {log.name}:\n{log.read_text()[-6000:]}")


@pytest.fixture(scope="module")
def site(binaries):
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    missing += [] if CLOCK else ["faketime"]
    if missing or os.geteuid() != 0:
        pytest.skip(f"machines need root and {', '.join(missing) or 'nothing else'}")
    with short_folder() as folder, Network(4, folder) as network:
        deployment = Deployment(binaries, folder)
        deployment.edit("instances = 2", "instances = 3")
        deployment.edit(f"port = {deployment.smb_port}", "port = 445")
        deployment.edit('connect-timeout = "10s"', 'connect-timeout = "2s"')
        site = Site(deployment, network)
        network.publish(NAME, INSTANCES)
        network.serve_names(WEB)
        try:
            for machine in (*INSTANCES, WEB):
                site.start(machine)
            site.wait_until_ready(3, 3)
            yield site
            for machine in list(site.processes):
                site.stop(machine)
        except BaseException:
            site.show_logs()
            raise
        finally:
            for process in site.processes.values():
                process.kill()
                process.wait()


class Callers:
    """Calls through the page's bridge, all the time: when each began, and what became of it."""

    def __init__(self, site):
        self.site = site
        self.calls = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.call_on) for _ in range(4)]

    def call_on(self):
        while not self.stop.is_set():
            began = time.monotonic()
            status, text = self.site.page.bridge("Hello")
            self.calls.append((began, time.monotonic() - began, status, text))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def lost(self, since=0.0, until=float("inf")):
        bad = [call for call in self.calls if call[2] != 200 or call[3].strip() != "olleH"]
        return [call for call in bad if since <= call[0] <= until]

    def go_on(self, more=40):
        before = len(self.calls)
        until(lambda: len(self.calls) >= before + more, "calls go on")


def test_every_machine_answers_also_the_one_whose_clock_is_fast(site):
    seen = set()

    def all_answered():
        result = site.page.process("Hello")
        seen.update(number for number in INSTANCES if f"ServiceWatcher/{site.network.address(number)}:445" in result)
        return seen == set(INSTANCES)

    until(all_answered, f"every machine answers: {seen}")


def test_a_machine_whose_link_is_cut_is_left_out_until_it_is_healed(site):
    with Callers(site) as callers:
        callers.go_on()
        assert not callers.lost()
        for machine in INSTANCES:
            cut = time.monotonic()
            site.network.cut(machine)
            cut_for_sure = time.monotonic()
            site.wait_until_ready(2, 3)
            callers.go_on()
            site.network.heal(machine)
            site.wait_until_ready(3, 3)
            callers.go_on()
            # Those that were on their way to it may have arrived, so nobody sends them again.
            assert not callers.lost(since=cut_for_sure), callers.lost()
            assert len(callers.lost(since=cut - 1)) <= len(callers.threads)
        longest = max(took for _, took, _, _ in callers.calls)
        print(f"{len(callers.calls)} calls, the longest took {longest:.1f} s")


def test_machines_that_leave_the_name_and_come_back_lose_no_call(site):
    with Callers(site) as callers:
        for machine in INSTANCES:
            site.network.publish(NAME, [other for other in INSTANCES if other != machine])
            site.wait_until_ready(2, 2)
            site.stop(machine)
            callers.go_on()
            site.start(machine)
            site.network.publish(NAME, INSTANCES)
            site.wait_until_ready(3, 3)
            callers.go_on()
        assert not callers.lost()


def test_without_a_name_server_the_last_addresses_count(site):
    with Callers(site) as callers:
        site.network.stop_names()
        time.sleep(5)
        callers.go_on()
        site.wait_until_ready(3, 3)
        assert not callers.lost()
    site.network.serve_names(WEB)
