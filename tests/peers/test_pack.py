"""A deployment in a pack: made, run, called, and replaced while it runs."""

import json
import os
import shutil
import subprocess

from page import Page


def test_a_deployment_runs_from_a_pack_alone(binaries, deployment):
    # The service is in the pack; the account's password is beside it, as secrets are in no pack.
    project = deployment.folder / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(binaries / "simple-service", project / "simple-service")
    prepare = project / "scripts" / "prepare.sh"
    prepare.write_text('#!/bin/sh\necho "$STANDPIPE_INSTANCE_ID" > "$1/prepared.$STANDPIPE_INSTANCE"\n')
    prepare.chmod(0o755)
    deployment.edit('command = ["simple-service"]', 'command = ["./simple-service"]')
    deployment.edit("instances = 2\n", 'instances = 2\ncontent = ["scripts"]\n')
    deployment.edit("${SERVICE_DEMO_SECRETS}/serviceUser", "secrets/serviceUser")
    deployment.edit(
        "[[roles.ServiceWatcher.startup]]",
        f'[[roles.ServiceWatcher.startup]]\ncommand = ["scripts/prepare.sh", "{deployment.folder}"]\n\n'
        "[[roles.ServiceWatcher.startup]]",
    )
    shutil.move(deployment.file, project / "standpipe.toml")
    pack = deployment.folder / "demo.pack"
    made = deployment.command("pack", "-f", project / "standpipe.toml", "-o", pack)
    assert made.returncode == 0, made.stderr
    sums = subprocess.run(
        ["sha256sum", "-c"], input=made.stdout, text=True, capture_output=True, cwd=deployment.folder, check=False
    )
    assert sums.returncode == 0, sums.stdout + sums.stderr
    listed = json.loads(deployment.command("unpack", pack, "--list", "--json").stdout)
    paths = [file["path"] for file in listed["files"]]
    assert paths == ["scripts/prepare.sh", "simple-service", "standpipe.toml"]
    shutil.rmtree(project)

    deployment.file = pack
    with deployment.running():
        called = deployment.call(1, "Hello, pack")
        assert (called.returncode, called.stdout) == (0, "kcap ,olleH\n"), called.stderr
        assert "Processed Text: olleH by instance: ServiceWatcher/" in Page(deployment).process("Hello")
        program = os.readlink(f"/proc/{deployment.service_process(0)}/exe")
        assert program.startswith(f"{deployment.state}.content/ServiceDemo-"), program
        assert {(deployment.folder / f"prepared.{number}").exists() for number in (0, 1)} == {True}

        # Another pack takes its place: `update` brings the instances to it, and no other is accepted in between.
        unpacked = deployment.folder / "next"
        assert deployment.command("unpack", pack, "-o", unpacked).returncode == 0
        (unpacked / "scripts" / "news.txt").write_text("new")
        repacked = deployment.command("pack", "-f", unpacked / "standpipe.toml", "-o", pack, "--force")
        assert repacked.returncode == 0, repacked.stderr
        updated = deployment.command(
            "update", "-f", pack, "--state-dir", deployment.state, "ServiceWatcher", timeout=120
        )
        assert updated.returncode == 0, updated.stderr
        renewed = os.readlink(f"/proc/{deployment.service_process(0)}/exe")
        assert renewed != program and renewed.startswith(f"{deployment.state}.content/ServiceDemo-"), renewed
        called = deployment.call(0, "Hello")
        assert (called.returncode, called.stdout) == (0, "olleH\n"), called.stderr
