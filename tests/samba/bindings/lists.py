"""Lists what is in the root of IPC$ through Samba's own client library, one name on each line.

Arguments: configuration, address, user; the password is in PASSWD.
"""

import os
import sys

from samba import credentials
from samba.param import LoadParm
from samba.samba3 import libsmb_samba_internal as libsmb
from samba.samba3 import param as s3param

configuration, address, user = sys.argv[1:]
LoadParm().load(configuration)
parameters = s3param.get_context()
parameters.load(configuration)
account = credentials.Credentials()
account.guess(parameters)
account.set_username(user)
account.set_password(os.environ["PASSWD"])
account.set_kerberos_state(credentials.DONT_USE_KERBEROS)
for each in libsmb.Conn(address, "IPC$", parameters, account).list(""):
    print(each["name"])
