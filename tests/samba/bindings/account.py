"""The account that a client logs on with: a name, and the password in PASSWD."""

import os

from samba import credentials


def account_of(user, parameters):
    account = credentials.Credentials()
    account.guess(parameters)
    account.set_username(user)
    account.set_password(os.environ["PASSWD"])
    account.set_kerberos_state(credentials.DONT_USE_KERBEROS)
    return account
