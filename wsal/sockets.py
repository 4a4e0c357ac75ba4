"""Sockets that servers listen on, and the addresses by which they are reached."""

import socket

from wsal.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WILDCARDS = {  # host -> family, an address outside (reserved for documentation), loopback address
    "0.0.0.0": (socket.AF_INET, "192.0.2.1", "127.0.0.1"),  # noqa: S104
    "": (socket.AF_INET, "192.0.2.1", "127.0.0.1"),
    "::": (socket.AF_INET6, "2001:db8::1", "::1"),
}


def listening_socket(host: str, port: int, option: str) -> socket.socket:
    """A socket bound to an address of this machine; port 0 means any free port.

    `option` is the option that sets the port, for the error message.

    Raises:
        ConfigError: the port is taken, or the host is not an address of this machine.
    """
    # IPPROTO_TCP must be explicit: asyncio sets TCP_NODELAY only on sockets with that protocol, and
    # without it each small response waits 40 ms for a delayed acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except (OSError, OverflowError) as error:
        server.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host}:{port} ({reason}); another server may be using it: close "
            f"that one, or choose another port with {option}"
        ) from error
    return server


def reachable_host(host: str) -> str:
    """The host to put into a URL so that others can reach a server that listens on `host`.

    A server on 0.0.0.0 or :: listens on all addresses of this machine, but browsers cannot open
    those two. The result is then the machine's address in its network, or the loopback address if
    there is no network.

    >>> [reachable_host(host) for host in ("127.0.0.1", "::1", "shop.example")]
    ['127.0.0.1', '[::1]', 'shop.example']
    """
    if host in WILDCARDS:
        family, outside, loopback = WILDCARDS[host]
        with socket.socket(family, socket.SOCK_DGRAM) as datagram:
            try:
                datagram.connect((outside, 9))  # chooses the route, and sends nothing
                host = str(datagram.getsockname()[0])
            except OSError:
                host = loopback
    return f"[{host}]" if ":" in host else host
