"""What throttles count an address by."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any


def throttle_address(peer: Any) -> str:
    """A socket's peer name as text without the port: an IPv4 address, or the /64 network of an IPv6 one.

    Whoever has one IPv6 address has its whole network; counting by single addresses would count nothing.
    """
    return _network(str(peer[0]) if isinstance(peer, tuple) and peer else "local")


@lru_cache(maxsize=4_096)
def _network(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = IPv6Address(int(address) >> 64 << 64)
    return f"{network}/64"
