"""Pipes that lead elsewhere than to a listener of Standpipe's own, called by clients written elsewhere."""

import contextlib
import socket
import threading

import pytest

from clients import Impacket, Smbprotocol, connected
from deployment import USER

# A role without a service of its own: these pipes lead to services that the test runs.
ROLE = """
[[roles.Places.startup]]
command = ["standpipe", "account", "add", "serviceUser", "--password-file", "${{SERVICE_DEMO_SECRETS}}/serviceUser"]

[roles.Places.pipes.each]
sddl = "D:(A;;GRGW;;;AU)"
command = ["sh", "each.sh"]

[roles.Places.pipes.port]
sddl = "D:(A;;GRGW;;;AU)"
backend = "tcp://127.0.0.1:{port}"

[roles.Places.pipes.net]
sddl = "D:(A;;GRGW;;;AU)"
backend = "dotnet:{path}"
caller = true

[roles.Places.endpoints.NamedPipes]
protocol = "smb"
port = {endpoint}
"""


@contextlib.contextmanager
def serving(listener):
    """Answers each client of a listening socket with what it says, in capitals."""

    def one(client):
        with client:
            while data := client.recv(65536):
                client.sendall(data.upper())

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    listener.listen()
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        # Closing alone would not wake the thread.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture(scope="module")
def places(binaries):
    """Where a deployment whose pipes lead everywhere can be called."""
    from conftest import short_folder
    from deployment import Deployment, free_port

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        deployment = Deployment(binaries, folder)
        port = socket.socket()
        port.bind(("127.0.0.1", 0))
        path = folder / "CoreFxPipe_net"
        net = socket.socket(socket.AF_UNIX)
        net.bind(str(path))
        stack.enter_context(serving(port))
        stack.enter_context(serving(net))
        (folder / "each.sh").write_text('word=$(head -n 1); printf "%s for %s" "$word" "$STANDPIPE_CALLER_NAME"\n')
        endpoint = free_port(["127.0.0.1"])
        role = ROLE.format(port=port.getsockname()[1], path=path, endpoint=endpoint)
        deployment.write(deployment.file.read_text() + role)
        stack.enter_context(deployment.running())
        yield ("127.0.0.1", endpoint, USER, deployment.password)


def read_until(client, opened, end):
    said = b""
    while not said.endswith(end):
        said += client.read(opened)
    return said


@pytest.mark.parametrize("peer", [Impacket, Smbprotocol])
def test_a_command_for_each_open(places, peer):
    with connected(peer, *places) as client:
        for word in (b"one", b"two"):
            opened = client.open("each")
            assert client.transceive(opened, word + b"\n") == word + b" for " + USER.encode()
            client.close(opened)


@pytest.mark.parametrize("peer", [Impacket, Smbprotocol])
def test_a_tcp_port(places, peer):
    with connected(peer, *places) as client:
        opened = client.open("port")
        client.write(opened, b"hello ")
        client.write(opened, b"port")
        assert read_until(client, opened, b"PORT") == b"HELLO PORT"
        client.close(opened)


@pytest.mark.parametrize("peer", [Impacket, Smbprotocol])
def test_a_socket_as_net_makes_it_whose_service_is_told_the_caller(places, peer):
    with connected(peer, *places) as client:
        opened = client.open("net")
        client.write(opened, b"hello net")
        preamble, _, said = read_until(client, opened, b"HELLO NET").partition(b"\n")
        assert said == b"HELLO NET"
        assert f'"ACCOUNT":"{USER.upper()}"'.encode() in preamble and b'"PIPE":"NET"' in preamble
        client.close(opened)
