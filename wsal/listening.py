"""A socket to listen on."""

import socket

from wsal.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bound(host: str, port: int, option: str) -> socket.socket:
    """A socket bound to an address of this machine; port 0 is any that is free.

    `option` is how another port is given, for the message.

    Raises:
        ConfigError: the port is taken, or the host is not this machine's.
    """
    # Named TCP: asyncio sends small answers at once only on a socket that says so itself; without
    # it each costs the 40 ms of a delayed acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host}:{port} ({why}); another server may be there: close it, or "
            f"choose another port with {option}"
        ) from error
    return listening
