"""Stopping when asked: exit code 0, and nothing left behind."""

import os
import signal
import socket

import pytest

from deployment import until


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_nothing_is_left_behind(deployment, how):
    deployment.start()
    deployment.wait_until_ready()
    assert deployment.processes()
    assert deployment.stop(how) == 0, deployment.log.read_text()
    nothing_is_left_of(deployment)


def test_ctrl_c_in_a_terminal_reaches_every_process_at_once(deployment):
    """A terminal sends the signal to the whole group, not only to `standpipe up`."""
    deployment.start()
    deployment.wait_until_ready()
    os.killpg(deployment.process.pid, signal.SIGINT)
    assert deployment.process.wait(30) == 0, deployment.log.read_text()
    nothing_is_left_of(deployment)


def test_stopping_while_it_starts(deployment):
    deployment.start()
    until(deployment.state.exists, "it has begun")
    assert deployment.stop() == 0, deployment.log.read_text()
    nothing_is_left_of(deployment)


def nothing_is_left_of(deployment):
    assert not deployment.processes()
    assert not deployment.state.exists(), list(deployment.state.rglob("*"))
    for address in [(host, deployment.smb_port) for host in deployment.hosts] + [("127.0.0.1", deployment.web_port)]:
        with socket.socket() as probe:
            assert probe.connect_ex(address) != 0, f"somebody still listens on {address}"
