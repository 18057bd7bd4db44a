"""What clients and services see when the agent inside of Wine dies."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import PEERS, STATUS_CONNECTION_RESET, status_of
from deployment import until
from instance import Instance
from services_under_test import SINGLE, instance


@pytest.fixture(scope="module")
def running(tools, module_folder):
    made = instance(Instance, tools, module_folder, SINGLE)
    try:
        with made.running():
            yield made
    finally:
        made.end()


def kill_agent(running):
    agent = running.prefix.process_of("standpipe.exe agent")
    os.kill(agent, signal.SIGKILL)
    until(lambda: agent not in running.prefix.inside(), "the killed agent is gone")


def answers(running, peer):
    try:
        with running.client(peer) as client:
            opened = client.open(SINGLE.pipe)
            client.write(opened, SINGLE.request)
            return SINGLE.reply(client.read(opened))
    except Exception:  # noqa: BLE001 - there is no agent yet, or the service still waits
        return False


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.lower())
def test_a_client_that_waits_reads_an_error_and_the_service_goes_on(running, peer):
    until(lambda: answers(running, peer), "the service answers")
    service = running.prefix.process_of(SINGLE.program)
    with running.client(peer) as client, ThreadPoolExecutor() as threads:
        opened = client.open(SINGLE.pipe)
        client.write(opened, b"wait")
        reading = threads.submit(client.read, opened)
        time.sleep(0.3)
        assert not reading.done()
        kill_agent(running)
        error = reading.exception(10)
        # STATUS_PIPE_BROKEN and STATUS_PIPE_DISCONNECTED would pass for the end of a reply.
        assert status_of(error) == STATUS_CONNECTION_RESET, error
        with pytest.raises(Exception) as refused:
            client.write(opened, b"more")
        assert status_of(refused.value) == STATUS_CONNECTION_RESET
    until(lambda: answers(running, peer), "the next agent reaches the service")
    assert running.prefix.process_of(SINGLE.program) == service, "it was not started again"
