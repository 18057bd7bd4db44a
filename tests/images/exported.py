"""The demo's deployment, as `standpipe export` writes it for other platforms."""

import os
import shutil
import subprocess

from calls import PASSWORD, USER
from conftest import SERVICE
from made import ROOT

IMAGE_USER = 65532
SERVICE_PORT = 4445


class Exported:
    """A folder with the exported files; nothing in them is changed."""

    def __init__(self, made, folder, platform, web_port=8080):
        deployment = folder / "standpipe.toml"
        text = (ROOT / "examples/service-demo/standpipe.toml").read_text()
        assert "port = 8080" in text
        deployment.write_text(text.replace("port = 8080", f"port = {web_port}"))
        self.folder = folder / platform
        command = [made.programs / "standpipe", "export", platform, "--file", deployment, "--output", self.folder]
        environment = os.environ | {"SERVICE_DEMO_SECRETS": "/secrets"}
        done = subprocess.run([*command, "--image", SERVICE], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def file(self, name):
        return (self.folder / name).read_text()

    def write_secrets(self):
        """Makes the secret as the head of the compose file says: for the container's user alone."""
        secret = self.folder / "secrets" / USER
        secret.parent.mkdir()
        secret.touch(mode=0o400)
        secret.write_text(PASSWORD)
        shutil.chown(secret, IMAGE_USER)
