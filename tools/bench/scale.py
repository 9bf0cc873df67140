"""Unit costs out of the results, and what they come to on machines that are not here: the arithmetic of a chapter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.bench.trials import SIZE_OF_MESSAGE, SIZE_OF_WORDS

TEMPLATE = Path(__file__).with_name("scale.md")

SHARE = 0.6
"""The part of a core that is planned with: above it, queues grow."""

RATE = 1.0
"""Messages a minute of a connected user at the busiest hour."""

GROUP = 10
"""Members of a conversation that hear a message, on average and connected."""

RETURN = 600
"""Seconds within which all users may come back after the worst day."""

CORES = 16
"""Of the database's machine."""

SESSIONS_PER_NODE = 20_000
"""The server's own limit of connections."""

ROW_BYTES = 1_000
"""What a message with ten words takes in the database, where a run has not measured it."""

MILLION = 1_000_000

Facts = dict[str, float]


def facts(told: Mapping[str, Any]) -> Facts:
    """What the chapter's placeholders stand for. Raises :class:`KeyError` where something was not measured."""
    rows = told["rows"]
    lone, deep = (
        {
            "message": _cpu(rows[row]["mariadb"], "node1"),
            "database": _cpu(rows[row]["mariadb"], "mariadb"),
            "redis": _cpu(rows[row]["mariadb-2"], "redis"),
        }
        for row in ("pair", "pairs-16")
    )
    work = rows["pairs-16"]["mariadb"]["work_per_1000"]
    grouped = _cpu(rows["groups-50x10"]["mariadb"], "node1")
    found: Facts = {
        **{f"lone_{name}": cost for name, cost in lone.items()},
        **{f"deep_{name}": cost for name, cost in deep.items()},
        # A message to ten is one to the first of them and eight more.
        "delivery": max((grouped - deep["message"]) / 8, 0.1),
        "commit": rows["pair"]["mariadb"]["p50_us"] / 1000,
        "sign_in": _cpu(rows["signin"]["mariadb"], "node1"),
        "database_sign_in": _cpu(rows["signin"]["mariadb"], "mariadb"),
        "connection": rows["memory"]["mariadb"]["figure"] / 1024,
        "inserted": work["rows_inserted"] / 1000,
        "log": work["log_bytes"] / 1000,
        "row_bytes": _row_bytes(told),
    }
    return found | _derived(found)


def _row_bytes(told: Mapping[str, Any]) -> float:
    """Of a message with its keys and what search keeps of it."""
    findings = told.get("trials", {}).get("library", {}).get("mariadb", {}).get("findings", [])
    sizes = {one["name"]: float(one["value"]) for one in findings}
    try:
        return sizes[SIZE_OF_MESSAGE] + sizes[SIZE_OF_WORDS]
    except KeyError:
        return ROW_BYTES


def _cpu(found: Mapping[str, Any], program: str) -> float:
    """Microseconds of one message or sign-in: seconds of 100,000 times ten."""
    return float(found["cpu_per_100k"][program] * 10)


def _derived(cost: Facts) -> Facts:
    """From unit costs to capacities.

    What a commit costs whatever is in it is shared by the messages that come while one is under way. At the rate of a
    node with all the connections that it may have, those are ``batch``.
    """
    full = SESSIONS_PER_NODE * RATE / 60
    batch = max(1.0, full * cost["commit"] / 1000)
    mixed = {
        name: cost[f"deep_{name}"] + max(0.0, cost[f"lone_{name}"] - cost[f"deep_{name}"]) / batch
        for name in ("message", "database", "redis")
    }
    spent = mixed["message"] + (GROUP - 2) * cost["delivery"]
    node_messages = SHARE * MILLION / spent
    node_users = min(node_messages * 60 / RATE, SESSIONS_PER_NODE)
    redis_messages = SHARE * MILLION / mixed["redis"]
    database_messages = SHARE * MILLION * CORES / mixed["database"]
    sign_ins = SHARE * MILLION / cost["sign_in"]
    made = {
        **mixed,
        "share": SHARE, "rate": RATE, "group": GROUP, "others": GROUP - 2, "cores": CORES, "return": RETURN,
        "cap": SESSIONS_PER_NODE,
        "full": full,
        "batch": batch,
        "spent": spent,
        "node_messages": node_messages,
        "node_users_by_cpu": node_messages * 60 / RATE,
        "node_users": node_users,
        "node_memory": node_users * cost["connection"] / 1024,
        "sign_ins": sign_ins,
        "return_node": node_users / sign_ins,
        "redis_messages": redis_messages,
        "redis_users": redis_messages * 60 / RATE,
        "database_messages": database_messages,
        "database_rows": database_messages * cost["inserted"],
        "database_users": database_messages * 60 / RATE,
        "database_log": database_messages * cost["log"] / 2**20,
        "database_commits": database_messages / batch,
    }  # fmt: skip
    users = min(made["redis_users"], made["database_users"])
    messages = MILLION * RATE / 60
    made |= {
        "nodes": math.ceil(users / node_users),
        "messages": users * RATE / 60,
        "million_nodes": math.ceil(MILLION / node_users),
        "million_messages": messages,
        "million_commits": messages / batch,
        "million_log": messages * cost["log"] / 2**20,
        "million_rows": messages * cost["inserted"],
        "million_redis": messages * mixed["redis"] / MILLION,
        "million_database": messages * mixed["database"] / MILLION,
        "million_memory": MILLION * cost["connection"] / 2**20,
        "million_return": MILLION / RETURN,
        "million_return_cores": MILLION / RETURN * cost["sign_in"] / MILLION,
        "million_return_database": MILLION / RETURN * cost["database_sign_in"] / MILLION,
        "million_day": messages * 86_400 / 4,
        "million_year": messages * 86_400 / 4 * cost["row_bytes"] * 365 / 2**40,
    }
    return made


def first(found: Facts) -> str:
    """What is full before all else, in words."""
    redis, database = (_rounded(found[name]) for name in ("redis_users", "database_users"))
    if redis < database:
        return f"Redis, on its one core, at {redis:,.0f} users; the database would carry {database:,.0f}"
    return f"the database's {CORES} cores, at {database:,.0f} users; the one core of Redis would carry {redis:,.0f}"


def _rounded(value: float) -> float:
    """Three digits: more would claim to be known."""
    return float(f"{value:.3g}")


def chapter(told: Mapping[str, Any]) -> str:
    """The chapter with its figures, or a line that says what is missing."""
    try:
        found = facts(told)
    except (KeyError, ZeroDivisionError) as missing:
        return f"Not measured yet: {missing}."
    shown = {name: _rounded(value) for name, value in found.items()}
    return TEMPLATE.read_text(encoding="utf-8").format(**shown, first=first(found)).strip()
