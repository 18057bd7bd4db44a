"""nmap's scripts about SMB 2 and 3, which negotiate in each dialect, with our server."""

import datetime
import re

import pytest
from debian import run

SCRIPTS = ("smb-protocols", "smb2-capabilities", "smb2-security-mode", "smb2-time")


@pytest.fixture(scope="module")
def said(served):
    """What each script prints, without its frame, by its name."""
    options = ("-n", "-Pn", "-p", "445", "--script", ",".join(SCRIPTS))
    result = run("nmap", *options, served.address)
    assert result.returncode == 0 and "445/tcp open" in result.stdout, result.stdout
    said = {}
    for line in result.stdout.splitlines():
        if found := re.match(r"\|[ _](\S+): ?(.*)", line):
            words = said.setdefault(found[1], [])
            line = f"|_{found[2]}"
        if line.startswith("|") and said:
            words.append(line[2:].strip())
    return {name: [word for word in words if word] for name, words in said.items()}


def test_it_finds_every_dialect(said):
    assert said["smb-protocols"] == ["dialects:", "202", "210", "300", "302", "311"]


def test_it_finds_that_signatures_are_required(said):
    assert said["smb2-security-mode"] == ["311:", "Message signing enabled and required"]


def test_it_finds_no_capability_but_long_messages(said):
    """It asks for none of the others, which are for files, and encryption in 3.1.1 is agreed on in another way."""
    several = ["Multi-credit operations"]
    expected = ["202:", "All capabilities are disabled", "210:", *several, "300:", *several, "302:", *several]
    assert said["smb2-capabilities"] == [*expected, "311:", *several]


def test_it_reads_the_time(said):
    [date] = [word.removeprefix("date: ") for word in said["smb2-time"] if word.startswith("date: ")]
    age = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.datetime.fromisoformat(date)
    assert abs(age) < datetime.timedelta(minutes=5)
