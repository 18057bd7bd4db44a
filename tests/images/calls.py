"""The story's call, from outside."""

from clients import Impacket, connected, reversed_by

USER = "serviceUser"
PASSWORD = "pass wörd of the service"


def answer(address, port=445, peer=Impacket):
    """What the service answers."""
    with connected(peer, address, port, USER, PASSWORD) as client:
        return reversed_by(client, "Hello")


def is_answered(address, port=445):
    """Whether a call is answered now."""
    try:
        return answer(address, port) == "olleH"
    except Exception:
        # impacket has errors of many kinds for a server that is not there.
        return False
