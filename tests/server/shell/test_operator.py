"""invite, passwd, users, new-epoch: on the store that a server uses, also while it does."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.tokens import digest
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tests.server.shell.test_process import PATIENCE, Line, running
from tests.wire.server import COMMAND


def operate(folder: Path, *argv: str, typed: str = "") -> str:
    """What a command prints when it succeeds."""
    done = attempt(folder, *argv, typed=typed)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def attempt(folder: Path, *argv: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "--data-dir", str(folder / "data"), *argv],
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def people(folder: Path, *names: str, display_name: str = "Somebody") -> None:
    """Accounts with one session each, made while no server runs."""
    (folder / "data").mkdir(exist_ok=True)
    store = make_store(f"sqlite://{folder}/data/mrccsc.db", Limits())
    await store.open()
    for name in names:
        account = await store.accounts.create(name, display_name, "no hash")
        await store.sessions.open(account.user, digest(name), None)
    await store.close()


async def stored_password(folder: Path, name: str) -> str:
    store = make_store(f"sqlite://{folder}/data/mrccsc.db", Limits())
    await store.open()
    account = await store.accounts.by_name(name)
    await store.close()
    assert account is not None
    return account.password


def test_invite_codes_before_and_while_the_server_runs(tmp_path: Path) -> None:
    before = operate(tmp_path, "invite").split()
    assert len(before) == 1
    with running(tmp_path, "--registration", "invite") as server:
        during = operate(tmp_path, "invite", "--count", "5").split()
        assert len(set(before + during)) == 6
        for number, code in enumerate(before + during):
            with closing(Line(server.port)) as line:
                for name in (f"user{number}", f"again{number}"):
                    request = {
                        "type": "account.register",
                        "id": 1,
                        "username": name,
                        "password": "long enough",
                        "invite": code,
                    }
                    line.sock.sendall(json.dumps(request).encode() + b"\n")
                    answer = line.read()
                    if name.startswith("user"):
                        assert answer["type"] == "session.ready"
                        line.close()
                        line = Line(server.port)
                    else:
                        assert answer["code"] == "bad_invite", "a code is used once"
                line.close()


async def test_passwd_from_standard_input(tmp_path: Path) -> None:
    await people(tmp_path, "alice", "bob")
    said = operate(tmp_path, "passwd", "ALICE", typed="пароль horse\n")
    assert said == "The password is set; 1 session ended.\n"
    passwords = Passwords(workers=1, queue=1)
    assert await passwords.verify(await stored_password(tmp_path, "alice"), "пароль horse")
    assert await stored_password(tmp_path, "bob") == "no hash"
    passwords.close()


async def test_passwd_asks_twice_at_a_terminal_and_shows_nothing(tmp_path: Path) -> None:
    await people(tmp_path, "alice")
    for first, second, code in (("long enough", "long enough", 0), ("long enough", "other words", 2)):
        terminal, inside = pty.openpty()
        with subprocess.Popen(  # noqa: ASYNC220
            [COMMAND, "--data-dir", str(tmp_path / "data"), "passwd", "alice"],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        ) as process:
            os.close(inside)
            said = read_until(terminal, b"New password: ")
            os.write(terminal, f"{first}\n".encode())
            said += read_until(terminal, b"Again: ")
            os.write(terminal, f"{second}\n".encode())
            assert process.wait(PATIENCE) == code
        said += read_until(terminal, b".\r\n")
        os.close(terminal)
        assert b"long enough" not in said
        assert (b"not the same" in said) == (code == 2)


def read_until(terminal: int, end: bytes) -> bytes:
    said = b""
    while end not in said:
        said += os.read(terminal, 1_024)
    return said


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("nobody", "long enough\n", "no user of that name"),
        ("alice", "short\n", "8 to 256"),
        ("alice", "x" * 257 + "\n", "8 to 256"),
        ("alice", "", "8 to 256"),
    ],
)
async def test_passwd_refuses_in_one_line(tmp_path: Path, name: str, typed: str, words: str) -> None:
    await people(tmp_path, "alice")
    done = attempt(tmp_path, "passwd", name, typed=typed)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert await stored_password(tmp_path, "alice") == "no hash"


async def test_users_lists_everyone(tmp_path: Path) -> None:
    await people(tmp_path, "alice", "bob", display_name="Ångström 小明")
    head, *rows = operate(tmp_path, "users").splitlines()
    assert head.split() == ["USER", "SESSIONS", "SINCE", "NAME"]
    assert len(rows) == 2
    assert re.fullmatch(r"alice +1  \d{4}-\d\d-\d\d  Ångström 小明", rows[0])
    assert rows[1].startswith("bob ")


def test_users_of_a_new_folder_are_none(tmp_path: Path) -> None:
    assert len(operate(tmp_path, "users").splitlines()) == 1


async def test_a_new_epoch_only_while_no_server_runs(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        done = attempt(tmp_path, "new-epoch")
        assert done.returncode == 2
        assert f"process id {server.pid}" in done.stderr
        assert server.stop() == 0
    store = make_store(f"sqlite://{tmp_path}/data/mrccsc.db", Limits())
    await store.open()
    before = store.log.epoch
    await store.close()
    said = operate(tmp_path, "new-epoch")
    store = make_store(f"sqlite://{tmp_path}/data/mrccsc.db", Limits())
    await store.open()
    after = store.log.epoch
    await store.close()
    assert after != before
    assert after in said


@pytest.mark.parametrize("command", [["new-epoch"], ["passwd", "alice"]], ids=["new-epoch", "passwd"])
def test_what_is_about_a_database_makes_none(tmp_path: Path, command: list[str]) -> None:
    done = attempt(tmp_path, *command, typed="another password\n")
    assert done.returncode == 2
    assert str(tmp_path / "data" / "mrccsc.db") in done.stderr
    assert "--data-dir" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mrccsc.db").write_text("no database at all\n" * 1_000)
    for command in (["users"], ["invite"], ["new-epoch"]):
        done = attempt(tmp_path, *command)
        assert done.returncode == 2
        assert "mrccsc.db" in done.stderr
        assert len(done.stderr.splitlines()) == 1
