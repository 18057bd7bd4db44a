"""The prefix: made on first use and kept, and what is no usable one refused, once and with words."""

import json
import os
import shutil

import pytest

from instance import Instance
from services_under_test import SINGLE, instance


@pytest.fixture(scope="module")
def made(tools, module_folder):
    one = instance(Instance, tools, module_folder, SINGLE)
    yield one
    one.end()


@pytest.fixture
def text(made):
    """The deployment file, which is as it was afterwards."""
    text = made.file.read_text()
    yield text
    made.file.write_text(text)


def ended(one):
    """Runs it, and returns its exit code and its last line."""
    one.start()
    try:
        code = one.process.wait(60)
    finally:
        one.show()
        one.kill()
    assert not one.prefix.inside(), "nothing of Wine is left"
    return code, one.log.read_text()


def test_a_prefix_of_the_instances_own_is_made_once(made, text):
    made.file.write_text(text.replace(f"prefix = {json.dumps(str(made.prefix.folder))}\n", ""))
    prepared, made.prefix.folder = made.prefix.folder, made.folder / "state/Watcher.0/wine"
    try:
        for run, times in (("first", 1), ("second", 0)):
            made.start()
            try:
                made.wait_until_ready(120)
                assert made.said("making the Wine prefix, which takes a while") == times, run
                assert made.said("the Wine prefix is made") == times, run
                assert made.stop() == 0
                assert (made.prefix.folder / "system.reg").is_file(), "a stop leaves it"
                assert not made.said("is left where it is"), run
            except BaseException:
                made.show()
                raise
            finally:
                made.kill()
    finally:
        made.prefix.end()
        made.prefix.folder = prepared


def test_no_wine(made, text):
    made.file.write_text(text.replace(str(made.tools.wine), "no-such-wine"))
    code, said = ended(made)
    assert code == 78
    assert "no program `no-such-wine` on the search path" in said


@pytest.mark.parametrize(
    ("spoil", "exit_code", "words"),
    [
        ("garbage in the registry", 78, "is broken: the head of system.reg is missing"),
        ("a library is missing", 78, "is broken: drive_c/windows/system32/ntdll.dll is missing"),
        ("a file in its place", 78, "cannot be made: a file is in its place"),
        ("something else", 78, "is not a Wine prefix: it is not empty and has no system.reg"),
        ("another user's", 77, "belongs to user"),
    ],
)
def test_what_is_no_usable_prefix_is_named_and_not_tried_again(made, text, folder, spoil, exit_code, words):
    prefix = folder / "prefix"
    if spoil == "a file in its place":
        prefix.write_text("")
    elif spoil == "something else":
        prefix.mkdir()
        (prefix / "letter.txt").write_text("Dear")
    elif spoil == "another user's":
        if os.geteuid() == 0:
            prefix.mkdir()
            os.chown(prefix, 12345, 12345)
        else:
            prefix = "/usr"
    else:
        system = prefix / "drive_c/windows/system32"
        system.mkdir(parents=True)
        (prefix / "dosdevices").mkdir()
        (prefix / "dosdevices/c:").symlink_to("../drive_c")
        shutil.copy(made.prefix.folder / "system.reg", prefix)
        if spoil == "garbage in the registry":
            (prefix / "system.reg").write_bytes(b"\xff\xfe\x00garbage" * 100)
            (system / "ntdll.dll").write_bytes(b"")
    made.file.write_text(text.replace(json.dumps(str(made.prefix.folder)), json.dumps(str(prefix))))
    code, said = ended(made)
    assert code == exit_code
    assert words in said
