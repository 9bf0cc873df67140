"""The real ``mrccsc-server`` as a process: how it starts, what it says, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.waiting import wait_until
from tests.wire.server import COMMAND, Server

PATIENCE = 30


def refused(*argv: str, **environ: str) -> str:
    """What the command says on standard error when it exits with 2: one line."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MRCCSC_")} | environ
    done = subprocess.run(
        [COMMAND, *argv], capture_output=True, text=True, timeout=PATIENCE, check=False, env=environment
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("mrccsc-server: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@contextmanager
def running(folder: Path, *options: str, limits: str = "") -> Iterator[Server]:
    server = Server(folder, *options, limits=limits).start()
    try:
        yield server
    finally:
        if server.is_running:
            server.kill()
    assert "Traceback" not in "".join(server.output)


class Line:
    """A connection that reads line by line."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.sock.makefile("rb")
        assert self.read()["type"] == "welcome"

    def read(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.file.readline())
        return frame

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def data(folder: Path) -> Path:
    return folder / "data"


def test_it_says_one_line_when_it_accepts_and_where(tmp_path: Path) -> None:
    with running(tmp_path, "--node", "n1") as server:
        said = "".join(server.output)
        assert re.fullmatch(
            rf"mrccsc-server \d+\.\d+\.\d+: node n1 accepts on 127\.0\.0\.1:{server.port} "
            rf"\(sqlite {re.escape(str(data(tmp_path)))}/mrccsc\.db\)\n",
            said,
        )
        address = json.loads((data(tmp_path) / "server.json").read_text())
        assert address == {"pid": server.pid, "host": "127.0.0.1", "port": server.port, "node": "n1"}
        with closing(Line(server.port)):
            pass
        assert server.stop() == 0
    assert not (data(tmp_path) / "server.json").exists()


def test_the_welcome(tmp_path: Path) -> None:
    with (
        running(tmp_path, "--node", "n1", "--registration", "invite", limits="heartbeat = 7\nmax_text = 100") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock,
        sock.makefile("rb") as file,
    ):
        welcome = json.loads(file.readline())
    assert re.fullmatch(r"mrccsc/\d+\.\d+\.\d+", welcome.pop("server"))
    assert welcome == {
        "type": "welcome",
        "protocol": 1,
        "node": "n1",
        "heartbeat": 7,
        "max_line": 65_536,
        "max_text": 100,
        "registration": "invite",
    }


def test_what_it_keeps_is_readable_by_nobody_else(tmp_path: Path) -> None:
    with running(tmp_path):
        assert stat.S_IMODE(data(tmp_path).stat().st_mode) == 0o700
        for path in data(tmp_path).iterdir():
            if path.suffix in (".db", ".db-wal", ".db-shm") or path.name == "lock":
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_second_server_on_the_folder_names_the_first(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        said = refused("--port", "0", "--data-dir", str(data(tmp_path)))
        assert str(data(tmp_path)) in said
        assert f"process id {server.pid}" in said
        assert f"127.0.0.1:{server.port}" in said
        with closing(Line(server.port)):
            pass


def test_a_killed_server_leaves_the_folder_free(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.kill()
        assert (data(tmp_path) / "server.json").exists()
        server.start()
        assert json.loads((data(tmp_path) / "server.json").read_text())["pid"] == server.pid
        assert server.stop() == 0


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--port", str(port), "--data-dir", str(tmp_path / "d"))
        assert str(port) in said
        assert "in use" in said
        assert str(port) in refused("--port", "0", "--http", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "e"))


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a" * 70 + ".invalid"])
def test_an_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    assert host in refused("--port", "0", "--host", host, "--data-dir", str(tmp_path / "d"))


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are my notes, and no database at all\n" * 100)
    said = refused("--port", "0", "--database", f"sqlite://{tmp_path}/notes.txt", "--data-dir", str(tmp_path / "d"))
    assert "notes.txt" in said
    assert (tmp_path / "notes.txt").read_text().startswith("these are my notes")


def test_a_database_in_no_folder_or_that_is_one(tmp_path: Path) -> None:
    options = ("--port", "0", "--data-dir", str(tmp_path / "d"))
    assert str(tmp_path / "none") in refused(*options, "--database", f"sqlite://{tmp_path}/none/x.db")
    assert str(tmp_path) in refused(*options, "--database", f"sqlite://{tmp_path}")


def test_databases_and_buses_that_are_none(tmp_path: Path) -> None:
    options = ("--port", "0", "--data-dir", str(tmp_path / "d"))
    assert "secret" not in refused(*options, "--database", "postgres://user:secret@localhost/chat")
    assert "memory:" in refused(*options, "--bus", "carrier-pigeon://user:secret@localhost")
    assert "SQLite" in refused(*options, "--bus", "redis://localhost:6379/0")


def test_a_data_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused("--data-dir", str(tmp_path / "file"))
    assert str(tmp_path / "file") in refused("--data-dir", str(tmp_path / "file" / "below"))


def test_wrong_options_and_files(tmp_path: Path) -> None:
    assert "--frobnicate" in refused("--frobnicate")
    assert "MRCCSC_PORT" in refused(MRCCSC_PORT="many")
    (tmp_path / "bad.toml").write_text("port = = 1")
    assert "bad.toml" in refused("--config", str(tmp_path / "bad.toml"))


def test_certificates_that_are_none(tmp_path: Path) -> None:
    options = ("--port", "0", "--data-dir", str(tmp_path / "d"))
    missing, rubbish = tmp_path / "missing.pem", tmp_path / "rubbish.pem"
    rubbish.write_text("-----BEGIN CERTIFICATE-----\nrubbish\n")
    assert "missing.pem" in refused(*options, "--tls-cert", str(missing), "--tls-key", str(rubbish))
    assert "rubbish.pem" in refused(*options, "--tls-cert", str(rubbish), "--tls-key", str(rubbish))
    assert "--tls-key" in refused(*options, "--tls-cert", str(rubbish))


def test_version_and_help() -> None:
    for option, words in (("--version", "mrccsc-server 0."), ("--help", "--data-dir")):
        done = subprocess.run([COMMAND, option], capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert words in done.stdout
        assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_at_the_end_clients_are_told_to_come_back(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as server:
        lines = [Line(server.port) for _ in range(20)]
        server.signal(number)
        lasts = [line.read() for line in lines]
        for line, last in zip(lines, lasts, strict=True):
            assert (last["type"], last["code"], last["reconnect"]) == ("closing", "going_away", True)
            assert last["after"] >= 0
            assert line.file.readline() == b""
            line.close()
        assert server.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            Line(server.port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_second_signal_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as server, closing(Line(server.port)) as line:
        server.signal(number)
        assert line.read()["type"] == "closing"
        # The client does not close, so the server would wait a while for it.
        server.signal(number)
        assert server.wait() == 128 + number


def test_a_stopped_server_is_shut_by_its_guard_and_listens_again(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.signal(signal.SIGSTOP)
        deadline = time.monotonic() + PATIENCE
        with contextlib.ExitStack() as waiting:
            while time.monotonic() < deadline:
                try:
                    waiting.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
                except ConnectionRefusedError:
                    break
                time.sleep(0.2)
            else:
                raise AssertionError("a stopped server takes clients")
        server.signal(signal.SIGCONT)
        while True:
            try:
                Line(server.port).close()
            except (ConnectionError, ValueError):
                assert time.monotonic() < deadline + PATIENCE
                time.sleep(0.05)
            else:
                break
        assert server.stop() == 0
        assert "hung" in "".join(server.output)


async def test_it_ends_after_the_last_client(tmp_path: Path) -> None:
    with running(tmp_path, "--exit-when-empty", "0.4") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        (tmp_path / "empty").mkdir()
        with running(tmp_path / "empty", "--exit-when-empty", "0.4") as empty:
            await wait_until(lambda: not empty.is_running, "the end of one that came later, where nobody is")
        assert server.is_running
        writer.write(b'{"type":"ping","id":1}\n')
        await asyncio.wait_for(reader.readline(), PATIENCE)
        assert b'"re":1' in await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()
        await wait_until(lambda: not server.is_running)
        assert server.wait() == 0


async def test_it_ends_when_nobody_ever_comes(tmp_path: Path) -> None:
    with running(tmp_path, "--exit-when-empty", "0.2") as server:
        await wait_until(lambda: not server.is_running)
        assert server.wait() == 0


def test_health_and_metrics(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(tmp_path, "--http", f"127.0.0.1:{port}") as server:
        with closing(Line(server.port)) as line:
            line.sock.sendall(b'{"type":"ping","id":1}\nrubbish\n')
            assert line.read()["type"] == "pong"
            assert line.read()["type"] == "error"

            def get(path: str) -> str:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
                    text: str = answer.read().decode()
                    return text

            assert json.loads(get("/healthz")) == {"ok": True, "problems": []}
            assert json.loads(get("/readyz")) == {"ok": True, "problems": []}
            metrics = get("/metrics")
        assert 'mrccsc_requests_total{type="ping"} 1.0' in metrics
        assert 'mrccsc_malformed_lines_total{kind="not_json"} 1.0' in metrics
        assert 'mrccsc_errors_total{code="invalid"} 1.0' in metrics
        assert 'mrccsc_connections_opened_total{outcome="accepted"} 1.0' in metrics
        assert "mrccsc_connections 1.0" in metrics
        assert server.stop() == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE)


def test_beyond_loopback_without_tls_it_warns_loudly(tmp_path: Path) -> None:
    with running_on(tmp_path, "0.0.0.0") as said:
        assert "WITHOUT TLS" in said


@contextmanager
def running_on(folder: Path, host: str, *options: str, before: tuple[str, ...] = ()) -> Iterator[str]:
    """What a server says until it accepts."""
    with subprocess.Popen(
        [*before, COMMAND, "--host", host, "--port", "0", "--data-dir", str(folder / "data"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "accepts on" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield said
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


def test_tls_silences_the_warning_and_ipv6_is_written_as_such(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with running_on(tmp_path, "0.0.0.0", *options) as said:
        assert "WITHOUT TLS" not in said
    if socket.has_ipv6:
        with running_on(tmp_path, "::1") as said:
            assert re.search(r"accepts on \[::1\]:\d+", said)


def test_the_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        limits = Path(f"/proc/{server.pid}/limits").read_text()
    soft, hard = re.findall(r"^Max open files\s+(\S+)\s+(\S+)", limits, re.MULTILINE)[0]
    assert soft == hard


def test_logs_as_json(tmp_path: Path) -> None:
    with running_on(tmp_path, "0.0.0.0", "--log-format", "json") as said:
        first = json.loads(said.splitlines()[0])
    assert first["level"] == "warning"
    assert "WITHOUT TLS" in first["message"]


def test_bad_input_leaves_no_trace_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path, "--log-level", "info") as server:
        for hostile in (
            b"\x16\x03\x01" + bytes(100),
            b"GET / HTTP/1.1\r\n\r\n",
            b"s3cret\x1b[31m\n" * 20,
            b"s3cret" * 9_000,
        ):
            with closing(Line(server.port)) as line:
                line.sock.sendall(hostile)
                while last := line.file.readline():
                    assert json.loads(last)["type"] in ("error", "closing")
        assert server.stop() == 0
        assert len(server.output) == 1, "only the line that it accepts"


async def test_without_files_left_it_waits_and_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, "--unlimited") as server:
        pid = server.pid
        # The database still opens some.
        most = len(list(Path(f"/proc/{pid}/fd").iterdir())) + 40
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
        crowd = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(60)]
        await wait_until(lambda: any("Too many open files" in line for line in server.output), "the warning")
        for sock in crowd:
            sock.close()
        with closing(Line(server.port)) as line:
            line.sock.sendall(b'{"type":"ping","id":1}\n')
            assert line.read()["type"] == "pong"


def test_a_low_limit_of_files_is_known_and_clients_beyond_it_are_told(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -n 94 && exec "$0" "$@"')
    with running_on(tmp_path, "127.0.0.1", "--unlimited", before=limited) as said:
        assert "At most 30 clients" in said
        port = int(re.findall(r":(\d+) ", said.splitlines()[-1])[0])
        first = []
        with contextlib.ExitStack() as crowd:
            for _ in range(100):
                sock = crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
                first.append(json.loads(crowd.enter_context(sock.makefile("rb")).readline()))
        assert [frame["type"] for frame in first] == ["welcome"] * 30 + ["closing"] * 70
        assert {frame["code"] for frame in first[30:]} == {"overloaded"}
