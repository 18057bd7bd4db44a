"""The peers, each with the same few verbs: they call the pipe as programs written elsewhere do."""

import contextlib
import uuid

from impacket import nt_errors
from impacket.smbconnection import SMBConnection
from smbprotocol.connection import Connection, Dialects
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.ioctl import IOCTLFlags, SMB2IOCTLRequest, SMB2IOCTLResponse
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

FSCTL_PIPE_TRANSCEIVE = 0x0011C017
READ_WRITE = FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE
TIMEOUT = 20

STATUS_ACCESS_DENIED = nt_errors.STATUS_ACCESS_DENIED
STATUS_ACCOUNT_DISABLED = nt_errors.STATUS_ACCOUNT_DISABLED
STATUS_BAD_NETWORK_NAME = nt_errors.STATUS_BAD_NETWORK_NAME
STATUS_CONNECTION_RESET = nt_errors.STATUS_CONNECTION_RESET
STATUS_LOGON_FAILURE = nt_errors.STATUS_LOGON_FAILURE
STATUS_OBJECT_NAME_NOT_FOUND = nt_errors.STATUS_OBJECT_NAME_NOT_FOUND
STATUS_PIPE_BROKEN = nt_errors.STATUS_PIPE_BROKEN
STATUS_PIPE_DISCONNECTED = nt_errors.STATUS_PIPE_DISCONNECTED


class Impacket:
    """impacket. It begins with an SMB1 NEGOTIATE, as old and new Windows clients do."""

    def __init__(self, host, port, user, password, **options):
        self.connection = SMBConnection(host, host, sess_port=port, timeout=TIMEOUT, **options)
        self.connection.login(user, password)
        self.tree = self.connection.connectTree("IPC$")

    def open(self, pipe):
        return self.connection.openFile(self.tree, pipe)

    def write(self, opened, data):
        assert self.connection.writeFile(self.tree, opened, data) in (None, len(data))

    def read(self, opened, length=65536):
        return self.connection.readFile(self.tree, opened, bytesToRead=length)

    def transceive(self, opened, data):
        return self.connection.transactNamedPipe(self.tree, opened, data)

    def close(self, opened):
        self.connection.closeFile(self.tree, opened)

    def end(self):
        # It logs off too. A log-off before would make it a second one, encrypted for a session that is gone.
        self.connection.close()


class Smbprotocol:
    """smbprotocol. It verifies the server's signatures, and speaks every dialect and signing algorithm."""

    def __init__(self, host, port, user, password, dialect=Dialects.SMB_3_1_1, signing=None, ciphers=None, **session):
        self.connection = Connection(uuid.uuid4(), host, port, require_signing=True)
        self.connection.connect(
            dialect, timeout=TIMEOUT, preferred_signing_algos=signing, preferred_encryption_algos=ciphers
        )
        try:
            self.session = Session(self.connection, user, password, **({"require_encryption": False} | session))
            self.session.connect()
            self.tree = TreeConnect(self.session, rf"\\{host}\IPC$")
            self.tree.connect()
        except BaseException:
            self.connection.disconnect(close=False)
            raise

    def open(self, pipe, access=READ_WRITE):
        opened = Open(self.tree, pipe)
        opened.create(
            ImpersonationLevel.Impersonation,
            access,
            0,
            ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE,
            CreateDisposition.FILE_OPEN,
            CreateOptions.FILE_NON_DIRECTORY_FILE,
        )
        return opened

    def write(self, opened, data):
        assert opened.write(data, 0) == len(data)

    def read(self, opened, length=65536):
        return opened.read(0, length)

    def transceive(self, opened, data):
        request = SMB2IOCTLRequest()
        request["ctl_code"] = FSCTL_PIPE_TRANSCEIVE
        request["file_id"] = opened.file_id
        request["flags"] = IOCTLFlags.SMB2_0_IOCTL_IS_FSCTL
        request["max_output_response"] = 65536
        request["buffer"] = data
        sent = self.connection.send(request, sid=self.session.session_id, tid=self.tree.tree_connect_id)
        answer = SMB2IOCTLResponse()
        answer.unpack(self.connection.receive(sent)["data"].get_value())
        return answer["buffer"].get_value()

    def close(self, opened):
        opened.close()

    def end(self):
        self.connection.disconnect()


PEERS = (Impacket, Smbprotocol)


@contextlib.contextmanager
def connected(peer, host, port, user, password, **options):
    client = peer(host, port, user, password, **options)
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # what the test found is more telling than a failed farewell
            client.end()


def reversed_by(client, text, pipe="simple"):
    """The story's call: open, write the text and a NUL, read the answer."""
    opened = client.open(pipe)
    try:
        client.write(opened, text.encode() + b"\0")
        return client.read(opened).decode()
    finally:
        with contextlib.suppress(Exception):
            client.close(opened)


def status_of(error):
    """The NTSTATUS in either peer's exception."""
    if isinstance(error, SMBResponseException):
        return error.status & 0xFFFFFFFF
    return error.getErrorCode() & 0xFFFFFFFF
