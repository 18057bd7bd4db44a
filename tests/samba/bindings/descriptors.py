"""Answers questions about descriptors with Samba's code, one a line, fields separated by tabs.

The questions and answers are those of `crates/security/examples/answers.rs`, save that `check` is given the SIDs of the
token. It runs in Debian's Python, which has Samba's bindings.
"""

import sys

from samba import NTSTATUSError, security
from samba.dcerpc import security as rpc
from samba.ndr import ndr_pack, ndr_unpack

DOMAIN = rpc.dom_sid("S-1-5-21-1-2-3")
STATUS_ACCESS_DENIED = 0xC0000022

# What the generic rights stand for with a pipe. Samba's check wants them replaced beforehand.
PIPE_MAPPING = {0x80000000: 0x120089, 0x40000000: 0x120116, 0x20000000: 0x1200A0, 0x10000000: 0x1F01FF}


def mapped(mask):
    rights = mask & 0x0FFFFFFF
    for generic, meaning in PIPE_MAPPING.items():
        if mask & generic:
            rights |= meaning
    return rights


def both_forms(descriptor):
    # Samba gives each list of entries the revision 4, which only entries for objects need ([MS-DTYP] 2.4.5). It is
    # of no interest here.
    for acl in (descriptor.dacl, descriptor.sacl):
        if acl is not None:
            acl.revision = rpc.SECURITY_ACL_REVISION_ADS
    return f"ok\t{ndr_pack(descriptor).hex()}\t{descriptor.as_sddl(DOMAIN)}"


def check(descriptor, sids, wanted):
    if descriptor.dacl is not None:
        entries = descriptor.dacl.aces
        for entry in entries:
            entry.access_mask = mapped(entry.access_mask)
        descriptor.dacl.aces = entries
    token = rpc.token()
    token.num_sids = len(sids)
    token.sids = [rpc.dom_sid(sid) for sid in sids]
    try:
        return f"granted\t{security.access_check(descriptor, token, mapped(wanted))}"
    except NTSTATUSError as error:
        if error.args[0] != STATUS_ACCESS_DENIED:
            raise
        return "denied"


def answer(question):
    match question.split("\t"):
        case ["parse", sddl]:
            return both_forms(rpc.descriptor.from_sddl(sddl, DOMAIN))
        case ["read", form]:
            return both_forms(ndr_unpack(rpc.descriptor, bytes.fromhex(form)))
        case ["check", form, sids, wanted]:
            return check(ndr_unpack(rpc.descriptor, bytes.fromhex(form)), sids.split(","), int(wanted))
    raise ValueError(f"this is no question: {question}")


for line in sys.stdin:
    try:
        print(answer(line.rstrip("\n")))
    except (TypeError, ValueError) as error:
        print(f"refused\t{error}")
