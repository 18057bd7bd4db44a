"""A service with several pipes: every message is answered by the same bytes reversed. Arguments: the pipes' names."""

import os
import socket
import sys
import threading

LONGEST = 1 << 20


def listen(name):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(os.path.join(os.environ["STANDPIPE_PIPES"], name))
    listener.listen(128)
    return listener


def serve(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=talk, args=(client,), daemon=True).start()


def talk(client):
    with client:
        try:
            while message := client.recv(LONGEST):
                client.sendall(message[::-1])
        except OSError:
            pass  # it hung up


for each in [listen(name) for name in sys.argv[1:]]:
    threading.Thread(target=serve, args=(each,)).start()
