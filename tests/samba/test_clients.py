"""Samba's own clients with our server: smbclient, rpcclient and the Python bindings."""

import os

import pytest
from debian import run, run_bindings
from served import PASSWORD, PIPES, USER

DIALECTS = ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
ENCRYPTING = DIALECTS[2:]
OPENED = "open file \\simple: for read/write fnum 1"

dialects = pytest.mark.parametrize("dialect", DIALECTS)
protected = pytest.mark.parametrize(
    "dialect, protection",
    [(dialect, "sign") for dialect in DIALECTS] + [(dialect, "encrypt") for dialect in ENCRYPTING],
)


@protected
def test_smbclient_opens_a_pipe(served, client, dialect, protection):
    options = ("--max-protocol", dialect, "--client-protection", protection)
    result = client.smbclient(served.address, *options, "-c", "open simple; close 1")
    assert (result.returncode, result.stdout.strip()) == (0, OPENED)


@pytest.mark.parametrize("algorithm", ["HMAC-SHA256", "AES-128-CMAC", "AES-128-GMAC"])
def test_smbclient_signs_with_every_algorithm(served, client, algorithm):
    configuration = client.configure(f"{algorithm}.conf", f"client smb3 signing algorithms = {algorithm}")
    options = ("--client-protection", "sign", "-c", "open simple; close 1")
    assert client.smbclient(served.address, *options, configuration=configuration).stdout.strip() == OPENED


@pytest.mark.parametrize("cipher", ["AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM"])
def test_smbclient_encrypts_with_every_cipher(served, client, cipher):
    configuration = client.configure(f"{cipher}.conf", f"client smb3 encryption algorithms = {cipher}")
    options = ("--client-protection", "encrypt", "-c", "open simple; close 1")
    assert client.smbclient(served.address, *options, configuration=configuration).stdout.strip() == OPENED


def test_smbclient_cannot_encrypt_in_old_dialects(served, client):
    """It says so itself. The server does not pretend."""
    options = ("--max-protocol", "SMB2_10", "--client-protection", "encrypt")
    result = client.smbclient(served.address, *options, "-c", "open simple; close 1")
    assert result.returncode != 0
    assert "doesn't support SMB3 encryption" in result.stdout


@dialects
def test_smbclient_is_told_that_the_password_is_wrong(guarded, client, dialect):
    account = client.authentication(USER, "not the password")
    result = client.smbclient(guarded.address, "--max-protocol", dialect, "-c", "open simple", account=account)
    assert result.returncode != 0
    assert "NT_STATUS_LOGON_FAILURE" in result.stdout


def test_smbclient_is_told_that_there_is_no_such_pipe(served, client):
    result = client.smbclient(served.address, "-c", "open nothing")
    assert "NT_STATUS_OBJECT_NAME_NOT_FOUND" in result.stdout


def test_smbclient_may_not_be_anonymous(served, client):
    options = ("-s", client.configuration, "-N", "-U", "%")
    result = run("smbclient", *options, f"//{served.address}/IPC$", "-c", "open simple")
    assert result.returncode != 0
    assert "NT_STATUS_" in result.stdout and "fnum" not in result.stdout


def test_there_is_no_share_but_the_one_of_pipes(served, client):
    options = ("-s", client.configuration, "-A", client.account)
    result = run("smbclient", *options, f"//{served.address}/C$", "-c", "ls")
    assert result.returncode != 0
    assert "NT_STATUS_BAD_NETWORK_NAME" in result.stdout


@protected
def test_rpcclient_is_told_that_there_is_no_service_of_windows(served, client, dialect, protection):
    target = f"ncacn_np:{served.address}"
    options = ("--max-protocol", dialect, "--client-protection", protection)
    options = ("-s", client.configuration, "-A", client.account, *options)
    result = run("rpcclient", *options, target, "-c", "srvinfo")
    assert "NT_STATUS_OBJECT_NAME_NOT_FOUND" in result.stdout


@protected
def test_the_library_writes_and_reads(served, client, dialect, protection):
    configuration = client.configure(f"{dialect}.conf", f"client max protocol = {dialect}")
    assert library(served, configuration, protection=protection) == ["Hello, named pipe", "Grüße", "x" * 4000 + "y"]


def test_the_library_is_told_that_the_password_is_wrong(guarded, client):
    assert library(guarded, client.configuration, password="not the password") == ["0xc000006d"]


def test_the_library_is_told_that_there_is_no_such_pipe(served, client):
    assert library(served, client.configuration, pipe="nothing") == ["0xc0000034"]


@dialects
def test_the_library_is_told_that_the_descriptor_denies(served, client, dialect):
    configuration = client.configure(f"{dialect}.conf", f"client max protocol = {dialect}")
    assert library(served, configuration, pipe="closed") == ["0xc0000022"]


@dialects
def test_the_library_for_calls_transceives(served, client, dialect):
    """It binds to an interface, and our service gives that back reversed: Samba says that this answer is cut off."""
    configuration = client.configure(f"{dialect}.conf", f"client max protocol = {dialect}")
    environment = os.environ | {"PASSWD": PASSWORD, "LC_ALL": "C.UTF-8"}
    result = run_bindings("binds.py", configuration, served.address, "simple", USER, env=environment)
    assert (result.returncode, result.stdout) == (0, "0xc0000023\n"), result.stderr


@dialects
def test_the_library_lists_the_pipes_that_its_user_may_open(served, client, dialect):
    configuration = client.configure(f"{dialect}.conf", f"client max protocol = {dialect}")
    environment = os.environ | {"PASSWD": PASSWORD, "LC_ALL": "C.UTF-8"}
    result = run_bindings("lists.py", configuration, served.address, USER, env=environment)
    assert sorted(result.stdout.split()) == sorted(PIPES), result.stderr


def library(served, configuration, pipe="simple", protection="sign", password=PASSWORD):
    environment = os.environ | {"PASSWD": password, "LC_ALL": "C.UTF-8"}
    result = run_bindings("calls.py", configuration, served.address, pipe, USER, protection, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_smbclient_lists_the_pipes(served, client):
    listed = client.smbclient(served.address, "-c", "ls")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "simple" in listed.stdout.split(), listed.stdout
    assert client.smbclient(served.address, "-c", "ls SIM*").stdout.split()[0] == "simple"
    assert "NT_STATUS_NO_SUCH_FILE" in client.smbclient(served.address, "-c", "ls nothing").stdout
