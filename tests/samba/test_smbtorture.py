"""Those tests of Samba's test client that apply to a server of pipes. smbtorture.md says why the others do not."""

import fnmatch
import re
from pathlib import Path

import pytest
from debian import run

# The rows of its tables.
NOTES = [
    [cell.strip().strip("`") for cell in line.strip("|\n").split(" | ")]
    for line in Path(__file__).with_name("smbtorture.md").read_text().splitlines()
    if line.startswith("| `")
]

# What smbtorture says at the end of each test, and what it says besides.
EXPECTED = {
    "smb2.bench.echo.echo": ("success", ""),
    "smb2.compound.invalid1.invalid1": ("success", ""),
    "smb2.compound.related5.related5": ("success", ""),
    "smb2.session.ntlmssp_bug14932.ntlmssp_bug14932": ("success", ""),
    "smb2.session.two_logoff.two_logoff": ("success", ""),
    "smb2.tcon.tcon": ("success", ""),
    "smb2.session-require-signing.bug15397.bug15397": ("success", ""),
    "smb2.credits.session_setup_credits_granted.session_setup_credits_granted": (
        "failure", "Server only granted 512 credits",
    ),
    "smb2.ioctl.network_interface_info.network_interface_info": (
        "skip", "server doesn't support SMB2_CAP_MULTI_CHANNEL",
    ),
    "smb2.scan.scan.scan": ("", "opcode[12] msg_id == 0"),
    "smb2.session-id.session-id": (
        "failure", "status was NT_STATUS_USER_SESSION_DELETED, expected NT_STATUS_OK: close failed",
    ),
}  # fmt: skip
GUESSING = {
    "smb2.secleak.secleak": ("failure", "NT_STATUS_CONNECTION_DISCONNECTED, expected NT_STATUS_LOGON_FAILURE"),
}
# With a server that says of its pipes that they are new files, and answers every name with one.
POSING = {
    name: ("success", "")
    for name in (
        "rpc.samba3.smb2-pipe-read-close.smb2-pipe-read-close",
        "rpc.samba3.smb2-pipe-read-logoff.smb2-pipe-read-logoff",
        "rpc.samba3.smb2-pipe-read-tdis.smb2-pipe-read-tdis",
        "smb2.bench.path-contention-shared.path-contention-shared",
        "smb2.compound.create-write-close.create-write-close",
        "smb2.compound.invalid3.invalid3",
        "smb2.compound.related1.related1",
        "smb2.compound.related2.related2",
        "smb2.compound.related9.related9",
        "smb2.compound.unrelated1.unrelated1",
        "smb2.connect.connect",
        "smb2.create.bench-path-contention-shared.bench-path-contention-shared",
        "smb2.create.dir-alloc-size.dir-alloc-size",
        "smb2.create.impersonation.impersonation",
        "smb2.delete-on-close-perms.BUG14427.BUG14427",
        "smb2.fileid.unique-dir.unique-dir",
        "smb2.fileid.unique.unique",
        "smb2.getinfo.granted.granted",
        "smb2.getinfo.qsec_buffercheck.qsec_buffercheck",
        "smb2.maxfid.maxfid",
        "smb2.notify.file.file",
        "smb2.notify.tdis.tdis",
        "smb2.scan.find.find",
        "smb2.session.reauth1.reauth1",
        "smb2.session.reauth6.reauth6",
        "smb2.session.reconnect2.reconnect2",
        "smb2.sharemode.bug14375.bug14375",
        "smb2.streams.create-disposition.create-disposition",
        "smb2.timestamps.test_close_not_attrib.test_close_not_attrib",
    )
}
ALL = EXPECTED | GUESSING | POSING


@pytest.mark.parametrize("name", EXPECTED)
def test_smbtorture(served, client, tmp_path, name):
    assert_ends_as_expected(served, client, tmp_path, name)


@pytest.mark.parametrize("name", GUESSING)
def test_smbtorture_guessing_passwords(guarded, client, tmp_path, name):
    assert_ends_as_expected(guarded, client, tmp_path, name)


@pytest.mark.parametrize("name", POSING)
def test_smbtorture_with_pipes_that_pose_as_files(posing, client, tmp_path, name):
    assert_ends_as_expected(posing, client, tmp_path, name)


def assert_ends_as_expected(served, client, folder, name):
    result, remark = ALL[name]
    output = smbtorture(client, folder, f"//{served.address}/IPC$", "--option=torture:timelimit=1", name)
    ends = re.findall(r"^(success|failure|error|skip): ", output, re.MULTILINE)
    assert ends == ([result] if result else []), output
    assert remark in output


def test_the_server_is_none_the_worse(served, client):
    """After all that."""
    assert "fnum 1" in client.smbclient(served.address, "-c", "open simple; close 1").stdout


def test_every_test_is_run_or_has_a_reason(client, tmp_path):
    banner, *names = smbtorture(client, tmp_path, "--list").splitlines()
    assert banner.startswith("smbtorture ")
    assert len(names) > 2000
    assert not set(ALL) - set(names), "smbtorture has no such tests"
    reasons = [row[0] for row in NOTES]
    explained = {name for reason in reasons for name in fnmatch.filter(names, reason)}
    assert set(names) <= explained | set(ALL)
    assert not [reason for reason in reasons if not fnmatch.filter(names, reason)], "rows without a test"
    failing = {name for name, (result, _) in ALL.items() if result != "success"}
    assert failing <= set(reasons), "tests that fail without a reason"


def smbtorture(client, folder, *arguments):
    options = ("-s", client.configuration, "-A", client.account, f"--basedir={folder}")
    return run("smbtorture", *options, *arguments, env=client.environment).stdout
