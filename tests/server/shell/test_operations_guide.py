"""docs/operations.md says what there is, and what it says can be typed can be."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

from mrccsc_server.cli import arguments
from mrccsc_server.config import Settings, load

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/operations.md").read_text()


def test_every_option_is_explained() -> None:
    flags = {f"--{name.replace('_', '-')}" for name in Settings.model_fields} - {
        "--limits",
        "--database-password",
        "--bus-password",
    }
    explained = set(re.findall(r"`(--[a-z-]+)", GUIDE.partition("## Limits")[0].partition("## Options")[2]))
    assert flags <= explained
    assert explained - flags == {"--config", "--help", "--version"}
    for name in ("DATABASE", "BUS"):
        assert f"MRCCSC_{name}_PASSWORD" in GUIDE


def test_the_settings_of_the_ten_minutes_are_good(tmp_path: Path) -> None:
    text = re.search(r'^ +database = "mysql.*\n(?: +\S+ = ".*"\n)+', GUIDE, re.MULTILINE)
    assert text is not None
    (tmp_path / "server.toml").write_text(textwrap.dedent(text[0]))
    found = load({"config": str(tmp_path / "server.toml")}, {})
    assert (found.database_place, found.bus_place) == ("mysql 127.0.0.1:3306/mrccsc", "redis 127.0.0.1:6379/0")


def test_every_command_that_is_shown_can_be_typed() -> None:
    shown = re.findall(r"^ +(?:/opt/mrccsc/bin/)?mrccsc-server (.*)$", GUIDE, re.MULTILINE)
    assert len(shown) >= 3
    shown += re.findall(r"`mrccsc-server ([a-z-]+[^`]*)`", GUIDE)
    for line in shown:
        words = shlex.split(re.sub(r"[\[\]…]", "", line), comments=True)
        arguments.parse(["1" if word == "N" else word for word in words])


def test_every_file_that_is_named_is_there() -> None:
    for target in re.findall(r"\]\((\.\./[^)#]+)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
    for name in re.findall(r"\b(deploy/[\w.@-]+)", GUIDE):
        assert (ROOT / name).exists(), name


def test_every_link_within_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", GUIDE)) <= anchors
