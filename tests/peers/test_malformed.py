"""What is no SMB, or bad SMB, gets its status or a closed connection, and disturbs nobody else."""

import random
import socket
import struct

import pytest

from clients import Impacket, connected, reversed_by
from deployment import USER


def frame(message):
    return struct.pack(">I", len(message)) + message


def header(command, length=64, next_command=0, credits=1):
    fields = (b"\xfeSMB", length, 0, 0, command, credits, 0, next_command, 0, 0, 0, 0, bytes(16))
    return struct.pack("<4sHHIHHIIQIIQ16s", *fields)


def negotiate(count):
    """A NEGOTIATE that says how many dialects it lists, before the dialects."""
    return header(0) + struct.pack("<HHHHI16sQ", 36, count, 1, 0, 0, bytes(16), 0)


NEGOTIATE = negotiate(1) + struct.pack("<H", 0x0210)

MESSAGES = {
    "another protocol": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a frame of the greatest length": b"\x00\xff\xff\xff" + bytes(1000),
    "an empty frame": frame(b""),
    "a frame shorter than a header": frame(b"\xfeSMB\x40\x00"),
    "an unknown protocol id": frame(b"\xffSMC" + bytes(60)),
    "an encrypted message before any key": frame(b"\xfdSMB" + bytes(100)),
    "a compressed message": frame(b"\xfcSMB" + bytes(100)),
    "a header of another size": frame(header(0, length=63) + bytes(36)),
    "an unknown command": frame(header(0x77) + bytes(36)),
    "a NEGOTIATE that is cut short": frame(NEGOTIATE[:-10]),
    "no dialects": frame(negotiate(0)),
    "more dialects than there are bytes": frame(negotiate(65535)),
    "a compound that points outside": frame(header(0, next_command=0xFFFFFFF8) + bytes(36)),
    "a compound that points at itself": frame(header(0, next_command=8) + bytes(36)),
    "a WRITE before a session": frame(NEGOTIATE) + frame(header(9) + bytes(48)),
    "a NEGOTIATE, twice": frame(NEGOTIATE) + frame(NEGOTIATE),
    "an SMB1 NEGOTIATE without SMB2": frame(b"\xffSMBr" + bytes(27) + b"\x00\x0c\x00\x02NT LM 0.12\x00"),
    "a thousand bytes of noise": frame(random.Random(1).randbytes(1000)),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_gets_a_status_or_a_closed_connection(demo, message):
    with socket.create_connection((demo.hosts[0], demo.smb_port), timeout=20) as connection:
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    if answer:
        assert answer[4:8] in (b"\xfeSMB",), answer
    with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
        assert reversed_by(client, "Hello") == "olleH"


def test_connections_that_say_nothing_hold_up_nobody(demo):
    idle = [socket.create_connection((demo.hosts[0], demo.smb_port)) for _ in range(100)]
    try:
        with connected(Impacket, demo.hosts[0], demo.smb_port, USER, demo.password) as client:
            assert reversed_by(client, "Hello") == "olleH"
    finally:
        for connection in idle:
            connection.close()
