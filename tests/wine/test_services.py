"""Services for Windows, each with its whole life: installed by a startup task, called through SMB, killed, stopped."""

import os
import signal
import time

import pytest

from clients import PEERS, STATUS_ACCESS_DENIED, Impacket, status_of
from deployment import until
from instance import GUEST, Instance, Within
from services_under_test import NET, PYTHON, SIMPLE, SINGLE, instance

# How a role names a variable itself, and gets it by the name that programs know from Azure.
FROM = 'environment-from = { MY_NUMBER = "STANDPIPE_INSTANCE" }\n'

# With the agent, as on a Linux node; the story's service also with `standpipe.exe` alone, as in a container.
LIVES = [(Instance, service) for service in (SIMPLE, SINGLE, NET, PYTHON)] + [(Within, SIMPLE)]
BACK = 3.0


def name_of(life):
    kind, service = life
    return f"{service.name}-{'within' if kind.within else 'agent'}"


@pytest.fixture(scope="module", params=LIVES, ids=name_of)
def life(request, tools, tmp_path_factory):
    kind, service = request.param
    made = instance(kind, tools, tmp_path_factory.mktemp(service.name.lower()), service, more=FROM)
    try:
        with made.running():
            yield made, service
    finally:
        made.end()


def answer(running, service, peer=Impacket, **options):
    with running.client(peer, **options) as client:
        opened = client.open(service.pipe)
        client.write(opened, service.request)
        return client.read(opened)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.lower())
def test_a_call_gets_the_services_reply(life, peer):
    running, service = life
    for _ in range(3):
        reply = answer(running, service, peer)
        assert service.reply(reply), reply


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.lower())
def test_a_transceive_gets_the_services_reply(life, peer):
    running, service = life
    with running.client(peer) as client:
        reply = client.transceive(client.open(service.pipe), service.request)
    assert service.reply(reply), reply


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.lower())
def test_the_services_own_access_list_decides_about_a_guest(life, peer):
    running, service = life
    if not service.guarded:
        assert service.reply(answer(running, service, peer, user=GUEST))
        return
    with pytest.raises(Exception) as refused:
        answer(running, service, peer, user=GUEST)
    assert status_of(refused.value) == STATUS_ACCESS_DENIED
    # The refused client has not used up the pipe.
    assert service.reply(answer(running, service, peer))


def test_a_killed_service_serves_again_within_three_seconds(life):
    running, service = life
    killed = running.prefix.process_of(service.program)
    os.kill(killed, signal.SIGKILL)
    began = time.monotonic()
    until(lambda: killed not in running.prefix.inside(), "the killed process is gone")

    def serves():
        try:
            return service.reply(answer(running, service))
        except Exception:  # noqa: BLE001 - it is not there yet
            return False

    until(serves, "it serves again")
    took = time.monotonic() - began
    assert took <= BACK, f"it was back after {took:.1f} s"
    assert running.prefix.process_of(service.program) != killed


def test_the_facts_of_the_instance_are_in_the_services_registry_key(life):
    """Where Windows gives them to the service. Wine ignores them there, so the agent writes them elsewhere."""
    running, service = life
    if not running.within:
        return
    code, said = running.prefix.run("reg", "query", rf"HKLM\System\CurrentControlSet\Services\{service.name}")
    variables = next(line.split()[-1] for line in said.splitlines() if line.split()[:1] == ["Environment"])
    assert code == 0
    assert {"MY_NUMBER=0", "RoleInstanceID=Watcher_IN_0"} <= set(variables.split("\\0")), said


def test_a_stop_is_a_control_and_not_a_signal(life):
    """The last test of a service: its fixture sees that the exit code is 0 and that nothing is left."""
    running, service = life
    assert running.stop() == 0
    if service.log:
        assert (running.folder / "seen.txt").read_text().splitlines()[-1] == "asked to stop"


def test_variables_of_the_deployment_file_of_standpipe_and_of_the_instance_reach_the_service(tools, folder):
    made = instance(Instance, tools, folder, NET, more='environment-deny = ["DENIED"]\n' + FROM)
    made.more_environment = {"PASSED_ON": 'wörd = "quoted"', "DENIED": "secret words"}
    try:
        with made.running():
            for name, expected in (
                ("PASSED_ON", 'wörd = "quoted"'),
                ("DENIED", "(not set)"),
                ("MY_NUMBER", "0"),
                ("RoleInstanceID", "Watcher_IN_0"),
            ):
                with made.client() as client:
                    opened = client.open(NET.pipe)
                    client.write(opened, f"env {name}".encode())
                    assert client.read(opened).decode() == expected
            assert "secret words" not in made.log.read_text() + made.output.read_text()
    finally:
        made.end()
