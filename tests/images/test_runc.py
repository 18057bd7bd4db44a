"""The image in runc alone.

podman hands the right to bind low ports on to users other than root, which Kubernetes does not. Here nobody adds
anything to what the configuration says.
"""

import contextlib
import gzip
import json
import shutil
import subprocess

import pytest

from calls import PASSWORD, is_answered
from deployment import until
from made import block, blob
from processes import status

pytestmark = pytest.mark.containers

IMAGE_USER = 65532
LOW_PORTS = {"net.ipv4.ip_unprivileged_port_start": "0"}
# The two ends of the cable between this machine and the container.
HERE, THERE = "10.99.83.1", "10.99.83.2"


class Bundle:
    """A folder with the unpacked image and runc's configuration."""

    def __init__(self, folder, name, layer, programs):
        self.folder = folder
        self.name = name
        self.words = ["runc", "--root", str(folder / "runc"), "--log", str(folder / "runc.log")]
        root = folder / "rootfs"
        root.mkdir()
        subprocess.run(["tar", "--extract", "--directory", root], input=layer, check=True)
        shutil.copy(programs / "simple-service", root / "usr/local/bin/simple-service")
        (root / "deployment/standpipe.toml").write_text(block("toml"))
        secret = root / "secrets/serviceUser"
        secret.parent.mkdir()
        secret.touch(mode=0o400)
        secret.write_text(PASSWORD)
        shutil.chown(secret, IMAGE_USER, IMAGE_USER)

    def configure(self, config, network, *, capabilities=(), sysctl=None):
        """Writes runc's configuration, as the engine of a cluster does for a locked-up container."""
        subprocess.run([*self.words, "spec", "--bundle", self.folder], check=True)
        path = self.folder / "config.json"
        spec = json.loads(path.read_text())
        process = spec["process"]
        process["terminal"] = False
        process["user"] = {"uid": IMAGE_USER, "gid": IMAGE_USER}
        process["args"] = config["Entrypoint"] + config["Cmd"]
        process["env"] = config["Env"]
        process["cwd"] = config["WorkingDir"]
        # What may be had at most, and nothing that is had from the start.
        process["capabilities"] = {"bounding": list(capabilities)}
        process["noNewPrivileges"] = True
        del process["rlimits"]
        spec["root"] = {"path": "rootfs", "readonly": True}
        state = {"destination": "/state", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"]}
        spec["mounts"].append(state)
        spec["linux"]["sysctl"] = sysctl or {}
        [net] = [each for each in spec["linux"]["namespaces"] if each["type"] == "network"]
        net["path"] = f"/run/netns/{network}"
        path.write_text(json.dumps(spec))

    @contextlib.contextmanager
    def running(self):
        log = self.folder / "log"
        with log.open("w") as output:
            run = [*self.words, "run", "--bundle", self.folder, self.name]
            engine = subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield engine
        finally:
            self.kill("KILL")
            engine.wait(30)
            subprocess.run([*self.words, "delete", "--force", self.name], capture_output=True)
            print(log.read_text())  # shown where the test failed

    def kill(self, which):
        subprocess.run([*self.words, "kill", self.name, which], capture_output=True)

    @property
    def process(self):
        state = subprocess.run([*self.words, "state", self.name], capture_output=True, text=True)
        return json.loads(state.stdout)["pid"] if state.returncode == 0 else 0


@pytest.fixture
def config(layout, manifest):
    return json.loads(blob(layout, manifest["config"]))["config"]


@pytest.fixture
def bundle(folder, name, layer, made):
    return Bundle(folder, name, layer, made.programs)


@pytest.fixture
def network(name):
    """The name of a network of its own, with a cable to this machine."""

    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", name)
    try:
        here = name[-12:]
        ip("link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("address", "add", f"{HERE}/30", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", name, "address", "add", f"{THERE}/30", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", name, "link", "set", device, "up")
        yield name
    finally:
        ip("netns", "delete", name)


def test_a_container_without_any_right_answers_where_low_ports_are_free_and_stops_with_0(bundle, config, network):
    bundle.configure(config, network, sysctl=LOW_PORTS)
    with bundle.running() as engine:
        until(lambda: engine.poll() is not None or is_answered(THERE), "a call is answered")
        kernel = status(bundle.process)
        assert {int(kernel[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        bundle.kill("TERM")
        assert engine.wait(30) == 0


def test_a_capability_that_is_not_handed_on_does_not_open_port_445(bundle, config, network):
    bundle.configure(config, network, capabilities=["CAP_NET_BIND_SERVICE"])
    with bundle.running() as engine:
        assert engine.wait(30) == 78
