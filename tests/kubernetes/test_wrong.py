"""Manifests that are wrong in one way each: which of them a real API server refuses, beside the rules that name them all."""

import copy
import json

import pytest

from conftest import GOLDEN, ROOT
from control_plane import Refused
from exported import as_pod, documents, lowered

# The unit tests of the export hold that a rule of its own names each.
WRONG = json.loads((ROOT / "crates/export/tests/wrong-manifests.json").read_text())


@pytest.fixture(scope="session")
def demo():
    folder = GOLDEN / "kubernetes-demo"
    return [each for path in sorted(folder.glob("*.yaml")) if path.name != "kustomization.yaml"
            for each in documents(path.read_text())]


@pytest.fixture(scope="session")
def namespace(plane):
    return plane.namespace("wrong")


def broken(demo, case):
    document = copy.deepcopy(next(each for each in demo if each["kind"] == case["kind"]))
    place = document
    for step in filter(None, case["at"].split("/")):
        place = place[int(step)] if isinstance(place, list) else place[step]
    value = case["value"]
    if isinstance(value, dict) and "repeat" in value:
        text, times = value["repeat"]
        value = text * times
    if value is None:
        del place[case["key"]]
    else:
        place[case["key"]] = value
    return document


def verdict(plane, namespace, document):
    """Who refuses an object: the server, the server when it gets the template as a Pod, kubectl apply, or nobody."""
    def takes(one, command="create"):
        try:
            plane.kubectl("--namespace", namespace, command, "--dry-run=server", "--filename=-", given=json.dumps(one))
        except Refused as refused:
            print(refused)
            return False
        return True

    if not takes(lowered(document)):
        return "object"
    if document["kind"] == "StatefulSet" and not takes(as_pod(lowered(document))):
        return "pod"
    return "nobody" if takes(lowered(document), "apply") else "apply"


@pytest.mark.parametrize("case", WRONG, ids=[f"{case['kind']}{case['at']}/{case['key']}: {case['rule']}" for case in WRONG])
def test_a_wrong_manifest_is_refused_where_the_table_says_so(plane, namespace, demo, case):
    assert verdict(plane, namespace, broken(demo, case)) == case["refused-by"]


def test_the_manifest_that_is_not_wrong_is_taken(plane, namespace, demo):
    for document in demo:
        assert verdict(plane, namespace, document) == "nobody", document["kind"]
