"""The packages: whole, described, and working where nothing else is installed."""

import gzip
import hashlib
import json
import os
import subprocess
import tarfile
from importlib import resources

import jsonschema
import pytest
import referencing

from made import ROOT, members

DOCUMENTS = "usr/share/doc/standpipe"


def test_each_file_has_its_checksum(made):
    sums = dict(reversed(line.split("  ")) for line in made.file("SHA256SUMS").read_text().splitlines())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made.folder.iterdir()}
    del files["SHA256SUMS"]
    assert sums == files and len(files) >= 4


def test_no_file_tells_where_it_was_made(made):
    program = (made.programs / "standpipe").read_bytes()
    for place in (str(ROOT), os.path.expanduser("~/.cargo")):
        assert place.encode() not in program, f"{place} is in the program"


# The bill of materials


@pytest.fixture
def bill(made):
    return json.loads(made.file("*.cdx.json").read_text())


def test_the_bill_follows_the_schema_of_cyclonedx(bill):
    folder = resources.files("cyclonedx.schema") / "_res"
    files = [json.loads(file.read_text()) for file in folder.iterdir() if file.name.endswith(".SNAPSHOT.schema.json")]
    known = [(file["$id"], referencing.Resource.from_contents(file)) for file in files if "$id" in file]
    registry = referencing.Registry().with_resources(known)
    schema = json.loads((folder / "bom-1.6.SNAPSHOT.schema.json").read_text())
    jsonschema.validators.validator_for(schema)(schema, registry=registry).validate(bill)


def test_the_bill_has_every_part_once_and_each_edge_leads_to_one(bill):
    names = [component["bom-ref"] for component in bill["components"]]
    assert len(set(names)) == len(names)
    assert {"tokio", "standpipe-smb", "rust-std", "glibc"} <= {each["name"] for each in bill["components"]}
    # What only tests or the build use is not in the program.
    assert not {"proptest", "tempfile", "xtask"} & {each["name"] for each in bill["components"]}
    every = {*names, bill["metadata"]["component"]["bom-ref"]}
    for edge in bill["dependencies"]:
        assert {edge["ref"], *edge["dependsOn"]} <= every


def test_each_part_from_elsewhere_has_a_checksum_and_a_licence(bill, made):
    [(_, notices)] = [
        each
        for name, each in members(gzip.decompress(made.file("*-linux.tar.gz").read_bytes())).items()
        if name.endswith("/THIRD-PARTY-LICENSES.txt")
    ]
    for component in bill["components"]:
        assert component["licenses"][0]["expression"], component
        if component["purl"].startswith("pkg:cargo/") and not component["name"].startswith("standpipe-"):
            assert component["hashes"][0]["alg"] == "SHA-256", component
            assert f"{component['name']} {component['version']} (".encode() in notices


# The archive and the Debian package


def test_the_archive_unpacks_into_one_folder_with_a_program_that_runs(made, folder):
    archive = made.file("*-linux.tar.gz")
    with tarfile.open(archive) as opened:
        assert {member.name.split("/")[0] for member in opened} == {archive.name.removesuffix(".tar.gz")}
        opened.extractall(folder, filter="data")
    program = folder / archive.name.removesuffix(".tar.gz") / "standpipe"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, env={}).stdout
    assert version == f"standpipe {made.version}\n"


@pytest.fixture
def installed(made, folder):
    """The root of a system into which only our package was installed."""
    for name in ("info", "updates"):
        (folder / "var/lib/dpkg" / name).mkdir(parents=True)
    (folder / "var/lib/dpkg/status").touch()
    command = ["dpkg", f"--root={folder}", "--log=/dev/null", "--install", made.file("*.deb")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    return folder


def test_the_package_installs_and_its_program_needs_nothing_else(installed, made):
    query = ["dpkg-query", f"--admindir={installed}/var/lib/dpkg", "--show", "--showformat=${Status} ${Version}"]
    shown = subprocess.run([*query, "standpipe"], capture_output=True, text=True).stdout
    assert shown == f"install ok installed {made.version}"
    # No library, no shell, no /etc: there is only what the package brings.
    version = subprocess.run(["chroot", installed, "/usr/bin/standpipe", "--version"], capture_output=True, text=True)
    assert version.stdout == f"standpipe {made.version}\n", version.stderr


def test_the_package_has_manual_pages_completions_and_licences(installed):
    for page in (ROOT / "packaging/man").iterdir():
        with gzip.open(installed / f"usr/share/man/man1/{page.name}.gz") as packed:
            assert packed.read() == page.read_bytes()
    completions = installed / "usr/share/bash-completion/completions/standpipe"
    assert subprocess.run(["bash", "-n", completions]).returncode == 0
    for name in ("copyright", "changelog.gz", "THIRD-PARTY-LICENSES.txt"):
        assert (installed / DOCUMENTS / name).stat().st_size > 0


def test_systemd_accepts_the_example_of_a_unit(installed):
    units = installed / "etc/systemd/system"
    units.mkdir(parents=True)
    unit = units / "standpipe.service"
    unit.write_bytes((installed / DOCUMENTS / "examples/standpipe.service").read_bytes())
    # The targets that the unit names are systemd's own.
    (installed / "usr/lib/systemd/system").mkdir(parents=True)
    for path in os.scandir("/lib/systemd/system"):
        if path.name.endswith((".target", ".slice", ".mount", ".socket")):
            os.symlink(os.path.realpath(path), installed / "usr/lib/systemd/system" / path.name)
    analyse = ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", f"--root={installed}", unit.name]
    done = subprocess.run(analyse, capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "standpipe" in line]
    assert done.returncode == 0 and not complaints, done.stderr
