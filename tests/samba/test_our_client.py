"""`standpipe call` with Samba's smbd, which only takes what is signed or encrypted."""

import pytest
from impacket.ntlm import compute_nthash
from smbd import PASSWORD, USER, Smbd

NOT_PERMITTED = 77
UNAVAILABLE = 69
DIALECTS = ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
CIPHERS = ("AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    return Smbd(tmp_path_factory.mktemp("smbd"))


@pytest.fixture(scope="module")
def samba(server):
    """smbd as it is without further settings, for the tests that need no others."""
    with server.running() as samba:
        yield samba


# There is no empty text among them: smbd takes an empty message from what serves its pipe for an error.
@pytest.mark.parametrize("text", ["Hello, named pipe", "Grüße", "ab" * 10000], ids=["words", "accents", "long"])
def test_a_text_comes_back_reversed(samba, call, text):
    result = call(samba, text)
    assert (result.returncode, result.stdout, result.stderr) == (0, text[::-1] + "\n", "")


def test_the_name_may_be_in_capitals(samba, call):
    assert call(samba, "Hello", pipe="SIMPLE").stdout == "olleH\n"


def test_the_port_may_be_said(samba, call):
    assert call(samba, "Hello", port=samba.port).stdout == "olleH\n"


def test_the_user_may_come_with_a_domain(samba, call):
    assert call(samba, "Hello", user=f"PEERSRV\\{USER}").stdout == "olleH\n"


def test_the_nt_hash_is_as_good_as_the_password(samba, call):
    result = call(samba, "Hello", password=compute_nthash(PASSWORD).hex(), secret_option="--nt-hash-file")
    assert (result.returncode, result.stdout, result.stderr) == (0, "olleH\n", "")


def test_bytes_go_and_come_as_digits(samba, call):
    assert call(samba, "--hex", "48 65 6c6C6f 00").stdout == "6f6c6c6548\n"
    assert call(samba, "--hex", "48 00", "--one-message").stdout == "48\n"


def test_a_wrong_password_is_said(samba, call):
    result = call(samba, "Hello", password="not the password")
    assert (result.returncode, result.stdout) == (NOT_PERMITTED, "")
    assert "STATUS_LOGON_FAILURE" in result.stderr and "not the password" not in result.stderr


def test_an_unknown_user_is_said(samba, call):
    result = call(samba, "Hello", user="nobodyKnows")
    assert (result.returncode, result.stdout) == (NOT_PERMITTED, "")
    assert "STATUS_LOGON_FAILURE" in result.stderr


def test_an_unknown_pipe_is_said(samba, call):
    result = call(samba, "Hello", pipe="nothing")
    assert (result.returncode, result.stdout) == (UNAVAILABLE, "")
    assert "nothing" in result.stderr and "hint:" in result.stderr


SIGNING = {
    **{dialect: f"server min protocol = {dialect}\n  server max protocol = {dialect}" for dialect in DIALECTS},
    "HMAC-SHA256": "server smb3 signing algorithms = HMAC-SHA256",
    "AES-128-CMAC": "server smb3 signing algorithms = AES-128-CMAC",
    "AES-128-GMAC": "server smb3 signing algorithms = AES-128-GMAC",
}


@pytest.mark.parametrize("setting", SIGNING.values(), ids=SIGNING.keys())
def test_a_server_that_wants_signatures(tmp_path, call, setting):
    with Smbd(tmp_path).running(setting) as server:
        result = call(server, "Hello")
        assert (result.returncode, result.stdout, result.stderr) == (0, "olleH\n", "")


ENCRYPTION = {
    "3.0": "server max protocol = SMB3_00",
    "3.0.2": "server max protocol = SMB3_02",
    **{cipher: f"server smb3 encryption algorithms = {cipher}" for cipher in CIPHERS},
}


@pytest.mark.parametrize("setting", ENCRYPTION.values(), ids=ENCRYPTION.keys())
def test_a_server_that_wants_encryption(tmp_path, call, setting):
    with Smbd(tmp_path).running(f"{setting}\n  server smb encrypt = required") as server:
        result = call(server, "Hello")
        assert (result.returncode, result.stdout, result.stderr) == (0, "olleH\n", "")
