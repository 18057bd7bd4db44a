"""What no new start can put right: a clear message with the code of Windows, and an exit code, without more tries."""

import dataclasses
import os
import shutil
import signal

import pytest

from deployment import until
from instance import Instance
from prefix import to_windows
from programs_for_windows import thirty_two_bit_program
from services_under_test import SINGLE, instance


@pytest.fixture
def made(tools, folder):
    """The service with a single pipe, not started yet."""
    instances = []

    def make(*tasks, service=SINGLE):
        one = instance(Instance, tools, folder, service)
        text = one.file.read_text()
        for task in tasks:
            words = ", ".join(f'"{word}"' for word in task)
            text = text.replace("[roles.Watcher.wine]", f"[[roles.Watcher.startup]]\ncommand = [{words}]\n\n[roles.Watcher.wine]")
        one.file.write_text(text)
        instances.append(one)
        return one

    yield make
    for one in instances:
        one.end()


def ended(one, patience=90):
    one.start()
    try:
        return one.process.wait(patience)
    finally:
        one.show()


def installed_as(program, more=""):
    """The service, as a batch file installs it under the name that the instance knows. Not anew after its removal:
    that takes until nobody looks at it any more."""

    def prepare(tools, folder, _in_folder):
        shutil.copy(tools.programs / "services/single.exe", folder)
        (folder / "narrow.exe").write_bytes(thirty_two_bit_program())
        path = to_windows(folder / program)
        (folder / "install.cmd").write_text(f'@sc create Single binPath= "{path}{more}" start= demand\r\n')
        return [["./install.cmd"]]

    return dataclasses.replace(SINGLE, prepare=prepare)


def test_a_service_that_reports_a_code_of_its_own_at_once_is_given_up_with_69(made):
    one = made(service=installed_as("single.exe", " fail"))
    assert ended(one) == 69
    assert one.said("ended with service-specific code 42")
    assert one.said("failed 5 times")
    assert one.said("starting the service") == 5


def test_a_service_that_is_not_there_is_not_tried_again(made):
    one = made(["./single.exe", "-remove"])
    assert ended(one) == 78
    assert one.said("starting the service") == 1
    assert one.said("Windows error 1060 (no such service is installed)")


def test_a_service_that_is_killed_five_times_is_given_up_with_69(made):
    one = made()
    one.start()
    try:
        killed = 0
        for times in range(1, 6):
            until(lambda times=times: one.said("the service is running") == times, f"it runs {times} times", 60)
            killed = one.prefix.process_of(SINGLE.program)
            os.kill(killed, signal.SIGKILL)
            until(lambda killed=killed: killed not in one.prefix.inside(), "the killed process is gone")
        assert one.process.wait(60) == 69
    finally:
        one.show()
    assert one.said("starting the service") == 5
    assert one.said("failed 5 times")
    assert not one.prefix.inside(), "nothing of Wine is left"


def test_a_32_bit_service_where_wine_has_no_32_bit_part_is_not_tried_again(made):
    one = made(service=installed_as("narrow.exe"))
    assert ended(one) == 78
    assert one.said("starting the service") == 1
    assert one.said("Windows error 193 (not a program for this machine)")
    assert one.said("it is a 32-bit program, and this Wine has no 32-bit part")
