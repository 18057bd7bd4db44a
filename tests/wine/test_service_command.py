"""`standpipe.exe service …` under Wine's service control manager."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from deployment import until
from instance import Instance
from prefix import Prefix, to_windows
from services_under_test import SINGLE, instance

NAME = "Worker"


class Commands:
    """`standpipe.exe service` in a prefix with a resident program, which keeps the services running."""

    def __init__(self, tools, folder):
        self.prefix = Prefix(tools, folder / "prefix")
        self.folder = folder
        self.standpipe = tools.windows_binaries / "standpipe.exe"
        self.program = folder / "single.exe"
        shutil.copy(tools.programs / "services/single.exe", self.program)
        self.resident = subprocess.Popen(
            [tools.wine, "cmd.exe"], env=self.prefix.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )

    def __call__(self, verb, *arguments):
        return self.prefix.run(self.standpipe, "service", verb, NAME, *arguments)

    def install(self, *arguments):
        """Installs the service whose program gets the last of the arguments."""
        *options, last = arguments or ("run",)
        return self("install", *options, "--", to_windows(self.program), last)

    def shown(self):
        """What `status --json` says, and its exit code."""
        code, said = self("status", "--json")
        return code, json.loads(said)

    def end(self):
        self.resident.kill()
        self.resident.wait()
        self.prefix.end()


@pytest.fixture(scope="module")
def prefix_of_all(tools, module_folder):
    made = Commands(tools, module_folder)
    yield made
    made.end()


@pytest.fixture
def service(prefix_of_all):
    yield prefix_of_all
    prefix_of_all("remove", "--timeout", "20s")


def silent(code_and_output):
    """It did what was asked, without a word."""
    assert code_and_output == (0, "")


def test_a_service_is_installed_started_stopped_and_removed_each_as_often_as_one_likes(service):
    for _ in range(2):
        silent(service.install())
    code, shown = service.shown()
    assert code == 69
    assert (shown["state"], shown["start"], shown["account"]) == ("Stopped", "manual", "LocalSystem")
    assert shown["command"] == f'"{to_windows(service.program)}" run'
    for _ in range(2):
        silent(service("start"))
    code, shown = service.shown()
    assert (code, shown["state"]) == (0, "Running")
    assert service.prefix.process_of("single.exe")
    code, said = service("status")
    assert code == 0
    assert said.startswith(f"{NAME} is Running, process {shown['pid']}\n")
    for _ in range(2):
        silent(service("stop"))
    code, shown = service.shown()
    assert (code, shown["state"], shown["windows_error"]) == (69, "Stopped", 0)
    for _ in range(2):
        silent(service("remove"))
    code, said = service("status")
    assert code == 78
    assert "Windows error 1060 (no such service is installed)" in said


def test_a_service_is_installed_again_with_other_settings(service):
    silent(service.install("--depends-on", "RpcSs", "run"))
    # Wine keeps the dependencies that a service was made with; it neither shows nor changes them.
    code, said = service.prefix.run("reg", "query", rf"HKLM\System\CurrentControlSet\Services\{NAME}")
    assert (code, "DependOnService    REG_MULTI_SZ    RpcSs" in said) == (0, True), said
    changes = ["--display-name", "A worker", "--start", "auto", "--user", "LocalService"]
    silent(service.install(*changes, "two words"))
    _, shown = service.shown()
    assert shown["display_name"] == "A worker"
    assert shown["start"] == "auto"
    assert shown["account"] == r"NT AUTHORITY\LocalService"
    assert shown["command"].endswith('single.exe" "two words"')
    silent(service.install())
    _, shown = service.shown()
    assert (shown["display_name"], shown["start"]) == (NAME, "manual")
    assert shown["account"] == "LocalSystem"


def test_a_running_service_is_stopped_before_it_is_removed(service):
    silent(service.install())
    silent(service("start"))
    silent(service("remove"))
    until(lambda: not any("single.exe" in line for line in service.prefix.inside().values()), "its process is gone")


def test_a_service_whose_process_is_dead_is_not_called_running_and_is_started_again(service):
    silent(service.install())
    silent(service("start"))
    killed = service.prefix.process_of("single.exe")
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in service.prefix.inside(), "the process is gone")
    code, shown = service.shown()
    assert (code, shown["state"], shown["windows_error"]) == (69, "Stopped", 1067)
    silent(service("stop"))
    silent(service("start"))
    assert service.prefix.process_of("single.exe") != killed


def test_a_service_that_is_not_installed_cannot_be_started_or_stopped(service):
    for verb in ("start", "stop"):
        code, said = service(verb)
        assert (code, "Windows error 1060 (no such service is installed)" in said) == (78, True), said


def test_a_disabled_service_is_not_started(service):
    silent(service.install("--start", "disabled", "run"))
    code, said = service("start")
    assert (code, "Windows error 1058 (the service is disabled)" in said) == (78, True), said


def test_a_program_that_is_missing_is_not_installed_and_not_started(service):
    code, said = service("install", "--", "C:\\nothing.exe")
    assert (code, "no program `C:\\nothing.exe`" in said) == (78, True), said
    silent(service.install())
    moved = service.program.rename(service.folder / "elsewhere.exe")
    try:
        code, said = service("start")
        assert (code, "Windows error 2 (the service's program does not exist)" in said) == (78, True), said
    finally:
        moved.rename(service.program)


def test_a_service_that_ends_at_once_is_an_error_with_its_own_code(service):
    silent(service.install("fail"))
    code, said = service("start")
    assert (code, "ended with service-specific code 42" in said) == (69, True), said


def test_a_service_that_never_gets_ready_is_left_when_the_time_is_over(service):
    silent(service.install("pend"))
    code, said = service("start", "--timeout", "3s")
    assert (code, "within 3s: it is StartPending (checkpoint 1, wait hint 1s)" in said) == (75, True), said
    code, shown = service.shown()
    assert (code, shown["state"]) == (75, "StartPending")
    os.kill(service.prefix.process_of("single.exe"), signal.SIGKILL)


def test_a_password_comes_from_a_private_file_only(service):
    secret = service.folder / "secret"
    secret.write_text("pass wörd")
    secret.chmod(0o644)
    options = ["--user", "anna", "--password-file", to_windows(secret), "run"]
    code, said = service.install(*options)
    assert (code, "can be read by others" in said) == (77, True), said
    secret.chmod(0o600)
    code, said = service.install(*options)
    assert (code, said) == (0, "")
    assert service.shown()[1]["account"] == r".\anna"


def test_a_startup_task_installs_the_service_of_a_role(tools, folder):
    made = instance(Instance, tools, folder, SINGLE)
    shutil.copy(tools.windows_binaries / "standpipe.exe", folder)
    text = made.file.read_text()
    task = ["./standpipe.exe", "service", "install", "Single", "--", "./single.exe"]
    made.file.write_text(text.replace('["./single.exe", "-install"]', json.dumps(task)))
    try:
        with made.running(), made.client() as client:
            opened = client.open(SINGLE.pipe)
            client.write(opened, SINGLE.request)
            assert SINGLE.reply(client.read(opened))
    finally:
        made.end()
