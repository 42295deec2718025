"""Tool calls, whole and in pieces.

Source: GATEWAY 5 (the shapes deltas come in), GATEWAY 7 (signatures replayed with a call).
"""

from __future__ import annotations

from typing import Any

import attrs
import orjson

from kilo_sdk.errors import ProtocolError, ToolArgumentsError
from kilo_sdk.types.construction import MAKERS
from kilo_sdk.types.fields import copied, object_field, text_field
from kilo_sdk.types.wire import WireDict

__all__ = ["ToolCall", "ToolCallChunk"]


def _sent_of(raw: WireDict) -> WireDict:
    """Return what of a call goes back besides its id, name and arguments."""
    sent = {key: value for key, value in raw.items() if key not in ("index", "id", "function")}
    sent["type"] = text_field(raw, "type") or "function"
    function = {
        key: value
        for key, value in (object_field(raw, "function") or {}).items()
        if key not in ("name", "arguments")
    }
    if function:
        sent["function"] = function
    return sent


@attrs.frozen(slots=True)
class ToolCall:
    """One call of a tool, as the model asked for it.

    Two are equal when the same would be sent back for them: of ``raw`` its vendor's
    signatures count, the ``index`` of a stream does not.

    Attributes:
        id: What the tool's result must name as ``tool_call_id``.
        name: The function to call.
        arguments: The JSON text as the model wrote it; always a string.
        raw: The call as it came, signatures of its vendor included.
    """

    id: str
    name: str
    arguments: str
    raw: WireDict = attrs.field(factory=dict, repr=False, eq=_sent_of, hash=False)

    @classmethod
    def from_wire(cls, wire: WireDict) -> ToolCall:
        """Read one entry of a message's ``tool_calls``.

        Raises:
            ProtocolError: Its arguments are an object nested deeper than JSON is written.
        """
        function = object_field(wire, "function") or {}
        return MAKERS[cls](
            text_field(wire, "id") or "",
            text_field(function, "name") or "",
            arguments_text(function.get("arguments")),
            wire,
        )

    @property
    def type(self) -> str:
        """``function``, unless the call says otherwise."""
        return text_field(self.raw, "type") or "function"

    @property
    def function(self) -> ToolCall:
        """The call itself, so that ``call.function.name`` reads as with OpenAI's message."""
        return self

    def parse_arguments(self) -> dict[str, Any]:
        """Return the arguments as a dict.

        Raises:
            ToolArgumentsError: They are not a JSON object; it holds the raw text.
        """
        try:
            parsed = orjson.loads(self.arguments)
        except orjson.JSONDecodeError as exc:
            raise ToolArgumentsError(
                f"the arguments of the call to {self.name!r} are no JSON: {exc}",
                arguments=self.arguments,
            ) from exc
        if not isinstance(parsed, dict):
            raise ToolArgumentsError(
                f"the arguments of the call to {self.name!r} are a JSON "
                f"{type(parsed).__name__}, not an object",
                arguments=self.arguments,
            )
        return parsed

    def to_param(self) -> WireDict:
        """Return the wire dict that replays this call, vendor signatures included.

        It is new all the way down. The ``index`` of a stream stays behind.
        """
        param: WireDict = {key: copied(self.raw[key]) for key in self.raw if key != "index"}
        param["id"] = self.id
        param["type"] = text_field(param, "type") or "function"
        function = object_field(param, "function")
        if param["type"] == "function" or function or self.name or self.arguments:
            # A call of another type has its own object in the function's place.
            param["function"] = {
                **(function or {}),
                "name": self.name,
                "arguments": self.arguments,
            }
        return param


@attrs.define(slots=True)
class ToolCallChunk:
    """A piece of a tool call inside a delta.

    Attributes:
        index: Which call of the choice it belongs to.
        id: The call's id, on its first piece at least.
        name: The function's name, on its first piece at least.
        arguments: What this piece adds to the arguments' text.
        raw: The piece as it came.
    """

    raw: WireDict

    @property
    def index(self) -> int:
        """Which call of the choice this piece belongs to."""
        index = self.raw.get("index")
        return index if isinstance(index, int) else 0

    @property
    def id(self) -> str | None:
        """The call's id, or None on pieces that do not repeat it."""
        return text_field(self.raw, "id")

    @property
    def type(self) -> str | None:
        """``function``, where the piece says so."""
        return text_field(self.raw, "type")

    @property
    def name(self) -> str | None:
        """The function's name, or None on pieces that do not repeat it."""
        return text_field(self._function, "name")

    @property
    def arguments(self) -> str | None:
        """What this piece adds to the arguments."""
        return text_field(self._function, "arguments")

    @property
    def function(self) -> ToolCallChunk:
        """The piece itself, so that ``call.function.name`` reads as with OpenAI's chunk."""
        return self

    @property
    def _function(self) -> WireDict:
        return object_field(self.raw, "function") or {}


def arguments_text(arguments: object) -> str:
    """Return arguments as JSON text; some upstreams send them as an object (GATEWAY 5).

    Raises:
        ProtocolError: They are nested deeper than JSON is written.
    """
    if isinstance(arguments, str):
        return arguments
    if arguments is None:
        return ""
    try:
        return orjson.dumps(arguments).decode()
    except TypeError as exc:  # nested deeper than can be written
        raise ProtocolError(f"the arguments of a tool call cannot be read: {exc}") from exc
