"""What binds nodes together: :func:`make_cluster` by URL.

``memory``    nodes of one process; enough for a node that is alone
``redis``     many nodes over Redis
``local``     throttles of one process
``operator``  looking at the nodes from outside
"""

from __future__ import annotations

from urllib.parse import urlsplit

from mrccsc_server.ports import Clock, Cluster, NodeInfo
from mrccsc_shared.limits import Limits


class ClusterError(Exception):
    """The bus cannot be used as it is given. One sentence for the operator, without secrets."""


def make_cluster(url: str, me: NodeInfo, limits: Limits, clock: Clock) -> Cluster:
    """The cluster behind ``memory:``, ``redis://…`` or ``rediss://…``, not opened yet. Raises :class:`ClusterError`."""
    # Imported here: a node alone needs no Redis, and Redis over TLS is an extra.
    match _scheme(url):
        case "memory":
            from mrccsc_server.cluster.memory import MemoryCluster  # noqa: PLC0415

            return MemoryCluster(me, clock)
        case "redis" | "rediss":
            from mrccsc_server.cluster.redis.address import AddressError, parse  # noqa: PLC0415
            from mrccsc_server.cluster.redis.cluster import RedisCluster  # noqa: PLC0415

            try:
                return RedisCluster(parse(url), me, limits, clock)
            except AddressError as error:
                raise ClusterError(str(error)) from None
    raise ClusterError("A bus is memory:, redis://[:password@]host[:port][/db] or rediss://….")


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""
