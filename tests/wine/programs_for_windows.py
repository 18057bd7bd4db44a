"""Programs for Windows that no compiler of this machine makes."""

import struct


def thirty_two_bit_program():
    """A whole program for 32-bit Windows: its headers, and one section with the code that returns 7."""
    code = b"\xb8\x07\x00\x00\x00\xc3"
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    file_header = struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 224, 0x102)
    optional = struct.pack("<HBBIIIIII", 0x10B, 0, 0, 512, 0, 0, 0x1000, 0x1000, 0x1000)
    optional += struct.pack(
        "<IIIHHHHHHIIIIHHIIIIII",
        0x400000, 0x1000, 512, 4, 0, 0, 0, 4, 0, 0, 0x2000, 512, 0, 3, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16,
    )  # fmt: skip
    section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 512, 0x1000, 512, 512, 0, 0, 0, 0, 0x60000020)
    headers = dos + b"PE\0\0" + file_header + optional + bytes(128) + section
    return headers.ljust(512, b"\0") + code.ljust(512, b"\0")
