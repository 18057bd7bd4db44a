"""What `standpipe export kubernetes` makes, and what of it a server of 1.20 does not know."""

import copy
import json

import yaml


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def pod_of(document):
    """The specification of a StatefulSet's pods."""
    return document["spec"]["template"]["spec"]


def lowered(document):
    """The same for a server of 1.20.

    The exports are for 1.30 and newer. This server is what can be built from a registry of packages: it knows the same
    objects and nearly the same fields. What it lacks is named here; any other field that it does not know is a failure.
    """
    document = copy.deepcopy(document)
    if document["apiVersion"] == "policy/v1":  # 1.21
        document["apiVersion"] = "policy/v1beta1"
        document["spec"].pop("unhealthyPodEvictionPolicy", None)  # 1.26
    if document["kind"] == "StatefulSet":
        document["spec"].pop("minReadySeconds", None)  # 1.22
        pod = pod_of(document)
        pod.pop("os", None)  # 1.23
        for container in pod["containers"]:
            hook = container.get("lifecycle", {}).get("preStop", {})
            if "sleep" in hook:  # 1.29
                hook["exec"] = {"command": ["sleep", str(hook.pop("sleep")["seconds"])]}
    return document


def as_pod(document):
    """A StatefulSet's template as a Pod: an old server looks at a template only then."""
    template = copy.deepcopy(document["spec"]["template"])
    spec = template["spec"]
    # The controller would add a volume for each claim.
    for claim in document["spec"].get("volumeClaimTemplates", []):
        name = claim.get("metadata", {}).get("name")
        spec.setdefault("volumes", []).append({"name": name, "persistentVolumeClaim": {"claimName": name}})
    metadata = {**template.get("metadata", {}), "name": "template"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def missing(sent, found, place=""):
    """Where what was sent is not in what came back."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return [each for key, value in sent.items() for each in missing(value, found.get(key), f"{place}.{key}")]
    if isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        return [each for at, pair in enumerate(zip(sent, found)) for each in missing(*pair, f"{place}[{at}]")]
    return [] if sent == found else [f"{place}: sent {json.dumps(sent)}, came back as {json.dumps(found)}"]
