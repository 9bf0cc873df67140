"""A package's docstring is its map: it names every module, and nothing that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    init.parent.relative_to(ROOT)
    for root in ("shared", "server", "tui_client", "tools")
    for init in (ROOT / root).rglob("__init__.py")
)
NAME = re.compile(r"``([\w.*]+)``")
FIRST = re.compile(rf"{NAME.pattern}(?:,? {NAME.pattern})*  ")
"""The names at the beginning of a line of a map: what follows stands in a column of its own."""


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_names_its_modules_and_no_others(package: Path) -> None:
    folder = ROOT / package
    words = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    if not modules:
        return
    named = set(NAME.findall(words))
    assert modules <= named, f"{package} does not name {sorted(modules - named)}"
    mapped = {name for line in words.splitlines() if (row := FIRST.match(line)) for name in NAME.findall(row[0])}
    there = {path.name for path in folder.iterdir()} | {path.stem for path in folder.iterdir()}
    assert mapped <= there, f"{package} names {sorted(mapped - there)}"
