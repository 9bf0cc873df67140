"""Unit costs out of the results, and what they come to on machines that are not here: the arithmetic of a chapter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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

ROW_BYTES = 450
"""What an entry and its text take in the database with their indexes: two rows, three keys, 64 bytes of text; with what
search keeps of ten words about as much again.
"""

MILLION = 1_000_000

Facts = dict[str, float]


def facts(told: Mapping[str, Any]) -> Facts:
    """What the chapter's placeholders stand for. Raises :class:`KeyError` where something was not measured."""
    rows = told["rows"]
    deep, across, groups, signing = (
        rows["pairs-16"]["mariadb"], rows["pairs-16"]["mariadb-2"], rows["groups-50x10"]["mariadb"],
        rows["signin"]["mariadb"],
    )  # fmt: skip
    # CPU microseconds of one message or sign-in: seconds of 100,000 times ten.
    message = deep["cpu_per_100k"]["node1"] * 10
    grouped = groups["cpu_per_100k"]["node1"] * 10
    found: Facts = {
        "message": message,
        "delivery": max((grouped - message) / 8, 0.1),
        "database": deep["cpu_per_100k"]["mariadb"] * 10,
        "redis": across["cpu_per_100k"]["redis"] * 10,
        "sign_in": signing["cpu_per_100k"]["node1"] * 10,
        "database_sign_in": signing["cpu_per_100k"]["mariadb"] * 10,
        "connection": rows["memory"]["mariadb"]["figure"] / 1024,
        "commands": across["work_per_1000"]["redis_commands"] / 1000,
        "inserted": deep["work_per_1000"]["rows_inserted"] / 1000,
        "statements": deep["work_per_1000"]["statements"] / 1000,
        "log": deep["work_per_1000"]["log_bytes"] / 1000,
    }
    return found | _derived(found)


def _derived(cost: Facts) -> Facts:
    """From unit costs to capacities."""
    spent = cost["message"] + (GROUP - 2) * cost["delivery"]
    node_messages = SHARE * MILLION / spent
    node_users = min(node_messages * 60 / RATE, SESSIONS_PER_NODE)
    redis_messages = SHARE * MILLION / cost["redis"]
    database_messages = SHARE * MILLION * CORES / cost["database"]
    sign_ins = SHARE * MILLION / cost["sign_in"]
    made = {
        "share": SHARE, "rate": RATE, "group": GROUP, "others": GROUP - 2, "cores": CORES, "return": RETURN,
        "row_bytes": ROW_BYTES, "cap": SESSIONS_PER_NODE,
        "spent": spent,
        "node_messages": node_messages,
        "node_users_by_cpu": node_messages * 60 / RATE,
        "node_users": node_users,
        "node_memory": node_users * cost["connection"] / 1024,
        "sign_ins": sign_ins,
        "return_node": node_users / sign_ins,
        "redis_messages": redis_messages,
        "redis_commands": redis_messages * cost["commands"],
        "redis_users": redis_messages * 60 / RATE,
        "database_messages": database_messages,
        "database_rows": database_messages * cost["inserted"],
        "database_users": database_messages * 60 / RATE,
        "database_log": database_messages * cost["log"] / 2**20,
    }  # fmt: skip
    users = min(made["redis_users"], made["database_users"])
    made["users"] = users
    made["nodes"] = math.ceil(users / node_users)
    made["messages"] = users * RATE / 60
    made["rows_day"] = made["messages"] * 86_400 / 4
    made["disk_year"] = made["rows_day"] * 2 * ROW_BYTES * 365 / 2**40
    made["million_nodes"] = math.ceil(MILLION / node_users)
    made["million_messages"] = MILLION * RATE / 60
    made["million_log"] = made["million_messages"] * cost["log"] / 2**20
    made["million_rows"] = made["million_messages"] * cost["inserted"]
    made["million_redis"] = made["million_messages"] * cost["redis"] / MILLION
    made["million_database"] = made["million_messages"] * cost["database"] / MILLION
    made["million_memory"] = MILLION * cost["connection"] / 2**20
    made["million_return"] = MILLION / RETURN
    made["million_return_cores"] = MILLION / RETURN * cost["sign_in"] / MILLION
    made["million_return_database"] = MILLION / RETURN * cost["database_sign_in"] / MILLION
    return made


def first(found: Facts) -> str:
    """What is full before all else, in words."""
    redis, database = found["redis_users"], found["database_users"]
    if redis < database:
        return f"Redis, on its one core, at {redis:,.0f} users; the database would carry {database:,.0f}"
    return f"the database's {CORES} cores, at {database:,.0f} users; the one core of Redis would carry {redis:,.0f}"


def chapter(told: Mapping[str, Any]) -> str:
    """The chapter with its figures, or a line that says what is missing."""
    try:
        found = facts(told)
    except (KeyError, ZeroDivisionError) as missing:
        return f"Not measured yet: {missing}."
    return TEMPLATE.read_text(encoding="utf-8").format(**found, first=first(found)).strip()
