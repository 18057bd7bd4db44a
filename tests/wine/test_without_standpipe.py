"""The services that the other tests need: each runs under Wine without Standpipe too."""

import subprocess

import pytest

from deployment import until
from prefix import Prefix, to_windows
from services_under_test import NET, PYTHON, SINGLE


@pytest.fixture(scope="module")
def prefix(tools, module_folder):
    """A prefix with a resident program: services end with the last program that was started from outside."""
    made = Prefix(tools, module_folder / "prefix")
    with subprocess.Popen(
        [tools.wine, "cmd.exe"], env=made.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as resident:
        try:
            yield made
        finally:
            resident.kill()
            made.end()


def succeeds(prefix, *command):
    code, said = prefix.run(*command)
    assert code == 0, f"{command}: exit code {code}: {said}"
    return said


@pytest.mark.parametrize("service", [SINGLE, NET, PYTHON], ids=lambda service: service.name)
def test_a_service_is_installed_started_and_stopped_by_the_means_of_windows(prefix, tools, folder, service):
    for program, *arguments in service.prepare(tools, folder, to_windows):
        if program.startswith("./"):
            program = to_windows(folder / program[2:])
        shell = ["cmd", "/c"] if program.endswith(".cmd") else []
        succeeds(prefix, *shell, program, *arguments)
    # `net` may return, and call it a failure, while the service is still starting or stopping.
    for command, state in (("start", "RUNNING"), ("stop", "STOPPED")):
        said = prefix.run("net", command, service.name)
        until(lambda state=state: state in succeeds(prefix, "sc", "query", service.name), f"it is {state}; net said {said}")
        if state == "RUNNING":
            assert prefix.process_of(service.program)
