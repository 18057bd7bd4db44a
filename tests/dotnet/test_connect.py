"""Clients on .NET and mono that use `standpipe connect`, and what they see of each failure."""

import re
import subprocess
import threading
import time

import pytest
from deployment import until
from node import Node
from runtimes import MONO, NET

RUNTIMES = [NET, MONO]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_click_handler(node, client, runtime):
    with node(NET, "anew").running() as running, running.connected():
        for text in ("Hello", "", "Zeilenumbrüche\nund ☃", "x" * 3000):
            assert client(running, runtime, text) == f"Processed Text: {text[::-1]}".strip()


def test_no_call_of_a_net_client_is_lost(node, client):
    with node(NET, "anew").running() as running, running.connected():
        assert client(running, NET, 1000, 1) == "1000 right, 0 wrong"
        assert client(running, NET, 750, 4) == "3000 right, 0 wrong"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_service_with_messages(binaries, node, client, runtime):
    served = node(NET)
    command = [str(binaries / "simple-service")]
    running = Node(binaries, served.folder, command, pipe='mode = "message"')
    with running.running(), running.connected():
        assert client(running, runtime, "Hello") == "Processed Text: olleH"
        assert client(running, runtime, 100, 4) == "400 right, 0 wrong"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_pipe_that_is_not_there_is_waited_for(node, client, runtime):
    with node(NET, "anew").running() as running, running.connected(pipe="nosuch", offered=False):
        said = client(running, runtime, "x", name="nosuch", timeout=1000)
        found = re.match(r"System\.TimeoutException after (\d+) ms", said)
        assert found and int(found[1]) >= 900, said


def test_a_server_that_comes_within_the_timeout(node, client):
    running = node(NET, "anew")
    with running.connected(offered=False):
        said = []
        calling = threading.Thread(target=lambda: said.append(client(running, NET, "patience", timeout=20_000)))
        calling.start()
        time.sleep(0.5)
        assert calling.is_alive()
        with running.running():
            calling.join()
    assert said == ["Processed Text: ecneitap"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_server_that_is_killed_while_the_client_waits(node, runtimes, runtime):
    running = node(NET, "silent")
    running.start()
    until(running.is_ready, "it is ready")
    with running.connected():
        words = runtimes.command(runtime, "client", "simple", 10_000, "x")
        calling = subprocess.Popen(words, env=running.environment, stdout=subprocess.PIPE, text=True)
        time.sleep(1.5)
        assert calling.poll() is None
        running.kill()
        said, _ = calling.communicate(timeout=20)
        assert said.startswith("System.IO.IOException"), said
        # Nobody is told that it is still there.
        until(lambda: not (running.temporary / "CoreFxPipe_simple").exists(), "the local pipe is gone")


def test_a_service_that_is_killed_between_calls(node, client):
    with node(NET, "anew").running() as running, running.connected():
        assert client(running, NET, "before") == "Processed Text: erofeb"
        [instance] = running.instances()
        running.run(["kill", "-9", str(instance["service_pid"])])
        assert client(running, NET, "after") == "Processed Text: retfa"
