"""Somebody in the middle: a TCP relay that may change what a client says."""

import contextlib
import socket
import struct
import threading

SIGNED = 0x00000008


class Relay:
    """A TCP relay that may change the client's SMB2 messages."""

    def __init__(self, host, port, change):
        self.change = change
        self.changed = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address, self.port = self.listener.getsockname()
        self.client = None
        self.server = socket.create_connection((host, port))
        threading.Thread(target=self.to_server, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self.listener, self.client, self.server):
            if each is not None:
                # Closing alone tells nobody while a thread still reads.
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def to_server(self):
        try:
            self.client, _ = self.listener.accept()
            threading.Thread(target=self.to_client, daemon=True).start()
            while True:
                length = struct.unpack(">I", self.exactly(4))[0]
                message = bytearray(self.exactly(length))
                if message[:4] == b"\xfeSMB" and self.change(message):
                    self.changed += 1
                self.server.sendall(struct.pack(">I", len(message)) + message)
        except OSError:
            self.__exit__()

    def exactly(self, length):
        data = b""
        while len(data) < length:
            part = self.client.recv(length - len(data))
            if not part:
                raise ConnectionError("the client hung up")
            data += part
        return data

    def to_client(self):
        try:
            while data := self.server.recv(65536):
                self.client.sendall(data)
        except OSError:
            pass
        self.__exit__()


def command_of(message):
    return struct.unpack_from("<H", message, 12)[0]


def remove_the_signature_of(command):
    """A change that takes the signature from messages of one command."""

    def remove_the_signature(message):
        if command_of(message) != command:
            return False
        flags = struct.unpack_from("<I", message, 16)[0]
        assert flags & SIGNED, "the client signs"
        struct.pack_into("<I", message, 16, flags & ~SIGNED)
        message[48:64] = bytes(16)
        return True

    return remove_the_signature
