"""A mistake in the deployment file is found before anything starts, and shown with its line and what to do."""

import contextlib
import socket

import pytest

from deployment import EXAMPLE

CONFIGURATION = 78
TEMPORARY = 75

MISTAKES = {
    "a wrong key": ("max-failures = 5", "max-failure = 5", "max-failure"),
    "a wrong type": ("instances = 2", 'instances = "two"', "instances"),
    "a number that is out of range": ("max-failures = 5", "max-failures = -5", "max-failures"),
    "a duration without its unit": ('start-timeout = "10s"', 'start-timeout = "10"', "start-timeout"),
    "bad SDDL": ("(A;OICI;GA;;;BA)", "(A;OICI;GA;;;QQ)", "QQ"),
    "no TOML": ("instances = 2", "instances = = 2", "TOML"),
    "a missing program": ('command = ["simple-service"]', 'command = ["complicated-service"]', "complicated-service"),
    "a missing secret": (
        'password-file = "${SERVICE_DEMO_SECRETS}/serviceUser"',
        'password-file = "${SERVICE_DEMO_SECRETS}/nobody"',
        "nobody",
    ),
    "a variable that is not set": ("${SERVICE_DEMO_SECRETS}", "${SERVICE_DEMO_SECRET}", "SERVICE_DEMO_SECRET"),
    "a target that is not there": ("ServiceWatcher/NamedPipes", "ServiceWatcher/NamedPipe", "NamedPipe"),
    "a protocol that is not known": ('protocol = "smb"', 'protocol = "nfs"', "nfs"),
}


def is_refused(deployment, command, line, words, code=CONFIGURATION):
    arguments = [command, "-f", deployment.file]
    if command == "up":
        arguments += ["--state-dir", deployment.state]
    result = deployment.command(*arguments)
    assert result.returncode == code, (result.returncode, result.stderr)
    assert f"{deployment.file}:{line}" in result.stderr, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
    assert not deployment.state.exists(), "nothing was started"
    assert not deployment.processes()


@pytest.mark.parametrize("command", ["check", "up"])
@pytest.mark.parametrize("before, after, word", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake(deployment, command, before, after, word):
    deployment.edit(before, after)
    changed = next(number for number, line in enumerate(deployment.file.read_text().splitlines(), 1) if after in line)
    is_refused(deployment, command, changed, [word])


def test_a_port_in_use(deployment):
    with contextlib.closing(socket.create_server((deployment.hosts[1], deployment.smb_port))):
        line = next(
            number
            for number, line in enumerate(deployment.file.read_text().splitlines(), 1)
            if line == f"port = {deployment.smb_port}"
        )
        is_refused(deployment, "up", line, [str(deployment.smb_port), "in use"], code=TEMPORARY)


def test_a_secret_that_others_can_read(deployment):
    (deployment.secrets / "serviceUser").chmod(0o644)
    result = deployment.command("up", "-f", deployment.file, "--state-dir", deployment.state)
    assert result.returncode == CONFIGURATION, result.stderr
    assert "serviceUser" in result.stderr
    assert not deployment.state.exists()


def test_every_mistake_is_shown_at_once(deployment):
    deployment.edit("max-failures = 5", "max-failure = 5")
    deployment.edit('protocol = "smb"', 'protocol = "nfs"')
    result = deployment.command("check", "-f", deployment.file)
    assert result.returncode == CONFIGURATION
    assert "max-failure" in result.stderr and "nfs" in result.stderr


def test_a_file_that_is_not_there(deployment):
    deployment.file.unlink()
    result = deployment.command("up", "-f", deployment.file, "--state-dir", deployment.state)
    assert result.returncode == CONFIGURATION
    assert str(deployment.file) in result.stderr


def test_the_example_is_right(deployment):
    result = deployment.command("check", "-f", EXAMPLE)
    assert result.returncode == 0, result.stderr
