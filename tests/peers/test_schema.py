"""The JSON schemas: an independent validator agrees with `standpipe check` on files, and with what `--json` prints."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from deployment import EXAMPLE, USER

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs/schemas"

# A change of the demo's file that both accept.
GOOD = {
    "nothing": ("instances = 2", "instances = 2"),
    "a number from the environment": ("instances = 2", 'instances = "${COUNT}"'),
    "a word from the environment": ('protocol = "smb"', 'protocol = "${PROTOCOL}"'),
    "a duration of two parts": ('start-timeout = "10s"', 'start-timeout = "1m 30s"'),
    "a duration from the environment": ('start-timeout = "10s"', 'start-timeout = "${TIME}"'),
    "variables": ("max-failures = 5", 'max-failures = 5\nenvironment = { LANG = "C" }'),
    "another word": ('protocol = "smb"', 'protocol = "smb"\nencryption = "required"'),
}
# A change of the demo's file that neither accepts.
BAD = {
    "an unknown key": ("max-failures = 5", "max-failure = 5"),
    "an unknown key at the top": ("name =", 'nane = "x"\nname ='),
    "a wrong type": ("instances = 2", 'instances = "two"'),
    "a number that is too small": ("instances = 2", "instances = 0"),
    "a number that is too large": ("instances = 2", "instances = 1001"),
    "a fraction": ("instances = 2", "instances = 2.5"),
    "a duration without its unit": ('start-timeout = "10s"', 'start-timeout = "10"'),
    "a duration that is a number": ('start-timeout = "10s"', "start-timeout = 10"),
    "an unknown word": ('protocol = "smb"', 'protocol = "nfs"'),
    "a flag that is a text": ("elevated = true", 'elevated = "true"'),
    "a command for a shell": ('command = ["simple-service"]', 'command = "simple-service"'),
    "a command without a program": ('command = ["simple-service"]', "command = []"),
    "a variable that is a number": ("max-failures = 5", "max-failures = 5\nenvironment = { N = 1 }"),
    "a key that is missing": ('protocol = "smb"', ""),
    "two passwords": ("password-file =", 'password-env = "P"\npassword-file ='),
    "no password": (re.compile(r"password-file = .*"), ""),
    "a password": ("password-file =", 'password = "secret"\npassword-file ='),
}


def schema(name):
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


def is_accepted_by_schema(text):
    validator = jsonschema.Draft7Validator(schema("standpipe"))
    return validator.is_valid(tomllib.loads(text))


def test_the_schemas_are_schemas():
    names = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir())
    own = ["account-list", "bench", "call", "doctor", "import", "pack", "ps", "service-status", "standpipe", "unpack"]
    assert names == own
    for name in names:
        jsonschema.validators.validator_for(schema(name)).check_schema(schema(name))


def blocks(path):
    """The pieces of deployment files in a page of documentation."""
    found = re.findall(r"^```toml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    return [tomllib.loads(block) for block in found]


def test_every_file_that_is_shown_is_accepted():
    shown = [tomllib.loads(path.read_text()) for path in (ROOT / "examples").rglob("standpipe.toml")]
    shown += blocks(ROOT / "README.md") + blocks(ROOT / "docs/deployment-file.md")
    assert len(shown) > 2
    for file in shown:
        file.setdefault("name", "Shown")
        jsonschema.validate(file, schema("standpipe"))


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """What the good files take from the environment."""
    for name, value in {"COUNT": "2", "PROTOCOL": "smb", "TIME": "5s"}.items():
        monkeypatch.setenv(name, value)


def change(deployment, before, after):
    text = deployment.file.read_text()
    changed = before.sub(after, text) if isinstance(before, re.Pattern) else text.replace(before, after, 1)
    assert changed != text or before == after
    deployment.write(changed)
    return deployment.command("check", "-f", deployment.file), changed


@pytest.mark.parametrize("before, after", GOOD.values(), ids=GOOD.keys())
def test_a_file_that_both_accept(deployment, before, after):
    result, text = change(deployment, before, after)
    assert result.returncode == 0, result.stderr
    assert is_accepted_by_schema(text)


@pytest.mark.parametrize("before, after", BAD.values(), ids=BAD.keys())
def test_a_file_that_both_refuse(deployment, before, after):
    result, text = change(deployment, before, after)
    assert result.returncode == 78, result.stdout
    assert not is_accepted_by_schema(text)


def test_what_is_printed_as_json_is_as_described(demo):
    address = f"//{demo.hosts[0]}:{demo.smb_port}/pipe/simple"
    log_on = ["-u", USER, "--password-file", demo.secrets / USER]
    fast = ["--workload", "call", "--expect", "reversed", "--duration", "100ms", "--warm-up", "1ms"]
    printed = {
        "ps": demo.command("ps", "-f", demo.file, "--state-dir", demo.state, "--json"),
        "call": demo.command("call", address, "Hello", *log_on, "--json"),
        "bench": demo.command("bench", address, *log_on, *fast, "--json"),
        "account-list": demo.command("account", "list", "--file", demo.accounts_file(0), "--json"),
    }
    found = demo.command("doctor", "-f", demo.file, "--json")
    assert found.returncode in (0, 78), found.stderr  # it may find something about this machine
    jsonschema.validate(json.loads(found.stdout), schema("doctor"))
    for name, result in printed.items():
        assert result.returncode == 0, (name, result.stderr)
        jsonschema.validate(json.loads(result.stdout), schema(name))
