"""The JSON Schema of the protocol: one definition for each request, frame and object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from mrccsc_shared import PROTOCOL
from mrccsc_shared.entry import Entry
from mrccsc_shared.messages import FRAMES, Request

JsonSchema = dict[str, Any]

_REF = "#/$defs/"
_MODE: JsonSchemaMode = "validation"


def build_schema() -> JsonSchema:
    """The whole protocol as one JSON Schema: a line from a client, or a line from a server."""
    requests = [("request", kind) for kind in sorted(Request.by_type)]
    frames = [("frame", kind) for kind in sorted(FRAMES)]
    entry = ("entry", "")
    references, generated = TypeAdapter.json_schemas(
        [
            *((key, _MODE, TypeAdapter[Any](Request.by_type[key[1]])) for key in requests),
            *((key, _MODE, TypeAdapter[Any](FRAMES[key[1]])) for key in frames),
            (entry, _MODE, TypeAdapter[Any](Entry)),
        ],
        ref_template=_REF + "{model}",
    )
    definitions = {name: _tidy(body) for name, body in generated["$defs"].items()}
    definitions["Entry"] = dict(references[entry, _MODE])
    definitions["EntryFrame"] = {
        "title": "EntryFrame",
        "description": "An entry of a conversation's log; its fields stand beside `type`.",
        "type": "object",
        "properties": {"type": {"const": "entry", "type": "string"}},
        "required": ["type"],
        "allOf": [{"$ref": _REF + "Entry"}],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"The MRCCSC wire protocol, version {PROTOCOL}",
        "description": "One line of a connection. protocol.md beside this file says what the lines mean.",
        "anyOf": [{"$ref": _REF + "LineFromClient"}, {"$ref": _REF + "LineFromServer"}],
        "$defs": {
            "LineFromClient": {"oneOf": [dict(references[key, _MODE]) for key in requests]},
            "LineFromServer": {
                "anyOf": [*(dict(references[key, _MODE]) for key in frames), {"$ref": _REF + "EntryFrame"}]
            },
            **dict(sorted(definitions.items())),
        },
    }


def fields(body: JsonSchema) -> Iterator[tuple[str, JsonSchema, bool]]:
    """Each field of a definition, ``type`` first: its name, its schema without ``null``, whether it may be absent."""
    required = set(body.get("required", ()))
    order = {"type": 0, "kind": 0, "id": 1, "re": 1}
    for name in sorted(body.get("properties", {}), key=lambda name: order.get(name, 2)):
        field = body["properties"][name]
        choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
        yield name, choices[0] if len(choices) == 1 else field, name not in required


def _tidy(body: JsonSchema) -> JsonSchema:
    """Without made-up titles, with ``type`` required, and with one name for every list of entry kinds."""
    properties = body.get("properties", {})
    if "default" in properties.get("type", {}):
        del properties["type"]["default"]
        body["required"] = ["type", *body.get("required", ())]
    for field in properties.values():
        field.pop("title", None)
        for part in (field, field.get("items", {}), *field.get("anyOf", ())):
            if "create" in part.get("discriminator", {}).get("mapping", {}):
                part.clear()
                part["$ref"] = _REF + "Entry"
            if "patternProperties" in part:
                part["additionalProperties"] = False
    return body
