"""Numbers, health and log lines."""

from __future__ import annotations

import json
import logging
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter

from mrccsc_server.telemetry.health import Health
from mrccsc_server.telemetry.http import StatusServer, status_app
from mrccsc_server.telemetry.logging import JsonFormatter, TextFormatter, escape
from mrccsc_server.telemetry.metrics import Metrics
from tests.server.shell.test_security import TurnedClock


class Status:
    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.metrics = Metrics("n1", "1.2.3")
        self.health = Health(self.clock)
        self.server = StatusServer("127.0.0.1", 0, status_app(self.metrics, self.health))

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def status() -> Iterator[Status]:
    status = Status()
    yield status
    status.server.close()


def test_metrics_in_prometheus_text(status: Status) -> None:
    status.metrics.requests["message.send"] += 3
    status.metrics.closes["idle"] += 1
    status.metrics.commit_batch.observe(7)
    status.metrics.watch("connections", "Connections now.", lambda: 42)
    code, text = status.get("/metrics")
    assert code == 200
    assert 'mrccsc_requests_total{type="message.send"} 3.0' in text
    assert 'mrccsc_closes_total{code="idle"} 1.0' in text
    assert "mrccsc_commit_batch_entries_sum 7.0" in text
    assert "mrccsc_connections 42.0" in text
    assert 'mrccsc_node{node="n1",version="1.2.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_two_nodes_in_one_process_count_for_themselves() -> None:
    one, two = Metrics("a", "1"), Metrics("b", "1")
    one.requests["ping"] += 1
    assert not two.requests


def test_ready_once_it_accepts_and_not_while_something_fatal_is_wrong(status: Status) -> None:
    assert status.get("/healthz")[0] == 200
    assert status.get("/readyz") == (503, '{"ok": false, "problems": ["listener: takes no clients now"]}\n')
    status.health.accept(True)
    assert status.get("/readyz") == (200, '{"ok": true, "problems": []}\n')
    status.health.report("database", "does not answer")
    assert status.get("/readyz") == (503, '{"ok": false, "problems": ["database: does not answer"]}\n')
    assert status.get("/healthz")[0] == 200
    status.health.report("database", None)
    status.health.report("bus", "away", fatal=False)
    assert status.get("/readyz") == (200, '{"ok": true, "problems": ["bus: away"]}\n')


def test_a_loop_that_hangs_is_not_healthy(status: Status) -> None:
    status.health.accept(True)
    status.clock.time += 11
    assert status.get("/healthz")[0] == 503
    assert status.get("/readyz")[0] == 503
    status.health.beat()
    assert status.get("/healthz")[0] == 200


def test_other_paths_are_not_found(status: Status) -> None:
    code, text = status.get("/secret")
    assert code == 404
    assert "secret" not in text


# -- log lines


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("mrccsc", logging.WARNING, "", 0, message, args, info)


HOSTILE = "a\nb\r\x1b[31m\x9b\u2028\u2029\u202e\x00\U000e0001 z"


def test_no_value_can_forge_a_line() -> None:
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(record("said %s", HOSTILE))
        assert len(line.splitlines()) == 1
        assert not set(line) & set("\x1b\x9b\u2028\u202e\x00\U000e0001")
    assert json.loads(JsonFormatter().format(record("said %s", HOSTILE)))["message"].startswith("said a\\u000ab")


def test_what_people_write_stays_readable() -> None:
    assert escape("Ångström 小明 👋 plain") == "Ångström 小明 👋 plain"


def test_an_exception_is_one_line_without_what_a_peer_sent() -> None:
    try:
        TypeAdapter(int).validate_python("hunter2")
    except ValueError as error:
        caught = error
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(record("failed", error=caught))
        assert "hunter2" not in line
        assert "ValidationError" in line
        assert "test_telemetry.py" in line
        assert len(line.splitlines()) == 1


def test_system_and_database_errors_say_what_is_wrong() -> None:
    try:
        try:
            raise sqlite3.OperationalError("database or disk is full")
        except sqlite3.Error as cause:
            raise RuntimeError("hunter2") from cause
    except RuntimeError as error:
        line = TextFormatter().format(record("failed", error=error))
    assert "disk is full" in line
    assert "hunter2" not in line
