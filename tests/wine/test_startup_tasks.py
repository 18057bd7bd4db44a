"""Startup tasks that are programs of Windows run inside of Wine, as on Azure."""

import shutil

import pytest

from instance import PASSWORD, Instance
from programs_for_windows import thirty_two_bit_program
from services_under_test import SINGLE, instance

SECRET = "Pa55-word-of-Bob"


@pytest.fixture
def made(tools, folder):
    one = instance(Instance, tools, folder, SINGLE)
    yield one
    one.end()


def add(one, *tasks):
    more = "".join(f"\n[[roles.Watcher.startup]]\ncommand = {list(task)}\n" for task in tasks)
    one.file.write_text(one.file.read_text() + more)


def test_accounts_packages_and_quiet_installers_before_the_service(made, tools):
    """The package installs the service, with the account of the system. Wine's `net` has no accounts: it prints its
    help, and ends with 0. The number with which an installer asks for a restart, 3010, does not fit into an exit code of
    Linux, so a batch file has to look at it."""
    for file in ("installer.exe", "single.msi"):
        shutil.copy(tools.programs / "services" / file, made.folder)
    made.file.write_text(made.file.read_text().replace('["./single.exe", "-install"]', '["./single.msi"]'))
    (made.folder / "setup.cmd").write_text(
        "@echo off\r\n"
        f"net user Bob {SECRET} /add\r\n"
        "installer.exe /quiet\r\n"
        "if %errorlevel% == 3010 exit /b 0\r\n"
        "exit /b %errorlevel%\r\n"
    )
    add(made, ["net.exe", "user", "Alice", SECRET, "/add"], ["./setup.cmd"])
    with made.running():
        installed = made.prefix.folder / "drive_c/Program Files"
        assert (installed / "installed.txt").is_file()
        assert (installed / "Single/single.exe").is_file()
        assert made.said("startup task `net.exe user Alice *** /add`")
        with made.client() as client:
            opened = client.open(SINGLE.pipe)
            client.write(opened, SINGLE.request)
            assert SINGLE.reply(client.read(opened))
    assert SECRET not in made.log.read_text() + made.output.read_text()
    assert PASSWORD not in made.log.read_text()


@pytest.mark.parametrize("task", [["./installer.exe"], ["./narrow.exe"]], ids=["cancelled", "32-bit"])
def test_a_task_that_fails_ends_the_instance_before_the_service(made, tools, task):
    shutil.copy(tools.programs / "services/installer.exe", made.folder)
    (made.folder / "narrow.exe").write_bytes(thirty_two_bit_program())
    add(made, task)
    made.start()
    try:
        assert made.process.wait(60) == 76
    finally:
        made.show()
    assert not made.said("starting the service")
    if task == ["./narrow.exe"]:
        assert made.said("it is a 32-bit program, and this system has no 32-bit part")
    assert not made.prefix.inside()
