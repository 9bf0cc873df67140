"""The constrained scalar types that frames are made of. All are strict: ``true`` and ``"1"`` are no integers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from mrccsc_shared import limits

Id = Annotated[int, Field(ge=1, le=limits.MAX_ID)]
"""A user, conversation or session id."""

Seq = Annotated[int, Field(ge=1, le=limits.MAX_ID)]
"""The place of an entry in its conversation's log: 1, 2, 3 …"""

Cursor = Annotated[int, Field(ge=0, le=limits.MAX_ID)]
"""A seq, or 0 for before the first entry."""

Time = Annotated[int, Field(ge=0, le=limits.MAX_ID)]
"""Milliseconds since 1970 UTC."""

RequestId = Annotated[int, Field(ge=0, le=limits.MAX_ID)]

Cid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", max_length=36),
]
"""A UUID in its canonical lower-case form: the key of an idempotent retry."""

PageSize = Annotated[int, Field(ge=1, le=limits.MAX_PAGE)]

Query = Annotated[str, StringConstraints(max_length=limits.MAX_QUERY)]

ConvKey = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,15}$")]
"""A conversation id as a JSON object key."""


def _only_true(value: object) -> object:
    if value is not True:
        raise ValueError
    return value


Flag = Annotated[Literal[True], BeforeValidator(_only_true)]
"""``true`` or absent. The bare literal would take ``1`` as well, which equals it."""


ANY_VERSION = "any version"
"""The context in which a client validates: the server may be of a later version. Without it the types are exact."""


def or_else(word: str) -> WrapValidator:
    """For a word that a server says: a client reads one that came after its version as ``word``."""

    def read(value: Any, known: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return known(value)
        except ValidationError:
            if info.context == ANY_VERSION and isinstance(value, str):
                return word
            raise

    return WrapValidator(read)


def _as_it_stands(value: Any, known: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    try:
        return known(value)
    except ValidationError:
        if info.context == ANY_VERSION and isinstance(value, str):
            return value
        raise


OR_AS_IT_STANDS = WrapValidator(_as_it_stands)
"""For a code that a server says: a client reads one that came after its version as a plain string."""
