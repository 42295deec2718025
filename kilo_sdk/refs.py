"""Model refs: how callers name a model, and what the gateway is told.

Source: GATEWAY 1 (ids, the ``kilocode/`` prefix, the auto family).
"""

from __future__ import annotations

from functools import lru_cache

import attrs

__all__ = ["ModelRef"]

_PREFIX = "kilocode/"
_ACCEPTED = "accepted are 'vendor/model', 'vendor/model:tag' and 'kilocode/vendor/model'"


@attrs.frozen(slots=True, repr=False)
class ModelRef:
    """The name of a model.

    Attributes:
        id: What the gateway is told, ``vendor/model[:tag]``.
    """

    id: str

    @classmethod
    def parse(cls, ref: str | ModelRef) -> ModelRef:
        """Read a ref, with or without the ``kilocode/`` prefix.

        Raises:
            ValueError: Not a string, empty, without a slash, or with white space in it.
        """
        if isinstance(ref, ModelRef):
            return ref
        if not isinstance(ref, str):
            raise ValueError(f"a model ref is a string, not {type(ref).__name__}; {_ACCEPTED}")
        return _parse(ref)

    @property
    def ref(self) -> str:
        """The id with its ``kilocode/`` prefix."""
        return _PREFIX + self.id

    @property
    def vendor(self) -> str:
        """What stands before the first slash of the id."""
        return self.id.partition("/")[0]

    @property
    def is_auto(self) -> bool:
        """Whether the gateway picks the model: ``kilo/auto`` and the ``kilo-auto/*`` family."""
        vendor, _, name = self.id.partition("/")
        return vendor == "kilo-auto" or (vendor == "kilo" and name.partition(":")[0] == "auto")

    def __str__(self) -> str:
        return self.ref

    def __repr__(self) -> str:
        return f"ModelRef({self.ref!r})"


@lru_cache(maxsize=1024)
def _parse(ref: str) -> ModelRef:
    id_ = ref.removeprefix(_PREFIX)
    vendor, slash, name = id_.partition("/")
    if not slash or not vendor or not name or any(c.isspace() for c in ref):
        raise ValueError(f"{ref!r} is no model ref; {_ACCEPTED}")
    return ModelRef(id_)
