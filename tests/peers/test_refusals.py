"""Who and what is refused, with the status that Windows gives."""

import contextlib
import functools
import time

import pytest
from impacket import ntlm
from impacket.smbconnection import SessionError, SMBConnection
from smbprotocol.tree import TreeConnect

from clients import (
    PEERS,
    STATUS_ACCESS_DENIED,
    STATUS_ACCOUNT_DISABLED,
    STATUS_BAD_NETWORK_NAME,
    STATUS_LOGON_FAILURE,
    STATUS_OBJECT_NAME_NOT_FOUND,
    Impacket,
    Smbprotocol,
    connected,
    reversed_by,
    status_of,
)
from deployment import ADMIN, DISABLED, GUEST_MEMBER, USER, until

several = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__.lower())


@pytest.fixture(autouse=True)
def forgiven(demo):
    """Failed log-ons in one name add up until the server makes that name wait; a good one wipes them out."""
    yield
    with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password):
        pass


def refusal(peer, demo, user, password, **options):
    with (
        pytest.raises(Exception) as refused,
        connected(peer, demo.hosts[0], demo.smb_port, user, password, **options),
    ):
        pass
    return status_of(refused.value)


@several
def test_a_wrong_password(demo, peer):
    assert refusal(peer, demo, USER, "not the password") == STATUS_LOGON_FAILURE


@several
def test_an_empty_password(demo, peer):
    assert refusal(peer, demo, USER, "") == STATUS_LOGON_FAILURE


@several
def test_an_unknown_user_looks_like_a_wrong_password(demo, peer):
    assert refusal(peer, demo, "nobodyHere", demo.password) == STATUS_LOGON_FAILURE


@several
def test_a_disabled_account_with_its_password(demo, peer):
    assert refusal(peer, demo, DISABLED.name, DISABLED.password) == STATUS_ACCOUNT_DISABLED


@several
def test_a_disabled_account_without_its_password_is_not_told_that_it_exists(demo, peer):
    assert refusal(peer, demo, DISABLED.name, "not the password") == STATUS_LOGON_FAILURE


@several
def test_a_guest(demo, peer):
    assert refusal(peer, demo, "Guest", "guest") == STATUS_LOGON_FAILURE


def test_a_guest_without_a_password(demo):
    assert refusal(Impacket, demo, "Guest", "") == STATUS_LOGON_FAILURE


def test_anonymous(demo):
    assert refusal(Impacket, demo, "", "") in (STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE)


def test_ntlm_version_1(demo, monkeypatch):
    monkeypatch.setattr(ntlm, "getNTLMSSPType3", functools.partial(ntlm.getNTLMSSPType3, use_ntlmv2=False))
    assert refusal(Impacket, demo, USER, demo.password) == STATUS_LOGON_FAILURE


@several
def test_who_the_descriptor_denies_may_log_in_but_not_open(demo, peer):
    user, password = GUEST_MEMBER.name, GUEST_MEMBER.password
    with connected(peer, demo.hosts[0], demo.smb_port, user, password) as client:
        with pytest.raises(Exception) as refused:
            client.open("simple")
        assert status_of(refused.value) == STATUS_ACCESS_DENIED


def test_rights_that_the_descriptor_does_not_give(demo):
    write_dac = 0x00040000
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        with pytest.raises(Exception) as refused:
            client.open("simple", access=write_dac)
        assert status_of(refused.value) == STATUS_ACCESS_DENIED
        assert reversed_by(client, "Hello") == "olleH", "a refusal must leave the connection whole"


@several
def test_a_pipe_that_is_not_there(demo, peer):
    with connected(peer, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        with pytest.raises(Exception) as refused:
            client.open("complicated")
        assert status_of(refused.value) == STATUS_OBJECT_NAME_NOT_FOUND


def test_a_share_that_is_not_there(demo):
    with connected(Smbprotocol, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        with pytest.raises(Exception) as refused:
            TreeConnect(client.session, rf"\\{demo.hosts[0]}\C$").connect()
        assert status_of(refused.value) == STATUS_BAD_NETWORK_NAME
        assert reversed_by(client, "Hello") == "olleH"


def test_guessing_is_slowed_down_whether_the_guess_is_right_or_not(demo):
    def guess(password):
        try:
            with connected(Impacket, demo.hosts[1], demo.smb_port, ADMIN.name, password):
                return True
        except SessionError as error:
            assert status_of(error) == STATUS_LOGON_FAILURE
            return False

    for _ in range(10):
        assert not any([guess(f"guess {number}") for number in range(5)])
        last = time.monotonic()
        if not guess(ADMIN.password):
            break
        # The wait may be over before a slow machine has tried.
        assert time.monotonic() - last > 0.9, "the right password was taken at once after five wrong ones"
    else:
        pytest.fail("this machine is too slow to see it")
    until(lambda: guess(ADMIN.password), "the wait is over")
    with connected(Impacket, demo.hosts[1], demo.smb_port, USER, demo.password) as client:
        assert reversed_by(client, "Hello") == "olleH", "another name was never made to wait"


def test_nothing_is_served_before_the_log_on(demo):
    connection = SMBConnection(demo.hosts[0], demo.hosts[0], sess_port=demo.smb_port, timeout=10)
    with contextlib.closing(connection), pytest.raises(Exception) as refused:  # noqa: PT011 - any refusal will do
        connection.connectTree("IPC$")
    assert not isinstance(refused.value, AssertionError)


def test_an_account_that_is_removed_can_no_longer_log_in(demo):
    """The file of accounts is read again when it changes."""
    secret = demo.write_secret("shortLived", "sh0rt lived")
    demo.account(0, "add", "shortLived", "--password-file", secret)
    with connected(Impacket, demo.hosts[0], demo.smb_port, "shortLived", "sh0rt lived") as client:
        assert reversed_by(client, "Hello") == "olleH"
    demo.account(0, "remove", "shortLived")
    assert refusal(Impacket, demo, "shortLived", "sh0rt lived") == STATUS_LOGON_FAILURE
