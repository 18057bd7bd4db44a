"""The client go-smb2, Debian's package, through the program in tests/go-smb2.

Its known limits: it reads until its buffer is full, so it has to know the length of the reply; and it refuses interim
replies, which are not signed, so an answer that takes longer than a moment needs encryption.
"""

import os
from pathlib import Path

import pytest

from clients import STATUS_LOGON_FAILURE
from deployment import GUEST_MEMBER, USER
from programs import run

DIALECTS = ("2.0.2", "2.1", "3.0", "3.0.2", "3.1.1")
TEXTS = ("Hello, named pipe", "a", "ab" * 20000)

# Each client has a process of its own, which takes its time.
SLOW = """
[roles.ServiceWatcher.pipes.slow]
sddl = "D:(A;;GRGW;;;AU)"
command = ["sh", "-c", "head -c 5 > /dev/null; sleep 0.5; printf late"]

"""


@pytest.fixture(scope="module")
def program():
    path = os.environ.get("STANDPIPE_GO_SMB2")
    if not path:
        pytest.skip("no go-smb2 here")
    return Path(path)


@pytest.fixture
def call(program, demo):
    def call(dialect, *texts, to=demo, user=USER, password=None, pipe="simple"):
        where = (f"{to.hosts[0]}:{to.smb_port}", pipe, user)
        return run(program, *where, dialect, *texts, password=password or to.password)

    return call


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_comes_back_reversed(call, dialect):
    result = call(dialect, *TEXTS)
    assert result.stdout.splitlines() == [text[::-1] for text in TEXTS], result.stderr


@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_is_told_that_the_password_is_wrong(call, dialect):
    assert call(dialect, password="not the password").stdout == f"{STATUS_LOGON_FAILURE:#010x}\n"
    assert call(dialect, "Hello").stdout == "olleH\n", "a good one wipes it out"


def test_it_is_told_that_there_is_no_such_pipe(call):
    assert call("3.1.1", "Hello", pipe="complicated").stderr == "open complicated: file does not exist\n"


def test_it_is_told_that_the_descriptor_denies(call):
    account = {"user": GUEST_MEMBER.name, "password": GUEST_MEMBER.password}
    assert call("3.1.1", "Hello", **account).stderr == "open simple: permission denied\n"


def test_it_refuses_the_interim_reply_of_a_slow_answer_unless_all_is_encrypted(call, deployment):
    """With it, the way out that the documents name."""
    text = deployment.file.read_text()
    deployment.write(text + SLOW)
    with deployment.running():
        refused = call("3.1.1", "word", to=deployment, pipe="slow")
        assert refused.returncode != 0 and refused.stdout == "", "it has learned to wait: correct the documents"
    deployment.edit('visibility = "internal"', 'visibility = "internal"\nencryption = "required"')
    with deployment.running():
        for dialect in ("3.0", "3.0.2", "3.1.1"):
            answered = call(dialect, "word", to=deployment, pipe="slow")
            assert answered.stdout == "late\n", answered.stderr
