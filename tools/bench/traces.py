"""What a user leaves behind in a cluster, as far as it can be seen from outside: Redis' keys and the nodes' gauges."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.request import urlopen

from tools.bench.systems import Nodes
from tools.cluster.redis import RedisServer

_SIZES = {"string": "STRLEN", "list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN"}

Traces = dict[str, str]


def traces(system: Nodes) -> Traces:
    """By name: each key of Redis with its type and size, its channels, and the gauges of every running node.

    The number of a node's last call with hints is no user's: it comes and goes with the traffic.
    """
    assert system.redis is not None
    keys = [key for key in system.redis.ask("KEYS", "*").split() if ":sent:" not in key]
    found = {f"key {key}": _size(system.redis, key) for key in keys}
    found |= {f"channel {channel}": "there" for channel in system.redis.ask("PUBSUB", "CHANNELS").split()}
    for node in system.nodes:
        if node.program.running:
            found |= {f"{node.name} {name}": value for name, value in _gauges(node.http_port).items()}
    return found


def compare(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """A few words for each difference, sorted."""
    return [
        f"{name}: {before.get(name, 'nothing')} → {after.get(name, 'nothing')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _size(redis: RedisServer, key: str) -> str:
    kind = redis.ask("TYPE", key)
    # The length of a text is no size: a lease is a time, which is said again and again.
    return kind if kind in ("none", "string") else f"{kind} of {redis.ask(_SIZES[kind], key)}"


def _gauges(port: int) -> dict[str, str]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    gauges = {line.split()[2] for line in lines if line.startswith("# TYPE mrccsc_") and line.endswith(" gauge")}
    return {name: value for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#") if name in gauges}
