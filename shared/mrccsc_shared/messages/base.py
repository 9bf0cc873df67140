"""What every request and frame has in common, and the registers that the codec reads.

A request is a pydantic model (it comes from the network and is checked); an answer or event is a
``TypedDict`` (it is built once and encoded fast). Both are listed by being defined: a request by
subclassing :class:`Request`, a frame by the decorator :func:`frame`.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict

from mrccsc_shared.types import RequestId


class Request(BaseModel):
    """A line from a client. Unknown fields are refused; integers, booleans and strings are not converted.

    Subclasses give ``type`` a ``Literal``. ``id`` may be left out only by a :class:`Notice`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    by_type: ClassVar[dict[str, type[Request]]] = {}
    answer: ClassVar[str] = "ok"
    """The type of the answer on success."""
    opens: ClassVar[bool] = False
    """It opens the session of a connection that has none; what follows it waits for its answer."""
    heavy: ClassVar[bool] = False
    """Whether the answer may fill much of a line, so that a client should not have many of them under way at once."""

    type: str
    id: RequestId | None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if values := get_args(cls.model_fields["type"].annotation):
            Request.by_type[values[0]] = cls


class Command(Request):
    """A request that is always answered: its ``id`` is required."""

    id: RequestId


class Notice(Request):
    """A request that may leave ``id`` out and is then answered only when it is refused."""

    id: RequestId | None = None


FRAMES: dict[str, Any] = {}
"""The answers and events of the server by ``type``."""

T = TypeVar("T")


def frame(definition: type[T]) -> type[T]:
    """List a ``TypedDict`` with a literal ``type`` as something that a server says."""
    FRAMES[get_args(get_type_hints(definition)["type"])[0]] = definition
    return definition
