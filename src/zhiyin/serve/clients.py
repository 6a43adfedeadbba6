"""Where a request comes from: the peer, or what a trusted proxy says of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

from starlette.types import Scope

__all__ = ["ClientAddress"]

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddress:
    """Reads X-Forwarded-For from the right and stops at the first address that is no trusted proxy.

    What stands further left was written by the client and could be anything; without trusted proxies the
    header counts for nothing.
    """

    def __init__(self, proxies: Sequence[Network]) -> None:
        self.proxies = tuple(proxies)

    def of(self, scope: Scope) -> str:
        address: str = (scope.get("client") or ("", 0))[0]
        if not self.proxies or not self.trusted(address):
            return address
        # Several headers of the name count as one list; a dict keeps the last, so read the pairs.
        named = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for hop in reversed(named.decode("latin-1").split(",")):
            hop = hop.strip()
            if not _is_address(hop):
                return address
            address = hop
            if not self.trusted(hop):
                return address
        return address

    def trusted(self, address: str) -> bool:
        if not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self.proxies)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
