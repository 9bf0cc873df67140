"""No value is ever taken for a part of its statement, in whatever mode the server reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrccsc_server.storage.database import Query, Unstorable
from mrccsc_server.storage.mysql.literals import ROWS_BYTES, Expression, encode, fill, inserts, literal, selects, union
from tests.server.storage.mysql.conftest import run
from tools.cluster.mariadb import PASSWORD, USER, MariaDb

MODES = ["STRICT_TRANS_TABLES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "ORACLE", ""]

texts = st.text(
    st.one_of(
        st.sampled_from("\\'\"`\0%_?{};- \n\r\x1a/*#"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)
values = st.one_of(texts, st.binary(max_size=40), st.integers(-(2**63), 2**63 - 1), st.none())


@pytest.fixture(scope="module", params=MODES)
def connection(request: pytest.FixtureRequest, mariadb: MariaDb) -> Iterator[pymysql.Connection]:
    with closing(
        pymysql.connect(host="127.0.0.1", port=mariadb.port, user=USER, password=PASSWORD, charset="utf8mb4")
    ) as made:
        run(made, f"SET sql_mode = '{request.param}'")
        yield made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(row=st.lists(values, min_size=1, max_size=6))
def test_values_come_back_as_they_went(connection: pymysql.Connection, row: list[str | bytes | int | None]) -> None:
    sql = fill("SELECT " + ", ".join("?" * len(row)), row)
    # An empty text in ORACLE mode is none.
    assert [value or None for value in run(connection, sql)[0]] == [value or None for value in row]


kinds = st.one_of(values, st.booleans(), st.floats(-1e9, 1e9), st.just(Expression("@texts1+0")))


one_kind = st.sampled_from([texts, st.binary(max_size=40), st.integers(), st.none(), st.booleans(), kinds])


@given(st.lists(one_kind, min_size=1, max_size=5).flatmap(lambda each: st.lists(st.tuples(*each), max_size=20)))
def test_a_row_is_the_literals_of_its_values(rows: list[tuple[str | bytes | float | None, ...]]) -> None:
    texts = [f"({','.join(map(literal, row))})" for row in rows]
    written = [sql.replace(" ", "") for sql in inserts("t", ["a"], rows)]
    assert written == ([f"INSERTINTOt(a)VALUES{','.join(texts)}".replace(" ", "")] if rows else [])


@given(st.integers(2, 5).flatmap(lambda width: st.lists(st.tuples(*[st.integers()] * width), min_size=1, max_size=5)))
def test_a_row_of_numbers_is_too(rows: list[tuple[int, ...]]) -> None:
    texts = [f"({','.join(map(literal, row))})" for row in rows]
    assert inserts("t", ["a"], rows)[0].replace(" ", "") == f"INSERTINTOt(a)VALUES{','.join(texts)}"


def test_values_are_not_looked_into() -> None:
    assert fill("a = ? AND b IN ?? AND c = ?", ("? ?? {}", [1, 2], "?")) == "a = '? ?? {}' AND b IN (1,2) AND c = '?'"
    assert fill("IN ??", (set(),)) == "IN (NULL)"
    with pytest.raises(ValueError, match="zip"):
        fill("a = ?", ())
    assert selects(Query("SELECT 1 FROM t x WHERE {}", by=("x.a",), keys=[("{} ?",)])) == [
        "SELECT 1 FROM t x WHERE x.a IN ('{} ?')"
    ]


def test_what_is_no_unicode_is_refused_before_it_travels() -> None:
    with pytest.raises(Unstorable):
        encode(literal("\ud800"))
    with pytest.raises(Unstorable):
        encode(inserts("t", ["a"], [("\udc80\\",)])[0])


def test_statements_are_cut_by_their_keys_and_bytes() -> None:
    assert union("SELECT ?", []) == []
    assert [part.count("SELECT") for part in union("SELECT ?", [(n,) for n in range(130)])] == [64, 64, 2]
    spans = Query("SELECT 1 FROM t x WHERE {}", by=("x.a",), within="x.b", keys=[(1, 2, 3)] * 300)
    assert [part.count("BETWEEN") for part in selects(spans)] == [128, 128, 44]
    parts = inserts("t", ["a", "b"], [(n, "x" * 10_000) for n in range(200)], " ENDING")
    assert len(parts) == 4
    assert all(len(part) < ROWS_BYTES + 100 and part.endswith(" ENDING") for part in parts)
    assert sum(part.count("(") - 1 for part in parts) == 200
    assert len(inserts("t", ["a"], [("x" * ROWS_BYTES * 2,)] * 2)) == 2
