"""A message that was changed on its way is refused. The relay in between does what an attacker would."""

import socket
import struct
import threading

import pytest
from smbprotocol.connection import Dialects, SigningAlgorithms
from smbprotocol.exceptions import SMBException, SMBResponseException

from clients import STATUS_ACCESS_DENIED, Smbprotocol, connected, reversed_by, status_of
from deployment import USER

WRITE = 0x0009
CREATE = 0x0005
SIGNED = 0x00000008
HEADER = 64


class Relay:
    """A TCP relay that may change the client's SMB2 messages."""

    def __init__(self, host, port, change):
        self.change = change
        self.changed = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.client = None
        self.server = socket.create_connection((host, port))
        threading.Thread(target=self.to_server, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self.listener, self.client, self.server):
            if each is not None:
                each.close()

    def to_server(self):
        try:
            self.client, _ = self.listener.accept()
            threading.Thread(target=self.to_client, daemon=True).start()
            while True:
                length = struct.unpack(">I", self.exactly(4))[0]
                message = bytearray(self.exactly(length))
                if message[:4] == b"\xfeSMB" and self.change(message):
                    self.changed += 1
                self.server.sendall(struct.pack(">I", length) + message)
        except OSError:
            self.__exit__()

    def exactly(self, length):
        data = b""
        while len(data) < length:
            part = self.client.recv(length - len(data))
            if not part:
                raise ConnectionError("the client hung up")
            data += part
        return data

    def to_client(self):
        try:
            while data := self.server.recv(65536):
                self.client.sendall(data)
        except OSError:
            pass
        self.__exit__()


def command_of(message):
    return struct.unpack_from("<H", message, 12)[0]


def flip_a_byte_of_the_text(message):
    if command_of(message) != WRITE:
        return False
    message[-2] ^= 0x20
    return True


def flip_a_byte_of_the_signature(message):
    if command_of(message) != CREATE:
        return False
    message[48] ^= 0x01
    return True


def remove_the_signature(message):
    if command_of(message) != WRITE:
        return False
    flags = struct.unpack_from("<I", message, 16)[0]
    assert flags & SIGNED, "the client signs"
    struct.pack_into("<I", message, 16, flags & ~SIGNED)
    message[48:64] = bytes(16)
    return True


ALGORITHMS = {
    "2.0.2, HMAC-SHA256": {"dialect": Dialects.SMB_2_0_2},
    "3.0.2, AES-CMAC": {"dialect": Dialects.SMB_3_0_2},
    "3.1.1, HMAC-SHA256": {"signing": [SigningAlgorithms.HMAC_SHA256]},
    "3.1.1, AES-CMAC": {"signing": [SigningAlgorithms.AES_CMAC]},
    "3.1.1, AES-GMAC": {"signing": [SigningAlgorithms.AES_GMAC]},
}


@pytest.mark.parametrize("options", ALGORITHMS.values(), ids=ALGORITHMS.keys())
@pytest.mark.parametrize(
    "change", [flip_a_byte_of_the_text, flip_a_byte_of_the_signature, remove_the_signature], ids=lambda it: it.__name__
)
def test_a_changed_message_is_refused(demo, options, change):
    with (
        Relay(demo.hosts[0], demo.smb_port, change) as relay,
        connected(Smbprotocol, "127.0.0.1", relay.port, USER, demo.password, **options) as client,
    ):
        with pytest.raises(SMBException) as refused:
            reversed_by(client, "Hello")
        assert relay.changed == 1, "the first change is the last"
        if isinstance(refused.value, SMBResponseException):
            assert status_of(refused.value) == STATUS_ACCESS_DENIED


def test_an_unchanged_message_passes_the_relay(demo):
    """Else the tests above would prove nothing."""
    with (
        Relay(demo.hosts[0], demo.smb_port, lambda message: False) as relay,
        connected(Smbprotocol, "127.0.0.1", relay.port, USER, demo.password) as client,
    ):
        assert reversed_by(client, "Hello") == "olleH"
