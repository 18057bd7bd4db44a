"""What the tests of packages and images share."""

import gzip
import json
import secrets
import tempfile
from pathlib import Path

import pytest

from calls import PASSWORD
from made import Made, blob, block, members
from podman import Podman

SERVICE = "localhost/greetings"


@pytest.fixture(scope="session")
def made():
    """What was made."""
    found = Made.from_environment()
    if found is None:
        pytest.exit("run these tests with `cargo xtask test --only images`: it makes what they look at", returncode=2)
    return found


@pytest.fixture
def layout(made):
    return members(made.file("*-image.tar").read_bytes())


@pytest.fixture
def manifest(layout):
    _, index = layout["index.json"]
    [listed] = json.loads(index)["manifests"]
    return json.loads(blob(layout, listed))


@pytest.fixture
def layer(layout, manifest):
    """The tar archive of the only layer."""
    [descriptor] = manifest["layers"]
    return gzip.decompress(blob(layout, descriptor))


@pytest.fixture
def folder():
    """An empty folder of the test's own."""
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def podman(made):
    """Podman with a storage of its own, which has the image, the guide's service on top of it, and the secret."""
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        podman = Podman(Path(folder))
        try:
            podman("load", "--quiet", "--input", made.file("*-image.tar"))
            build(podman, made, Path(folder) / "service")
            podman("secret", "create", "serviceUser", "-", input=PASSWORD)
            yield podman
        finally:
            podman.end()


def build(podman, made, folder):
    """Builds the guide's image from what the guide shows, word for word but for the version."""
    folder.mkdir()
    containerfile = block("dockerfile")
    assert f"FROM {made.image}\n" in containerfile, "docs/containers.md is about another version"
    (folder / "Containerfile").write_text(containerfile)
    (folder / "standpipe.toml").write_text(block("toml"))
    (folder / "simple-service").write_bytes((made.programs / "simple-service").read_bytes())
    (folder / "simple-service").chmod(0o755)
    podman("build", "--quiet", "--tag", SERVICE, folder)


@pytest.fixture
def name():
    """A name for a container."""
    return f"greetings-{secrets.token_hex(4)}"
