"""Exports that a real API server takes, and keeps as they were sent; and what its controllers make of them."""

import json

import pytest

from conftest import GOLDEN
from exported import as_pod, documents, lowered, missing

# The unit tests compare what `standpipe export` writes with these, byte for byte.
EXPORTS = sorted(folder.name for folder in GOLDEN.glob("kubernetes-*"))


def test_there_are_exports_of_every_kind():
    assert {"kubernetes-demo", "kubernetes-kept", "kubernetes-windows", "kubernetes-wine"} <= set(EXPORTS)


@pytest.fixture(params=EXPORTS, scope="module")
def applied(request, plane):
    """A namespace that an export was applied in, with what was sent."""
    namespace = plane.namespace(request.param)
    # What `kubectl apply -k` sends.
    sent = [lowered(each) for each in documents(plane.kubectl("kustomize", str(GOLDEN / request.param)))]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": sent})
    plane.kubectl("--namespace", namespace, "apply", "--dry-run=server", "--filename=-", given=text)
    plane.kubectl("--namespace", namespace, "apply", "--filename=-", given=text)
    # A second time, nothing changes. (It always says `configured` of a StatefulSet with claims.)
    before = generations(plane, namespace)
    plane.kubectl("--namespace", namespace, "apply", "--filename=-", given=text)
    assert generations(plane, namespace) == before
    yield namespace, sent
    plane.kubectl("delete", "namespace", namespace, "--wait=false")


def generations(plane, namespace):
    found = plane.get("--namespace", namespace, "statefulsets,poddisruptionbudgets,networkpolicies")["items"]
    return {(each["kind"], each["metadata"]["name"]): each["metadata"]["generation"] for each in found}


def test_what_comes_back_has_what_was_sent(plane, applied):
    namespace, sent = applied
    wrong = []
    for document in sent:
        group = document["apiVersion"].rpartition("/")[0]
        kind = f"{document['kind']}.{document['apiVersion'].rpartition('/')[2]}.{group}" if group else document["kind"]
        found = plane.get("--namespace", namespace, kind, document["metadata"]["name"])
        wrong += [f"{document['kind']}{each}" for each in missing(document, found)]
    assert not wrong, "\n".join(wrong)


def test_a_template_is_right_as_a_pod(plane, applied):
    namespace, sent = applied
    for document in sent:
        if document["kind"] == "StatefulSet":
            text = json.dumps(as_pod(document))
            plane.kubectl("--namespace", namespace, "create", "--dry-run=server", "--filename=-", given=text)


def test_the_controllers_make_the_pods_the_claims_and_the_budget(plane, applied):
    namespace, sent = applied
    for document in sent:
        if document["kind"] != "StatefulSet":
            continue
        name, wanted = document["metadata"]["name"], document["spec"]["replicas"]
        labels = ",".join(f"{key}={value}" for key, value in document["spec"]["selector"]["matchLabels"].items())

        def pods():
            return plane.get("--namespace", namespace, "pods", f"--selector={labels}")["items"]

        plane.until(f"{name} has {wanted} pods", lambda: len(pods()) == wanted)
        assert sorted(pod["metadata"]["name"] for pod in pods()) == [f"{name}-{number}" for number in range(wanted)]
        spec = document["spec"]["template"]["spec"]
        for pod in pods():
            # The server adds volumes, those of claims.
            named = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
            found = {**pod["spec"], "volumes": [named.get(volume["name"]) for volume in spec["volumes"]]}
            # And tolerations: those of nodes that went away.
            found["tolerations"] = found["tolerations"][: len(spec.get("tolerations", []))]
            assert not missing(spec, found)
            assert pod["spec"]["subdomain"] == document["spec"]["serviceName"], "its name of its own"
        for claim in document["spec"].get("volumeClaimTemplates", []):
            claims = {f"{claim['metadata']['name']}-{name}-{number}" for number in range(wanted)}
            found = plane.get("--namespace", namespace, "persistentvolumeclaims")["items"]
            assert claims == {each["metadata"]["name"] for each in found if name in each["metadata"]["name"]}

        def status():
            found = plane.get("--namespace", namespace, "poddisruptionbudget", name).get("status", {})
            return found if found.get("expectedPods") == wanted else None

        budget = plane.until(f"the budget of {name} knows its pods", status)
        assert budget["desiredHealthy"] == wanted - 1, budget
