"""Text in, reversed text out, by clients that were not written here."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from impacket.smb3structs import SMB2_DIALECT_002, SMB2_DIALECT_21, SMB2_DIALECT_30
from smbprotocol.connection import Ciphers, Dialects, SigningAlgorithms

from clients import (
    PEERS,
    STATUS_PIPE_BROKEN,
    STATUS_PIPE_DISCONNECTED,
    Impacket,
    Smbprotocol,
    connected,
    reversed_by,
    status_of,
)
from deployment import ADMIN, INSTANCES, USER

TEXTS = {
    "words": ("Hello, named pipe", "epip deman ,olleH"),
    "empty": ("", ""),
    "one byte": ("a", "a"),
    "64 KiB": ("ab" * 32768, "ba" * 32768),
    "accents": ("Grüße, Zoë", "ëoZ ,eßürG"),
    "accents apart from their letters": ("ae\u0301i", "ie\u0301a"),
    "three bytes each": ("世界您好", "好您界世"),
    "what looks like one character": ("ab👩‍👩‍👧🇨🇭", "🇨🇭👩‍👩‍👧ba"),
    "right to left": ("שלום", "םולש"),
}
several = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.lower())


@pytest.fixture
def client(demo, peer):
    with connected(peer, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        yield client


@several
@pytest.mark.parametrize("text, expected", TEXTS.values(), ids=TEXTS.keys())
def test_text_comes_back_reversed(client, text, expected):
    assert reversed_by(client, text) == expected


@several
def test_transceive_writes_and_reads_in_one_request(client):
    opened = client.open("simple")
    assert client.transceive(opened, b"Hello\0") == b"olleH"
    client.close(opened)


@several
def test_a_pipe_is_found_whatever_the_case_of_its_name(client):
    assert reversed_by(client, "Hello", pipe="SIMPLE") == "olleH"


@several
def test_a_text_may_come_in_several_writes(client):
    opened = client.open("simple")
    for part in (b"Hel", b"lo", b"\0"):
        client.write(opened, part)
    assert client.read(opened) == b"olleH"
    client.close(opened)


@several
def test_the_answer_is_followed_by_the_end_of_the_pipe(client):
    opened = client.open("simple")
    client.write(opened, b"Hello\0")
    assert client.read(opened) == b"olleH"
    with pytest.raises(Exception) as refused:
        client.read(opened)
    assert status_of(refused.value) in (STATUS_PIPE_BROKEN, STATUS_PIPE_DISCONNECTED)
    client.close(opened)


@several
def test_a_long_answer_can_be_read_in_parts(client):
    opened = client.open("simple")
    client.write(opened, b"0123456789\0")
    parts = []
    for _ in range(4):
        try:
            parts.append(client.read(opened, length=3))
        except Exception as error:  # noqa: BLE001 - both peers raise on the warning, and one keeps the data
            assert status_of(error) == 0x80000005, error  # STATUS_BUFFER_OVERFLOW: there is more
            parts.append(None)
    assert parts[-1] == b"0"
    client.close(opened)


@several
def test_an_administrator_may_too(demo, peer):
    with connected(peer, demo.hosts[0], demo.smb_port, ADMIN.name, ADMIN.password) as client:
        assert reversed_by(client, "Hello") == "olleH"


@several
@pytest.mark.parametrize("instance", range(INSTANCES))
def test_every_instance_answers(demo, peer, instance):
    with connected(peer, demo.hosts[instance], demo.smb_port, USER, demo.password) as client:
        assert reversed_by(client, f"instance {instance}") == f"{instance} ecnatsni"


@several
def test_the_user_name_may_come_in_any_case(demo, peer):
    with connected(peer, demo.hosts[0], demo.smb_port, USER.upper(), demo.password) as client:
        assert reversed_by(client, "Hello") == "olleH"


@several
def test_many_clients_at_once_each_get_their_own_answer(demo, peer):
    def one(number):
        text = f"client number {number} " * (number + 1)
        with connected(peer, demo.hosts[number % INSTANCES], demo.smb_port, USER, demo.password) as client:
            return reversed_by(client, text) == text[::-1]

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(one, range(96)))


def test_many_opens_of_one_connection_do_not_mix(demo):
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        opened = [client.open("simple") for _ in range(40)]
        for number, each in enumerate(opened):
            client.write(each, f"open number {number}\0".encode())
        for number, each in reversed(list(enumerate(opened))):
            assert client.read(each).decode() == f"open number {number}"[::-1]
            client.close(each)


def test_a_client_that_says_nothing_holds_up_nobody(demo):
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password) as silent:
        opened = silent.open("simple")
        with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
            assert reversed_by(client, "Hello") == "olleH"
        silent.close(opened)


@pytest.mark.parametrize(
    "dialect",
    [Dialects.SMB_2_0_2, Dialects.SMB_2_1_0, Dialects.SMB_3_0_0, Dialects.SMB_3_0_2, Dialects.SMB_3_1_1],
    ids=["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"],
)
def test_every_dialect(demo, dialect):
    options = {"dialect": dialect}
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password, **options) as client:
        assert client.connection.dialect == dialect
        assert reversed_by(client, "Hello") == "olleH"
        opened = client.open("simple")
        assert client.transceive(opened, b"Hello\0") == b"olleH"
        client.close(opened)


@pytest.mark.parametrize(
    "algorithm",
    [SigningAlgorithms.HMAC_SHA256, SigningAlgorithms.AES_CMAC, SigningAlgorithms.AES_GMAC],
    ids=["HMAC-SHA256", "AES-CMAC", "AES-GMAC"],
)
def test_every_signing_algorithm(demo, algorithm):
    options = {"signing": [algorithm]}
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password, **options) as client:
        assert client.connection.signing_algorithm_id == algorithm
        assert reversed_by(client, "Hello") == "olleH"


ENCRYPTED = {
    "3.0, AES-128-CCM": {"dialect": Dialects.SMB_3_0_0},
    "3.0.2, AES-128-CCM": {"dialect": Dialects.SMB_3_0_2},
    "3.1.1, AES-128-CCM": {"ciphers": [Ciphers.AES_128_CCM]},
    "3.1.1, AES-128-GCM": {"ciphers": [Ciphers.AES_128_GCM]},
    "3.1.1, AES-256-CCM": {"ciphers": [Ciphers.AES_256_CCM]},
    "3.1.1, AES-256-GCM": {"ciphers": [Ciphers.AES_256_GCM]},
}


@pytest.mark.parametrize("options", ENCRYPTED.values(), ids=ENCRYPTED.keys())
def test_a_client_that_wants_to_can_encrypt(demo, options):
    options = options | {"require_encryption": True}
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password, **options) as client:
        assert client.session.encrypt_data
        assert reversed_by(client, "Hello") == "olleH"
        assert reversed_by(client, "ab" * 32768) == "ba" * 32768


@pytest.mark.parametrize("dialect", [SMB2_DIALECT_002, SMB2_DIALECT_21, SMB2_DIALECT_30], ids=["2.0.2", "2.1", "3.0"])
def test_impacket_in_older_dialects(demo, dialect):
    """In the newest it encrypts; in those of 2.x it can only sign."""
    options = {"preferredDialect": dialect}
    with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password, **options) as client:
        assert client.connection.getDialect() == dialect
        assert reversed_by(client, "Hello") == "olleH"


def test_the_opening_of_old_clients_leads_to_the_newest_dialect(demo):
    """impacket begins with an SMB1 NEGOTIATE that lists "SMB 2.???"."""
    with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        assert client.connection.getDialect() == 0x0311
        assert client.connection.isSigningRequired()


@pytest.mark.parametrize("protocol", ["negotiate", "ntlm"])
def test_ntlm_comes_in_spnego_or_raw(demo, protocol):
    options = {"auth_protocol": protocol}
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password, **options) as client:
        assert reversed_by(client, "Hello") == "olleH"
