"""The image as it lies in its archive, before anything runs it."""

import hashlib
import json
import subprocess

from made import blob, members

USER = 65532


def test_the_image_starts_the_program_as_a_user_without_rights(layout, manifest, layer, made):
    config = json.loads(blob(layout, manifest["config"]))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"]["User"] == f"{USER}:{USER}"
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/standpipe"]
    assert config["config"]["Labels"]["org.opencontainers.image.version"] == made.version


def test_the_image_has_the_program_and_nothing_else_that_runs(layer):
    found = members(layer)
    programs = [name for name, (member, _) in found.items() if member.isfile() and member.mode & 0o111]
    assert programs == ["usr/local/bin/standpipe"]
    assert not [name for name, (member, _) in found.items() if member.mode & 0o6000], "programs with rights"
    # Only these folders can be written to, by every user: a container has one.
    writable = [name for name, (member, _) in found.items() if member.mode & 0o022]
    assert writable == ["state", "tmp"]
    assert all(member.uid == member.gid == 0 for member, _ in found.values())


def test_the_program_runs_with_nothing_but_the_image(layer, folder):
    subprocess.run(["tar", "--extract", "--directory", folder], input=layer, check=True)
    folder.chmod(0o755)
    alone = ["chroot", f"--userspec={USER}:{USER}", "--groups=", folder, "/usr/local/bin/standpipe", "--version"]
    done = subprocess.run(alone, capture_output=True, text=True)
    assert done.stdout.startswith("standpipe "), done.stderr
