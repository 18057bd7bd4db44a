"""Somebody in the middle, between our client and smbd, and between Samba's client and our server."""

import struct

import pytest
from relay import Relay, command_of, remove_the_signature_of
from served import PASSWORD, USER
from smbd import Smbd

NEGOTIATE, TREE_CONNECT, CREATE = 0, 3, 5
DIALECTS = {"2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302}


def talk_down(dialect):
    """Leaves one dialect in the client's list."""

    def change(message):
        if command_of(message) != NEGOTIATE:
            return False
        struct.pack_into("<H", message, 64 + 2, 1)
        message[64 + 28 : 64 + 36] = bytes(8)
        message[64 + 36 :] = struct.pack("<H", dialect)
        return True

    return change


def change_the_salt(message):
    if command_of(message) != NEGOTIATE:
        return False
    salt = struct.unpack_from("<I", message, 64 + 28)[0] + 8 + 6
    message[salt] ^= 1
    return True


@pytest.fixture(scope="module")
def samba(tmp_path_factory):
    with Smbd(tmp_path_factory.mktemp("smbd")).running() as samba:
        yield samba


def test_an_unchanged_call_passes(samba, call):
    """Else the tests below would prove nothing."""
    with Relay(samba.address, samba.port, lambda message: False) as relay:
        assert call(relay, "Hello", port=relay.port).stdout == "olleH\n"


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_our_client_is_not_talked_down_before_smbd(samba, call, dialect):
    with Relay(samba.address, samba.port, talk_down(dialect)) as relay:
        result = call(relay, "Hello", port=relay.port)
    assert relay.changed == 1
    assert result.returncode != 0 and result.stdout == ""
    assert "the negotiation was tampered with" in result.stderr, result.stderr


def test_our_client_notices_a_changed_offer_before_smbd(samba, call):
    with Relay(samba.address, samba.port, change_the_salt) as relay:
        result = call(relay, "Hello", port=relay.port)
    assert relay.changed == 1
    assert result.returncode != 0 and "signature" in result.stderr, result.stderr


def test_smbd_refuses_what_somebody_took_the_signature_from(samba, call):
    with Relay(samba.address, samba.port, remove_the_signature_of(CREATE)) as relay:
        result = call(relay, "Hello", port=relay.port)
    assert relay.changed == 1
    assert result.returncode != 0 and result.stdout == "", result.stderr


def test_a_tree_connect_without_its_signature_is_refused_by_smbd_and_by_us(samba, call, served):
    """Where signatures are required, as they are here: smbd answers, and so do we."""
    servers = ((samba, {}), (served, {"user": USER, "password": PASSWORD}))
    for server, account in servers:
        with Relay(server.address, 445, remove_the_signature_of(TREE_CONNECT)) as relay:
            result = call(relay, "Hello", port=relay.port, **account)
        assert relay.changed == 1
        assert "the server refused the connection to IPC$: access denied (STATUS_ACCESS_DENIED" in result.stderr


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_smbclient_is_not_talked_down_before_us(served, client, dialect):
    with Relay(served.address, 445, talk_down(dialect)) as relay:
        result = client.smbclient("127.0.0.1", "-p", str(relay.port), "-c", "open simple")
    assert relay.changed >= 1
    assert result.returncode != 0 and "fnum" not in result.stdout, result.stdout
