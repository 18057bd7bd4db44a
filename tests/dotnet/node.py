"""A deployment whose service is written in C#, and `standpipe connect` for clients that are."""

import contextlib
import json
import os
import signal
import subprocess

from deployment import PATIENCE, free_port, until

USER = "serviceUser"
PASSWORD = "pass word"

ROLE = """
name = "Net"

[roles.R]
instances = {instances}
{user}

[[roles.R.startup]]
command = ["standpipe", "account", "add", "{account}", "--password-file", "{secret}"]
elevated = true

[roles.R.service]
command = {command}

[roles.R.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
{pipe}

[roles.R.endpoints.E]
protocol = "smb"
port = {port}
"""


class Node:
    """One role with one service, on this machine."""

    def __init__(self, binaries, folder, command, pipe='backend = "dotnet"', instances=1, user=None):
        self.binaries = binaries
        self.folder = folder
        self.state = folder / "s"
        self.temporary = folder / "t"
        self.temporary.mkdir(exist_ok=True)
        self.hosts = [f"127.0.0.{number + 1}" for number in range(instances)]
        self.port = free_port(self.hosts)
        self.secret = folder / "secret"
        self.secret.touch(mode=0o600)
        self.secret.write_text(PASSWORD)
        self.log = folder / "log"
        self.file = folder / "standpipe.toml"
        text = ROLE.format(
            account=USER,
            secret=self.secret,
            command=json.dumps(command),
            pipe=pipe,
            instances=instances,
            user=f'user = "{user}"' if user else "",
            port=self.port,
        )
        self.file.write_text(text)
        self.process = None

    @property
    def environment(self):
        environment = {name: text for name, text in os.environ.items() if not name.startswith("STANDPIPE_")}
        environment["PATH"] = f"{self.binaries}:{environment['PATH']}"
        # Where programs on .NET look for pipes, and where no service of the node may make its own.
        environment["TMPDIR"] = str(self.temporary)
        return environment

    def run(self, command, **options):
        """Runs a program to its end."""
        options = {"capture_output": True, "text": True, "timeout": 100, "stdin": subprocess.DEVNULL} | options
        return subprocess.run([*map(str, command)], env=self.environment, cwd=self.folder, **options)

    def spawn(self, command, log):
        with log.open("w") as output:
            return subprocess.Popen(
                [*map(str, command)],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @contextlib.contextmanager
    def running(self):
        """Runs it until its end, at which it must leave nothing behind."""
        self.start()
        try:
            until(self.is_ready, "every instance is ready")
            yield self
        except BaseException:
            print(f"--- what standpipe said:\n{self.log.read_text()}")
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
            self.process.kill()
            raise
        else:
            assert self.stop() == 0, self.log.read_text()
            assert not self.state.exists()

    def start(self):
        self.process = self.spawn(["standpipe", "up", "-f", self.file, "--state-dir", self.state], self.log)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self):
        """Kills the servers together, as a power cut does; the services end with them."""
        processes = [instance["pid"] for instance in self.instances()]
        os.killpg(self.process.pid, signal.SIGKILL)
        for process in filter(None, processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def instances(self):
        result = self.run(["standpipe", "ps", "-f", self.file, "--state-dir", self.state, "--json"])
        return json.loads(result.stdout) if result.returncode == 0 else []

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        instances = self.instances()
        return len(instances) == len(self.hosts) and all(instance["ready"] for instance in instances)

    def address(self, instance=0, pipe="simple"):
        return f"//{self.hosts[instance]}:{self.port}/pipe/{pipe}"

    def call(self, text, instance=0):
        """`standpipe call`: what it printed."""
        words = ["standpipe", "call", self.address(instance), text, "-u", USER, "--password-file", self.secret]
        result = self.run(words)
        assert result.returncode == 0, result.stderr + self.log.read_text()
        return result.stdout.strip()

    def bench(self, callers, duration="2s"):
        """Calls as fast as they are answered; every answer must be right. Returns how many there were."""
        words = ["standpipe", "bench", self.address(), "-u", USER, "--password-file", self.secret, "--workload", "call"]
        words += ["--expect", "reversed", "--callers", callers, "--duration", duration, "--warm-up", "200ms"]
        result = self.run(words)
        assert result.returncode == 0, result.stdout + result.stderr + self.log.read_text()
        assert "errors     0, wrong replies 0" in result.stdout, result.stdout + self.log.read_text()
        return int(result.stdout.partition("/s (")[2].split()[0])

    @contextlib.contextmanager
    def connected(self, *more, pipe="simple", offered=True):
        """`standpipe connect` to the node's pipe, for programs on .NET."""
        log = self.folder / "connect.log"
        words = ["standpipe", "connect", self.address(pipe=pipe), "--dotnet", "-u", USER, "--password-file", self.secret]
        process = self.spawn([*words, *more], log)
        try:
            said = "offering" if offered else "not offered"
            until(lambda: said in log.read_text() or process.poll() is not None, f"connect says {said!r}")
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, log.read_text()
