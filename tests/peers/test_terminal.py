"""The live view of `standpipe up` on a real terminal, which is one of tmux."""

import os
import shlex
import subprocess

import pytest

from deployment import until

HEADING = "INSTANCE "


class Terminal:
    """A terminal with a shell in it."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.socket = str(deployment.folder / "tmux")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "30", "env PS1=READY: sh")
        self.tmux("set-option", "-g", "history-limit", "0")

    def tmux(self, *arguments):
        command = ["tmux", "-S", self.socket, *arguments]
        environment = self.deployment.environment | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            command, env=environment, cwd=self.deployment.folder, capture_output=True, text=True, check=True, timeout=30
        ).stdout

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.press("Enter")

    def press(self, key):
        self.tmux("send-keys", key)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def lines(self):
        """What is on the screen, without what is empty at its end."""
        return self.tmux("capture-pane", "-p").rstrip().split("\n")

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(deployment):
    if "STANDPIPE_TMUX" not in os.environ:
        pytest.skip("there is no tmux")
    terminal = Terminal(deployment)
    yield terminal
    terminal.close()


def up(terminal):
    """Starts the deployment in the terminal, and waits until the view says that it is ready."""
    deployment = terminal.deployment
    terminal.type("stty -g > before")
    terminal.type(shlex.join(["standpipe", "up", "-f", str(deployment.file), "--state-dir", str(deployment.state)]))
    until(lambda: any("3 of 3 instances ready; Ctrl-C stops" in line for line in terminal.lines()), "all is ready")


def table(terminal):
    """The lines of the view's table; there is one heading."""
    lines = terminal.lines()
    headings = [number for number, line in enumerate(lines) if line.startswith(HEADING)]
    assert len(headings) == 1, "\n".join(lines)
    return lines[headings[0] : headings[0] + 4]


def test_the_view_is_one_table_through_resizing_until_ctrl_c(terminal):
    up(terminal)
    rows = table(terminal)
    assert [row.split()[0] for row in rows] == ["INSTANCE", "ServiceWatcher/0", "ServiceWatcher/1", "Web/0"]
    assert all(" running " in row and " yes " in row for row in rows[1:]), rows
    # Narrower: lines are cut, and what the terminal has wrapped is gone.
    terminal.resize(50, 20)
    until(lambda: any(line.endswith("…") for line in terminal.lines()), "the lines are cut")
    until(lambda: sum(line.startswith(HEADING) for line in terminal.lines()) == 1, "there is one table")
    assert all(len(line) <= 50 for line in terminal.lines())
    assert [row.split()[0] for row in table(terminal)][1:] == ["ServiceWatcher/0", "ServiceWatcher/1", "Web/0"]
    terminal.resize(120, 30)
    until(lambda: any("http://" in line for line in table(terminal)), "the lines are whole again")
    terminal.press("C-c")
    ends_well(terminal)
    assert not any(line.startswith(HEADING) for line in terminal.lines()), "the view is gone"


def test_a_terminal_that_is_held_up_holds_up_nobody(terminal):
    up(terminal)
    terminal.press("C-s")
    for _ in range(20):
        result = terminal.deployment.call(0, "abc")
        assert (result.returncode, result.stdout) == (0, "cba\n"), result.stderr
    # Also the local runtime itself goes on: an instance that is killed comes back.
    before = terminal.deployment.instance(1)
    os.kill(before["pid"], 9)
    until(lambda: terminal.deployment.instance(1)["pid"] not in (None, before["pid"]), "it was started again")
    until(lambda: terminal.deployment.instance(1)["ready"], "it is ready again")
    terminal.press("C-q")
    until(lambda: any(" service 0, instance 1 " in line for line in terminal.lines()), "the view goes on")
    terminal.press("C-c")
    ends_well(terminal)


def ends_well(terminal):
    """The command ends with 0, and the terminal is as it was."""
    until(lambda: terminal.lines()[-1].startswith("READY:"), "the shell is back")
    terminal.type("echo exit=$?")
    until(lambda: "exit=0" in terminal.lines(), "it ended with 0")
    terminal.type("stty -g > after; echo saved")
    until(lambda: "saved" in terminal.lines(), "what is typed is seen, and done")
    folder = terminal.deployment.folder
    assert (folder / "before").read_text() == (folder / "after").read_text()
    assert not terminal.deployment.state.exists()
