"""``--http``: /healthz, /readyz and /metrics, on threads of their own so that they answer when the loop hangs."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from mrccsc_server.telemetry.health import Health
from mrccsc_server.telemetry.metrics import Metrics

REQUEST_TIME = 10.0
"""Seconds that a request may take to arrive."""


def status_app(metrics: Metrics, health: Health) -> WSGIApplication:
    """The WSGI application: 200 or 503 with the reasons as JSON, and the metrics in Prometheus' text form."""
    metrics_app: WSGIApplication = make_wsgi_app(metrics.registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                return metrics_app(environ, start_response)
            case "/healthz":
                return _answer(start_response, health.live, health.problems)
            case "/readyz":
                return _answer(start_response, health.ready, health.problems)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is /healthz, /readyz and /metrics.\n"]

    return app


def _answer(start_response: StartResponse, good: bool, problems: list[str]) -> list[bytes]:
    status = "200 OK" if good else "503 Service Unavailable"
    start_response(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps({"ok": good, "problems": problems}).encode() + b"\n"]


class _Handler(WSGIRequestHandler):
    timeout = int(REQUEST_TIME)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Scrapes are no news, and their paths come from peers."""


class _Server(ThreadingWSGIServer):
    address_family = socket.AF_INET

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that went away is no news either."""


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class StatusServer:
    """Serves until :meth:`close`. Raises :class:`OSError` when the address cannot be taken."""

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        family = _ServerV6 if ":" in host else _Server
        self._server = make_server(host, port, app, server_class=family, handler_class=_Handler)
        serve: Callable[..., None] = self._server.serve_forever
        self._thread = Thread(target=serve, kwargs={"poll_interval": 0.2}, name="status", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop answering; returns within a fraction of a second."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
