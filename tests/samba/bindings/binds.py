"""Binds to an interface behind a pipe through Samba's library for remote calls, which transceives on the pipe.

Arguments: configuration, address, pipe, user; the password is in PASSWD. The number of the status of the failure is
printed.
"""

import sys

from samba import NTSTATUSError
from samba.dcerpc import ClientConnection
from samba.param import LoadParm

from account import account_of

configuration, address, pipe, user = sys.argv[1:]
parameters = LoadParm()
parameters.load(configuration)
account = account_of(user, parameters)
# The interface for shares; what it is called does not matter.
INTERFACE = ("4b324fc8-1670-01d3-1278-5a47bf6ee188", 3)
try:
    ClientConnection(f"ncacn_np:{address}[\\pipe\\{pipe}]", INTERFACE, parameters, account)
except NTSTATUSError as error:
    print(f"{error.args[0] & 0xFFFFFFFF:#010x}")
