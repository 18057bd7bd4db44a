"""What no new start can put right: a clear message with the code of Windows, and an exit code, without more tries."""

import pytest

from instance import Instance
from services_under_test import SINGLE, instance


@pytest.fixture
def made(tools, folder):
    """The service with a single pipe, not started yet."""
    instances = []

    def make(*tasks):
        one = instance(Instance, tools, folder, SINGLE)
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


def test_a_service_that_reports_a_code_of_its_own_at_once_is_given_up_with_69(made):
    one = made(["./single.exe", "-remove"], ["./again.cmd"])
    (one.prefix.folder / "drive_c/single.exe").write_bytes((one.folder / "single.exe").read_bytes())
    (one.folder / "again.cmd").write_text('@sc create Single binPath= "C:\\single.exe fail" start= demand\r\n')
    assert ended(one) == 69
    assert one.said("ended with service-specific code 42")
    assert one.said("failed 5 times")


def test_a_service_that_is_not_there_is_not_tried_again(made):
    one = made(["./single.exe", "-remove"])
    assert ended(one) == 78
    assert one.said("starting the service") == 1
    assert one.said("Windows error 1060 (no such service is installed)")
