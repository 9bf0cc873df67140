"""Lines ⇄ models: the only place that knows JSON.

Encoding takes a frame as a plain dictionary of its ``TypedDict`` form; decoding a request gives its model, decoding
a frame gives the ``TypedDict`` form again, without what this version does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Union

import orjson
from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from mrccsc_shared.entry import Entry, SaidEntry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import MAX_ID
from mrccsc_shared.messages import FRAMES, Request
from mrccsc_shared.types import ANY_VERSION

_Requests: Any = Annotated[Union[tuple(Request.by_type.values())], Field(discriminator="type")]  # noqa: UP007
_REQUESTS: TypeAdapter[Any] = TypeAdapter(_Requests)
# The wrapper `TypeAdapter.validate_json` costs a third of the whole; its validator is public pydantic-core.
_validate_request = _REQUESTS.validator.validate_json


class Malformed(Exception):
    """The line is no JSON object in UTF-8, so that there is no request to refuse."""


class BadRequest(Refusal):
    """The line is an object but no good request. ``re`` is its id where that is valid."""

    def __init__(self, code: ErrorCode, message: str, re: int | None) -> None:
        super().__init__(code, message)
        self.re = re


def decode_request(line: bytes) -> Request:
    """The request in a line. Raises :class:`BadRequest` or :class:`Malformed`; neither repeats what the line says."""
    try:
        request: Request = _validate_request(line)
    except ValidationError as error:
        raise _explain(line, error) from None
    return request


def encode(frame: Mapping[str, Any]) -> bytes:
    """One line of a frame or request in its dictionary form, newline included. Its integers have at most 64 bits."""
    return orjson.dumps(frame, option=orjson.OPT_APPEND_NEWLINE)


def encode_entry(entry: Entry) -> bytes:
    """The line of an ``entry`` event."""
    return b'{"type":"entry",' + orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)[1:]


@cache
def frame_adapter(kind: str) -> TypeAdapter[Any] | None:
    """What validates a server frame of that ``type``; ``None`` for a type that this version does not know."""
    if kind == "entry":
        return TypeAdapter(SaidEntry)
    definition = FRAMES.get(kind)
    return None if definition is None else TypeAdapter(definition)


def decode_frame(line: bytes) -> dict[str, Any] | None:
    """The frame in a line from a server, or ``None`` where this version does not know its type.

    An ``entry`` has the fields of its entry beside ``type``. Unknown fields are dropped; words and kinds of entries
    that came after this version are read as their definitions say. Raises :class:`Malformed` when the line is no frame
    or breaks its definition.
    """
    try:
        raw = from_json(line)
    except ValueError:
        raise Malformed("The line is not JSON.") from None
    if not isinstance(raw, dict) or not isinstance(kind := raw.get("type"), str):
        raise Malformed("The line is no frame.")
    adapter = frame_adapter(kind)
    if adapter is None:
        return None
    try:
        checked: dict[str, Any] = adapter.validate_python(raw, context=ANY_VERSION)
    except ValidationError as error:
        raise Malformed(f"A frame of type {kind!r} is broken at {_place(error.errors()[0]['loc'])}.") from None
    checked["type"] = kind
    return checked


def _explain(line: bytes, error: ValidationError) -> Exception:
    try:
        raw = from_json(line)
    except ValueError:
        raw = _read_leniently(line)
        if isinstance(raw, dict):
            return BadRequest(ErrorCode.INVALID, "The line has a number or string that cannot be taken.", _id_of(raw))
        return Malformed("The line is not a JSON object in UTF-8.")
    if not isinstance(raw, dict):
        return Malformed("The line is not a JSON object.")
    re = _id_of(raw)
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    match first["type"]:
        case "union_tag_not_found":
            return BadRequest(ErrorCode.INVALID, "A request has a type.", re)
        case "union_tag_invalid":
            if not isinstance(raw.get("type"), str):
                return BadRequest(ErrorCode.INVALID, "The type of a request is a string.", re)
            return BadRequest(ErrorCode.UNKNOWN_TYPE, ErrorCode.UNKNOWN_TYPE.text, re)
        case "extra_forbidden":
            return BadRequest(ErrorCode.INVALID, "The request has a field that its type does not know.", re)
        case "missing":
            return BadRequest(ErrorCode.INVALID, f"The request lacks the field {_place(first['loc'])}.", re)
        case "directions":
            return BadRequest(ErrorCode.INVALID, "Give at most one of before, after and around.", re)
    return BadRequest(ErrorCode.INVALID, f"The field {_place(first['loc'])} is not well formed.", re)


def _read_leniently(line: bytes) -> Any:
    """What is JSON by its grammar but beyond us (5,000 digits, half a surrogate pair): its id is to be answered."""
    try:
        return json.loads(line.decode(), parse_int=lambda digits: int(digits) if len(digits) <= 16 else None)
    except (ValueError, RecursionError):
        return None


def _id_of(raw: dict[str, Any]) -> int | None:
    re = raw.get("id")
    return re if type(re) is int and 0 <= re <= MAX_ID else None


def _place(loc: tuple[int | str, ...]) -> str:
    """A field's name for a person. Only names that the models define: a key of the peer's is never repeated."""
    names = [part for part in loc if isinstance(part, str) and part in _FIELD_NAMES]
    return ".".join(names) or "(inside)"


_FIELD_NAMES = {name for model in Request.by_type.values() for name in model.model_fields} | {"name"}
