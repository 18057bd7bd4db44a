"""A service that dies takes its instance out of the choice, and comes back; the page goes on answering."""

import os
import re
import signal
import threading

import pytest

from clients import Impacket, connected, reversed_by
from deployment import USER, until
from page import Page

ANSWER = re.compile(r"Processed Text: (?P<text>.*) by instance: (?P<instance>ServiceWatcher/\d)")


def test_a_page_call_uses_every_instance(demo):
    page = Page(demo)

    def both():
        seen.add(ANSWER.search(page.process("Hello"))["instance"])
        return seen == {"ServiceWatcher/0", "ServiceWatcher/1"}

    seen = set()
    until(both, "both instances answer the page")


def test_a_killed_service_is_replaced_while_the_page_goes_on(demo):
    page = Page(demo)
    before = demo.service_process(0)
    restarts = demo.instance(0)["restarts"]
    answers, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            answers.append(page.process("Hello"))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        # Stopped and not only killed: so that being not ready lasts long enough to be seen from here.
        unready = threading.Event()

        def watch():
            while not stop.is_set():
                if not demo.instance(0)["ready"]:
                    unready.set()
                    return

        watching = threading.Thread(target=watch)
        watching.start()
        for _ in range(3):
            os.kill(demo.service_process(0), signal.SIGKILL)
            if unready.wait(2):
                break
        until(unready.is_set, "the instance is not ready")
        until(lambda: demo.instance(0)["ready"], "the instance is ready again")
    finally:
        stop.set()
        asking.join()
        watching.join()
    assert demo.service_process(0) != before
    assert demo.instance(0)["restarts"] > restarts
    assert demo.instance(1)["restarts"] == 0, "the other instance was left alone"
    with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        assert reversed_by(client, "back again") == "niaga kcab"

    # What was being asked of the service when it died may be told so; it is never silence, and never the wrong text.
    assert len(answers) > 1
    good = [answer for answer in answers if "Processed Text: olleH by instance: ServiceWatcher/" in answer]
    assert len(answers) - len(good) <= 3, [answer for answer in answers if answer not in good]


def test_a_call_in_flight_ends_in_an_error_when_the_service_dies(demo):
    with connected(Impacket, demo.hosts[1], demo.smb_port, USER, demo.password) as client:
        opened = client.open("simple")
        client.write(opened, b"no NUL, so no answer yet")
        os.kill(demo.service_process(1), signal.SIGKILL)
        with pytest.raises(Exception) as refused:
            client.read(opened)
        assert "PIPE" in str(refused.value)
    until(lambda: demo.instance(1)["ready"], "the instance is ready again")


def test_an_instance_that_dies_is_replaced(demo):
    """Not only the service: all of `standpipe run`."""
    pid = demo.instance(1)["pid"]
    service = demo.service_process(1)
    os.kill(pid, signal.SIGKILL)
    until(lambda: demo.instance(1)["pid"] not in (None, pid), "another process has the instance")
    until(lambda: demo.instance(1)["ready"], "the instance is ready again")
    assert demo.service_process(1) != service, "the old service did not outlive its watcher"
    demo.add_accounts()  # a recycled instance starts with the accounts of its startup tasks


def test_a_service_that_cannot_be_kept_running_ends_its_instance(deployment):
    deployment.edit('command = ["simple-service"]', 'command = ["false"]')
    deployment.edit('start-timeout = "10s"', 'start-timeout = "1s"')
    deployment.edit('check-interval = "10s"', 'check-interval = "1s"')
    result = deployment.command(
        "run", "-f", deployment.file, "--role", "ServiceWatcher", "--instance", "0", "--state-dir", deployment.state
    )
    assert result.returncode == 69, result.stderr
    assert "SimpleService" in result.stderr


def test_a_startup_task_that_fails_stops_its_role(deployment):
    deployment.edit('"serviceUser", "--password-file"', '"serviceUser", "--password-fil"')
    result = deployment.command(
        "run", "-f", deployment.file, "--role", "ServiceWatcher", "--instance", "0", "--state-dir", deployment.state
    )
    assert result.returncode == 76, result.stderr
    assert "account add" in result.stderr
