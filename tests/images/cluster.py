"""What a cluster does with a StatefulSet, as far as podman's `kube play` does not.

podman 4.3 knows no StatefulSet, so the test makes the Pod of an instance, as the controller of a cluster does. It passes
over the pod's sysctls, puts no variable into a command, and gives each file of a secret to root with mode 0644. So the
test mounts folders with the owners, modes and links that a kubelet makes, fills in the variables, and sets the sysctls for
all containers of the engine.
"""

import base64
import copy
import os
from pathlib import Path

import yaml


def documents(*texts):
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def of_kind(all_documents, kind, name=None):
    """The only document of a kind, or that with the name."""
    found = [each for each in all_documents if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def sysctls(stateful_set):
    context = stateful_set["spec"]["template"]["spec"].get("securityContext", {})
    return {each["name"]: each["value"] for each in context.get("sysctls", [])}


def expanded(word, variables):
    """A word of a command, with the values of `$(NAME)` in it."""
    for name, value in variables.items():
        word = word.replace(f"$({name})", value)
    assert "$(" not in word, word
    return word


def chosen(files, source):
    """The files that a volume takes from its source, under the names that it gives them; without a choice, all."""
    return {each["path"]: files[each["key"]] for each in source["items"]} if "items" in source else files


class Node:
    """A folder in which volumes lie as a kubelet lays them."""

    def __init__(self, folder, objects, secrets):
        self.folder = folder
        self.objects = objects
        self.secrets = secrets

    def pod(self, stateful_set, number, address):
        """The manifest of one instance's Pod, which will have this address."""
        template = copy.deepcopy(stateful_set["spec"]["template"])
        name = f"{stateful_set['metadata']['name']}-{number}"
        spec = template["spec"]
        group = spec["securityContext"]["fsGroup"]
        spec["volumes"] = [self.volume(name, each, group) for each in spec.get("volumes", [])]
        known = {"metadata.name": name, "status.podIP": address}
        for container in spec["containers"]:
            for variable in container.get("env", []):
                if "valueFrom" in variable:
                    variable["value"] = known[variable.pop("valueFrom")["fieldRef"]["fieldPath"]]
            variables = {each["name"]: each["value"] for each in container.get("env", [])}
            container["args"] = [expanded(word, variables) for word in container.get("args", [])]
            container["imagePullPolicy"] = "Never"
        # Annotations stay out: podman takes none of more than 63 bytes, where a cluster takes 256 KiB.
        metadata = {"name": name, "labels": template["metadata"]["labels"]}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def volume(self, pod, volume, group):
        folder = self.folder / pod / volume["name"]
        folder.mkdir(parents=True)
        if "secret" in volume:
            name = volume["secret"]["secretName"]
            files = chosen(self.secrets[name], volume["secret"])
            self.fill(folder, files, group, volume["secret"].get("defaultMode", 0o644))
        elif "configMap" in volume:
            found = of_kind(self.objects, "ConfigMap", volume["configMap"]["name"])
            files = {key: text.encode() for key, text in found.get("data", {}).items()}
            files |= {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}
            self.fill(folder, chosen(files, volume["configMap"]), group, volume["configMap"].get("defaultMode", 0o644))
        else:
            assert "emptyDir" in volume, volume
        os.chown(folder, 0, group)
        folder.chmod(0o2777)  # the folder's files get its group
        return {"name": volume["name"], "hostPath": {"path": str(folder), "type": "Directory"}}

    @staticmethod
    def fill(folder, files, group, mode):
        """Files as links through a link to a folder, which an update replaces in one step."""
        inner = folder / "..2026_11_28"
        inner.mkdir(mode=0o755)
        for name, content in files.items():
            file = inner / name
            file.write_bytes(content)
            os.chown(file, 0, group)
            # With a group of their own, files can be read by it, whatever the mode says.
            file.chmod(mode | 0o440)
            Path(folder / name).symlink_to(f"..data/{name}")
        (folder / "..data").symlink_to(inner.name)
