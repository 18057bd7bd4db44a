"""The client of the Rust crate `smb2`, through the program in tests/smb2-rs. It offers every dialect and takes the
newest, so it speaks 3.1.1 with us."""

import pytest

from clients import STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE, STATUS_OBJECT_NAME_NOT_FOUND
from deployment import GUEST_MEMBER, USER
from programs import built, run

TEXTS = ("Hello, named pipe", "a", "ab" * 30000)


@pytest.fixture(scope="module")
def program():
    return built("STANDPIPE_SMB2_RS")


@pytest.fixture
def call(program, demo):
    def call(how, *texts, to=demo, user=USER, password=None, pipe="simple"):
        where = (to.hosts[0], to.smb_port, pipe, user)
        result = run(program, *where, how, *texts, password=password or to.password)
        assert result.returncode == 0, result.stderr
        dialect, *ends = result.stdout.splitlines()
        assert dialect == "SMB 3.1.1"
        return ends

    return call


@pytest.mark.parametrize("how", ["read", "transceive"])
def test_text_comes_back_reversed(call, how):
    assert call(how, *TEXTS) == [text[::-1] for text in TEXTS]


def test_it_encrypts_where_it_has_to(call, deployment):
    deployment.edit('visibility = "internal"', 'visibility = "internal"\nencryption = "required"')
    with deployment.running():
        assert call("transceive", "Hello", to=deployment) == ["olleH"]


def test_it_is_told_that_the_password_is_wrong(call):
    assert call("read", "Hello", password="not the password") == [f"{STATUS_LOGON_FAILURE:#010x}"]
    assert call("read", "Hello") == ["olleH"], "a good one wipes it out"


def test_it_is_told_that_there_is_no_such_pipe(call):
    assert call("read", "Hello", pipe="complicated") == [f"{STATUS_OBJECT_NAME_NOT_FOUND:#010x}"]


def test_it_is_told_that_the_descriptor_denies(call):
    account = {"user": GUEST_MEMBER.name, "password": GUEST_MEMBER.password}
    assert call("read", "Hello", **account) == [f"{STATUS_ACCESS_DENIED:#010x}"]
