"""Services on .NET and mono behind Standpipe, called through SMB."""

import os
import signal
import time

import pytest
from clients import Impacket, Smbprotocol, connected
from deployment import until
from node import PASSWORD, USER
from runtimes import MONO, NET

RUNTIMES = [NET, MONO]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_usual_loop_loses_no_call(node, runtime):
    # While the service makes its next stream nobody listens, and with the one before go all that waited for it.
    with node(runtime, "anew").running() as running:
        assert running.bench(1) > 50
        assert running.bench(4) > 50


def test_the_usual_loop_with_one_client_at_a_time_loses_no_call(node):
    with node(NET, "anew", pipe='backend = "dotnet"\nmax-instances = 1').running() as running:
        assert running.bench(1) > 50


@pytest.mark.parametrize("how", ["anew", "again"])
def test_a_service_with_a_thread_for_each_of_its_streams(node, how):
    with node(NET, how, 4).running() as running:
        assert running.bench(8) > 50


@pytest.mark.parametrize("peer", [Impacket, Smbprotocol])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_peers_get_the_answer_and_then_the_end(node, runtime, peer):
    with node(runtime, "anew").running() as running:
        for text in ("Hello", "", "ä" * 700):
            with connected(peer, running.hosts[0], running.port, USER, PASSWORD) as client:
                opened = client.open("simple")
                client.write(opened, text.encode() + b"\0")
                said = b""
                while len(said) < len(text.encode()):
                    said += client.read(opened)
                assert said.decode() == text[::-1]


def test_each_instance_is_answered_by_its_own_service(node):
    with node(NET, "who", instances=2).running() as running:
        answers = [{running.call("who", instance) for _ in range(3)} for instance in (0, 1)]
        processes = [{str(each["service_pid"])} for each in sorted(running.instances(), key=lambda each: each["instance"])]
        assert answers == processes
        assert not list(running.temporary.iterdir()), "no service has a socket where all would have it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a service as another user")
@pytest.mark.parametrize("how", ["current-user", "anew"])
def test_a_service_of_another_user_that_lets_in_only_that_user(node, how):
    with node(NET, how, user="nobody").running() as running:
        assert running.call("Hello") == "olleH"
        assert running.bench(4, "500ms") > 5


def test_current_user_only_without_another_user(node):
    with node(NET, "current-user").running() as running:
        assert running.call("Hello") == "olleH"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_service_that_is_killed_comes_back(node, runtime):
    with node(runtime, "anew").running() as running:
        assert running.call("before") == "erofeb"
        [before] = running.instances()
        os.kill(before["service_pid"], signal.SIGKILL)
        began = time.monotonic()
        until(lambda: running.instances()[0]["service_pid"] not in (None, before["service_pid"]), "a new service")
        assert running.call("after") == "retfa"
        assert time.monotonic() - began < 3


def test_a_service_that_accepts_nobody_is_busy_after_connect_timeout(node):
    with node(NET, "deaf", pipe='backend = "dotnet"\nconnect-timeout = "500ms"').running() as running:
        words = ["standpipe", "call", running.address(), "x", "-u", USER, "--password-file", running.secret, "--timeout", "1s"]
        result = running.run(words)
        assert result.returncode != 0 and "busy" in result.stderr, result.stderr
        assert "did not take a connection within 0.5 s" in running.log.read_text()
