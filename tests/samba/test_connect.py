"""`standpipe connect` with Samba's smbd: local programs that know nothing of the network use its pipe."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest
from deployment import PATIENCE, until
from smbd import PASSWORD, USER, PipeServer, Smbd

LONGEST = 0xFFFF  # smbd's helpers say in 16 bits how long a message is

# A program of the world: it sends messages of every length and compares what comes back.
PROGRAM = """
import socket, sys
path, name = sys.argv[1:]
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as pipe:
    pipe.settimeout(60)
    pipe.connect(path)
    for length in (1, 20, 4096, 65535, 3):
        message = (name + "/" + str(length) + "/").encode().ljust(length, b"x")[:length]
        pipe.send(message)
        answer = pipe.recv(1 << 20)
        assert answer == message[::-1], (length, len(answer))
"""


class Echo(PipeServer):
    """Answers each message with the same reversed, until its client goes; keeps what it was sent."""

    def __init__(self, folder, name):
        self.arrived = []
        super().__init__(folder, name)

    def talk(self, client):
        with client, client.makefile("rb") as stream, contextlib.suppress(OSError):
            (length,) = struct.unpack(">I", stream.read(4))
            assert stream.read(length).startswith(b"NPAM")
            client.sendall(struct.pack(">I", len(self.READY)) + self.READY)
            while prefix := stream.read(2):
                message = stream.read(*struct.unpack("<H", prefix))
                self.arrived.append(message)
                client.sendall(struct.pack("<H", len(message)) + message[::-1])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    return Smbd(tmp_path_factory.mktemp("smbd"))


@pytest.fixture
def connect(binaries, tmp_path):
    """Runs `standpipe connect`; at the end it must stop when asked, and leave no socket behind."""
    with contextlib.ExitStack() as stack:

        def connect(server, *more, pipe="echo"):
            return stack.enter_context(running(binaries, tmp_path, server, pipe, more))

        yield connect


@contextlib.contextmanager
def running(binaries, folder, server, pipe, more):
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(PASSWORD)
    log = folder / "connect.log"
    arguments = ["connect", f"//{server.address}/pipe/{pipe}", "-u", USER, "--password-file", secret]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("STANDPIPE_")}
    environment["STANDPIPE_PIPES"] = str(folder / "pipes")
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(word) for word in (binaries / "standpipe", *arguments, *more)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    path = folder / "pipes" / pipe

    def offered():
        assert process.poll() is None, log.read_text()
        return "offering" in log.read_text() or "not offered" in log.read_text()

    try:
        until(offered, "it is offered")
        process.log = log
        process.path = path
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, log.read_text()
        assert not path.exists()


@contextlib.contextmanager
def program(path):
    """This process as a local program."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as pipe:
        pipe.settimeout(PATIENCE)
        pipe.connect(str(path))
        yield pipe


PROTECTION = {
    "signed": ((), ""),
    "3.0": ((), "server max protocol = SMB3_00"),
    "encrypted": (("--encrypt",), ""),
    "encryption required": ((), "server smb encrypt = required"),
}


@pytest.mark.parametrize(("options", "setting"), PROTECTION.values(), ids=PROTECTION.keys())
def test_programs_that_know_nothing_of_the_network_use_the_pipe(tmp_path, server, connect, options, setting):
    with server.running(setting, Echo, "echo"):
        process = connect(server, *options)
        command = [sys.executable, "-c", PROGRAM, str(process.path)]
        programs = [subprocess.Popen([*command, str(number)]) for number in range(50)]
        assert [each.wait(PATIENCE) for each in programs] == [0] * 50, process.log.read_text()
        assert "encrypted=true" in process.log.read_text() or not (options or "required" in setting)


def test_the_services_end_is_the_programs_end(server, connect):
    with server.running() as samba:
        process = connect(samba, pipe="simple")
        with program(process.path) as pipe:
            pipe.send(b"Hello\0")
            assert pipe.recv(100) == b"olleH"
            assert pipe.recv(100) == b""


def test_a_pipe_that_is_not_there_closes_the_program_and_nothing_else(server, connect):
    with server.running() as samba:
        process = connect(samba, pipe="nothing")
        for _ in range(2):
            with program(process.path) as pipe:
                assert pipe.recv(100) == b""
        assert process.poll() is None
        assert "there is no pipe" in process.log.read_text()


def test_a_server_that_is_killed_and_comes_back(server, connect):
    with server.running("", Echo, "echo") as samba:
        process = connect(samba)
        with program(process.path) as pipe:
            pipe.send(b"before")
            assert pipe.recv(100) == b"erofeb"
            samba.kill()
            # Its end is noticed without anything being sent.
            assert pipe.recv(100) == b""
        until(lambda: not process.path.exists(), "nobody can connect while the server is gone")
    with server.running("", Echo, "echo") as samba:

        def is_back():
            with contextlib.suppress(OSError), program(process.path) as pipe:
                pipe.send(b"after")
                return pipe.recv(100) == b"retfa"

        until(is_back, "the pipe is back")
        assert samba.pipe.arrived == [b"after"]


def test_many_programs_in_the_middle_of_a_kill_send_nothing_twice(server, connect):
    arrived, answered = [], []
    with server.running("", Echo, "echo") as samba:
        process = connect(samba)
        begun = threading.Barrier(21)

        def work(number):
            with contextlib.suppress(OSError), program(process.path) as pipe:
                for count in range(10000):
                    message = f"{number}/{count}".encode()
                    pipe.send(message)
                    if pipe.recv(100) != message[::-1]:
                        return
                    answered.append(message)
                    if count == 5:
                        begun.wait(PATIENCE)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        begun.wait(PATIENCE)
        samba.kill()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        arrived = list(samba.pipe.arrived)
    assert len(set(arrived)) == len(arrived), "something was sent twice"
    assert set(answered) <= set(arrived)
