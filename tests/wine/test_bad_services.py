"""Services that cannot run: each a clear message with the code of Windows and its meaning, the right exit code, no
more tries than can help, and nothing left running. Both with the agent and with `standpipe.exe` alone.

Wine has no accounts: whatever user a service is installed for, it never answers with 1069. And its service manager
lets everybody in, so 5 comes only from a registry key, which the agent does not write. What follows from both codes is
tested in `crates/service/src/managers/scm` and in `crates/standpipe/src/failure.rs`.
"""

import dataclasses
import shutil

import pytest

from deployment import until
from instance import Instance, Within
from prefix import to_windows
from programs_for_windows import thirty_two_bit_program
from services_under_test import SINGLE, instance


@dataclasses.dataclass(frozen=True)
class Bad:
    """A service that cannot run, and what is said about it."""

    # Its name in the service control manager.
    name: str
    # What `sc create` gets beside the name; none for a service that is not installed.
    installed: str | None
    exit_code: int
    # How often it is started.
    starts: int
    # What the log says.
    words: tuple[str, ...]
    # What the role says beside its name.
    more: str = ""
    # A startup task, if it takes one.
    task: list[str] | None = None
    kinds: tuple[type[Instance], ...] = (Instance, Within)


BAD = (
    Bad("Absent", None, 78, 1, ("Windows error 1060 (no such service is installed)",)),
    Bad("Disabled", '"{folder}\\single.exe" start= disabled', 78, 1, ("Windows error 1058 (the service is disabled)",)),
    Bad(
        "Denied",
        '"{folder}\\single.exe" start= demand',
        77,
        1,
        ("Windows error 5 (access denied)",),
        task=["./single.exe", "-deny", "Denied"],
        kinds=(Within,),
    ),
    Bad(
        "Missing",
        '"{folder}\\nothing.exe" start= demand',
        78,
        1,
        ("Windows error 2 (the service's program does not exist)",),
    ),
    Bad(
        "Narrow",
        '"{folder}\\narrow.exe" start= demand',
        78,
        1,
        (
            "Windows error 193 (not a program for this machine)",
            "it is a 32-bit program, and this system has no 32-bit part",
        ),
        # Windows says so by itself. Alone inside of Wine nobody does.
        kinds=(Instance,),
    ),
    Bad("Text", '"{folder}\\letter.exe" start= demand', 78, 1, ("Windows error 193 (",)),
    Bad("Quitting", '"{folder}\\single.exe quit" start= demand', 69, 2, ("failed 2 times",), "max-failures = 2\n"),
    Bad(
        "Pending",
        '"{folder}\\single.exe pend" start= demand',
        69,
        2,
        ("failed 2 times", "checkpoint 1"),
        'start-timeout = "1s"\nstop-timeout = "1s"\nmax-failures = 2\n',
    ),
    Bad(
        "Ending",
        '"{folder}\\single.exe fail" start= demand',
        69,
        5,
        ("ended with service-specific code 42", "failed 5 times"),
    ),
)
CASES = [(kind, bad) for kind in (Instance, Within) for bad in BAD if kind in bad.kinds]
IDS = [f"{'within' if kind.within else 'agent'}-{bad.name.lower()}" for kind, bad in CASES]


@pytest.fixture(scope="module")
def made(request, tools, tmp_path_factory):
    """An instance in whose prefix all of them are installed."""
    folder = tmp_path_factory.mktemp("bad")

    def prepare(_tools, folder, _in_folder):
        shutil.copy(tools.programs / "services/single.exe", folder)
        (folder / "narrow.exe").write_bytes(thirty_two_bit_program())
        (folder / "letter.exe").write_text("Dear reader,\r\n" * 100)
        return []

    one = instance(request.param, tools, folder, dataclasses.replace(SINGLE, prepare=prepare))
    commands = [
        f"sc create {bad.name} binPath= {bad.installed.format(folder=to_windows(folder))}"
        for bad in BAD
        if bad.installed
    ]
    (folder / "install.cmd").write_text("@echo off\r\n" + "".join(f"{command}\r\n" for command in commands))
    one.prefix.run("cmd", "/c", to_windows(folder / "install.cmd"))
    yield one
    one.end()


@pytest.mark.parametrize(("made", "bad"), CASES, ids=IDS, indirect=["made"], scope="module")
def test_a_service_that_cannot_run_is_given_up_with_words_and_leaves_nothing(made, bad):
    text = made.file.read_text()
    task = f"\n[[roles.Watcher.startup]]\ncommand = {bad.task}\n" if bad.task else ""
    service = f'name = "{bad.name}"\n{bad.more}'
    made.file.write_text(text.replace(f'name = "{SINGLE.name}"\n', service) + task)
    try:
        made.start()
        try:
            assert made.process.wait(60) == bad.exit_code
        finally:
            made.show()
            made.kill()
    finally:
        made.file.write_text(text)
    for words in bad.words:
        assert made.said(words), words
    assert made.said("starting the service") == bad.starts
    until(lambda: not made.prefix.inside(), "nothing of Wine is left")
