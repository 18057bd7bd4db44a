"""Opens a pipe through Samba's own client library, writes to it, reads from it and closes it.

Arguments: configuration, address, pipe, user, `sign` or `encrypt`; the password is in PASSWD. What was read is printed,
or the number of the status that came instead.
"""

import sys

from samba import NTSTATUSError, credentials
from samba.param import LoadParm
from samba.samba3 import libsmb_samba_internal as libsmb
from samba.samba3 import param as s3param

from account import account_of

READ_WRITE = 0x12019F
SHARE_READ_WRITE = 3
OPEN = 1

configuration, address, pipe, user, protection = sys.argv[1:]
LoadParm().load(configuration)
parameters = s3param.get_context()
parameters.load(configuration)
account = account_of(user, parameters)
account.set_smb_signing(credentials.SMB_SIGNING_REQUIRED)
if protection == "encrypt":
    account.set_smb_encryption(credentials.SMB_ENCRYPTION_REQUIRED)

try:
    connection = libsmb.Conn(address, "IPC$", parameters, account)
    opened = connection.create(
        pipe, DesiredAccess=READ_WRITE, ShareAccess=SHARE_READ_WRITE, CreateDisposition=OPEN
    )
    for text in ("Hello, named pipe", "Grüße", "x" * 4000 + "y"):
        connection.write(opened, text.encode(), 0)
        print(connection.read(opened, 0, 4096)[::-1].decode())
    connection.close(opened)
except NTSTATUSError as error:
    print(f"{error.args[0]:#010x}")
