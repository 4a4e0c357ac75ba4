"""A socket to listen on."""

import socket

from wsal.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = {  # with an address outside, of those kept for documentation, and this machine's own
    "0.0.0.0": (socket.AF_INET, "192.0.2.1", "127.0.0.1"),  # noqa: S104
    "": (socket.AF_INET, "192.0.2.1", "127.0.0.1"),
    "::": (socket.AF_INET6, "2001:db8::1", "::1"),
}


def listening_socket(host: str, port: int, option: str) -> socket.socket:
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


def reachable_host(host: str) -> str:
    """What stands in an address by which others reach a server that listens on `host`.

    A server on 0.0.0.0 or :: listens on all addresses of this machine, and no browser can open
    those two: the address that leads out of the machine is given instead, and without a network
    this machine's own.

    >>> reachable("127.0.0.1"), reachable("::1"), reachable("shop.example")
    ('127.0.0.1', '[::1]', 'shop.example')
    """
    if host in EVERYWHERE:
        family, outside, own = EVERYWHERE[host]
        with socket.socket(family, socket.SOCK_DGRAM) as route:
            try:
                route.connect((outside, 9))  # of a datagram socket: looks up the way, sends nothing
                host = str(route.getsockname()[0])
            except OSError:
                host = own
    return f"[{host}]" if ":" in host else host
