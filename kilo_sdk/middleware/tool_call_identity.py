"""Which tool call a piece belongs to.

OpenAI's rule is simple: equal ``index``, same call. Upstreams break it in many ways, and
a wrong guess glues two calls' arguments together. The rules here, first match wins:

1. An id that was seen before names its call, whatever the index says.
2. An index that was seen before names its call, unless the piece brings another id *and*
   a name: then a new call has begun (some upstreams number every parallel call 0).
3. A new id, or a new index, begins a new call.
4. With neither, the piece continues the last call; but one that brings a name begins a
   new call when the last one's arguments are already a whole JSON object.

Source: GATEWAY 5 ('seen in the wild').
"""

from __future__ import annotations

from kilo_sdk.types.wire import WireDict

__all__ = ["ToolCallIdentity"]


class ToolCallIdentity:
    """Numbers the tool calls of one choice as their pieces come in."""

    __slots__ = ("_calls", "_indexes_by_id", "_indexes_by_sent", "_last", "_with_id")

    def __init__(self) -> None:
        self._calls: dict[int, _ObjectScan] = {}
        self._indexes_by_id: dict[str, int] = {}
        self._indexes_by_sent: dict[int, int] = {}
        self._last: int | None = None
        self._with_id: set[int] = set()

    def index_of(self, call: WireDict) -> int:
        """Return the index of the call that this piece belongs to, and remember it.

        Args:
            call: One entry of ``tool_calls`` whose ``function`` is a dict and whose
                arguments, where present, are text.
        """
        id_, sent = call.get("id"), call.get("index")
        function = call["function"]
        name = function.get("name")
        id_ = id_ if isinstance(id_, str) and id_ else None
        sent = sent if isinstance(sent, int) and not isinstance(sent, bool) else None
        index = self._known(id_, sent, name)
        if index is None:
            index = self._begin(sent)
        if id_ is not None:
            self._indexes_by_id.setdefault(id_, index)
            self._with_id.add(index)
        if sent is not None:
            self._indexes_by_sent[sent] = index
        else:
            # Only index-less pieces ever ask whether a call's arguments are whole.
            self._calls[index].feed(function.get("arguments") or "")
        self._last = index
        return index

    def _known(self, id_: str | None, sent: int | None, name: object) -> int | None:
        if id_ is not None:
            if (index := self._indexes_by_id.get(id_)) is not None:
                return index
            if sent is None:
                return None
        if sent is not None:
            index = self._indexes_by_sent.get(sent)
            if index is not None and id_ is not None and name and index in self._with_id:
                return None
            return index
        if self._last is not None and name and self._calls[self._last].whole:
            return None
        return self._last

    def _begin(self, sent: int | None) -> int:
        index = sent
        if index is None or index in self._calls:
            index = max(self._calls, default=-1) + 1
        self._calls[index] = _ObjectScan()
        return index


class _ObjectScan:
    """Tells, piece by piece and in linear time, when one JSON object is whole."""

    __slots__ = ("_depth", "_escaped", "_in_string", "whole")

    def __init__(self) -> None:
        self._depth = 0
        self._escaped = False
        self._in_string = False
        self.whole = False

    def feed(self, text: str) -> None:
        for char in text:
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char == "{":
                self._depth += 1
            elif char == "}":
                self._depth -= 1
                self.whole = self._depth <= 0
