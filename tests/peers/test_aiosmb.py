"""aiosmb, which is made of coroutines: it signs in the old dialects, and encrypts in the others.

Its known limit: it writes and reads only, for it cannot read the reply to a transceive.
"""

import asyncio

import pytest
from aiosmb.commons.connection.factory import SMBConnectionFactory
from aiosmb.commons.exceptions import SMBException
from aiosmb.protocol.common import NegotiateDialects
from aiosmb.protocol.smb2.commands import CreateDisposition
from aiosmb.wintypes.access_mask import FileAccessMask

from clients import STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE, TIMEOUT
from deployment import GUEST_MEMBER, USER

DIALECTS = {
    "2.0.2": NegotiateDialects.SMB202,
    "2.1": NegotiateDialects.SMB210,
    "3.0": NegotiateDialects.SMB300,
    "3.0.2": NegotiateDialects.SMB302,
    "3.1.1": NegotiateDialects.SMB311,
}
READ_WRITE = FileAccessMask.FILE_READ_DATA | FileAccessMask.FILE_WRITE_DATA
NORMAL = 0x80


def right(result):
    """It returns its errors."""
    *values, error = result
    if error is not None:
        raise error
    return values[0]


async def talk(host, port, user, password, dialect):
    factory = SMBConnectionFactory.from_components(host, user, password, port=port)
    connection = factory.get_connection()
    connection.supported_dialects = {dialect: 1}
    try:
        right(await connection.login())
        tree = right(await connection.tree_connect(rf"\\{host}\IPC$")).tree_id
        opened = right(await connection.create(tree, "simple", READ_WRITE, 0, 0, CreateDisposition.FILE_OPEN, NORMAL))
        assert right(await connection.write(tree, opened, b"Hello\0")) == 6
        return right(await connection.read(tree, opened, length=4096))
    finally:
        await connection.terminate()


def call(demo, user=USER, password=None, dialect=NegotiateDialects.SMB311):
    place = (demo.hosts[0], demo.smb_port, user, password or demo.password)
    return asyncio.run(asyncio.wait_for(talk(*place, dialect), TIMEOUT))


def status(demo, **how):
    with pytest.raises(SMBException) as refused:
        call(demo, **how)
    return refused.value.ntstatus.value


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_it_writes_and_reads(demo, dialect):
    assert call(demo, dialect=dialect) == b"olleH"


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_it_is_told_that_the_password_is_wrong(demo, dialect):
    assert status(demo, password="not the password", dialect=dialect) == STATUS_LOGON_FAILURE
    assert call(demo, dialect=dialect) == b"olleH", "a good one wipes it out"


def test_it_is_told_that_the_descriptor_denies(demo):
    account = {"user": GUEST_MEMBER.name, "password": GUEST_MEMBER.password}
    assert status(demo, **account) == STATUS_ACCESS_DENIED
