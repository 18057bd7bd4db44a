"""What passes between our server and its clients, seen by one more program: nothing malformed, every signature good.

tshark takes the session key from the log-on and the password. The one signing algorithm that it cannot check is
AES-128-GMAC, so the clients are told to use another; with AES-128-GMAC they themselves check.
"""

import os
import re
import subprocess

import pytest
from captures import Capture
from clients import Impacket, Smbprotocol, connected
from debian import PATIENCE, run_bindings
from impacket.smb3structs import SMB2_DIALECT_21, SMB2_DIALECT_002
from served import PASSWORD, PORT, USER
from smbprotocol.connection import Ciphers, Dialects, SigningAlgorithms

assert PASSWORD.isascii(), "what tshark makes of other passwords depends on the system's language"


def by_smbclient(served, client, dialect, protection):
    algorithms = "client smb3 signing algorithms = AES-128-CMAC HMAC-SHA256"
    configuration = client.configure(f"captured-{dialect}.conf", algorithms)
    options = ("--max-protocol", dialect, "--client-protection", protection)
    result = client.smbclient(served.address, *options, "-c", "open simple; close 1", configuration=configuration)
    assert "fnum 1" in result.stdout


def by_bindings(served, client, dialect, protection):
    algorithms = "client smb3 signing algorithms = AES-128-CMAC HMAC-SHA256"
    newest = f"client max protocol = {dialect}"
    configuration = client.configure(f"bindings-{dialect}.conf", algorithms, newest)
    environment = os.environ | {"PASSWD": PASSWORD, "LC_ALL": "C.UTF-8"}
    result = run_bindings("calls.py", configuration, served.address, "simple", USER, protection, env=environment)
    assert result.stdout.startswith("Hello, named pipe"), result.stderr


