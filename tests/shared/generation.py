"""Requests and frames by chance, made from the documented JSON Schema.

Made from the schema rather than from the models, so that a round trip also shows that the schema in the documents and
the models agree about what is well formed.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tools.protocol_docs.schema import build_schema

SCHEMA = build_schema()
_DEFINITIONS = SCHEMA["$defs"]


def names_of(side: str) -> dict[str, str]:
    """The definitions behind ``LineFromClient`` or ``LineFromServer``, by their ``type``."""
    choices = _DEFINITIONS[side].get("oneOf") or _DEFINITIONS[side]["anyOf"]
    names = [choice["$ref"].rsplit("/", 1)[1] for choice in choices]
    return {_DEFINITIONS[name]["properties"]["type"]["const"]: name for name in names if name != "EntryFrame"}


REQUESTS = names_of("LineFromClient")
FRAMES = names_of("LineFromServer")


def instances(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Well-formed instances of a definition, with and without what may be absent."""
    if name == "HistoryGet":
        return _object(_DEFINITIONS[name]).filter(
            lambda page: sum(page.get(place) is not None for place in ("before", "after", "around")) <= 1
        )
    return _value({"$ref": f"#/$defs/{name}"})


def _value(shape: dict[str, Any]) -> st.SearchStrategy[Any]:
    match shape:
        case {"$ref": reference}:
            return st.deferred(lambda: _value(_DEFINITIONS[reference.rsplit("/", 1)[1]]))
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"anyOf": choices} | {"oneOf": choices}:
            return st.one_of([_value(choice) for choice in choices])
        case {"type": "null"}:
            return st.none()
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            return st.integers(shape.get("minimum", -(2**53)), shape.get("maximum", 2**53))
        case {"type": "number"}:
            return st.floats(allow_nan=False, allow_infinity=False)
        case {"type": "string", "pattern": _}:
            return st.uuids().map(str)
        case {"type": "string"}:
            return st.text(min_size=shape.get("minLength", 0), max_size=min(shape.get("maxLength", 40), 40))
        case {"type": "array", "items": items}:
            return st.lists(_value(items), max_size=3)
        case {"patternProperties": patterns}:
            (inner,) = patterns.values()
            return st.dictionaries(st.integers(1, 10**16 - 1).map(str), _value(inner), max_size=3)
        case {"type": "object", "properties": _}:
            return _object(shape)
        case {"type": "object", "additionalProperties": inner}:
            return st.dictionaries(st.text(max_size=8), _value(inner), max_size=3)
        case {"type": "object"}:
            return st.just({})
    raise ValueError(f"nothing to make of {shape}")


def _object(shape: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    required = set(shape.get("required", ()))
    fields = {name: _value(field) for name, field in shape["properties"].items()}
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )
