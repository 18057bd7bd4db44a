"""What tshark makes of an exchange."""

import contextlib
import dataclasses
import signal
import subprocess

from debian import run
from deployment import PATIENCE, until
from served import PORT

FIELDS = (
    "frame.number", "ip.src", "smb2.cmd", "smb2.flags.response", "smb2.flags.signature", "smb2.good_signature",
    "smb2.header.transform.signature", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "_ws.col.Info",
)  # fmt: skip
# The severities of tshark's remarks that say that something is wrong: error and warning.
WRONG = {"8388608", "6291456"}


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame with SMB in it. A frame may hold several messages, and each field has one text for all of them."""

    number: str
    source: str
    commands: str
    is_response: str
    is_signed: str
    good_signature: str
    transform_signature: str
    malformed: str
    severities: str
    remarks: str
    info: str

    @property
    def is_encrypted(self):
        return bool(self.transform_signature)

    @property
    def is_decrypted(self):
        return self.is_encrypted and bool(self.commands)

    @property
    def is_wrong(self):
        return bool(self.malformed) or not WRONG.isdisjoint(self.severities.split(","))


class Capture:
    """Everything between clients and an address, while it runs."""

    def __init__(self, path, address):
        self.path = path
        self.address = address

    @contextlib.contextmanager
    def running(self, connections=1):
        """Captures until as many connections have ended as clients will make."""
        only = f"host {self.address} and tcp port {PORT}"
        command = ["dumpcap", "-q", "-i", "lo", "-f", only, "-w", str(self.path)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            try:
                # It names the file once it captures.
                for line in process.stderr:
                    if line.startswith("File: "):
                        break
                yield self
                until(lambda: self.ended() >= connections, f"{connections} connections have ended")
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(PATIENCE)

    def ended(self):
        end = f"(tcp.flags.fin == 1 || tcp.flags.reset == 1) && ip.dst == {self.address}"
        return len(set(self.tshark("-Y", end, "-T", "fields", "-e", "tcp.stream").split()))

    def frames(self, password):
        """The frames with SMB in them, with signatures checked and decrypted with what follows from the password."""
        options = ("-o", "smb2.verify_signatures:TRUE", "-o", f"ntlmssp.nt_password:{password}", "-Y", "smb || smb2")
        fields = [word for field in FIELDS for word in ("-e", field)]
        lines = self.tshark(*options, "-T", "fields", "-E", "separator=/t", *fields).splitlines()
        return [Frame(*line.split("\t")) for line in lines]

    def tshark(self, *arguments):
        result = run("tshark", "-r", self.path, *arguments, stderr=subprocess.DEVNULL)
        return result.stdout
