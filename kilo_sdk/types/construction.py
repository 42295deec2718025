"""Making frozen objects at the price of plain ones.

The constructor of a frozen attrs class leads each field past the ``__setattr__`` that refuses
it, at twenty times what setting it costs. The objects of an answer are made of wire dicts, and
have fifty fields. Here they are made as objects of a subclass that refuses nothing and
adds nothing, and become of their own class once all fields are set: nobody sees them before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

__all__ = ["MAKERS"]

_T = TypeVar("_T")


class _Makers(dict[type[Any], Callable[..., Any]]):
    """Those that were asked for so far."""

    if TYPE_CHECKING:

        def __getitem__(self, cls: type[_T]) -> Callable[..., _T]: ...

    def __missing__(self, cls: type[Any]) -> Callable[..., Any]:
        maker = self[cls] = _maker_of(cls)
        return maker


MAKERS: Final = _Makers()
"""What makes objects of a frozen class, given every field in its order: ``MAKERS[cls](...)``.

All by position: keywords of a class go through a dict. Validators, converters and
``__attrs_post_init__`` do not run.
"""


def _maker_of(cls: type[Any]) -> Callable[..., Any]:
    if "__attrs_attrs__" not in vars(cls):
        # A subclass that attrs did not make may have a constructor of its own.
        names = [(one.alias, one.kw_only) for one in attrs.fields(cls)]

        def call(*values: Any) -> Any:
            pairs = list(zip(names, values, strict=True))
            positional = [value for (_, kw_only), value in pairs if not kw_only]
            return cls(*positional, **{str(name): value for (name, kw), value in pairs if kw})

        return call

    fields = [one.name for one in attrs.fields(cls)]
    plain = type(
        cls.__name__,
        (cls,),
        {
            "__slots__": (),
            "__init__": object.__init__,
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        },
    )
    # Written out for each class, as attrs does it: one call, and one step for each field.
    lines = [f"def make({', '.join(fields)}):", "    made = plain()"]
    lines += [f"    made.{name} = {name}" for name in fields]
    # Allowed between classes whose objects are laid out alike.
    lines += ["    made.__class__ = cls", "    return made"]
    written: dict[str, Any] = {"plain": plain, "cls": cls}
    exec("\n".join(lines), written)  # noqa: S102 - of names of attributes alone
    maker: Callable[..., Any] = written["make"]
    return maker
