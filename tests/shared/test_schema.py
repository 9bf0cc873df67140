"""The schema as a whole: complete, described, free of I/O."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import mrccsc_shared
from mrccsc_shared.errors import CloseCode, ErrorCode
from mrccsc_shared.messages import FRAMES, Request
from tools.protocol_docs.__main__ import render

ALLOWED = {"mrccsc_shared", "pydantic", "orjson", "pydantic_core", "regex", "typing_extensions"}
FORBIDDEN = {
    "asyncio",
    "socket",
    "ssl",
    "sqlite3",
    "threading",
    "subprocess",
    "selectors",
    "http",
    "urllib",
    "os",
    "time",
}


def test_it_imports_nothing_that_does_anything() -> None:
    for path in Path(mrccsc_shared.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                names = [node.module or ""]
            else:
                continue
            for top in (name.split(".")[0] for name in names):
                assert top in ALLOWED or (top in sys.stdlib_module_names and top not in FORBIDDEN), f"{path}: {top}"


@pytest.mark.parametrize("kind", sorted(Request.by_type))
def test_every_request_has_an_answer_that_exists(kind: str) -> None:
    model = Request.by_type[kind]
    answer = FRAMES[model.answer]
    assert "re" in answer.__annotations__, f"{model.answer} is no answer"
    assert model.__doc__


@pytest.mark.parametrize("kind", sorted(Request.by_type))
def test_every_request_for_a_page_is_heavy(kind: str) -> None:
    model = Request.by_type[kind]
    assert model.heavy or "limit" not in model.model_fields


def test_every_code_says_something_to_a_person() -> None:
    for code in (*ErrorCode, *CloseCode):
        assert code.text[0].isupper()
        assert code.text.endswith(".")
    assert {code for code in ErrorCode if code.retryable} == {"rate_limited", "unavailable", "overloaded"}


def test_the_documents_are_what_the_models_say() -> None:
    for path, text in render().items():
        assert path.read_text() == text, f"{path.name} is stale: run 'make docs'"
