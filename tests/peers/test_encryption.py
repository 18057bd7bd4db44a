"""Where an endpoint requires encryption, nobody gets in who cannot."""

import pytest
from impacket.smb3structs import SMB2_DIALECT_002, SMB2_DIALECT_21
from smbprotocol.connection import Dialects

from clients import STATUS_ACCESS_DENIED, Impacket, Smbprotocol, connected, reversed_by, status_of
from deployment import USER


def test_required_encryption(deployment):
    deployment.edit('visibility = "internal"', 'visibility = "internal"\nencryption = "required"')
    with deployment.running():
        place = (deployment.hosts[0], deployment.smb_port, USER, deployment.password)
        with connected(Impacket, *place) as client:
            assert reversed_by(client, "Hello") == "olleH"
        for dialect in (Dialects.SMB_3_0_0, Dialects.SMB_3_0_2, Dialects.SMB_3_1_1):
            # It is not told to: the server's answer to the log-on makes it encrypt.
            with connected(Smbprotocol, *place, dialect=dialect) as client:
                assert client.session.encrypt_data
                assert reversed_by(client, "Hello") == "olleH"
        for dialect in (SMB2_DIALECT_002, SMB2_DIALECT_21):
            with pytest.raises(Exception) as refused, connected(Impacket, *place, preferredDialect=dialect):
                pass
            assert status_of(refused.value) == STATUS_ACCESS_DENIED

        called = deployment.call(0, "Hello", "--encrypt")
        assert (called.returncode, called.stdout) == (0, "olleH\n"), called.stderr
        called = deployment.call(1, "Hello")
        assert (called.returncode, called.stdout) == (0, "olleH\n"), "the client does what the server asks for"