def by_smb_rs(served, dialect, protection):
    program = os.environ["STANDPIPE_SMB_RS"]
    result = subprocess.run(
        [program, served.address, str(PORT), "simple", USER, protection, dialect, "1", "5000"],
        env=os.environ | {"PASSWD": PASSWORD},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.stdout.splitlines()[1:] == ["1 right", "5000 right"], result.stderr


def by_ourselves(served, *options):
    where = f"//{served.address}:{PORT}/pipe/simple"
    result = served.command(
        "call", where, "Hello", "--one-message", "-u", USER, "--password-file", served.folder / "secret", *options
    )
    assert result.returncode == 0, result.stderr


def by_library(peer, served, **options):
    with connected(peer, served.address, PORT, USER, PASSWORD, **options) as client:
        opened = client.open("simple")
        client.write(opened, b"Hello")
        assert client.read(opened) == b"olleH"
        assert client.transceive(opened, b"Hello, named pipe") == b"epip deman ,olleH"
        client.write(opened, b"x" * 20000)
        assert client.read(opened) == b"x" * 20000
        with pytest.raises(Exception):
            client.open("nothing")
        client.close(opened)


SMBPROTOCOL_DIALECTS = {
    "2.0.2": Dialects.SMB_2_0_2,
    "2.1": Dialects.SMB_2_1_0,
    "3.0": Dialects.SMB_3_0_0,
    "3.0.2": Dialects.SMB_3_0_2,
    "3.1.1": Dialects.SMB_3_1_1,
}
# In newer ones impacket encrypts.
IMPACKET_DIALECTS = {"2.0.2": SMB2_DIALECT_002, "2.1": SMB2_DIALECT_21}
SIGNED = {
    **{
        f"smbclient, {dialect}": lambda served, client, dialect=dialect: by_smbclient(served, client, dialect, "sign")
        for dialect in ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
    },
    **{
        f"Samba's bindings, {dialect}": lambda served, client, dialect=dialect: by_bindings(
            served, client, dialect, "sign"
        )
        for dialect in ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
    },
    **{
        f"impacket, {name}": lambda served, _, dialect=dialect: by_library(Impacket, served, preferredDialect=dialect)
        for name, dialect in IMPACKET_DIALECTS.items()
    },
    **{
        f"smbprotocol, {name}": lambda served, _, dialect=dialect: by_library(
            Smbprotocol, served, dialect=dialect, signing=[SigningAlgorithms.AES_CMAC]
        )
        for name, dialect in SMBPROTOCOL_DIALECTS.items()
    },
}
ENCRYPTED = {
    **{
        f"smbclient, {dialect}": lambda served, client, dialect=dialect: by_smbclient(
            served, client, dialect, "encrypt"
        )
        for dialect in ("SMB3_00", "SMB3_02", "SMB3_11")
    },
    **{
        f"Samba's bindings, {dialect}": lambda served, client, dialect=dialect: by_bindings(
            served, client, dialect, "encrypt"
        )
        for dialect in ("SMB3_00", "SMB3_02", "SMB3_11")
    },
    "standpipe call": lambda served, _: by_ourselves(served, "--encrypt"),
    "impacket, the newest dialect": lambda served, _: by_library(Impacket, served),
    **{
        f"smbprotocol, {name}": lambda served, _, cipher=cipher: by_library(
            Smbprotocol, served, signing=[SigningAlgorithms.AES_CMAC], ciphers=[cipher], require_encryption=True
        )
        for name, cipher in {
            "AES-128-CCM": Ciphers.AES_128_CCM, "AES-128-GCM": Ciphers.AES_128_GCM,
            "AES-256-CCM": Ciphers.AES_256_CCM, "AES-256-GCM": Ciphers.AES_256_GCM,
        }.items()
    },
}  # fmt: skip

# What tshark can only look at: it does not find the session's key in the log-on of smb-rs, which checks for itself.
LOOKED_AT = {
    **{
        f"smb-rs, {dialect}, {protection}": lambda served, _, dialect=dialect, protection=protection: by_smb_rs(
            served, dialect, protection
        )
        for dialect, protection in [
            *((dialect, "sign") for dialect in ("2.0.2", "2.1", "3.0", "3.0.2", "3.1.1")),
            *((dialect, "encrypt") for dialect in ("3.0", "3.0.2", "3.1.1")),
        ]
    },
}


# The answers that have no signature: those before the log-on is complete, that a request will be answered later, and
# that a session does not exist, so neither does its key.
UNSIGNED = "Negotiate|.*STATUS_(MORE_PROCESSING_REQUIRED|PENDING|USER_SESSION_DELETED)"


def captured(served, client, folder, exchange, has_key=True):
    """The frames of an exchange, and those of them that are the server's.

    Without the session's key tshark decrypts to noise, and what it makes of noise says nothing.
    """
    with Capture(folder / "exchange.pcapng", served.address).running() as capture:
        exchange(served, client)
    frames = capture.frames(PASSWORD)
    ours = [frame for frame in frames if frame.source == served.address]
    assert len(ours) >= 6, frames
    wrong = [frame for frame in frames if frame.is_wrong and (has_key or not frame.is_encrypted)]
    assert not wrong, "\n".join(map(str, wrong))
    return ours


@pytest.mark.parametrize("exchange", SIGNED.values(), ids=SIGNED.keys())
def test_what_is_signed_is_well_formed_and_signed_rightly(served, client, tmp_path, exchange):
    ours = captured(served, client, tmp_path, exchange)
    after = [frame for frame in ours if not re.match(UNSIGNED, frame.info)]
    assert [frame.is_signed for frame in after] == ["1"] * len(after), "\n".join(map(str, after))
    # tshark has the key only behind the last answer of the log-on, which is signed too: the clients check that one.
    bad = [frame for frame in after if not frame.good_signature and frame.info != "Session Setup Response"]
    assert not bad, "\n".join(map(str, bad))


@pytest.mark.parametrize("exchange", ENCRYPTED.values(), ids=ENCRYPTED.keys())
def test_what_is_encrypted_is_well_formed_and_can_be_decrypted(served, client, tmp_path, exchange):
    ours = captured(served, client, tmp_path, exchange)
    after = [frame for frame in ours if not re.match("Negotiate|Session Setup", frame.info)]
    assert after
    open_to_all = [frame for frame in after if not frame.is_decrypted]
    assert not open_to_all, "\n".join(map(str, open_to_all))


@pytest.mark.parametrize("exchange", LOOKED_AT.values(), ids=LOOKED_AT.keys())
def test_what_cannot_be_checked_is_well_formed(served, client, tmp_path, exchange):
    captured(served, client, tmp_path, exchange, has_key=False)
