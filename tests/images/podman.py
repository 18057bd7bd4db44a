"""podman with runc, apart from whatever else the machine does with them."""

import contextlib
import copy
import json
import os
import resource
import subprocess

PATIENCE = 60.0

CONFIGURATION = """
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
default_sysctls = {sysctls}

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

# A machine's limits may be lower than those that podman gives its containers, and it may not raise them.
FILES = 20_000
PROCESSES = 32_768


def limit(kind, most):
    _, hard = resource.getrlimit(kind)
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


class Podman:
    """Called with the words of a podman command, it returns what podman printed."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = os.environ | {"TMPDIR": str(folder)}
        self.configure("containers.conf")
        # Without a registry: whatever is not here must not be fetched.
        registries = folder / "registries.conf"
        registries.write_text("unqualified-search-registries = []\n")
        self.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
        # What runs a build in a container of its own would need more than the files that are copied here.
        self.environment["BUILDAH_ISOLATION"] = "chroot"
        self.words = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")]
        self.words += ["--storage-driver", "vfs"]

    def configure(self, name, sysctls=()):
        files, processes = limit(resource.RLIMIT_NOFILE, FILES), limit(resource.RLIMIT_NPROC, PROCESSES)
        path = self.folder / name
        sysctls = json.dumps([f"{key}={value}" for key, value in dict(sysctls).items()])
        path.write_text(CONFIGURATION.format(files=files, processes=processes, sysctls=sysctls))
        self.environment = self.environment | {"CONTAINERS_CONF": str(path)}

    def with_sysctls(self, sysctls):
        """The same, but every container starts with these."""
        other = copy.copy(self)
        other.configure("sysctls.conf", sysctls)
        return other

    def __call__(self, *words, check=True, **options):
        options = {"capture_output": True, "text": True, "timeout": PATIENCE} | options
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        # A folder of its own: `kube play` takes a folder that is named like an image for its source.
        command = [*self.words, *map(str, words)]
        done = subprocess.run(command, env=self.environment, cwd=self.folder, **options)
        if check:
            assert done.returncode == 0, f"podman {words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            return done.stdout.strip()
        return done

    def inspect(self, name):
        [found] = json.loads(self("container", "inspect", name))
        return found

    def logs(self, name):
        done = self("logs", name, check=False)
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def container(self, name, *options, image, command=()):
        """A container in the background; what it wrote is shown when the test fails."""
        self("run", "--detach", "--name", name, *options, image, *command)
        try:
            yield Container(self, name)
        except BaseException:
            print(f"--- {name}:\n{self.logs(name)}")
            raise
        finally:
            self("rm", "--force", "--time", "0", name)

    def end(self):
        for words in (["pod", "rm"], ["rm"]):
            self(*words, "--force", "--all", "--time", "0", check=False)
        self("volume", "prune", "--force", check=False)


class Container:
    """One container, which may end and be started again."""

    def __init__(self, podman, name):
        self.podman = podman
        self.name = name

    @property
    def process(self):
        """The process id of its first process, 0 when there is none."""
        return self.podman.inspect(self.name)["State"]["Pid"]

    @property
    def exit_code(self):
        """How it ended; nothing while it runs."""
        state = self.podman.inspect(self.name)["State"]
        return state["ExitCode"] if state["Status"] == "exited" else None

    @property
    def address(self):
        settings = self.podman.inspect(self.name)["NetworkSettings"]
        addresses = [settings["IPAddress"]] + [each["IPAddress"] for each in (settings["Networks"] or {}).values()]
        return next((address for address in addresses if address), None)

    def run(self, *command):
        """A command in the container, which must succeed; returns what it printed."""
        return self.podman("exec", self.name, *command)

    def log(self):
        return self.podman.logs(self.name)
