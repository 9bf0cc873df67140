"""The schema as Markdown: a section for each request, frame and object of a feature."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from typing_extensions import is_typeddict

from mrccsc_shared import entry, limits
from mrccsc_shared.errors import CloseCode, ErrorCode
from mrccsc_shared.messages import FRAMES, Notice, Request
from tools.protocol_docs.glossary import meaning
from tools.protocol_docs.limits import operator_limits
from tools.protocol_docs.schema import JsonSchema, fields


def feature(schema: JsonSchema, name: str) -> str:
    """All messages and objects that one module of ``messages`` defines, in its order."""
    module = importlib.import_module(f"mrccsc_shared.messages.{name}")
    return "\n".join(_section(schema, definition) for definition in _definitions(module))


def entries(schema: JsonSchema) -> str:
    """What all entries have, then what each kind adds."""
    common = set(entry.EntryBase.__annotations__)
    base = {**schema["$defs"]["CreateEntry"]}
    base["properties"] = {name: field for name, field in base["properties"].items() if name in common}
    lines = ["Every entry:", "", _table("EntryBase", base), "By `kind`:", "", "| kind | fields | |", "|---|---|---|"]
    for reference in schema["$defs"]["Entry"]["oneOf"]:
        name = reference["$ref"].rsplit("/", 1)[1]
        body = schema["$defs"][name]
        parts = [
            f"`{field}`{'?' if absent else ''}: {_type(shape)}"
            for field, shape, absent in fields(body)
            if field not in common and field != "kind"
        ]
        lines.append(f"| `{body['properties']['kind']['const']}` | {', '.join(parts)} | {_prose(body)} |")
    return "\n".join([*lines, ""])


def errors() -> str:
    """Every error code, the final ones first."""
    rows = sorted(ErrorCode, key=lambda code: code.retryable)
    return _rows(
        ("code", "what to do", "what it says"),
        ((f"`{code}`", "ask again later" if code.retryable else "do not repeat", code.text) for code in rows),
    )


def closing() -> str:
    """Every close code."""
    return _rows(
        ("code", "reconnect", "what it says"),
        ((f"`{code}`", "yes" if code.reconnect else "no", code.text) for code in CloseCode),
    )


def numbers() -> str:
    """The limits that belong to the protocol, then those that an operator may change."""
    wire = {
        "Bytes of a line from a client": limits.MAX_LINE,
        "Bytes of a line before sign-in (but `session.resume`)": limits.MAX_LINE_BEFORE_SIGN_IN,
        "Bytes of a line from a server": limits.MAX_SERVER_LINE,
        "Unanswered requests at which the server stops reading": limits.MAX_UNANSWERED,
        "Entries or rows of a page": limits.MAX_PAGE,
        "Characters of a display name or title": limits.MAX_NAME,
        "Characters of a topic": limits.MAX_TOPIC,
        "Characters beside a presence": limits.MAX_PRESENCE_TEXT,
        "Bytes of an emoji": limits.MAX_EMOJI,
        "Kinds of emoji on a message": limits.MAX_REACTION_KINDS,
        "Reactions on a message": limits.MAX_REACTIONS,
        "Characters of a query": limits.MAX_QUERY,
        "Characters of a password": f"{limits.MIN_PASSWORD}–{limits.MAX_PASSWORD}",
        "Largest id, seq, time": "2^53 − 1",
    }
    return _rows(
        ("what", "limit"),
        ((what, f"{number:,}" if isinstance(number, int) else number) for what, number in wire.items()),
    )


def operator_numbers() -> str:
    """The limits in the ``[limits]`` table of the server's configuration."""
    return _rows(("name", "default", "meaning"), operator_limits())


def _definitions(module: Any) -> Iterator[Any]:
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if is_typeddict(value) or (isinstance(value, type) and issubclass(value, BaseModel)):
            yield value


def _section(schema: JsonSchema, definition: Any) -> str:
    name = definition.__name__
    body = schema["$defs"][name]
    if isinstance(definition, type) and issubclass(definition, Request):
        kind = body["properties"]["type"]["const"]
        heading = f"`{kind}` (request)"
        optional = " Without an `id` it is answered only when refused." if issubclass(definition, Notice) else ""
        after = f"Answer: `{definition.answer}`.{optional}\n"
    elif definition in FRAMES.values():
        kind = body["properties"]["type"]["const"]
        heading = f"`{kind}` ({_role(body)})"
        after = ""
    else:
        heading, after = name, ""
    parts = (f"#### {heading}\n", _prose(body) and f"{_prose(body)}\n", _table(name, body), after)
    return "\n".join(part for part in parts if part)


def _role(body: JsonSchema) -> str:
    if "re" not in body["properties"]:
        return "event"
    return "answer" if "re" in body["required"] else "answer or event"


def _prose(body: JsonSchema) -> str:
    return " ".join(body.get("description", "").replace("``", "`").split())


def _table(name: str, body: JsonSchema) -> str:
    rows = [
        (f"`{field}`{'?' if absent else ''}", _type(shape), meaning(name, field))
        for field, shape, absent in fields(body)
        if field not in ("type", "kind") or "const" not in shape
    ]
    return _rows(("field", "type", "meaning"), rows) if rows else ""


def _rows(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return (
        "".join("| " + " | ".join(line) + " |\n" for line in lines).replace("| --- ", "|---").replace("--- |", "---|")
    )


def _type(shape: JsonSchema) -> str:
    match shape:
        case {"$ref": reference}:
            name = reference.rsplit("/", 1)[1]
            return {"ErrorCode": "code", "CloseCode": "code"}.get(name, f"[{name}](#{name.lower()})")
        case {"const": value}:
            return f"`{str(value).lower() if isinstance(value, bool) else value}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"patternProperties": _} | {"additionalProperties": {}}:
            inner = next(iter(shape.get("patternProperties", {}).values()), None) or shape["additionalProperties"]
            return f"object of {_type(inner)}"
        case {"type": "string", "pattern": pattern} if "{12}" in pattern:
            return "UUID"
        case {"type": "string", "maxLength": longest}:
            return f"string ≤ {longest}"
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"integer ≥ {least}" if most == limits.MAX_ID else f"integer {least}…{most}"
        case {"type": kind}:
            return str(kind)
    raise ValueError(f"no words for {shape}")
