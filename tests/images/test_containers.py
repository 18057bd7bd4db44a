"""The guide's image in containers of podman and runc: called from outside, locked up, killed, stopped."""

import os
import signal
import time
import urllib.error
import urllib.request

import pytest

from calls import USER, answer, is_answered
from clients import Smbprotocol
from conftest import SERVICE
from deployment import free_port, until
from processes import below, options_of_root, status

pytestmark = pytest.mark.containers

LOCKED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
LOW_PORTS = ["--sysctl=net.ipv4.ip_unprivileged_port_start=0"]
CAPABILITY = ["--cap-add=NET_BIND_SERVICE"]
STATE = ["--tmpfs=/state"]


def secret(user=65532):
    return [f"--secret=serviceUser,target=/secrets/serviceUser,uid={user},mode=0400"]


def answers(container, port=445):
    """Whether a call is answered now."""
    assert container.exit_code is None, f"it ended with {container.exit_code}:\n{container.log()}"
    return is_answered(container.address, port)


def is_ready(container):
    try:
        with urllib.request.urlopen(f"http://{container.address}:8080/readyz", timeout=5) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as not_yet:
        return not_yet.code != 503


def services(container):
    return below(container.process, "simple-service")


@pytest.mark.parametrize("low_ports", [LOW_PORTS, CAPABILITY], ids=["sysctl", "capability"])
def test_a_locked_up_container_answers_from_outside_at_port_445(podman, name, low_ports):
    options = [*LOCKED, *low_ports, *STATE, *secret()]
    with podman.container(name, *options, image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        assert answer(container.address, peer=Smbprotocol) == "olleH"
        until(lambda: is_ready(container), "it says that it is ready")

        first = container.process
        assert "ro" in options_of_root(first)
        for process in (first, *services(container)):
            kernel = status(process)
            assert set(kernel["Uid"].split() + kernel["Gid"].split()) == {"65532"}
            assert kernel["NoNewPrivs"] == "1"
            # Bit 10 is CAP_NET_BIND_SERVICE, which the service does not get.
            has_it = process == first and low_ports != LOW_PORTS
            assert int(kernel["CapEff"], 16) == (1 << 10 if has_it else 0)


def test_a_container_that_may_not_use_port_445_says_so(podman, name):
    with podman.container(name, *LOCKED, *STATE, *secret(), image=SERVICE) as container:
        until(lambda: container.exit_code is not None, "it ends")
        assert container.exit_code == 78, container.log()
        assert "port = 445" in container.log()


def test_any_user_can_run_the_image(podman, name):
    options = [*LOCKED, *LOW_PORTS, *STATE, *secret(1000), "--user=1000:1000"]
    with podman.container(name, *options, image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        assert status(container.process)["Uid"].split()[0] == "1000"


def test_a_mapped_port_leads_to_the_pipe(podman, name):
    port = free_port(["127.0.0.1"])
    options = [*LOCKED, *LOW_PORTS, *STATE, *secret(), f"--publish=127.0.0.1:{port}:445"]
    with podman.container(name, *options, image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        assert answer("127.0.0.1", port) == "olleH"


def test_names_are_found_from_within(podman, name):
    options = [*LOCKED, *LOW_PORTS, *STATE, *secret(), "--add-host=pipes.example:127.0.0.1"]
    with podman.container(name, *options, image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        call = ["standpipe", "call", "-u", USER, "--password-file", "/secrets/serviceUser"]
        assert container.run(*call, "//pipes.example/pipe/simple", "Hello") == "olleH"


def test_a_killed_service_is_replaced(podman, name):
    with podman.container(name, *LOCKED, *LOW_PORTS, *STATE, *secret(), image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        first, [killed] = container.process, services(container)
        os.kill(killed, signal.SIGKILL)
        until(lambda: services(container) not in ([], [killed]), "there is another service process")
        until(lambda: answers(container), "a call is answered again")
        assert container.process == first


def test_a_killed_container_is_started_again_with_its_state(podman, name):
    state = f"--volume={name}:/state"
    options = [*LOCKED, *LOW_PORTS, state, *secret(), "--restart=on-failure"]
    with podman.container(name, *options, image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        killed = container.process
        os.kill(killed, signal.SIGKILL)
        until(lambda: container.process not in (0, killed), "it is started again")
        until(lambda: is_answered(container.address), "a call is answered again")
        assert "unchanged: serviceUser is there" in container.log()


def test_a_container_stops_with_0_when_it_is_asked(podman, name):
    with podman.container(name, *LOCKED, *LOW_PORTS, *STATE, *secret(), image=SERVICE) as container:
        until(lambda: answers(container), "a call is answered")
        began = time.monotonic()
        podman("stop", "--time", "20", name)
        assert container.exit_code == 0, container.log()
        assert time.monotonic() - began < 15, "it was killed"
