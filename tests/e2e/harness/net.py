"""Loopback addresses that nobody else on the machine uses."""

import random
import socket

_random = random.SystemRandom()


def free_address():
    """(host, port) on a random address of 127/8, outside the range of outgoing ports."""
    while True:
        host = f"127.{_random.randint(1, 250)}.{_random.randint(0, 250)}.{_random.randint(1, 250)}"
        port = _random.randint(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return host, port


def is_listening(address):
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
