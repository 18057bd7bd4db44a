"""Starting the demo's deployment and looking at it from outside."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from page import Page

EXAMPLE = Path(__file__).parents[2] / "examples/service-demo/standpipe.toml"
USER = "serviceUser"
INSTANCES = 2

# How long anything may take that the tests wait for. Far more than it needs: only a failure waits so long.
PATIENCE = 30.0


@dataclasses.dataclass(frozen=True)
class Account:
    name: str
    password: str
    group: str = "Users"
    enabled: bool = True


# One account of each kind that the demo's descriptor and the log-on tell apart.
ADMIN = Account("theAdmin", "Adm1n:päss", "Administrators")
GUEST_MEMBER = Account("aGuest", "Gu3st words", "Guests")
DISABLED = Account("formerUser", "F0rmer words", enabled=False)
ACCOUNTS = (ADMIN, GUEST_MEMBER, DISABLED)


def until(condition, what, patience=PATIENCE):
    """Waits until the condition holds and returns what it returned."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.05)


def free_port(addresses):
    """A port that is free on all the addresses."""
    for _ in range(100):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((addresses[0], 0))
            port = first.getsockname()[1]
            try:
                for address in addresses[1:]:
                    stack.enter_context(socket.socket()).bind((address, port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port is free on all of {addresses}")


class Deployment:
    """The demo's deployment file with ports of its own, in a folder of its own."""

    def __init__(self, binaries, folder):
        self.binaries = binaries
        self.folder = folder
        self.state = folder / "state"
        self.hosts = [f"127.0.0.{instance + 1}" for instance in range(INSTANCES)]
        self.smb_port = free_port(self.hosts)
        self.web_port = free_port(["127.0.0.1"])
        self.password = "pass wörd of the service"
        self.secrets = folder / "secrets"
        self.secrets.mkdir(mode=0o700)
        self.write_secret(USER, self.password)
        self.file = folder / "standpipe.toml"
        self.write(EXAMPLE.read_text())
        self.edit("port = 4445", f"port = {self.smb_port}")
        self.edit("port = 8080", f"port = {self.web_port}")
        self.process = None

    # Before it runs

    def write(self, text):
        self.file.write_text(text)

    def edit(self, before, after):
        text = self.file.read_text()
        assert before in text, f"the example has no {before!r}"
        self.write(text.replace(before, after))

    def write_secret(self, name, password):
        path = self.secrets / name
        path.touch(mode=0o600)
        path.write_text(password)
        return path

    # Commands

    @property
    def environment(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STANDPIPE_")}
        environment["PATH"] = f"{self.binaries}:{environment['PATH']}"
        environment["SERVICE_DEMO_SECRETS"] = str(self.secrets)
        return environment

    def command(self, *arguments, **options):
        """Runs `standpipe` to its end."""
        options = {"capture_output": True, "text": True, "timeout": PATIENCE, "stdin": subprocess.DEVNULL} | options
        if "input" in options:
            del options["stdin"]
        return subprocess.run(["standpipe", *map(str, arguments)], env=self.environment, cwd=self.folder, **options)

    def call(self, instance, *arguments, user=USER, password=None, **options):
        """`standpipe call` to one instance."""
        secret = self.write_secret("caller", self.password if password is None else password)
        address = f"//{self.hosts[instance]}:{self.smb_port}/pipe/simple"
        return self.command("call", address, *arguments, "-u", user, "--password-file", secret, **options)

    # While it runs

    @contextlib.contextmanager
    def running(self, ready=True):
        """Runs it; at the end it must stop when asked, and say that it was asked."""
        self.start()
        try:
            if ready:
                self.wait_until_ready()
            yield self
        except BaseException:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
            self.process.kill()
            print(f"--- what standpipe said ({self.log}):\n{self.log.read_text()}")
            raise
        else:
            assert self.stop() == 0, self.log.read_text()

    def start(self):
        self.log = self.folder / "standpipe.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["standpipe", "up", "-f", str(self.file), "--state-dir", str(self.state)],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, how=signal.SIGINT):
        """Asks it to stop and returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def wait_until_ready(self):
        def ready():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log.read_text()}"
            instances = self.instances()
            if len(instances) < INSTANCES + 1 or not all(instance["ready"] for instance in instances):
                return False
            # The web role looks for itself.
            return f"{INSTANCES} of {INSTANCES} instances ready" in Page(self).fetch()[1]

        until(ready, "every instance is ready, and the page knows")

    def instances(self):
        """What `standpipe ps` says of each instance; nothing as long as it cannot be asked."""
        result = self.command("ps", "-f", self.file, "--state-dir", self.state, "--json")
        return json.loads(result.stdout) if result.returncode == 0 else []

    def instance(self, number, role="ServiceWatcher"):
        [found] = [each for each in self.instances() if (each["role"], each["instance"]) == (role, number)]
        return found

    def processes(self):
        """Every process of this deployment, told by its environment: process id to (program, instance)."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environment = dict(
                    pair.split("=", 1)
                    for pair in (entry / "environ").read_bytes().decode(errors="replace").split("\0")
                    if "=" in pair
                )
                program = Path(os.readlink(entry / "exe")).name
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    continue
            except OSError:
                continue  # it ended meanwhile, or is a kernel thread
            # Standpipe's own processes hide their environment.
            is_own = program == "standpipe" and str(self.folder) in (entry / "cmdline").read_text()
            if is_own or environment.get("SERVICE_DEMO_SECRETS") == str(self.secrets):
                found[int(entry.name)] = (program, environment.get("STANDPIPE_INSTANCE"))
        return found

    def service_process(self, instance):
        """The process id of an instance's service, once there is one."""

        def find():
            services = [pid for pid, found in self.processes().items() if found == ("simple-service", str(instance))]
            assert len(services) <= 1, f"instance {instance} has the services {services}"
            return services

        return until(find, f"instance {instance} has a service")[0]

    def accounts_file(self, instance):
        return self.state / f"ServiceWatcher.{instance}" / "accounts.toml"

    def account(self, instance, *arguments):
        result = self.command("account", *arguments, "--file", self.accounts_file(instance))
        assert result.returncode == 0, result.stderr
        return result.stdout

    def add_accounts(self):
        """Gives every instance the accounts of ACCOUNTS; a running server sees them at once."""
        for instance in range(INSTANCES):
            for account in ACCOUNTS:
                secret = self.write_secret(account.name, account.password)
                self.account(instance, "add", account.name, "--password-file", secret, "--groups", account.group)
                if not account.enabled:
                    self.account(instance, "disable", account.name)
