#!/usr/bin/env python3
"""Seeds for the fuzz targets from what real clients and servers said to each other.

    cargo xtask test --only peers,samba         # builds what the suites need
    dumpcap -i lo -f "tcp" -w /tmp/all.pcapng   # in another shell, while the suites run once more
    python3 fuzz/corpus.py /tmp/all.pcapng

Needs tshark. Writes `fuzz/seeds/TARGET/peer-*`, in the formats of the targets, and takes away what was there under
such names. The suites' own accounts are all that is in there. Signed and plain exchanges are taken apart; of encrypted
ones only the log-on can be read.

A target signs what it sends with keys of its own and has FileIds of its own: a request becomes its command and its
body, and the target puts the id of an open of its own where the old one was. What differs in nothing but ids, names
and lengths of the same size is kept once, the shortest of it.
"""

import collections
import contextlib
import hashlib
import pathlib
import struct
import subprocess
import sys

SEEDS = pathlib.Path(__file__).with_name("seeds")
HEADER = 64
NEGOTIATE, SESSION_SETUP, TREE_CONNECT, CREATE, READ, WRITE, IOCTL = 0, 1, 3, 5, 8, 9, 11
# What to ask the client for, so that it waits for a reply to this command (see fuzz/src/client.rs).
ASKS = {
    5: bytes([0, 0]), 6: bytes([7, 0, 0, 0]), 7: bytes([6, 0, 1, 0]), 8: bytes([5, 0, 255, 255]),
    9: bytes([4, 0, 5, 0]), 11: bytes([2, 0, 7, 0, 255, 255]), 13: bytes([9, 0]), 17: bytes([6, 0, 2, 0]),
}  # fmt: skip
MAX_SEED = 6000
MAX_SEEDS = 60


def streams(capture):
    """The bytes of each direction of each connection, in the order in which they were sent."""
    fields = ["tcp.stream", "tcp.srcport", "tcp.payload"]
    command = ["tshark", "-r", capture, "-Y", "tcp.len > 0 && !tcp.analysis.retransmission", "-T", "fields"]
    command += [word for field in fields for word in ("-e", field)]
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        stream, port, payload = line.split("\t")
        found[stream][port].append(bytes.fromhex(payload.replace(":", "")))
    for ports in found.values():
        if len(ports) == 2:
            first, second = (b"".join(pieces) for pieces in ports.values())
            yield list(messages(first)), list(messages(second))


def messages(stream):
    """The messages of a stream of frames, until something is no frame."""
    while len(stream) > 4 and stream[0] == 0:
        length = int.from_bytes(stream[1:4], "big")
        message, stream = stream[4 : 4 + length], stream[4 + length :]
        if len(message) < length or message[1:4] != b"SMB":
            return
        yield message


def elements(message):
    """The parts of a compound."""
    while message[:4] == b"\xfeSMB" and len(message) >= HEADER:
        following = struct.unpack_from("<I", message, 20)[0]
        yield message[:following] if following else message
        if not following:
            return
        message = message[following:]


def command_of(message):
    return struct.unpack_from("<H", message, 12)[0]


def block(data):
    return struct.pack("<H", len(data)) + data


def security_buffer(message, place):
    offset, length = struct.unpack_from("<HH", message, HEADER + place)
    return message[offset : offset + length]


def connection_seeds(requests):
    """The log-on as it was sent, and what came after it as an honest client of the target sends it."""
    early = [part for part in requests if part[:1] == b"\xff" or part[:1] == b"\xfe" and command_of(part) <= 1]
    if early:
        yield "knock", b"\0" + b"".join(b"\1" + block(message) for message in early[:3])
    dialects = {0x0202: 1, 0x0302: 2, 0x0311: 3}
    dialect = 3
    for message in early:
        if message[:1] == b"\xfe" and command_of(message) == NEGOTIATE:
            count = struct.unpack_from("<H", message, HEADER + 2)[0]
            offered = struct.unpack_from(f"<{count}H", message, HEADER + 36)
            dialect = dialects.get(max(offered), 3)
    steps = b""
    for part in (part for message in requests for part in elements(message)):
        command = command_of(part)
        body = part[HEADER:]
        if command <= TREE_CONNECT or len(body) > 3000:
            continue
        steps += bytes([15, command, 0]) + block(body)
        if command == CREATE:
            steps += bytes([13, 0x40, 0])
        elif command in (WRITE, IOCTL):
            steps += bytes([13, 0x24, 0, 13, 2, 0]) + block(b"an answer")
        if len(steps) > MAX_SEED:
            break
    if steps:
        yield "requests", bytes([dialect << 1]) + steps


def logon_seeds(requests):
    tokens = [security_buffer(part, 12) for part in requests if part[:1] == b"\xfe" and command_of(part) == 1]
    if tokens:
        yield "tokens", b"".join(b"\1" + block(token) for token in tokens[:3])


def initiator_seeds(replies):
    plain = [part for part in replies if part[:1] == b"\xfe"]
    tokens = [security_buffer(part, 56) for part in plain if command_of(part) == NEGOTIATE][-1:]
    tokens += [security_buffer(part, 4) for part in plain if command_of(part) == SESSION_SETUP]
    if len(tokens) > 1:
        yield "tokens", b"".join(b"\1" + block(token) for token in tokens[:3])


def client_seeds(replies):
    """The server's log-on as it was sent, and its later replies as somebody with the keys of the target can tell them."""
    early = [part for part in replies if part[:1] == b"\xfe" and command_of(part) <= 1]
    if early:
        yield "log-on", b"\5" + b"".join(bytes([27, 0]) + block(message) for message in early[:3])
    opening = bytes([5, 10, 0, 0, 10])
    steps = b""
    for part in (part for message in replies for part in elements(message)):
        command = command_of(part)
        if command not in ASKS or len(part) > 3000:
            continue
        status, credits = part[8:12], part[14:15]
        steps += ASKS[command] + bytes([24, 0]) + status + credits + part[16:17] + block(part[HEADER:])
        if len(steps) > MAX_SEED:
            break
    if steps:
        yield "replies", opening + steps


def shape(seed):
    """What seeds that are alike have in common: for requests and replies the order of what they ask for."""
    return len(seed) // 16, hashlib.sha256(seed[:64]).hexdigest()


def main(captures):
    kept = {}
    for capture in captures:
        for first, second in streams(capture):
            is_reply = any(part[:1] == b"\xfe" and part[16] & 1 for part in first)
            requests, replies = (second, first) if is_reply else (first, second)
            made = {
                "connection": connection_seeds(requests), "logon": logon_seeds(requests),
                "initiator": initiator_seeds(replies), "client": client_seeds(replies),
            }  # fmt: skip
            for target, seeds in made.items():
                # What a test sent malformed cannot be taken apart.
                with contextlib.suppress(struct.error, IndexError):
                    for kind, seed in seeds:
                        kept.setdefault((target, kind), {}).setdefault(shape(seed), seed)
    for old in SEEDS.glob("*/peer-*"):
        old.unlink()
    total = 0
    for (target, kind), seeds in sorted(kept.items()):
        for seed in sorted(seeds.values(), key=len)[:MAX_SEEDS]:
            name = f"peer-{kind}-{hashlib.sha256(seed).hexdigest()[:8]}"
            (SEEDS / target / name).write_bytes(seed)
            total += len(seed)
        print(f"{target}: {min(len(seeds), MAX_SEEDS)} of {len(seeds)} {kind}")
    print(f"{total} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
