"""A control plane of the tests' own: etcd, the API server and its controllers, on loopback. There is no node."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

# Where the pods' services would be. Nobody goes there.
SERVICES = "10.96.0.0/16"
ADVERTISED = "10.99.0.1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Refused(Exception):
    """What kubectl said when the server, or kubectl itself, took an object for wrong."""


class ControlPlane:
    def __init__(self, programs, folder):
        self.programs = Path(programs)
        self.folder = Path(folder)
        self.started = []
        self.port = free_port()

    def start(self):
        self.make_keys()
        etcd, peers = free_port(), free_port()
        self.run("etcd", f"--data-dir={self.folder}/etcd", f"--listen-client-urls=http://127.0.0.1:{etcd}",
                 f"--advertise-client-urls=http://127.0.0.1:{etcd}", f"--listen-peer-urls=http://127.0.0.1:{peers}",
                 f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
                 f"--initial-cluster=default=http://127.0.0.1:{peers}", "--unsafe-no-fsync")
        keys = self.folder
        self.run("kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1",
                 f"--advertise-address={ADVERTISED}", f"--secure-port={self.port}", f"--tls-cert-file={keys}/server.crt",
                 f"--tls-private-key-file={keys}/server.key", f"--client-ca-file={keys}/ca.crt",
                 f"--service-cluster-ip-range={SERVICES}", f"--service-account-key-file={keys}/accounts.pub",
                 f"--service-account-signing-key-file={keys}/accounts.key",
                 "--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=Node,RBAC",
                 "--enable-admission-plugins=NodeRestriction")
        self.until("the API server is ready", lambda: self.kubectl("get", "--raw", "/readyz") == "ok")
        self.run("kube-controller-manager", f"--kubeconfig={keys}/controllers.conf",
                 f"--service-account-private-key-file={keys}/accounts.key", f"--root-ca-file={keys}/ca.crt",
                 "--use-service-account-credentials", "--leader-elect=false", "--bind-address=127.0.0.1",
                 f"--secure-port={free_port()}", "--port=0")
        self.until("the controllers run", lambda: self.kubectl("get", "serviceaccount", "default"))

    def run(self, program, *arguments):
        log = (self.folder / f"{program}.log").open("wb")
        command = [self.programs / program, *arguments]
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self.started.append((program, started))

    def end(self):
        for _, program in reversed(self.started):
            program.kill()
            program.wait()

    def until(self, what, holds, seconds=240):
        """Waits until something holds. The machine may be busy: how long it takes says nothing."""
        end = time.monotonic() + seconds
        last = None
        while time.monotonic() < end:
            for name, program in self.started:
                if program.poll() is not None:
                    said = (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]
                    raise AssertionError(f"{name} ended with {program.returncode}:\n{said}")
            try:
                found = holds()
            except Refused as refused:
                found, last = None, refused
            if found:
                return found
            time.sleep(0.25)
        raise AssertionError(f"not within {seconds} s: {what}; {last}")

    def kubectl(self, *arguments, given=None):
        """What kubectl prints. `given` is its standard input."""
        command = [self.programs / "kubectl", f"--kubeconfig={self.folder}/admin.conf",
                   f"--cache-dir={self.folder}/cache", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        return done.stdout

    def namespace(self, name):
        """Makes a namespace, in which pods can be made."""
        self.kubectl("create", "namespace", name)
        self.until(f"{name} has an account", lambda: self.kubectl("--namespace", name, "get", "serviceaccount", "default"))
        return name

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def make_keys(self):
        """An authority, and what it vouches for."""
        self.authority()
        self.certificate("server", "/CN=kube-apiserver", f"subjectAltName=IP:127.0.0.1,IP:{ADVERTISED},IP:10.96.0.1")
        self.user("admin", "/O=system:masters/CN=admin")
        self.user("controllers", "/CN=system:kube-controller-manager")
        self.openssl("genrsa", "-out", "accounts.key", "2048")
        self.openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")

    def authority(self):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                     "-keyout", "ca.key", "-out", "ca.crt")

    def certificate(self, name, subject, extension="extendedKeyUsage=clientAuth"):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{name}.key",
                     "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(extension + "\n")
        self.openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                     "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.crt")

    def user(self, name, subject):
        self.certificate(name, subject)
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://127.0.0.1:{self.port}", "certificate-authority": f"{self.folder}/ca.crt"}}],
            "users": [{"name": name, "user": {
                "client-certificate": f"{self.folder}/{name}.crt", "client-key": f"{self.folder}/{name}.key"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        }
        # YAML is a superset of JSON.
        (self.folder / f"{name}.conf").write_text(json.dumps(config))

    def openssl(self, *arguments):
        program = shutil.which("openssl")
        subprocess.run([program, *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def running(folder):
    plane = ControlPlane(os.environ["STANDPIPE_KUBERNETES"], folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.end()
