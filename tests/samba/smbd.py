"""Samba's smbd with a pipe of our own behind it, for our client to call."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

from debian import run
from deployment import PATIENCE, until
from served import PORT, free_address

# An account that every Debian has: smbd wants one of the system, and this leaves none behind.
USER = "games"
PASSWORD = "pl4y with me"

CONFIGURATION = """
[global]
  workgroup = PEER
  netbios name = PEERSRV
  server role = standalone server
  passdb backend = tdbsam:{folder}/private/passdb.tdb
  private dir = {folder}/private
  lock directory = {folder}/lock
  state directory = {folder}/state
  cache directory = {folder}/cache
  pid directory = {folder}/pid
  ncalrpc dir = {folder}/ncalrpc
  binddns dir = {folder}/bindns
  usershare path =
  smb ports = {port}
  interfaces = {address}/8
  bind interfaces only = yes
  disable netbios = yes
  rpc start on demand helpers = no
  load printers = no
  printing = bsd
  printcap name = /dev/null
  disable spoolss = yes
  log file = {folder}/log
  max log size = 0
  map to guest = never
  server min protocol = SMB2_02
  server signing = mandatory
  {more}
"""


class PipeServer:
    """What answers smbd's clients at a pipe: the service of the story, in the words that smbd has for its helpers.

    smbd connects to a socket for each open and says who opened; then both sides send messages, each behind its length.
    """

    READY = b"NPAM" + struct.pack("<IIHHIQI", 7, 7, 2, 0x05FF, 0, 4096, 0)  # a pipe of messages, status 0

    def __init__(self, folder, name):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / name))
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):  # it was closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        with client, client.makefile("rb") as stream:
            (length,) = struct.unpack(">I", stream.read(4))
            assert stream.read(length).startswith(b"NPAM")
            client.sendall(struct.pack(">I", len(self.READY)) + self.READY)
            text = b""
            while not text.endswith(b"\0"):
                prefix = stream.read(2)
                if not prefix:
                    return
                text += stream.read(*struct.unpack("<H", prefix))
            answer = text[:-1].decode()[::-1].encode()
            client.sendall(struct.pack("<H", len(answer)) + answer)

    def close(self):
        self.listener.close()


class Smbd:
    """smbd in a folder and at an address of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.address = free_address()
        self.port = PORT
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc", "bindns"):
            (folder / name).mkdir(mode=0o755)
        self.configuration = folder / "smb.conf"
        self.configure()
        twice = f"{PASSWORD}\n{PASSWORD}\n"
        added = run("smbpasswd", "-c", self.configuration, "-a", "-s", USER, stdin=None, input=twice)
        assert added.returncode == 0, added.stdout

    def configure(self, more=""):
        text = CONFIGURATION.format(folder=self.folder, port=self.port, address=self.address, more=more)
        self.configuration.write_text(text)

    @contextlib.contextmanager
    def running(self, more="", service=PipeServer, name="simple"):
        """Runs it, with a pipe behind it. Whatever it started ends with it."""
        self.configure(more)
        self.pipe = service(self.folder / "ncalrpc/np", name)
        output = (self.folder / "smbd.out").open("w")
        self.process = process = subprocess.Popen(
            ["smbd", "-s", str(self.configuration), "--foreground", "--no-process-group"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:

            def listens():
                assert process.poll() is None, (self.folder / "log").read_text()
                with contextlib.suppress(OSError), socket.create_connection((self.address, self.port)):
                    return True

            until(listens, "smbd listens")
            yield self
        finally:
            process.terminate()
            process.wait(PATIENCE)
            self.end_helpers()
            self.pipe.close()
            output.close()
            for left in (self.folder / "ncalrpc/np").iterdir():
                left.unlink()

    def kill(self):
        """Ends it and whatever it started, without a word to anybody."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.end_helpers()

    def end_helpers(self):
        """Ends what smbd leaves behind, told by the configuration on the command line."""
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if str(self.configuration) in (entry / "cmdline").read_text():
                    os.kill(int(entry.name), signal.SIGKILL)
