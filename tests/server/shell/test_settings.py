"""Flags over environment over file over defaults, and what is said when one is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mrccsc_server import config
from mrccsc_server.cli import arguments
from mrccsc_server.config import Settings, load
from mrccsc_server.start_error import StartError


def settings(*argv: str, **environ: str) -> Settings:
    return load(arguments.parse(list(argv)), environ)


def written(folder: Path, text: str) -> str:
    path = folder / "server.toml"
    path.write_text(text)
    return str(path)


def test_defaults() -> None:
    found = settings()
    assert (found.host, found.port, found.bus, found.registration) == ("127.0.0.1", 8_000, "memory:", "open")
    assert found.http is found.tls_cert is found.exit_when_empty is None
    assert found.database_url == f"sqlite://{found.data_dir}/mrccsc.db"
    assert found.effective_limits == config.Limits()


def test_flags_over_environment_over_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 1\nnode = "file"\nhost = "file.example"\n')
    environ = {"MRCCSC_PORT": "2", "MRCCSC_NODE": "environment"}
    found = settings("--config", file, "--port", "3", **environ)
    assert (found.port, found.node, found.host) == (3, "environment", "file.example")
    assert settings(MRCCSC_CONFIG=file).port == 1


def test_an_empty_variable_is_no_variable() -> None:
    assert settings(MRCCSC_PORT="").port == 8_000


@pytest.mark.parametrize("spelling", ["data-dir", "data_dir"])
def test_the_file_knows_both_spellings(tmp_path: Path, spelling: str) -> None:
    assert settings("--config", written(tmp_path, f'{spelling} = "/srv/chat"\n')).data_dir == Path("/srv/chat")


def test_every_option_can_be_set_everywhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    values: dict[str, Any] = {
        "host": "localhost",
        "port": "1234",
        "database": "mysql://chat@db.example/chat",
        "database_password_file": str(secret),
        "bus": "redis://bus.example:6379/0",
        "bus_password_file": str(secret),
        "proxy_from": "192.0.2.0/24,2001:db8::/32",
        "workers": "3",
        "node": "n1",
        "data_dir": "/srv/data",
        "registration": "invite",
        "http": "127.0.0.1:9100",
        "unlimited": "true",
        "log_format": "json",
        "log_level": "debug",
        "tls_cert": "/srv/cert",
        "tls_key": "/srv/key",
    }
    assert set(values) | {"limits", "exit_when_empty", "database_password", "bus_password"} == set(
        Settings.model_fields
    )
    by_environment = settings(**{f"MRCCSC_{name.upper()}": value for name, value in values.items()})
    file = "".join(f'{name.replace("_", "-")} = "{value}"\n' for name, value in values.items())
    flags = [
        part
        for name, value in values.items()
        for part in ([f"--{name.replace('_', '-')}"] + ([] if name == "unlimited" else [value]))
    ]
    assert by_environment == settings("--config", written(tmp_path, file)) == settings(*flags)
    assert by_environment.http == ("127.0.0.1", 9_100)
    assert by_environment.unlimited is True
    assert [str(network) for network in by_environment.proxy_from] == ["192.0.2.0/24", "2001:db8::/32"]
    assert settings("--exit-when-empty", "5") == settings(MRCCSC_EXIT_WHEN_EMPTY="5")


@pytest.mark.parametrize("name", ["database", "bus"])
def test_a_password_from_the_environment_or_a_file_goes_into_the_url_and_nowhere_else(
    tmp_path: Path, name: str
) -> None:
    urls = ("--database", "mysql://chat@db:3306/chat", "--bus", "redis://:old@bus:6379/0")
    path = tmp_path / "secret"
    path.write_text("s3/cr:et@\n")
    for found in (
        settings(*urls, f"--{name}-password-file", str(path)),
        settings(*urls, **{f"MRCCSC_{name.upper()}_PASSWORD": "s3/cr:et@"}),
    ):
        url = {"database": found.database_url, "bus": found.bus_url}[name]
        user = {"database": "chat", "bus": ""}[name]
        assert f"//{user}:s3%2Fcr%3Aet%40@" in url
        for shown in (repr(found), found.database_place, found.bus_place):
            assert "s3" not in shown
        assert (found.database_place, found.bus_place) == ("mysql db:3306/chat", "redis bus:6379/0")


def test_a_password_is_no_flag() -> None:
    with pytest.raises(StartError, match="no option --database-password"):
        settings("--database-password", "s3cret")


@pytest.mark.parametrize("content", ["", "\n", "one\ntwo\n", "\xff"])
def test_a_file_that_holds_no_password(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(StartError, match="--bus-password-file"):
        settings("--bus-password-file", str(path))
    with pytest.raises(StartError, match="No such file"):
        settings("--bus-password-file", str(tmp_path / "none"))


def test_the_limits_are_a_table_of_the_file(tmp_path: Path) -> None:
    found = settings("--config", written(tmp_path, "[limits]\nheartbeat = 1.5\nsilent-per-address = 7\n"))
    assert (found.limits.heartbeat, found.limits.silent_per_address) == (1.5, 7)


def test_unlimited_lifts_rates_and_keeps_caps() -> None:
    limits = settings("--unlimited").effective_limits
    assert limits.sends_rate == limits.requests_rate == limits.changes_rate == limits.address_rate >= 1e9
    assert limits.sends_burst == limits.requests_burst == limits.changes_burst == limits.address_burst >= 10**9
    assert limits.silent_per_address == limits.connections
    default = config.Limits()
    for cap in ("output", "max_line", "max_text", "commit_queue", "connections", "failure_delay", "groups", "members"):
        assert getattr(limits, cap) == getattr(default, cap)


def test_the_data_folder_follows_xdg() -> None:
    assert config.default_data_dir({"XDG_DATA_HOME": "/xdg"}) == Path("/xdg/mrccsc/server")
    home = Path.home() / ".local/share/mrccsc/server"
    assert config.default_data_dir({"XDG_DATA_HOME": "relative"}) == config.default_data_dir({}) == home


def test_the_default_name_of_a_node_is_one() -> None:
    assert settings("--node", config.default_node()).node


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--port", "x"], ["--port", "integer"]),
        (["--port", "65536"], ["--port", "65535"]),
        (["--prot", "1"], ["--prot", "--help"]),
        (["--por", "1"], ["--por"]),
        (["--port"], ["--port"]),
        (["frobnicate"], ["frobnicate"]),
        (["--host", ""], ["--host"]),
        (["--node", "a b"], ["--node"]),
        (["--registration", "maybe"], ["--registration", "'invite'"]),
        (["--http", "9100"], ["--http", "HOST:PORT"]),
        (["--http", "host:99999"], ["--http", "HOST:PORT"]),
        (["--log-format", "xml"], ["--log-format"]),
        (["--exit-when-empty", "0"], ["--exit-when-empty"]),
        (["--tls-cert", "/x"], ["--tls-key"]),
        (["--bus", "redis://localhost/0"], ["SQLite", "--database mysql:"]),
        (["--bus", "redis://localhost:port/0"], ["--bus", "URL"]),
        (["--database", "mysql://user:s3cret@[::1/chat"], ["--database", "URL"]),
        (["--workers", "0"], ["--workers"]),
        (["--workers", "2"], ["--workers", "--database mysql:", "--bus redis:"]),
        (["--proxy-from", "192.0.2.1/24"], ["--proxy-from", "192.0.2.0/24"]),
        (["--proxy-from", "nginx"], ["--proxy-from"]),
        (["--bus", "carrier-pigeon:"], ["memory:"]),
        (["--config", "/nonexistent/file.toml"], ["/nonexistent/file.toml", "No such file"]),
        (["invite", "--count", "0"], ["1 to 1000"]),
        (["invite", "--count", "many"], ["--count"]),
        (["passwd"], ["USER"]),
    ],
)
def test_a_wrong_option_is_named_in_one_line(argv: list[str], words: list[str]) -> None:
    with pytest.raises(StartError) as caught:
        settings(*argv)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_wrong_variable_is_named_as_it_was_spelled() -> None:
    with pytest.raises(StartError, match=r"^MRCCSC_PORT: "):
        settings(MRCCSC_PORT="x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = \n", ["not good TOML"]),
        ("\xff", ["not good TOML"]),
        ("port = 'x'\n", ["port in ", "server.toml", "integer"]),
        ("prot = 1\n", ["There is no option prot in", "server.toml"]),
        ("[limits]\nheartbeat = 0\n", ["heartbeat in [limits] of", "server.toml", "greater than 0"]),
        ("[limits]\nhertbeat = 1\n", ["There is no option hertbeat in [limits] of"]),
        ("limits = 3\n", ["limits in"]),
    ],
)
def test_a_wrong_file_is_named_with_its_place(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "server.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StartError) as caught:
        settings("--config", str(path))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_options_of_a_command_may_stand_on_either_side() -> None:
    for argv in (["--data-dir", "/x", "users"], ["users", "--data-dir", "/x"]):
        flags = arguments.parse(argv)
        assert (flags["command"], flags["data_dir"]) == ("users", "/x")
