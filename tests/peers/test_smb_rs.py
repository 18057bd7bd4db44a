"""The client of the Rust crate `smb`, through the program in tests/smb-rs."""

import pytest

from clients import STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE, STATUS_OBJECT_NAME_NOT_FOUND
from deployment import GUEST_MEMBER, USER
from programs import built, run

DIALECTS = {
    "2.0.2": "Smb0202 None None",
    "2.1": "Smb021 None None",
    "3.0": "Smb030 None None",
    "3.0.2": "Smb0302 None None",
    "3.1.1": "Smb0311 Some(AesGmac) Some(Aes128Gcm)",
}
ENCRYPTING = ("3.0", "3.0.2", "3.1.1")
# Few: it leaves TCP_NODELAY unset and writes each request in two parts, so each call waits for an acknowledgement.
LENGTHS = (1, 4096, 60000)


@pytest.fixture(scope="module")
def program():
    return built("STANDPIPE_SMB_RS")


@pytest.fixture
def call(program, demo):
    def call(protection, dialect, *lengths, to=demo, user=USER, password=None, pipe="simple"):
        where = (to.hosts[0], to.smb_port, pipe, user, protection, dialect)
        return run(program, *where, *lengths, password=password or to.password)

    return call


@pytest.mark.parametrize("dialect, agreed", DIALECTS.items(), ids=DIALECTS.keys())
def test_signed(call, dialect, agreed):
    result = call("sign", dialect, *LENGTHS)
    assert result.stdout.splitlines() == [agreed, *(f"{length} right" for length in LENGTHS)], result.stderr


@pytest.mark.parametrize("dialect", ENCRYPTING)
def test_encrypted(call, dialect):
    result = call("encrypt", dialect, *LENGTHS)
    agreed, *ends = result.stdout.splitlines()
    assert ends == [f"{length} right" for length in LENGTHS], result.stderr
    if dialect == "3.1.1":
        assert agreed.endswith("Some(Aes128Gcm)")


def test_it_is_told_that_the_password_is_wrong(call):
    assert status(call("sign", "3.1.1", password="not the password")) == STATUS_LOGON_FAILURE
    assert call("sign", "3.1.1", 1).stdout.endswith("1 right\n"), "a good one wipes it out"


def test_it_is_told_that_there_is_no_such_pipe(call):
    assert status(call("sign", "3.1.1", 1, pipe="complicated")) == STATUS_OBJECT_NAME_NOT_FOUND


def test_it_is_told_that_the_descriptor_denies(call):
    account = {"user": GUEST_MEMBER.name, "password": GUEST_MEMBER.password}
    assert status(call("encrypt", "3.1.1", 1, **account)) == STATUS_ACCESS_DENIED


def test_it_encrypts_where_it_has_to(call, deployment):
    deployment.edit('visibility = "internal"', 'visibility = "internal"\nencryption = "required"')
    with deployment.running():
        assert call("sign", "3.1.1", 100, to=deployment).stdout.endswith("\n100 right\n")
        assert status(call("sign", "2.1", 100, to=deployment)) == STATUS_ACCESS_DENIED


def status(result):
    """The status that the server refused with, which comes last."""
    assert result.stdout, result.stderr
    return int(result.stdout.splitlines()[-1], 16)
