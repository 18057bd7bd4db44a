"""Machines of one network: network namespaces on a bridge, with links that can be cut, and a name server."""

import contextlib
import random
import signal
import subprocess
from pathlib import Path

TOOLS = ("ip", "dnsmasq")


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}"


class Network:
    """Machines `0` to `count - 1` with the addresses `prefix.1`, `prefix.2` and so on, and this machine, which reaches
    them all."""

    def __init__(self, count, folder):
        # Other tests may have networks at the same time.
        self.tag = f"sp{random.randrange(16**5):05x}"
        self.prefix = f"10.{random.randrange(64, 250)}.{random.randrange(250)}"
        self.count = count
        self.folder = folder
        self.server = None

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        try:
            run("ip", "link", "add", self.tag, "type", "bridge")
            self.stack.callback(run, "ip", "link", "del", self.tag)
            run("ip", "address", "add", f"{self.prefix}.254/24", "dev", self.tag)
            run("ip", "link", "set", self.tag, "up")
            for machine in range(self.count):
                self.add(machine)
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stop_names()
        self.stack.close()

    def add(self, machine):
        name = self.name(machine)
        run("ip", "netns", "add", name)
        self.stack.callback(run, "ip", "netns", "del", name)
        # What is in this folder, a machine has in /etc.
        own = Path("/etc/netns") / name
        own.mkdir(parents=True)
        self.stack.callback(own.rmdir)
        (own / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.stack.callback((own / "resolv.conf").unlink)
        run("ip", "link", "add", self.link(machine), "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", self.link(machine), "master", self.tag, "up")
        for command in (
            ["address", "add", f"{self.address(machine)}/24", "dev", "eth0"],
            ["link", "set", "eth0", "up"],
            ["link", "set", "lo", "up"],
        ):
            run("ip", "-netns", name, *command)

    def name(self, machine):
        return f"{self.tag}-{machine}"

    def link(self, machine):
        return f"{self.tag}v{machine}"

    def address(self, machine):
        return f"{self.prefix}.{machine + 1}"

    def on(self, machine, command):
        """The command that runs another one on a machine."""
        return ["ip", "netns", "exec", self.name(machine), *command]

    def cut(self, machine):
        run("ip", "link", "set", self.link(machine), "down")

    def heal(self, machine):
        run("ip", "link", "set", self.link(machine), "up")

    # Names

    def publish(self, name, machines):
        """Gives a name the addresses of these machines."""
        hosts = self.folder / "hosts"
        hosts.write_text("".join(f"{self.address(machine)} {name}\n" for machine in machines))
        if self.server:
            self.server.send_signal(signal.SIGHUP)

    def serve_names(self, machine):
        """Starts the name server of a machine."""
        options = ["--keep-in-foreground", "--no-resolv", "--no-hosts", "--local-ttl=1", "--local=/test/", "--user=root"]
        options += [f"--addn-hosts={self.folder / 'hosts'}", "--conf-file=/dev/null", "--pid-file="]
        options += ["--listen-address=127.0.0.1", "--bind-interfaces", "--log-facility=-"]
        self.server = subprocess.Popen(
            self.on(machine, ["dnsmasq", *options]), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop_names(self):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server = None
