"""The pipes of IPC$, listed by clients that were not written here."""

import pytest
from impacket.smbconnection import SessionError
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.file_info import FileInformationClass
from smbprotocol.open import CreateDisposition, CreateOptions, DirectoryAccessMask, ImpersonationLevel, Open
from smbprotocol.open import QueryDirectoryFlags, ShareAccess

from clients import Impacket, Smbprotocol, connected
from deployment import ADMIN, GUEST_MEMBER, USER

STATUS_NO_SUCH_FILE = 0xC000000F
LISTED = [
    FileInformationClass.FILE_DIRECTORY_INFORMATION,
    FileInformationClass.FILE_FULL_DIRECTORY_INFORMATION,
    FileInformationClass.FILE_BOTH_DIRECTORY_INFORMATION,
    FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION,
    FileInformationClass.FILE_ID_FULL_DIRECTORY_INFORMATION,
    FileInformationClass.FILE_NAMES_INFORMATION,
]


@pytest.mark.parametrize("user", ["the service's user", "an administrator"])
def test_the_pipes_can_be_listed(demo, user):
    user, password = (USER, demo.password) if user != "an administrator" else (ADMIN.name, ADMIN.password)
    with connected(Impacket, demo.hosts[0], demo.smb_port, user, password) as client:
        for pattern in ("\\*", "*", "\\SIM*"):
            assert [entry.get_longname() for entry in client.connection.listPath("IPC$", pattern)] == ["simple"]
        # Twice on one connection, and a call in between.
        opened = client.open("simple")
        assert client.transceive(opened, b"Hello\0") == b"olleH"
        client.close(opened)
        assert [entry.get_longname() for entry in client.connection.listPath("IPC$", "*")] == ["simple"]
        with pytest.raises(SessionError) as refused:
            client.connection.listPath("IPC$", "nothing*")
        assert refused.value.getErrorCode() == STATUS_NO_SUCH_FILE


def test_a_pipe_that_may_not_be_opened_is_not_named(demo):
    with connected(Impacket, demo.hosts[0], demo.smb_port, GUEST_MEMBER.name, GUEST_MEMBER.password) as client:
        with pytest.raises(SessionError) as refused:
            client.connection.listPath("IPC$", "*")
        assert refused.value.getErrorCode() == STATUS_NO_SUCH_FILE


@pytest.mark.parametrize("kind", LISTED)
def test_every_class_is_understood(demo, kind):
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        root = Open(client.tree, "")
        root.create(
            ImpersonationLevel.Impersonation,
            DirectoryAccessMask.FILE_LIST_DIRECTORY | DirectoryAccessMask.FILE_READ_ATTRIBUTES,
            0,
            ShareAccess.FILE_SHARE_READ,
            CreateDisposition.FILE_OPEN,
            CreateOptions.FILE_DIRECTORY_FILE,
        )
        entries = root.query_directory("*", kind, QueryDirectoryFlags.SMB2_RESTART_SCANS)
        assert [entry["file_name"].get_value().decode("utf-16-le") for entry in entries] == ["simple"]
        with pytest.raises(SMBResponseException, match="STATUS_NO_MORE_FILES"):
            root.query_directory("*", kind)
        root.close()
