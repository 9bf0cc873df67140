"""The configuration file, and what goes over it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mrccsc_tui.config import Config, ConfigError, Profile, password_from, read_config

FULL = """
profile = "work"
theme = "nord"
[profiles.work]
host = "chat.example.org"
port = 443
tls = true
ca = "certs/ca.pem"
username = "ada"
password-command = "pass show chat"
notify = false
[profiles.home]
theme = "gruvbox"
[keys]
conversation-next = "f8"
"""


def written(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(text)
    return read_config(file)


def test_a_profile_is_its_table_under_the_command_line(tmp_path: Path) -> None:
    config = written(tmp_path, FULL)
    assert config.default_profile == "work"
    assert config.names() == ("work", "home")
    work = Profile(
        "work", "chat.example.org", 443, tls=True, ca=tmp_path / "certs/ca.pem", username="ada",
        password_command="pass show chat",
    )  # fmt: skip
    assert config.profile("work", host=None, port=None) == work
    assert config.profile("work", port=8443).port == 8443
    assert config.profile("home") == Profile("home")
    assert config.places("work")
    assert not config.places("home")


def test_options_are_the_profiles_over_the_files_under_the_command_lines(tmp_path: Path) -> None:
    config = written(tmp_path, FULL)
    work, home = config.options("work"), config.options("home", notify=False, ascii=True)
    assert (work.theme, work.notify, work.ascii, dict(work.keys)) == ("nord", False, False, {"conversation-next": "f8"})
    assert (home.theme, home.notify, home.ascii) == ("gruvbox", False, True)


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    config = read_config(tmp_path / "none.toml")
    assert config.profile("default") == Profile()
    assert config.options("default").notify


def test_a_ca_means_tls(tmp_path: Path) -> None:
    assert read_config(tmp_path / "none.toml").profile("x", ca=tmp_path / "ca.pem").tls


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("theme = 3", "theme is not a string"),
        ("[profiles.x]\nport = '80'", "profiles.x.port is not an integer"),
        ("[profiles.x]\nport = true", "profiles.x.port is not an integer"),
        ("[profiles.x]\ncolour = 'red'", "profiles.x.colour is not a known setting"),
        ("[profiles]\nx = 1", "profiles.x is not a table"),
        ("nonsense = 1", "nonsense is not a known setting"),
        ("[keys]\nquit = 1", "keys.quit is not a string"),
        ("theme = ", "is not valid TOML"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        written(tmp_path, text)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 65])
def test_a_profiles_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="profile's name"):
        read_config(tmp_path / "none.toml").profile(name)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_port_is_one(tmp_path: Path, port: int) -> None:
    with pytest.raises(ConfigError, match="not between 1 and 65535"):
        read_config(tmp_path / "none.toml").profile("x", port=port)


def test_a_password_comes_from_a_command() -> None:
    assert password_from(f"{sys.executable} -c \"print('pass word')\"") == "pass word"
    for command, words in (
        (f"{sys.executable} -c 'raise SystemExit(3)'", "status 3"),
        (f"{sys.executable} -c pass", "printed nothing"),
        ("/no/such/command", "cannot be run"),
        ("'unbalanced", "cannot be run"),
    ):
        with pytest.raises(ConfigError, match=words):
            password_from(command)
