"""An instance of the demo as `standpipe export kubernetes` writes it: podman plays the Pod of the StatefulSet."""

import contextlib
import os
import signal

import pytest
import yaml

from calls import PASSWORD, USER, is_answered
from cluster import Node, documents, of_kind, sysctls
from deployment import until
from exported import SERVICE_PORT, Exported
from podman import Container
from processes import below, options_of_root, status

pytestmark = pytest.mark.containers

# In podman's own network.
ADDRESS = "10.88.210.1"
SECRETS = {"servicedemo-secrets": {USER: PASSWORD.encode()}}


@pytest.fixture
def objects(made, folder):
    exported = Exported(made, folder, "kubernetes")
    return documents(exported.file("config.yaml"), exported.file("servicewatcher.yaml"))


@contextlib.contextmanager
def playing(podman, folder, objects, number):
    """The container of one instance."""
    stateful_set = of_kind(objects, "StatefulSet")
    podman = podman.with_sysctls(sysctls(stateful_set))
    pod = Node(folder / "node", objects, SECRETS).pod(stateful_set, number, ADDRESS)
    manifest = folder / "pod.yaml"
    manifest.write_text(yaml.safe_dump(pod, sort_keys=False))
    podman("kube", "play", "--network", "podman", "--ip", ADDRESS, manifest)
    container = Container(podman, f"{pod['metadata']['name']}-{pod['spec']['containers'][0]['name']}")
    try:
        yield container
    except BaseException:
        print(f"--- {manifest.read_text()}\n--- {container.log()}")
        raise
    finally:
        podman("pod", "rm", "--force", "--time", "0", pod["metadata"]["name"])


def test_a_pod_of_the_exported_stateful_set_answers_recovers_and_stops_with_0(podman, folder, objects):
    with playing(podman, folder, objects, 1) as container:
        until(lambda: is_answered(ADDRESS, SERVICE_PORT), "a call is answered")
        # The number comes from the name of the pod.
        assert "ServiceWatcher/1" in container.run("standpipe", "ps", "--state-dir", "/state/standpipe")

        first = container.process
        kernel = status(first)
        assert "ro" in options_of_root(first)
        assert "0" not in kernel["Uid"].split() and kernel["NoNewPrivs"] == "1"
        assert int(kernel["CapEff"], 16) == int(kernel["CapAmb"], 16) == 0

        [service] = below(first, "simple-service")
        os.kill(service, signal.SIGKILL)
        until(lambda: below(first, "simple-service") not in ([], [service]), "there is another service process")
        until(lambda: is_answered(ADDRESS, SERVICE_PORT), "a call is answered again")

        os.kill(first, signal.SIGKILL)
        until(lambda: container.process not in (0, first), "the container is started again")
        until(lambda: is_answered(ADDRESS, SERVICE_PORT), "a call is answered once more")

        podman("stop", "--time", "20", container.name)
        assert container.exit_code == 0
