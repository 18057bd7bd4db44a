"""Exported units under a systemd of their own: the demo, from its start to its stop."""

import shutil
import subprocess
import sys
import time

import pytest

from machine import Machine

PASSWORD = "a password of this test"
WATCHERS = ["servicedemo-servicewatcher@0.service", "servicedemo-servicewatcher@1.service"]
WEB = "servicedemo-web@0.service"
# The bridge of the page.
REQUEST = """
from urllib.request import Request, urlopen
print(urlopen(Request("http://127.0.0.1:8080/pipes/simple", b"Hello", {"Content-Type": "text/plain"})).read().decode())
"""


@pytest.fixture(scope="module")
def units(export, folder):
    """The folder with the exported units."""
    return export("systemd", folder / "units")


# What starts a machine.
needs_machine = pytest.mark.machine


@pytest.fixture(scope="module")
def machine(units, binaries, folder):
    """A machine that is set up as docs/platforms.md says."""
    files = folder / "files"
    for place in ["etc/systemd/system", "etc/servicedemo/secrets", "opt/servicedemo", "usr/bin"]:
        (files / place).mkdir(parents=True)
    for unit in [*units.glob("*.service"), *units.glob("*.target")]:
        shutil.copy(unit, files / "etc/systemd/system")
    shutil.copy(units / "standpipe.toml", files / "etc/servicedemo")
    secret = files / "etc/servicedemo/secrets/serviceUser"
    secret.write_text(PASSWORD)
    secret.chmod(0o400)
    shutil.copy(binaries / "simple-service", files / "opt/servicedemo")
    shutil.copy(binaries / "standpipe", files / "usr/bin")
    # The exported units have no watchdog. What is stuck does not end at SIGABRT.
    drop_in = files / "etc/systemd/system/servicedemo-web@.service.d/watchdog.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
    machine = Machine(folder, files, "servicedemo.target")
    try:
        yield machine
    finally:
        machine.end()


def call(machine, address, text, check=True):
    """A call of the pipe from inside, by root, who may read the password."""
    command = ["standpipe", "call", f"//{address}:4445/pipe/simple", text, "--user", "serviceUser"]
    return machine.run(*command, "--password-file", "/etc/servicedemo/secrets/serviceUser", check=check)


def test_systemd_has_nothing_to_say_about_the_units(units, binaries, folder):
    for unit in [*units.glob("*.service"), *units.glob("*.target")]:
        text = unit.read_text().replace("/usr/bin/standpipe", str(binaries / "standpipe"))
        verified = folder / "verified"
        verified.mkdir(exist_ok=True)
        # A template is verified as one of its instances.
        (verified / unit.name.replace("@.", "@0.")).write_text(text)
    for unit in verified.iterdir():
        command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", unit]
        environment = {"SYSTEMD_UNIT_PATH": f"{verified}:", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), unit.name


@needs_machine
def test_units_start_when_their_instances_are_ready_and_run_without_rights(machine):
    for unit in [*WATCHERS, WEB]:
        machine.wait(unit, "active")
        kind, status, user = machine.show(unit, "Type", "StatusText", "User")
        assert (kind, status) == ("notify", "running")
        pid = machine.show(unit, "MainPID")
        proc = machine.run("cat", f"/proc/{pid}/status").splitlines()
        fields = dict(line.split(":", 1) for line in proc if ":" in line)
        assert fields["Uid"].split()[0] != "0", user
        assert (fields["CapEff"].strip(), fields["NoNewPrivs"].strip()) == ("0" * 16, "1")
        assert fields["Seccomp"].strip() == "2"


@needs_machine
def test_each_instance_answers_and_the_page_calls_them(machine):
    for address in ["127.0.0.1", "127.0.0.2"]:
        assert call(machine, address, "Hello") == "olleH"
    assert machine.outside(sys.executable, "-c", REQUEST) == "olleH"


@needs_machine
def test_an_instance_whose_process_is_killed_is_started_again(machine):
    unit = WATCHERS[1]
    before = machine.show(unit, "MainPID")
    machine.run("kill", "-KILL", before)
    deadline = time.monotonic() + 60
    while machine.show(unit, "MainPID") in (before, "0"):
        assert time.monotonic() < deadline, machine.run("journalctl", "--no-pager", "--lines=40", check=False)
        time.sleep(0.3)
    machine.wait(unit, "active")
    assert call(machine, "127.0.0.2", "again") == "niaga"
    assert machine.show(unit, "NRestarts") == "1"


@needs_machine
def test_an_instance_that_is_stuck_is_found_by_the_watchdog_and_no_other(machine):
    before = machine.show(WEB, "MainPID")
    # Longer than the watchdog waits.
    time.sleep(3)
    assert machine.show(WEB, "MainPID", "NRestarts") == [before, "0"]
    machine.run("kill", "-STOP", before)
    deadline = time.monotonic() + 60
    while machine.show(WEB, "MainPID") in (before, "0"):
        assert time.monotonic() < deadline, machine.run("journalctl", "--no-pager", "--lines=40", check=False)
        time.sleep(0.3)
    machine.wait(WEB, "active")
    assert machine.show(WEB, "NRestarts") == "1"


@needs_machine
def test_a_stop_ends_everything_in_good_order(machine):
    machine.run("systemctl", "stop", "servicedemo.target")
    for unit in [*WATCHERS, WEB]:
        machine.wait(unit, "inactive")
        assert machine.show(unit, "Result", "ExecMainStatus") == ["success", "0"]
    assert call(machine, "127.0.0.1", "x", check=False) == ""


@needs_machine
def test_what_a_person_has_to_mend_is_not_tried_again(machine):
    machine.run("sh", "-c", "echo broken = > /etc/servicedemo/standpipe.toml")
    assert machine.run("systemctl", "start", WEB, check=False) == ""
    machine.wait(WEB, "failed")
    assert machine.show(WEB, "ExecMainStatus", "NRestarts") == ["78", "0"]
