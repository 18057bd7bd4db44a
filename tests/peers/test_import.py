"""The story's own Cloud Service: imported, and run with the story's service in place."""

import shutil
from pathlib import Path

from page import Page

STORY = Path(__file__).parents[2] / "crates/import/tests/definitions/story"
DESCRIPTOR = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)"


def test_the_storys_definition_becomes_a_deployment_that_runs(deployment):
    project = deployment.folder / "ServiceDemo"
    shutil.copytree(STORY, project, ignore=shutil.ignore_patterns("expected"))
    deployment.file.unlink()
    imported = deployment.command(
        *("import", project / "ServiceDefinition.csdef", project / "ServiceConfiguration.Cloud.cscfg"),
        *("--platform", "linux", "--service", "ServiceWatcher=simple-service"),
        *("--pipe", "ServiceWatcher=simple", "--sddl", f"ServiceWatcher={DESCRIPTOR}", "-o", deployment.file),
    )
    assert imported.returncode == 0, imported.stderr
    assert "DECIDE:" not in deployment.file.read_text()
    checked = deployment.command("check", "-f", deployment.file)
    assert "deployment `ServiceDemo` with 2 roles and 3 instances" in checked.stdout, checked.stderr

    # The ports of the story need root, and may be taken on the machine of the tests.
    deployment.edit("port = 445", f"port = {deployment.smb_port}")
    deployment.edit("port = 80\n", f"port = {deployment.web_port}\n")
    with deployment.running():
        called = deployment.call(1, "Hello, pipe")
        assert (called.returncode, called.stdout) == (0, "epip ,olleH\n"), called.stderr
        assert deployment.call(0, "Hello", password="wrong").returncode == 77
        assert "Processed Text: olleH by instance: ServiceWatcher/" in Page(deployment).process("Hello")
        assert {instance["role"] for instance in deployment.instances()} == {"ServiceWatcher", "ASPXServerClient"}
