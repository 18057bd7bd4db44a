"""The command, as a person types it."""

import json
import os
import re
import stat
import subprocess

from deployment import GUEST_MEMBER, USER

NOT_PERMITTED = 77
TEMPORARY = 75
UNAVAILABLE = 69
USAGE = 64


def test_call_prints_the_answer_and_nothing_else(demo):
    result = demo.call(1, "Hello, named pipe")
    assert (result.returncode, result.stdout, result.stderr) == (0, "epip deman ,olleH\n", "")


def test_call_takes_a_text_from_standard_input(demo):
    result = demo.call(0, "-", input="Grüße", stdin=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (0, "eßürG\n"), result.stderr


def test_call_says_that_the_log_on_failed(demo):
    result = demo.call(0, "Hello", password="not the password")
    assert result.returncode == NOT_PERMITTED
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and "log" in result.stderr.lower()
    assert "not the password" not in result.stderr


def test_call_says_that_access_is_denied(demo):
    result = demo.call(0, "Hello", user=GUEST_MEMBER.name, password=GUEST_MEMBER.password)
    assert result.returncode == NOT_PERMITTED
    assert "denied" in result.stderr


def test_call_says_that_nobody_listens(deployment):
    result = deployment.call(0, "Hello")
    assert result.returncode in (TEMPORARY, UNAVAILABLE)
    assert f"127.0.0.1:{deployment.smb_port}" in result.stderr


def test_call_says_what_is_wrong_with_an_address(demo):
    result = demo.command("call", "//127.0.0.1/pipes/simple", "Hello", "-u", USER)
    assert result.returncode == USAGE
    assert "pipe" in result.stderr


def test_call_never_sends_a_secret_on_the_command_line(demo):
    result = demo.command("call", "--help")
    assert "--password-file" in result.stdout
    assert "--password " not in result.stdout


def test_ps_shows_every_instance(demo):
    result = demo.command("ps", "-f", demo.file, "--state-dir", demo.state)
    assert result.returncode == 0, result.stderr
    for name in ("ServiceWatcher", "Web"):
        assert name in result.stdout
    shown = json.loads(demo.command("ps", "-f", demo.file, "--state-dir", demo.state, "--json").stdout)
    assert sorted((each["role"], each["instance"]) for each in shown) == [
        ("ServiceWatcher", 0),
        ("ServiceWatcher", 1),
        ("Web", 0),
    ]


def test_account_list_shows_no_hash(demo):
    listed = demo.account(0, "list") + demo.account(0, "list", "--json")
    hashes = re.findall(r"[0-9a-fA-F]{32}", demo.accounts_file(0).read_text())
    assert USER in listed
    assert hashes and not [each for each in hashes if each in listed]


def test_nobody_else_can_read_what_the_deployment_keeps(demo):
    assert stat.S_IMODE(demo.state.stat().st_mode) == 0o700
    for path in demo.state.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_no_password_is_in_a_log_or_on_a_command_line(demo):
    assert demo.password not in demo.log.read_text()
    for pid in demo.processes():
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            assert demo.password.encode() not in line.read()


def test_accounts_that_others_can_read_are_refused(demo):
    path = demo.accounts_file(0)
    os.chmod(path, 0o644)
    try:
        result = demo.command("account", "list", "--file", path)
        assert result.returncode != 0
        assert str(path) in result.stderr and "hint:" in result.stderr
    finally:
        os.chmod(path, 0o600)
