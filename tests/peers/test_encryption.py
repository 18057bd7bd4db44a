"""Where an endpoint or a pipe requires encryption, nobody gets in who does without."""

import pytest
from impacket.smb3structs import SMB2_DIALECT_002, SMB2_DIALECT_21
from smbprotocol.connection import Dialects

from clients import STATUS_ACCESS_DENIED, Impacket, Smbprotocol, connected, reversed_by, status_of
from deployment import USER
from page import Page


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


def test_a_pipe_that_requires_encryption(deployment):
    deployment.edit('mode = "message"', 'mode = "message"\nencryption = "required"')
    with deployment.running():
        place = (deployment.hosts[0], deployment.smb_port, USER, deployment.password)
        # It encrypts whenever the server offers a cipher.
        with connected(Impacket, *place) as client:
            assert reversed_by(client, "Hello") == "olleH"
        with connected(Smbprotocol, *place) as client:
            with pytest.raises(Exception) as refused:
                reversed_by(client, "Hello")
            assert status_of(refused.value) == STATUS_ACCESS_DENIED
        with connected(Smbprotocol, *place, require_encryption=True) as client:
            assert reversed_by(client, "Hello") == "olleH"

        called = deployment.call(0, "Hello")
        assert called.returncode == 77 and "(--encrypt)" in called.stderr, called.stderr
        called = deployment.call(0, "Hello", "--encrypt")
        assert (called.returncode, called.stdout) == (0, "olleH\n"), called.stderr
        # The page reads the same file and needs no hint.
        status, body = Page(deployment).bridge("Hello")
        assert (status, "olleH" in body) == (200, True), body
