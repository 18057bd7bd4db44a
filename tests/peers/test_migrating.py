"""The page on migrating from Cloud Services, as its reader follows it: every command, in order."""

import contextlib
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deployment import free_port, until

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/migrating-from-cloud-services.md"
STORY = ROOT / "crates/import/tests/definitions/story"
# Commands that run until they are stopped, each with what it logs when it is ready.
LASTING = {"standpipe up": "the page is at", "standpipe run": "serving pipes"}


def blocks(text):
    """The commands of the page, each with the lines that are shown below it."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, [line for line in shown.splitlines() if line and line != "…"]


@contextlib.contextmanager
def running(command, ready, environment, folder):
    """A command that lasts, from when it is ready to when the block is left."""
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command.split(), env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        until(lambda: ready in log.read_text() or process.poll() is not None, f"{command} is ready")
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()


def test_every_command_on_the_page_does_what_it_says(binaries, deployment):
    folder = deployment.folder / "ServiceDemo"
    shutil.copytree(STORY, folder, ignore=shutil.ignore_patterns("expected"))
    # The page has ports that somebody else may use here, and state that a user's deployment may use.
    smb, web = free_port(deployment.hosts), free_port(["127.0.0.1"])
    environment = deployment.environment | {"XDG_RUNTIME_DIR": str(deployment.folder / "run")}
    (deployment.folder / "run").mkdir(mode=0o700)
    text = PAGE.read_text().replace("4450", str(smb)).replace("8080", str(web))
    commands = list(blocks(text))
    assert len(commands) == 15, commands
    with contextlib.ExitStack() as lasting:
        for command, shown in commands:
            start = next((start for start in LASTING if command.startswith(start)), None)
            if start:
                lasting.close()  # the one before is stopped first
                command += " --state-dir " + str(deployment.folder / f"state{time.monotonic_ns()}")
                lasting.enter_context(running(command, LASTING[start], environment, folder))
                continue
            deadline = time.monotonic() + 30
            while True:
                result = subprocess.run(
                    ["sh", "-c", command], env=environment, cwd=folder, capture_output=True, text=True, timeout=60
                )
                # The page knows of instances that are ready a moment later than they are.
                if result.returncode == 0 and "no instance" not in result.stdout or time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
            said = (result.stdout + result.stderr).splitlines()
            for line in shown:
                assert line in said, f"{command}\nlacks {line!r}:\n{result.stdout}{result.stderr}"
