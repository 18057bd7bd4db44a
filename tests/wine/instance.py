"""One instance of a role with a Windows service: outside of Wine, with the agent, or inside of it, as in a Windows
container."""

import contextlib
import json
import signal
import subprocess

from clients import Impacket, connected
from deployment import PATIENCE, free_port, until
from prefix import Prefix, to_windows

USER = "serviceUser"
GUEST = "aGuest"
PASSWORD = "pass wörd of the service"

FILE = """
name = "WineTest"

[roles.Watcher]
accounts = "accounts.toml"
{startup}
{wine}

[roles.Watcher.{table}]
{service}

[roles.Watcher.pipes.{pipe}]

[roles.Watcher.endpoints.NamedPipes]
protocol = "smb"
port = {port}
"""


class Instance:
    """A deployment with a single role, in a folder and a prefix of its own."""

    # Whether Standpipe itself is a program for Windows that runs inside of Wine.
    within = False
    stop_signal = signal.SIGTERM

    def __init__(self, tools, folder, *, pipe, service, install=(), table="service"):
        self.tools = tools
        self.folder = folder
        self.prefix = Prefix(tools, folder / "prefix")
        self.pipe = pipe
        self.port = free_port(["127.0.0.1"])
        self.file = folder / "standpipe.toml"
        self.process = None
        self.more_environment = {}
        startup = "".join(
            f"\n[[roles.Watcher.startup]]\ncommand = {json.dumps([str(word) for word in task])}\n" for task in install
        )
        self.file.write_text(
            FILE.format(
                startup=startup,
                wine=self.wine_section(),
                table=table,
                service=service,
                pipe=pipe,
                port=self.port,
            )
        )
        secret = self.secret(PASSWORD)
        for user, group in ((USER, "Users"), (GUEST, "Guests")):
            accounts = ["account", "add", user, "--password-file", secret, "--file", self.path("accounts.toml")]
            done = self.command(*accounts, "--groups", group)
            assert done.returncode == 0, done.stderr

    def wine_section(self):
        return (
            "[roles.Watcher.wine]\n"
            f"prefix = {json.dumps(str(self.prefix.folder))}\nprogram = {json.dumps(str(self.tools.wine))}\n"
        )

    def path(self, name):
        """A path in the instance's folder, as Standpipe names it."""
        return self.folder / name

    def secret(self, password):
        path = self.folder / "secret"
        path.touch(mode=0o600)
        path.write_text(password)
        return self.path("secret")

    @property
    def program(self):
        return [str(self.tools.binaries / "standpipe")]

    def command(self, *arguments):
        """Runs `standpipe` to its end."""
        return subprocess.run(
            [*self.program, *map(str, arguments)],
            env=self.prefix.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    # While it runs

    def start(self):
        run = ["run", "-f", self.path("standpipe.toml"), "--state-dir", self.path("state"), "--log-format", "json"]
        self.output = self.folder / "stdout"
        self.log = self.folder / "stderr"
        environment = self.prefix.environment
        if not self.within:
            # Outside, the role says where the prefix is; nothing in the environment does.
            del environment["WINEPREFIX"], environment["WINEDEBUG"]
            environment["STANDPIPE_AGENT"] = str(self.tools.windows_binaries / "standpipe.exe")
        with self.output.open("w") as output, self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*self.program, *map(str, run)],
                env=environment | self.more_environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
            )

    @contextlib.contextmanager
    def running(self):
        """Runs it until a client reaches its pipe; at the end it must stop when asked, and leave nothing."""
        try:
            self.start()
            self.wait_until_ready()
            yield self
            assert self.stop() == 0, "it did not end with 0 when it was asked to stop"
            until(lambda: not self.prefix.inside(), f"no process of Wine is left, but {self.prefix.inside()}")
        except BaseException:
            self.show()
            raise
        finally:
            self.kill()

    def show(self):
        if self.process is not None:
            print(f"--- stdout:\n{self.output.read_text()}\n--- stderr:\n{self.log.read_text()}")
            print(f"--- processes of the prefix: {self.prefix.inside()}")

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Asks it to stop, if it was not asked yet, and returns its exit code."""
        if self.process.poll() is not None:
            return self.process.returncode
        self.process.send_signal(self.stop_signal)
        # What a role in Wine says that a stop may take: on a busy machine Wine itself takes its time to end.
        return self.process.wait(80)

    def wait_until_ready(self, patience=60.0):
        def ready():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            return self.said("the service is running")

        until(ready, "the service is running", patience)

    def lines(self, path=None):
        """The JSON objects of its log, or of its output."""
        text = (path or self.log).read_text(errors="replace")
        # The last line may not be whole yet.
        whole = text[: text.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def said(self, message):
        """How many of its log lines contain a text."""
        return sum(message in line.get("message", "") for line in self.lines())

    def service_lines(self):
        """What the service itself said: the JSON objects on standard output."""
        return self.lines(self.output)

    @contextlib.contextmanager
    def client(self, peer=Impacket, user=USER, **options):
        with connected(peer, "127.0.0.1", self.port, user, PASSWORD, **options) as client:
            yield client

    def end(self):
        self.kill()
        self.prefix.end()


class Within(Instance):
    """The same as in a Windows container: `standpipe.exe run` is itself inside of Wine, and nothing is outside."""

    within = True
    # Wine makes Ctrl-C of this signal; of the other one it knows nothing.
    stop_signal = signal.SIGINT

    def wine_section(self):
        return ""

    def path(self, name):
        return to_windows(self.folder / name)

    @property
    def program(self):
        return [str(self.tools.wine), str(self.tools.windows_binaries / "standpipe.exe")]
