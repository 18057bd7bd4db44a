"""Lists what is in the root of IPC$ through Samba's own client library, one name on each line.

Arguments: configuration, address, user; the password is in PASSWD.
"""

import sys

from samba.param import LoadParm
from samba.samba3 import libsmb_samba_internal as libsmb
from samba.samba3 import param as s3param

from account import account_of

configuration, address, user = sys.argv[1:]
LoadParm().load(configuration)
parameters = s3param.get_context()
parameters.load(configuration)
account = account_of(user, parameters)
for each in libsmb.Conn(address, "IPC$", parameters, account).list(""):
    print(each["name"])
