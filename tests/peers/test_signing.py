"""A message that was changed on its way is refused. The relay in between does what an attacker would."""

import pytest
from smbprotocol.connection import Dialects, SigningAlgorithms
from smbprotocol.exceptions import SMBException, SMBResponseException

from clients import STATUS_ACCESS_DENIED, Smbprotocol, connected, reversed_by, status_of
from deployment import USER
from relay import Relay, command_of, remove_the_signature_of

WRITE = 0x0009
CREATE = 0x0005


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


ALGORITHMS = {
    "2.0.2, HMAC-SHA256": {"dialect": Dialects.SMB_2_0_2},
    "3.0.2, AES-CMAC": {"dialect": Dialects.SMB_3_0_2},
    "3.1.1, HMAC-SHA256": {"signing": [SigningAlgorithms.HMAC_SHA256]},
    "3.1.1, AES-CMAC": {"signing": [SigningAlgorithms.AES_CMAC]},
    "3.1.1, AES-GMAC": {"signing": [SigningAlgorithms.AES_GMAC]},
}


@pytest.mark.parametrize("options", ALGORITHMS.values(), ids=ALGORITHMS.keys())
@pytest.mark.parametrize(
    "change",
    [flip_a_byte_of_the_text, flip_a_byte_of_the_signature, remove_the_signature_of(WRITE)],
    ids=lambda it: it.__name__,
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
